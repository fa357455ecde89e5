"""Every named fault is rejected for its reason; AWS's roots accept nothing of the fake."""

import inspect
from dataclasses import replace
from datetime import UTC, datetime

import cbor2
import pytest
from cryptography import x509

from nitro_attest import (
    AWS_NITRO_ROOT_G1,
    AWS_US_GOV_NITRO_ROOT_G1,
    DocumentKind,
    EnclaveMeasurements,
    Equals,
    FreshNonce,
    NotChecked,
    Policy,
    Sha384,
    TrustAnchor,
    UntrustedDocumentError,
    VerificationError,
    verify,
)
from nitro_attest.testing import FAULTS, FakeNitro, Faults, pcrs_of

NOW = datetime(2026, 1, 3, 12, 59, 30, tzinfo=UTC)
NONCE = bytes(range(32))
PUBLIC_KEY = b"key made in the enclave"
USER_DATA = b"data"
SEED = b"NEVER_TRUST fake of the tests"
OF_FIELDS = ("other_public_key", "no_public_key", "other_user_data")
CASES = [(kind, fault) for kind in DocumentKind for fault in (*FAULTS[kind], *OF_FIELDS)]


def policy(fake: FakeNitro, kind: DocumentKind) -> Policy:
    """Return the policy that good documents of the kind meet."""
    measurements = (
        fake.enclave_measurements()
        if kind is DocumentKind.ENCLAVE
        else fake.nitro_tpm_measurements()
    )
    return Policy(
        measurements=(measurements,),
        freshness=FreshNonce(),
        public_key=Equals(PUBLIC_KEY),
        user_data=Equals(USER_DATA),
        trust_anchor=fake.trust_anchor,
    )


def good(fake: FakeNitro, kind: DocumentKind) -> bytes:
    """Issue the document that the policy accepts."""
    issue = fake.enclave_document if kind is DocumentKind.ENCLAVE else fake.nitro_tpm_document
    return issue(nonce=NONCE, public_key=PUBLIC_KEY, user_data=USER_DATA)


def certificates(doc: bytes) -> list[bytes]:
    """Return every certificate in a document, root first."""
    fields = cbor2.loads(cbor2.loads(doc)[2])
    return [*fields["cabundle"], fields["certificate"]]


@pytest.fixture
def fake() -> FakeNitro:
    """Return a fake that is the same in every test."""
    return FakeNitro(seed=SEED, now=NOW)


@pytest.mark.parametrize("kind", DocumentKind)
def test_a_good_document_is_accepted(fake: FakeNitro, kind: DocumentKind) -> None:
    """What has no fault is accepted, so that the rejection of a fault says something."""
    assert verify(good(fake, kind), policy(fake, kind), nonce=NONCE, now=NOW).claims.kind is kind


@pytest.mark.parametrize(("kind", "fault"), CASES)
def test_a_fault_is_rejected_for_its_reason(
    fake: FakeNitro, kind: DocumentKind, fault: str
) -> None:
    """Each fault is rejected for the reason it names."""
    faults = Faults(fake=fake, nonce=NONCE, public_key=PUBLIC_KEY, user_data=USER_DATA, kind=kind)
    faulty = faults.named(fault)

    with pytest.raises(VerificationError) as rejection:
        verify(faulty.doc, policy(fake, kind), nonce=NONCE, now=NOW)

    assert rejection.value.reason is faulty.reason
    assert faulty.fault == fault


def test_a_fault_is_made_by_its_own_name(fake: FakeNitro) -> None:
    """The one-line call and the name make the same fault."""
    faults = Faults(fake=fake, nonce=NONCE)

    assert faults.stale() == faults.named("stale")


def test_only_an_enclave_can_be_in_debug_mode() -> None:
    """The two kinds have the same faults but for the debug mode."""
    enclave, nitro_tpm = (
        set(FAULTS[kind]) for kind in (DocumentKind.ENCLAVE, DocumentKind.NITRO_TPM)
    )

    assert enclave - nitro_tpm == {"debug_enclave"}
    assert nitro_tpm < enclave


@pytest.mark.parametrize("anchor", [AWS_NITRO_ROOT_G1, AWS_US_GOV_NITRO_ROOT_G1])
@pytest.mark.parametrize("kind", DocumentKind)
def test_no_fake_document_verifies_under_a_root_of_aws(
    fake: FakeNitro, kind: DocumentKind, anchor: TrustAnchor
) -> None:
    """A policy that trusts AWS rejects a good document of the fake for its root."""
    with pytest.raises(UntrustedDocumentError) as rejection:
        verify(
            good(fake, kind), replace(policy(fake, kind), trust_anchor=anchor), nonce=NONCE, now=NOW
        )

    assert rejection.value.reason == "chain.unknown_root"


def test_no_fake_can_be_given_a_root_or_a_key() -> None:
    """A fake takes a seed and a time; its anchor is always its own."""
    assert set(inspect.signature(FakeNitro).parameters) == {"seed", "now"}


@pytest.mark.parametrize("kind", DocumentKind)
def test_no_fake_certificate_names_a_root_of_aws(fake: FakeNitro, kind: DocumentKind) -> None:
    """Every issuer says NEVER_TRUST, and none has the name or the key of a pinned root."""
    pinned = [
        x509.load_der_x509_certificate(anchor.certificate)
        for anchor in (AWS_NITRO_ROOT_G1, AWS_US_GOV_NITRO_ROOT_G1)
    ]

    for der in certificates(good(fake, kind)):
        certificate = x509.load_der_x509_certificate(der)
        assert "NEVER_TRUST" in certificate.issuer.rfc4514_string()
        assert all(root.subject not in {certificate.subject, certificate.issuer} for root in pinned)
        assert all(certificate.public_key() != root.public_key() for root in pinned)


def test_the_chain_holds_the_keys_of_its_certificates(fake: FakeNitro) -> None:
    """Each key belongs to the certificate at its place, for tests that sign their own."""
    chain = fake.chain("i-0fa4e0fa4e0fa4e0f-enc0fa4e0fa4e0fa4e0", NOW)
    ders = (*chain.cabundle, chain.certificate)

    for key, der in zip((*chain.authority_keys, chain.leaf_key), ders, strict=True):
        assert x509.load_der_x509_certificate(der).public_key() == key.public_key()


def test_a_service_is_tested_with_its_own_policy(fake: FakeNitro) -> None:
    """`trusting` changes only the root, and `pcrs_of` makes a document match a build."""
    build = EnclaveMeasurements(
        label="payments 1.4.2",
        pcr0_image=Sha384(b"\x0a" * 48),
        pcr1_kernel=Sha384(b"\x0b" * 48),
        pcr2_application=Sha384(b"\x0c" * 48),
        pcr3_iam_role=NotChecked("any"),
        pcr4_instance_id=NotChecked("any"),
        pcr8_signing_certificate=Sha384.ZERO,
        other_pcrs=((16, Sha384(b"\x10" * 48)),),
    )
    production = replace(
        policy(fake, DocumentKind.ENCLAVE), measurements=(build,), trust_anchor=AWS_NITRO_ROOT_G1
    )
    doc = fake.enclave_document(
        nonce=NONCE, public_key=PUBLIC_KEY, user_data=USER_DATA, pcrs=pcrs_of(build)
    )

    result = verify(doc, fake.trusting(production), nonce=NONCE, now=NOW)

    assert result.matched == build
    assert replace(fake.trusting(production), trust_anchor=AWS_NITRO_ROOT_G1) == production
