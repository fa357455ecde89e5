"""The attested KMS client, against the key broker's FakeKms, which verifies its documents."""

import os
import pickle
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import Any, Final

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)
from mypy_boto3_kms import KMSClient

from nitro_attest import PolicyError, read_unverified
from nitro_attest.kms import AttestedKmsError, AttestedKmsReason, RecipientKeyPool, attested
from nitro_attest.nsm import NsmError, NsmErrorCode
from nitro_attest.recipient import RecipientKey, encrypt
from nitro_attest.testing import FakeNitro, FakeNsm
from support.kms import REGION, Fields, Kms, kms_client, mix_up, running_kms

NOW: Final = datetime(2026, 1, 3, 20, 41, 7, tzinfo=UTC)
FAKE: Final = FakeNitro(seed=b"NEVER_TRUST a seed of a test", now=NOW)
SECRET: Final = b"the database password"
DER: Final = Encoding.DER
SPKI: Final = PublicFormat.SubjectPublicKeyInfo


@pytest.fixture
def kms() -> Iterator[Kms]:
    """Run a KMS for one test."""
    with running_kms(FAKE) as running:
        yield running


@pytest.fixture
def plain(kms: Kms, monkeypatch: pytest.MonkeyPatch) -> Iterator[KMSClient]:
    """Make boto3's own client; retries come without delay."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", do_not_sleep)
    client = kms_client(kms.fake)
    yield client
    client.close()


@pytest.fixture
def client(plain: KMSClient) -> KMSClient:
    """Make the attested client."""
    return attested(plain, FakeNsm(FAKE))


def do_not_sleep(_: float) -> None:
    """Retry at once."""


def reason_of(call: Callable[[], object]) -> AttestedKmsReason:
    """Return the reason for which a call is given up."""
    with pytest.raises(AttestedKmsError) as caught:
        call()
    assert caught.value.__cause__ is None
    assert str(caught.value.reason) in str(caught.value)
    return caught.value.reason


def decrypt(client: KMSClient, kms: Kms, secret: bytes = SECRET) -> Any:
    """Decrypt a ciphertext for the attested code."""
    return client.decrypt(CiphertextBlob=kms.ciphertext(secret), KeyId=kms.key_arn)


# --- the five operations ---


def test_decrypt_answers_with_the_plaintext(kms: Kms, client: KMSClient) -> None:
    """In its usual field, without a trace of the envelope."""
    answer = decrypt(client, kms)
    assert answer["Plaintext"] == SECRET
    assert "CiphertextForRecipient" not in answer
    assert answer["KeyId"] == kms.key_arn
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_the_request_carries_a_recipient_and_all_that_the_caller_gave(
    kms: Kms, client: KMSClient
) -> None:
    """Nothing else is changed on the way."""
    context = {"purpose": "test"}
    sealed = kms.ciphertext(SECRET, context)
    client.decrypt(CiphertextBlob=sealed, KeyId=kms.key_arn, EncryptionContext=context)
    (seen,) = kms.seen
    assert b64decode(seen.fields.pop("Recipient").pop("AttestationDocument")) == seen.document
    assert seen.fields == {
        "CiphertextBlob": b64encode(sealed).decode(),
        "KeyId": kms.key_arn,
        "EncryptionContext": context,
    }


def test_generate_data_key_answers_with_both_forms_of_the_key(kms: Kms, client: KMSClient) -> None:
    """The encrypted form opens to the same key."""
    answer = client.generate_data_key(KeyId=kms.key_arn, KeySpec="AES_256")
    assert len(answer["Plaintext"]) == 32
    again = client.decrypt(CiphertextBlob=answer["CiphertextBlob"], KeyId=kms.key_arn)
    assert again["Plaintext"] == answer["Plaintext"]
    assert [seen.operation for seen in kms.seen] == ["GenerateDataKey", "Decrypt"]


def test_generate_data_key_pair_answers_with_the_private_key(kms: Kms, client: KMSClient) -> None:
    """In its own field, not in Plaintext."""
    answer = client.generate_data_key_pair(KeyId=kms.key_arn, KeyPairSpec="ECC_NIST_P384")
    private = load_der_private_key(answer["PrivateKeyPlaintext"], password=None)
    assert private.public_key().public_bytes(DER, SPKI) == answer["PublicKey"]
    assert "Plaintext" not in answer


def test_generate_random_answers_with_random_bytes(client: KMSClient) -> None:
    """As many as were asked for."""
    assert len(client.generate_random(NumberOfBytes=48)["Plaintext"]) == 48


def test_derive_shared_secret_answers_with_the_secret(
    kms: Kms, plain: KMSClient, client: KMSClient
) -> None:
    """In its own field, not in Plaintext: the secret that the other side agrees on."""
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")
    other = ec.generate_private_key(ec.SECP256R1())
    answer = client.derive_shared_secret(
        KeyId=key,
        KeyAgreementAlgorithm="ECDH",
        PublicKey=other.public_key().public_bytes(DER, SPKI),
    )
    public = load_der_public_key(plain.get_public_key(KeyId=key)["PublicKey"])
    assert isinstance(public, ec.EllipticCurvePublicKey)
    assert answer["SharedSecret"] == other.exchange(ec.ECDH(), public)
    assert "Plaintext" not in answer


def test_the_nonce_goes_into_the_document(kms: Kms, plain: KMSClient) -> None:
    """A new one is asked for each time."""
    numbers = count()
    client = attested(plain, FakeNsm(FAKE), nonce=lambda: b"nonce %d" % next(numbers))
    for _ in range(2):
        client.generate_random(NumberOfBytes=8)
    documents = [seen.document or b"" for seen in kms.seen]
    assert [read_unverified(document).nonce for document in documents] == [b"nonce 0", b"nonce 1"]


# --- each attempt ---


def test_each_attempt_carries_a_document_of_its_own(kms: Kms, client: KMSClient) -> None:
    """Throttled twice: three documents, three keys, one plaintext."""
    sealed = kms.ciphertext(SECRET)
    kms.fake.throttle(2)
    answer = client.decrypt(CiphertextBlob=sealed, KeyId=kms.key_arn)
    assert answer["Plaintext"] == SECRET
    documents = [seen.document for seen in kms.seen if seen.document is not None]
    keys = {read_unverified(document).public_key for document in documents}
    assert (len(documents), len(set(documents)), len(keys)) == (3, 3, 3)


def test_an_error_of_kms_passes_unchanged(kms: Kms, client: KMSClient) -> None:
    """After the last attempt, and with its modelled class."""
    sealed = kms.ciphertext(SECRET)
    kms.fake.throttle(3)
    with pytest.raises(ClientError) as caught:
        client.decrypt(CiphertextBlob=sealed, KeyId=kms.key_arn)
    assert caught.value.response.get("Error", {}).get("Code") == "ThrottlingException"
    with pytest.raises(client.exceptions.InvalidCiphertextException):
        client.decrypt(CiphertextBlob=bytes(40), KeyId=kms.key_arn)


def test_an_error_of_the_source_passes_unchanged(kms: Kms, plain: KMSClient) -> None:
    """And nothing is sent."""
    client = attested(plain, FakeNsm(FAKE), nonce=lambda: bytes(2000))
    with pytest.raises(NsmError) as caught:
        client.generate_random(NumberOfBytes=8)
    assert caught.value.code is NsmErrorCode.INPUT_TOO_LARGE
    assert kms.seen == []


def test_threads_do_not_mix_up_their_calls() -> None:
    """tests/end_to_end/kms makes a thousand calls, here are enough to throttle some."""
    right, documents = mix_up(FAKE, calls=60)
    assert right == [True] * 60
    assert len(set(documents)) == len(documents) >= 54  # the others go without attestation


# --- what is not sent ---


def test_decrypt_without_a_key_id_is_not_sent(kms: Kms, client: KMSClient) -> None:
    """The ciphertext would choose the key."""
    untyped: Any = client
    for arguments in ({}, {"KeyId": ""}, {"KeyId": None}):
        why = reason_of(partial(untyped.decrypt, CiphertextBlob=b"c", **arguments))
        assert why is AttestedKmsReason.KEY_ID_MISSING
    assert kms.seen == []


def test_a_recipient_of_the_callers_is_not_sent(kms: Kms, client: KMSClient) -> None:
    """Its key would be unknown to this client."""
    why = reason_of(
        lambda: client.generate_random(
            NumberOfBytes=8,
            Recipient={
                "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
                "AttestationDocument": b"of the caller",
            },
        )
    )
    assert why is AttestedKmsReason.RECIPIENT_GIVEN
    assert kms.seen == []


def test_a_body_that_is_no_json_is_not_sent(kms: Kms, plain: KMSClient, client: KMSClient) -> None:
    """A botocore that speaks another protocol must not go unattested."""
    bodies: list[object] = [b"\xbf\xff", b"[]", "text", None]
    given: Iterator[object] = iter(bodies)

    def replace(*, request: Any, **_: object) -> None:
        request.data = next(given)

    plain.meta.events.register_first("before-sign.kms", replace)
    for _ in bodies:
        why = reason_of(lambda: client.generate_random(NumberOfBytes=8))
        assert why is AttestedKmsReason.NOT_JSON
    assert kms.seen == []


def test_only_a_plain_kms_client_is_wrapped(client: KMSClient) -> None:
    """Another service, anything else, or twice."""
    source = FakeNsm(FAKE)
    untyped: Any = boto3
    other: object = untyped.client("sts", region_name=REGION)
    assert reason_of(lambda: attested(other, source)) is AttestedKmsReason.NOT_A_KMS_CLIENT
    assert reason_of(lambda: attested(object(), source)) is AttestedKmsReason.NOT_A_KMS_CLIENT
    assert reason_of(lambda: attested(client, source)) is AttestedKmsReason.ALREADY_ATTESTED


# --- what is not accepted ---


def with_plaintext(answer: Fields) -> Fields:
    """Answer with both."""
    return {**answer, "Plaintext": b64encode(b"chosen by the parent").decode()}


def with_empty_plaintext(answer: Fields) -> Fields:
    """Answer with both, the plaintext empty."""
    return {**answer, "Plaintext": ""}


def in_the_clear(answer: Fields) -> Fields:
    """Answer with a plaintext alone, as a KMS that ignores Recipient does."""
    del answer["CiphertextForRecipient"]
    return with_plaintext(answer)


def without_envelope(answer: Fields) -> Fields:
    """Answer with neither."""
    del answer["CiphertextForRecipient"]
    return answer


def damaged(answer: Fields) -> Fields:
    """Change a bit of the content."""
    envelope = bytearray(b64decode(answer["CiphertextForRecipient"]))
    envelope[-20] ^= 1
    return {**answer, "CiphertextForRecipient": b64encode(envelope).decode()}


def of_another_key(answer: Fields) -> Fields:
    """Encrypt to another key."""
    envelope = encrypt(SECRET, RecipientKey.generate().public_key)
    return {**answer, "CiphertextForRecipient": b64encode(envelope).decode()}


def with_empty_envelope(answer: Fields) -> Fields:
    """Answer with an empty envelope."""
    return {**answer, "CiphertextForRecipient": ""}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (with_plaintext, AttestedKmsReason.PLAINTEXT_IN_ANSWER),
        (with_empty_plaintext, AttestedKmsReason.PLAINTEXT_IN_ANSWER),
        (in_the_clear, AttestedKmsReason.PLAINTEXT_IN_ANSWER),
        (without_envelope, AttestedKmsReason.ENVELOPE_MISSING),
        (of_another_key, AttestedKmsReason.ENVELOPE_INVALID),
        (with_empty_envelope, AttestedKmsReason.ENVELOPE_INVALID),
    ],
)
def test_an_answer_that_is_not_for_the_recipient_is_rejected(
    kms: Kms,
    client: KMSClient,
    change: Callable[[Fields], Fields],
    reason: AttestedKmsReason,
) -> None:
    """No part of it reaches the caller."""
    sealed = kms.ciphertext(SECRET)
    kms.fake.change_answer(change)
    why = reason_of(lambda: client.decrypt(CiphertextBlob=sealed, KeyId=kms.key_arn))
    assert why is reason


def test_a_damaged_envelope_never_gives_the_plaintext(kms: Kms, client: KMSClient) -> None:
    """The envelope is not authenticated: damage gives an error, or another plaintext."""
    sealed = kms.ciphertext(SECRET)
    kms.fake.change_answer(damaged)
    with suppress(AttestedKmsError):
        answer = client.decrypt(CiphertextBlob=sealed, KeyId=kms.key_arn)
        assert answer["Plaintext"] != SECRET


def test_an_envelope_of_an_earlier_attempt_is_rejected(kms: Kms, client: KMSClient) -> None:
    """Each key is for one answer."""
    envelopes: list[str] = []

    def remember(answer: Fields) -> Fields:
        envelopes.append(answer["CiphertextForRecipient"])
        return {**answer, "CiphertextForRecipient": envelopes[0]}

    sealed = kms.ciphertext(SECRET)
    kms.fake.change_answer(remember, 2)
    assert client.decrypt(CiphertextBlob=sealed, KeyId=kms.key_arn)["Plaintext"] == SECRET
    why = reason_of(lambda: client.decrypt(CiphertextBlob=sealed, KeyId=kms.key_arn))
    assert why is AttestedKmsReason.ENVELOPE_INVALID


def test_a_stubbed_answer_is_rejected(plain: KMSClient, client: KMSClient) -> None:
    """Nothing was attested, so nothing is answered."""
    with Stubber(plain) as stub:
        stub.add_response("generate_random", {"Plaintext": b"not random"})
        why = reason_of(lambda: client.generate_random(NumberOfBytes=8))
    assert why is AttestedKmsReason.NOT_ATTESTED


def test_an_error_can_be_pickled() -> None:
    """Worker processes hand errors on by pickle."""
    error = AttestedKmsError(AttestedKmsReason.ENVELOPE_MISSING, "none")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (again.reason, again.problem) == (error.reason, error.problem)


# --- everything else is the client's own ---


def test_other_operations_and_attributes_pass_through(
    kms: Kms, plain: KMSClient, client: KMSClient
) -> None:
    """Operations, paginators, exceptions, metadata, names."""
    assert client.meta is plain.meta
    assert client.exceptions is plain.exceptions
    assert client.can_paginate("list_keys")
    keys = sorted([kms.key_arn, kms.open_arn])
    assert [key.get("KeyArn") for key in client.list_keys()["Keys"]] == keys
    pages = client.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 1})
    assert [key.get("KeyArn") for page in pages for key in page["Keys"]] == keys
    assert client.waiter_names == []
    sealed = client.encrypt(KeyId=kms.key_arn, Plaintext=SECRET)["CiphertextBlob"]
    assert client.decrypt(CiphertextBlob=sealed, KeyId=kms.key_arn)["Plaintext"] == SECRET
    assert all(seen.document is None for seen in kms.seen[:-1])
    assert set(dir(client)) == set(dir(plain))
    assert repr(plain) in repr(client)


def test_the_plain_client_stays_unattested(kms: Kms, plain: KMSClient, client: KMSClient) -> None:
    """Wrapping changes nothing for those who use the client itself."""
    decrypt(client, kms)
    sealed = kms.ciphertext(SECRET, key=kms.open_arn)
    assert plain.decrypt(CiphertextBlob=sealed, KeyId=kms.open_arn)["Plaintext"] == SECRET
    assert [seen.document is None for seen in kms.seen] == [False, True]
    with pytest.raises(ClientError, match="AccessDenied"):
        decrypt(plain, kms)


def test_a_call_made_on_the_way_is_not_taken_for_the_attested_one(
    kms: Kms, plain: KMSClient, client: KMSClient
) -> None:
    """A user's own handler may call KMS too."""
    sealed = kms.ciphertext(SECRET, key=kms.open_arn)

    def call(**_: object) -> None:
        plain.meta.events.unregister("before-parameter-build.kms", call)
        plain.decrypt(CiphertextBlob=sealed, KeyId=kms.open_arn)

    plain.meta.events.register("before-parameter-build.kms", call)
    decrypt(client, kms)
    assert [seen.document is None for seen in kms.seen] == [True, False]


def test_an_earlier_handler_gets_no_document_for_another_operation(
    kms: Kms, plain: KMSClient, client: KMSClient
) -> None:
    """A handler that comes before ours may call KMS before the attested call is known."""

    def call(**_: object) -> None:
        plain.meta.events.unregister("provide-client-params.kms", call)
        plain.generate_data_key(KeyId=kms.open_arn, KeySpec="AES_256")

    plain.meta.events.register_first("provide-client-params.kms", call)
    decrypt(client, kms)
    assert [seen.document is None for seen in kms.seen] == [True, False]


def test_private_names_are_not_passed_through(client: KMSClient) -> None:
    """`_make_api_call` would go around the attestation."""
    for name in ("_make_api_call", "no_such_name"):
        with pytest.raises(AttributeError):
            getattr(client, name)


def test_a_positional_argument_is_an_error_as_without_attestation(client: KMSClient) -> None:
    """Botocore takes keywords only."""
    untyped: Any = client
    with pytest.raises(TypeError):
        untyped.generate_random(8)


# --- keys made ahead ---


@pytest.fixture
def pool() -> Generator[RecipientKeyPool]:
    """Keep a few keys for one test."""
    with RecipientKeyPool(ahead=4) as keys:
        yield keys


def test_a_pool_gives_each_key_once(pool: RecipientKeyPool) -> None:
    """Also when it is empty and makes the key on the spot."""
    taken = {pool.take().public_key for _ in range(12)}
    assert len(taken) == 12


def test_a_pool_makes_keys_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one more for each that was taken."""
    made = threading.Semaphore(0)
    generate = RecipientKey.generate

    def counted() -> RecipientKey:
        key = generate()
        made.release()
        return key

    monkeypatch.setattr(RecipientKey, "generate", counted)
    with RecipientKeyPool(ahead=2) as keys:
        for _ in range(2):
            assert made.acquire(timeout=60)
        taken = keys.take()
        assert made.acquire(timeout=60)  # one more is made in its place
    assert encrypt(SECRET, taken.public_key)


def test_a_closed_pool_makes_keys_on_the_spot() -> None:
    """Closing twice is harmless."""
    keys = RecipientKeyPool(ahead=1)
    keys.close()
    keys.close()
    assert keys.take().public_key != keys.take().public_key


def test_a_forked_child_makes_its_own_keys(
    pool: RecipientKeyPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parent's keys don't open anything in the child."""
    child = os.getpid() + 1
    with monkeypatch.context() as patched:
        patched.setattr(os, "getpid", lambda: child)
        key = pool.take()
        assert key.open(encrypt(SECRET, key.public_key)) == SECRET
        pool.close()
    assert pool.take().public_key != key.public_key


@pytest.mark.parametrize("ahead", [0, -1, 1025])
def test_a_pool_has_a_sensible_size(ahead: int) -> None:
    """At least one, at most 1,024."""
    with pytest.raises(PolicyError):
        RecipientKeyPool(ahead=ahead)
