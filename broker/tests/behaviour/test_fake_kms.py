"""FakeKms as its users see it: ten lines, one-line faults, a start in under a second."""

import time
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from nitro_attest.kms import AttestedKmsError, attested
from nitro_attest.recipient import RecipientKey
from nitro_attest.testing import FakeNitro, FakeNsm

from nitro_attest_broker.testing import FakeKms
from support.clients import kms_client, response

ATTESTED = [{"TagKey": "nitro-attest:attested", "TagValue": "true"}]


def test_ten_lines(fake_nitro: FakeNitro, fake_kms: FakeKms) -> None:
    kms = kms_client(**fake_kms.client_options)
    key = kms.create_key(Policy=fake_kms.key_policy())["KeyMetadata"]["KeyId"]
    sealed = kms.encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
    enclave = attested(kms, FakeNsm(fake_nitro))
    assert enclave.decrypt(KeyId=key, CiphertextBlob=sealed)["Plaintext"] == b"secret"
    with pytest.raises(ClientError):
        kms.decrypt(KeyId=key, CiphertextBlob=sealed)


def test_starts_in_under_a_second_of_work(fake_nitro: FakeNitro) -> None:
    started = time.process_time()  # of this process alone, whatever else the machine does
    with FakeKms(fake_nitro):
        pass
    assert time.process_time() - started < 1


def test_a_fake_with_a_time_of_its_own_works_as_well() -> None:
    nitro = FakeNitro(now=datetime(2026, 1, 3, tzinfo=UTC))
    with FakeKms(nitro) as fake:
        kms = kms_client(**fake.client_options)
        key = kms.create_key(Policy=fake.key_policy())["KeyMetadata"]["KeyId"]
        enclave = attested(kms, FakeNsm(nitro))
        assert len(enclave.generate_data_key(KeyId=key, KeySpec="AES_256")["Plaintext"]) == 32


class Enclave:
    """A client that attests, with a key, and without retries."""

    def __init__(self, fake: FakeKms, nitro: FakeNitro) -> None:
        config = Config(retries={"total_max_attempts": 1})
        self.plain: Any = kms_client(config=config, **fake.client_options)
        self.key = self.plain.create_key(Policy=fake.key_policy())["KeyMetadata"]["KeyId"]
        self.attesting: Any = attested(self.plain, FakeNsm(nitro))

    def data_key(self) -> bytes:
        made: bytes = self.attesting.generate_data_key(KeyId=self.key, KeySpec="AES_256")[
            "Plaintext"
        ]
        return made

    def error(self) -> str:
        with pytest.raises(ClientError) as caught:
            self.data_key()
        code: str = response(caught.value)["Error"]["Code"]
        return code


@pytest.fixture
def enclave(fake_kms: FakeKms, fake_nitro: FakeNitro) -> Enclave:
    return Enclave(fake_kms, fake_nitro)


def test_denies_throttles_and_comes_too_late_when_that_is_ordered(
    fake_kms: FakeKms, enclave: Enclave
) -> None:
    fake_kms.deny()
    fake_kms.throttle(2)
    fake_kms.stale()
    assert [enclave.error() for _ in range(4)] == [
        "AccessDeniedException",
        "ThrottlingException",
        "ThrottlingException",
        "AccessDeniedException",
    ]
    assert fake_kms.audit_log()[-1]["reason"] == "document.freshness.too_old"
    assert len(enclave.data_key()) == 32


def test_a_substituted_answer_is_rejected_by_the_client(
    fake_kms: FakeKms, enclave: Enclave
) -> None:
    fake_kms.wrong_key()
    fake_kms.plaintext()
    fake_kms.change_answer(lambda answer: {**answer, "CiphertextForRecipient": "AAAA"})
    for _ in range(3):
        with pytest.raises(AttestedKmsError):
            enclave.data_key()
    assert len(enclave.data_key()) == 32


def test_an_error_passes_a_changed_answer_unchanged(fake_kms: FakeKms, enclave: Enclave) -> None:
    fake_kms.change_answer(lambda answer: {**answer, "Plaintext": "AAAA"})
    with pytest.raises(ClientError, match="AccessDenied"):
        enclave.plain.generate_data_key(KeyId=enclave.key, KeySpec="AES_256")


def test_shows_the_requests_and_the_decisions(fake_kms: FakeKms, enclave: Enclave) -> None:
    enclave.data_key()
    assert [request.operation for request in fake_kms.seen] == ["CreateKey", "GenerateDataKey"]
    assert "AttestationDocument" in fake_kms.seen[-1].members["Recipient"]
    assert fake_kms.audit_log()[-1]["result"] == "allowed"
    httpx.post(fake_kms.endpoint_url, content=b"no json" * 50_000)  # in several parts
    assert (fake_kms.seen[-1].operation, fake_kms.seen[-1].members) == ("", {})


def test_a_retry_of_a_throttled_call_sends_another_document(
    fake_kms: FakeKms, fake_nitro: FakeNitro
) -> None:
    kms = kms_client(**fake_kms.client_options)
    key = kms.create_key(Policy=fake_kms.key_policy())["KeyMetadata"]["KeyId"]
    fake_kms.throttle(2)
    enclave = attested(kms, FakeNsm(fake_nitro))
    assert len(enclave.generate_data_key(KeyId=key, KeySpec="AES_256")["Plaintext"]) == 32
    docs = {request.members["Recipient"]["AttestationDocument"] for request in fake_kms.seen[1:]}
    assert len(docs) == 3


def test_serves_nonces(fake_kms: FakeKms, fake_nitro: FakeNitro) -> None:
    kms: Any = kms_client(**fake_kms.client_options)
    tags = [*ATTESTED, {"TagKey": "nitro-attest:fresh-nonce", "TagValue": "true"}]
    key = kms.create_key(Policy=fake_kms.key_policy(), Tags=tags)["KeyMetadata"]["KeyId"]
    nonce = bytes.fromhex(httpx.get(f"{fake_kms.endpoint_url}/nonce").json()["nonce"])
    own = RecipientKey.generate()
    doc = fake_nitro.enclave_document(public_key=own.public_key, nonce=nonce)
    recipient = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": doc}
    call = {"KeyId": key, "KeySpec": "AES_256", "Recipient": recipient}
    assert len(own.open(kms.generate_data_key(**call)["CiphertextForRecipient"])) == 32
    with pytest.raises(ClientError):
        kms.generate_data_key(**call)


def test_a_key_policy_can_name_other_code(fake_kms: FakeKms, fake_nitro: FakeNitro) -> None:
    kms = kms_client(**fake_kms.client_options)
    other = {index: bytes([index + 1]) * 48 for index in range(3)}
    key = kms.create_key(Policy=fake_kms.key_policy(pcrs=other))["KeyMetadata"]["KeyId"]
    with pytest.raises(ClientError, match="AccessDenied"):
        attested(kms, FakeNsm(fake_nitro)).generate_data_key(KeyId=key, KeySpec="AES_256")
    enclave = attested(kms, FakeNsm(fake_nitro, pcrs=other))
    assert len(enclave.generate_data_key(KeyId=key, KeySpec="AES_256")["Plaintext"]) == 32
