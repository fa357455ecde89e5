"""Test the password service: whom it serves, and whom it must not serve."""

import pytest
from service import BUILD, POLICY, PasswordService

from nitro_attest import Reason
from nitro_attest.recipient import RecipientKey
from nitro_attest.testing import FakeNitro, pcrs_of
from nitro_attest.testing.pytest_plugin import MakeFault

PASSWORD = b"correct horse battery staple"
PUBLIC_KEY = RecipientKey.generate().public_key
PCRS = pcrs_of(BUILD)
OF_THE_STORE = {  # verify_once asks the store about the document's own nonce
    Reason.FRESHNESS_NONCE_MISMATCH: Reason.FRESHNESS_NONCE_UNKNOWN,
    Reason.FRESHNESS_NONCE_ABSENT: Reason.FRESHNESS_NONCE_MISSING,
}


@pytest.fixture
def service(fake_nitro: FakeNitro) -> PasswordService:
    """Make the service with its own policy, under the root of the fake."""
    return PasswordService(fake_nitro.trusting(POLICY), PASSWORD)


def test_the_enclave_gets_the_password(service: PasswordService, fake_nitro: FakeNitro) -> None:
    """The right build with a fresh nonce can decrypt what it gets."""
    key = RecipientKey.generate()
    nonce = service.challenge()
    doc = fake_nitro.enclave_document(nonce=nonce, public_key=key.public_key, pcrs=PCRS)

    status, answer = service.answer(doc)

    assert (status, key.open(answer)) == (200, PASSWORD)


def test_nobody_else_does(service: PasswordService, nitro_fault: MakeFault) -> None:
    """Runs once for every fault that nitro_attest.testing knows."""
    nonce = service.challenge()
    faulty = nitro_fault(nonce=nonce, public_key=PUBLIC_KEY, pcrs=PCRS)

    status, answer = service.answer(faulty.doc)

    assert status in {400, 403}
    assert answer == OF_THE_STORE.get(faulty.reason, faulty.reason).encode()


def test_a_nonce_is_good_for_one_answer(service: PasswordService, fake_nitro: FakeNitro) -> None:
    """The service rejects the same good document a second time."""
    nonce = service.challenge()
    doc = fake_nitro.enclave_document(nonce=nonce, public_key=PUBLIC_KEY, pcrs=PCRS)
    service.answer(doc)

    assert service.answer(doc) == (403, b"freshness.nonce_used")


def test_a_real_service_trusts_no_fake(fake_nitro: FakeNitro) -> None:
    """The policy of production rejects every document of the fake."""
    service = PasswordService(POLICY, PASSWORD)
    nonce = service.challenge()
    doc = fake_nitro.enclave_document(nonce=nonce, public_key=PUBLIC_KEY, pcrs=PCRS)

    assert service.answer(doc) == (403, b"chain.unknown_root")
