"""What each document releases: to the right code alone, in time, once where that is asked."""

import base64
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from nitro_attest import DocumentKind, MalformedDocumentError, NitroAttestError
from nitro_attest.nonces import MemoryNonces, NonceStoreUnavailableError
from nitro_attest.recipient import RecipientKey
from nitro_attest.reference_values.kms import Transport
from nitro_attest.testing import FAULTS, FakeNitro, Faults

from nitro_attest_broker._access_keys import find_access_key
from nitro_attest_broker._ledger import ConflictError
from nitro_attest_broker._sigv4 import Received
from support.broker_kit import NOW, RECIPIENT, Kit, make_kit
from support.policies import attested_policy

ATTESTED = [{"TagKey": "nitro-attest:attested", "TagValue": "true"}]
FRESH = [*ATTESTED, {"TagKey": "nitro-attest:fresh-nonce", "TagValue": "true"}]
KEY = RecipientKey.generate()


def recipient(doc: bytes) -> dict[str, str]:
    return {
        "KeyEncryptionAlgorithm": RECIPIENT,
        "AttestationDocument": base64.b64encode(doc).decode(),
    }


def data_key(kit: Kit, arn: str, doc: bytes) -> tuple[str, str]:
    """Ask for a data key with a document that must be rejected; return code and reason."""
    members = {"KeyId": arn, "KeySpec": "AES_256", "Recipient": recipient(doc)}
    return kit.refused("GenerateDataKey", members, key=kit.enclave)


def released(kit: Kit, arn: str, doc: bytes) -> dict[str, Any]:
    """Ask for a data key with a document that must be accepted."""
    members = {"KeyId": arn, "KeySpec": "AES_256", "Recipient": recipient(doc)}
    return kit.ok("GenerateDataKey", members, key=kit.enclave)


@pytest.fixture
def key(kit: Kit) -> str:
    return kit.create_key(attested_policy(kit), Tags=ATTESTED)


@pytest.fixture
def fresh(kit: Kit) -> str:
    return kit.create_key(attested_policy(kit), Tags=FRESH)


def test_a_good_document_releases_a_data_key_to_its_own_key_alone(kit: Kit, key: str) -> None:
    own = RecipientKey.generate()
    answer = released(kit, key, kit.nitro.enclave_document(public_key=own.public_key))
    assert "Plaintext" not in answer
    assert len(own.open(base64.b64decode(answer["CiphertextForRecipient"]))) == 32
    line = kit.audit()[-1]
    assert line["document"]["trust_anchor"] == "NEVER_TRUST.fake-nitro"
    assert any("key policy decides" in waiver for waiver in line["document"]["waivers"])
    assert line["statements"] == ['Statement[1] ("Release")']


@pytest.mark.parametrize("kind", list(DocumentKind))
def test_every_fault_of_a_document_is_denied(kit: Kit, kind: DocumentKind) -> None:
    nitro = FakeNitro(seed=b"a broker of the tests", now=NOW)
    arn = kit.create_key(attested_policy(kit, kind=kind), Tags=FRESH)
    for name in FAULTS[kind]:
        nonce = kit.broker.nonces.issue()
        faults = Faults(fake=nitro, nonce=nonce, public_key=KEY.public_key, kind=kind)
        fault = faults.named(name)
        code, reason = data_key(kit, arn, fault.doc)
        malformed = fault.reason.startswith(("cbor.", "cose.", "document."))
        if name == "other_kind":  # a good document, of which the policy says nothing
            assert (code, reason) == ("AccessDeniedException", "policy.not_allowed")
        else:
            assert code == ("ValidationException" if malformed else "AccessDeniedException"), name
            assert reason.startswith(("document.", "policy.", "request.invalid")), name


def test_a_debug_enclave_is_denied_whatever_the_policy_says(kit: Kit) -> None:
    zeros: dict[int, bytes] = dict.fromkeys((0, 1, 2), bytes(48))
    arn = kit.create_key(attested_policy(kit, pcrs=zeros))
    doc = kit.nitro.enclave_document(public_key=KEY.public_key, pcrs=zeros)
    assert data_key(kit, arn, doc) == ("AccessDeniedException", "document.policy.debug_enclave")


@pytest.mark.parametrize(
    ("age", "accepted"), [(0, True), (300, True), (301, False), (-30, True), (-31, False)]
)
def test_a_document_is_accepted_for_five_minutes(
    kit: Kit, key: str, age: int, *, accepted: bool
) -> None:
    doc = kit.nitro.enclave_document(public_key=KEY.public_key, now=NOW - timedelta(seconds=age))
    if accepted:
        released(kit, key, doc)
    else:
        code, reason = data_key(kit, key, doc)
        assert code == "AccessDeniedException"
        assert reason.startswith("document.freshness.")


def spki(public: Any) -> bytes:
    encoded: bytes = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encoded


SMALL = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()  # noqa: S505 - too short


@pytest.mark.parametrize(
    ("public_key", "reason"),
    [
        (None, "document.policy.public_key"),
        (b"", "document.policy.public_key"),
        (b"no key", "document.public_key.encoding"),
        (spki(ec.generate_private_key(ec.SECP384R1()).public_key()), "document.public_key.not_rsa"),
        (spki(SMALL), "document.public_key.too_short"),
        (KEY.public_key + b"\0", "document.public_key.trailing_data"),
    ],
)
def test_row_129_nothing_is_encrypted_to_a_key_that_is_none(
    kit: Kit, key: str, public_key: bytes | None, reason: str
) -> None:
    doc = kit.nitro.enclave_document(public_key=public_key)
    assert data_key(kit, key, doc) == ("AccessDeniedException", reason)


def test_the_answer_to_a_denial_is_the_same_for_every_reason(kit: Kit, key: str) -> None:
    docs = [
        kit.nitro.enclave_document(public_key=KEY.public_key, pcrs={0: b"\1" * 48}),
        kit.nitro.enclave_document(public_key=KEY.public_key, now=NOW - timedelta(hours=1)),
        FakeNitro(now=NOW).enclave_document(public_key=KEY.public_key),
        kit.nitro.enclave_document(public_key=b"no key"),
    ]
    answers: set[str] = set()
    for doc in docs:
        members = {"KeyId": key, "KeySpec": "AES_256", "Recipient": recipient(doc)}
        answers.add(str(kit.call("GenerateDataKey", members, key=kit.enclave)))
    assert len(answers) == 1


def test_another_principal_is_denied_the_right_code(kit: Kit, key: str) -> None:
    doc = kit.nitro.enclave_document(public_key=KEY.public_key)
    members = {"KeyId": key, "KeySpec": "AES_256", "Recipient": recipient(doc)}
    assert kit.refused("GenerateDataKey", members) == (
        "AccessDeniedException",
        "policy.not_allowed",
    )


def test_a_deny_of_the_policy_is_named_in_the_log(kit: Kit) -> None:
    policy = json.loads(attested_policy(kit))
    policy["Statement"].append(
        {
            "Sid": "Never",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "kms:GenerateDataKey",
            "Resource": "*",
        }
    )
    arn = kit.create_key(json.dumps(policy))
    doc = kit.nitro.enclave_document(public_key=KEY.public_key)
    assert data_key(kit, arn, doc) == ("AccessDeniedException", "policy.denied")
    assert kit.audit()[-1]["statements"] == ['Statement[2] ("Never")']


def test_the_encryption_context_is_the_policys_to_decide(kit: Kit) -> None:
    condition = {"StringEquals": {"kms:EncryptionContext:tenant": "a"}}
    arn = kit.create_key(attested_policy(kit, condition=condition))
    doc = kit.nitro.enclave_document(public_key=KEY.public_key)
    members = {"KeyId": arn, "KeySpec": "AES_256", "Recipient": recipient(doc)}
    cases: list[tuple[dict[str, str], int]] = [
        ({"tenant": "a"}, 200),
        ({"tenant": "b"}, 400),
        ({"tenant": "a", "Tenant": "b"}, 400),  # condition keys know no case
        ({"tenant": "b", "TENANT": "a"}, 400),
        ({}, 400),
    ]
    for context, status in cases:
        given = {**members, "EncryptionContext": context}
        assert kit.call("GenerateDataKey", given, key=kit.enclave)[0] == status


def test_plain_http_is_the_policys_to_decide(kit: Kit) -> None:
    condition = {"Bool": {"aws:SecureTransport": "true"}}
    arn = kit.create_key(attested_policy(kit, condition=condition))
    doc = kit.nitro.enclave_document(public_key=KEY.public_key)
    members = {"KeyId": arn, "KeySpec": "AES_256", "Recipient": recipient(doc)}
    request = kit.signed("GenerateDataKey", members, key=kit.enclave)
    assert kit.send(request)[0] == 200
    assert kit.send(replace(request, transport=Transport.PLAIN))[0] == 400


# --- nonces ---


def test_a_nonce_releases_once(kit: Kit, fresh: str) -> None:
    nonce = kit.broker.nonces.issue()
    doc = kit.nitro.enclave_document(public_key=KEY.public_key, nonce=nonce)
    released(kit, fresh, doc)
    assert data_key(kit, fresh, doc) == (
        "AccessDeniedException",
        "document.freshness.nonce_used",
    )


@pytest.mark.parametrize("nonce", [None, b"", b"x" * 15])
def test_a_document_without_a_nonce_is_denied(kit: Kit, fresh: str, nonce: bytes | None) -> None:
    doc = kit.nitro.enclave_document(public_key=KEY.public_key, nonce=nonce)
    assert data_key(kit, fresh, doc) == (
        "AccessDeniedException",
        "document.freshness.nonce_missing",
    )


def test_what_is_wrong_with_a_nonce_is_not_told(kit: Kit, fresh: str) -> None:
    used = kit.broker.nonces.issue()
    released(kit, fresh, kit.nitro.enclave_document(public_key=KEY.public_key, nonce=used))
    answers: set[str] = set()
    for nonce, pcrs in ((used, {}), (b"x" * 32, {}), (None, {}), (used, {0: b"\1" * 48})):
        doc = kit.nitro.enclave_document(public_key=KEY.public_key, nonce=nonce, pcrs=pcrs)
        members = {"KeyId": fresh, "KeySpec": "AES_256", "Recipient": recipient(doc)}
        answers.add(str(kit.call("GenerateDataKey", members, key=kit.enclave)))
    assert len(answers) == 1


def test_a_nonce_that_was_never_issued_is_denied(kit: Kit, fresh: str) -> None:
    doc = kit.nitro.enclave_document(public_key=KEY.public_key, nonce=b"x" * 32)
    assert data_key(kit, fresh, doc)[1] == "document.freshness.nonce_unknown"


def test_a_denied_call_and_a_dry_run_burn_no_nonce(kit: Kit, fresh: str) -> None:
    nonce = kit.broker.nonces.issue()
    other = kit.nitro.enclave_document(public_key=KEY.public_key, nonce=nonce, pcrs={0: b"\1" * 48})
    assert data_key(kit, fresh, other)[1] == "policy.not_allowed"
    doc = kit.nitro.enclave_document(public_key=KEY.public_key, nonce=nonce)
    members = {"KeyId": fresh, "KeySpec": "AES_256", "Recipient": recipient(doc), "DryRun": True}
    assert kit.refused("GenerateDataKey", members, key=kit.enclave)[0] == (
        "DryRunOperationException"
    )
    released(kit, fresh, doc)


def test_of_two_copies_at_once_one_is_answered(kit: Kit, fresh: str) -> None:
    nonce = kit.broker.nonces.issue()
    doc = kit.nitro.enclave_document(public_key=KEY.public_key, nonce=nonce)
    members = {"KeyId": fresh, "KeySpec": "AES_256", "Recipient": recipient(doc)}
    requests = [kit.signed("GenerateDataKey", members, key=kit.enclave) for _ in range(8)]
    answers: list[int] = []

    def send(request: Received) -> None:
        answers.append(kit.send(request)[0])

    threads = [threading.Thread(target=send, args=(request,)) for request in requests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [400] * 7


class Broken:
    """A nonce store that is out of reach."""

    def issue(self, *, context: bytes = b"") -> bytes:
        raise NonceStoreUnavailableError("broken", str(context))

    def redeem(self, nonce: bytes, *, context: bytes = b"") -> None:
        raise NonceStoreUnavailableError("broken", str((nonce, context)))


def test_a_nonce_store_that_is_down_releases_nothing(tmp_path: Path) -> None:
    kit = make_kit(tmp_path, nonces=Broken())
    arn = kit.create_key(attested_policy(kit), Tags=FRESH)
    doc = kit.nitro.enclave_document(public_key=KEY.public_key, nonce=b"x" * 32)
    assert data_key(kit, arn, doc) == ("KMSInternalException", "nonces.unavailable")
    kit.store.close()


def test_a_nonce_is_redeemed_once_though_the_decision_is_made_again(
    kit: Kit, fresh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit: Callable[..., None] = kit.broker.ledger.commit
    conflicts = iter([True, False])

    def sometimes(entry: Any, **more: Any) -> None:
        if next(conflicts, False):
            raise ConflictError
        commit(entry, **more)

    monkeypatch.setattr(kit.broker.ledger, "commit", sometimes)
    nonce = kit.broker.nonces.issue()
    released(kit, fresh, kit.nitro.enclave_document(public_key=KEY.public_key, nonce=nonce))


def test_a_decision_that_conflicts_for_ever_is_given_up(
    kit: Kit, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit: Callable[..., None] = kit.broker.ledger.commit

    def never(entry: Any, **more: Any) -> None:
        if entry.get("result") == "allowed":
            raise ConflictError
        commit(entry, **more)

    monkeypatch.setattr(kit.broker.ledger, "commit", never)
    doc = kit.nitro.enclave_document(public_key=KEY.public_key)
    assert data_key(kit, key, doc) == ("KMSInternalException", "database.conflict")


def test_an_access_key_that_is_revoked_meanwhile_gets_nothing(
    kit: Kit, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit: Callable[..., None] = kit.broker.ledger.commit
    found = find_access_key(kit.broker.ledger, kit.enclave.access_key_id)
    assert found is not None
    revoking = iter([(found[0].revoked(),)])

    def revoke_first(entry: Any, **more: Any) -> None:
        if changes := next(revoking, ()):
            commit({"event": "access_key_revoked"}, changes=changes)
        commit(entry, **more)

    monkeypatch.setattr(kit.broker.ledger, "commit", revoke_first)
    doc = kit.nitro.enclave_document(public_key=KEY.public_key)
    assert data_key(kit, key, doc) == ("UnrecognizedClientException", "signature.access_key")


def test_a_policy_that_changes_meanwhile_is_asked_again(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = kit.create_key(attested_policy(kit))
    commit: Callable[..., None] = kit.broker.ledger.commit
    closing = iter([True])

    def close_first(entry: Any, **more: Any) -> None:
        if next(closing, False):
            policy = attested_policy(kit, pcrs={0: b"\1" * 48, 1: b"\1" * 48, 2: b"\1" * 48})
            kit.ok("PutKeyPolicy", {"KeyId": arn, "Policy": policy})
        commit(entry, **more)

    monkeypatch.setattr(kit.broker.ledger, "commit", close_first)
    doc = kit.nitro.enclave_document(public_key=KEY.public_key)
    assert data_key(kit, arn, doc) == ("AccessDeniedException", "policy.not_allowed")


def test_a_full_store_of_nonces_says_so() -> None:
    store = MemoryNonces(ttl=timedelta(minutes=5), max_outstanding=1)
    store.issue()
    with pytest.raises(NitroAttestError):
        store.issue()


def test_the_limit_of_a_document_is_kms_own(kit: Kit, key: str) -> None:
    members = {"KeyId": key, "KeySpec": "AES_256", "Recipient": recipient(b"x" * 262_145)}
    assert kit.call("GenerateDataKey", members, key=kit.enclave)[1]["__type"] == (
        "ValidationException"
    )
    assert issubclass(MalformedDocumentError, NitroAttestError)
    assert data_key(kit, key, b"x" * 262_144)[0] == "ValidationException"
