"""Test the password service: whom it serves, and whom it must not serve."""

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from service import BUILD, OAEP, POLICY, PasswordService

from nitro_attest.testing import FakeNitro, pcrs_of
from nitro_attest.testing.pytest_plugin import MakeFault

PASSWORD = b"correct horse battery staple"
ENCLAVE_KEY = rsa.generate_private_key(65537, 2048)
PUBLIC_KEY = ENCLAVE_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
PCRS = pcrs_of(BUILD)


@pytest.fixture
def service(fake_nitro: FakeNitro) -> PasswordService:
    """Make the service with its own policy; only the root is another one."""
    return PasswordService(fake_nitro.trusting(POLICY), PASSWORD)


def test_the_enclave_gets_the_password(service: PasswordService, fake_nitro: FakeNitro) -> None:
    """The right build with a fresh nonce can decrypt what it gets."""
    nonce = service.challenge()
    doc = fake_nitro.enclave_document(nonce=nonce, public_key=PUBLIC_KEY, pcrs=PCRS)

    status, answer = service.answer(nonce, doc)

    assert (status, ENCLAVE_KEY.decrypt(answer, OAEP)) == (200, PASSWORD)


def test_nobody_else_does(service: PasswordService, nitro_fault: MakeFault) -> None:
    """Runs once for every fault that nitro_attest.testing knows."""
    nonce = service.challenge()
    faulty = nitro_fault(nonce=nonce, public_key=PUBLIC_KEY, pcrs=PCRS)

    status, answer = service.answer(nonce, faulty.doc)

    assert status in {400, 403}
    assert answer == faulty.reason.encode()


def test_a_nonce_is_good_for_one_answer(service: PasswordService, fake_nitro: FakeNitro) -> None:
    """A second use of the same good document is refused by the service: verify itself remembers nothing."""
    nonce = service.challenge()
    doc = fake_nitro.enclave_document(nonce=nonce, public_key=PUBLIC_KEY, pcrs=PCRS)
    service.answer(nonce, doc)

    assert service.answer(nonce, doc) == (403, b"unknown nonce")


def test_a_real_service_trusts_no_fake(fake_nitro: FakeNitro) -> None:
    """The policy as it is in production refuses every document of the fake."""
    service = PasswordService(POLICY, PASSWORD)
    nonce = service.challenge()
    doc = fake_nitro.enclave_document(nonce=nonce, public_key=PUBLIC_KEY, pcrs=PCRS)

    assert service.answer(nonce, doc) == (403, b"chain.unknown_root")
