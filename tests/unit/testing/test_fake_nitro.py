"""The fake Nitro issues documents of AWS's form that only its own anchor verifies."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import cbor2
import pytest
from cryptography import x509

from nitro_attest import (
    AWS_NITRO_ROOT_G1,
    AWS_US_GOV_NITRO_ROOT_G1,
    Equals,
    FreshNonce,
    NotChecked,
    Policy,
    PolicyError,
    Reason,
    TrustAnchor,
    VerificationError,
    verify,
)
from nitro_attest.testing import EnvelopeTag, FakeChain, FakeNitro, PayloadMap

NOW = datetime(2026, 1, 3, 20, 41, 7, 402000, tzinfo=UTC)
SEED = b"NEVER_TRUST a seed of a test"
NONCE = bytes(range(32))
FAKE = FakeNitro(seed=SEED, now=NOW)
POLICY = Policy(
    measurements=(FAKE.enclave_measurements(),),
    freshness=FreshNonce(),
    public_key=Equals(b"key"),
    user_data=Equals(b"data"),
    trust_anchor=FAKE.trust_anchor,
)
TPM_POLICY = replace(POLICY, measurements=(FAKE.nitro_tpm_measurements(),))
ISSUERS: list[tuple[Callable[..., bytes], Policy]] = [
    (FAKE.enclave_document, POLICY),
    (FAKE.nitro_tpm_document, TPM_POLICY),
]
issuers = pytest.mark.parametrize(("issue", "policy"), ISSUERS, ids=["enclave", "NitroTPM"])


@issuers
@pytest.mark.parametrize("payload_map", PayloadMap)
@pytest.mark.parametrize("tag", EnvelopeTag)
def test_documents_are_accepted_under_its_own_anchor(
    issue: Callable[..., bytes], policy: Policy, payload_map: PayloadMap, tag: EnvelopeTag
) -> None:
    """Both kinds, both encodings of the map, with and without the tag."""
    doc = issue(nonce=NONCE, public_key=b"key", user_data=b"data", payload_map=payload_map, tag=tag)
    assert verify(doc, policy, nonce=NONCE, now=NOW).claims.timestamp == NOW
    assert doc.startswith(b"\xd2") is (tag is EnvelopeTag.TAG_18)
    payload = cbor2.loads(doc[1:] if tag is EnvelopeTag.TAG_18 else doc)[2]
    assert payload[:1] == (b"\xbf" if payload_map is PayloadMap.INDEFINITE else b"\xa9")
    assert list(cbor2.loads(payload)) == [
        "module_id",
        "digest",
        "timestamp",
        "pcrs" if policy is POLICY else "nitrotpm_pcrs",
        "certificate",
        "cabundle",
        "public_key",
        "user_data",
        "nonce",
    ]


@issuers
@pytest.mark.parametrize(
    "anchor", [AWS_NITRO_ROOT_G1, AWS_US_GOV_NITRO_ROOT_G1], ids=lambda a: a.name
)
def test_no_document_is_accepted_under_a_root_of_aws(
    issue: Callable[..., bytes], policy: Policy, anchor: TrustAnchor
) -> None:
    """A policy that does not name the fake's anchor rejects it."""
    doc = issue(nonce=NONCE, public_key=b"key", user_data=b"data")
    with pytest.raises(VerificationError) as rejection:
        verify(doc, replace(policy, trust_anchor=anchor), nonce=NONCE, now=NOW)
    assert rejection.value.reason is Reason.CHAIN_UNKNOWN_ROOT


def test_every_certificate_says_never_trust() -> None:
    """The root by its common name, all by their organisation."""
    chain = FAKE.chain("i-0-enc0123456789abcdef", NOW)
    for der in (*chain.cabundle, chain.certificate):
        assert "O=NEVER_TRUST" in x509.load_der_x509_certificate(der).subject.rfc4514_string()
    assert FAKE.trust_anchor.name.startswith("NEVER_TRUST")


def test_a_seed_makes_everything_the_same() -> None:
    """Same seed and time, same bytes; another seed, or none, another root."""
    again = FakeNitro(seed=SEED, now=NOW)
    assert again.enclave_document(nonce=NONCE) == FAKE.enclave_document(nonce=NONCE)
    assert again.nitro_tpm_document() == FAKE.nitro_tpm_document()
    assert FakeNitro(seed=SEED + b"2", now=NOW).trust_anchor != FAKE.trust_anchor
    assert FakeNitro().trust_anchor != FakeNitro().trust_anchor


def test_the_clock_is_the_systems_unless_given() -> None:
    """A fake without a time issues documents for now."""
    fake = FakeNitro()
    doc = fake.enclave_document(nonce=NONCE, public_key=b"key", user_data=b"data")
    assert verify(
        doc, replace(POLICY, trust_anchor=fake.trust_anchor), nonce=NONCE
    ).claims.timestamp <= datetime.now(UTC)


@pytest.mark.parametrize("minutes", [0, 18, 19, 59, 60, 60 * 24 * 400, -60 * 24 * 400])
def test_documents_can_be_issued_for_any_time(minutes: int) -> None:
    """The leaf of a first document is valid for three hours from it."""
    at = NOW + timedelta(minutes=minutes)
    fake = FakeNitro(seed=SEED, now=NOW)
    doc = fake.enclave_document(nonce=NONCE, public_key=b"key", user_data=b"data", now=at)
    result = verify(doc, POLICY, nonce=NONCE, now=at)
    assert result.valid_until - at.replace(microsecond=0) == timedelta(hours=3)


def test_certificates_have_the_profile_of_aws() -> None:
    """Lifetimes, path lengths and names."""
    chain = FAKE.chain("i-0-enc0123456789abcdef", NOW)
    authorities = [x509.load_der_x509_certificate(der) for der in chain.cabundle]
    lifetimes = [c.not_valid_after_utc - c.not_valid_before_utc for c in authorities[1:]]
    assert lifetimes == [timedelta(days=20, hours=1), timedelta(days=6), timedelta(hours=24)]
    lengths = [
        c.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
        for c in authorities
    ]
    assert lengths == [None, 2, 1, 0]
    leaf = x509.load_der_x509_certificate(chain.certificate)
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == timedelta(hours=3, seconds=3)
    instance = x509.load_der_x509_certificate(chain.cabundle[-1])
    assert "CN=i-0.us-east-1." in instance.subject.rfc4514_string()


def _leaf(chain: FakeChain) -> x509.Certificate:
    return x509.load_der_x509_certificate(chain.certificate)


def test_a_leaf_is_issued_three_seconds_before_its_first_document() -> None:
    """In whole seconds, as certificates count them."""
    leaf = _leaf(FakeNitro(seed=SEED).chain("i-0-enc0123456789abcdef", NOW))
    assert leaf.not_valid_before_utc == NOW.replace(microsecond=0) - timedelta(seconds=3)


def test_a_slow_clock_sees_a_leaf_that_is_not_valid_yet() -> None:
    """The tests of a service show it what AWS's hardware would."""
    fake = FakeNitro(seed=SEED, now=NOW)
    doc = fake.enclave_document(nonce=NONCE, public_key=b"key", user_data=b"data")
    exact = replace(POLICY, freshness=FreshNonce(max_clock_skew=timedelta()))
    with pytest.raises(VerificationError) as rejection:
        verify(doc, exact, nonce=NONCE, now=NOW - timedelta(seconds=4))
    assert rejection.value.reason is Reason.CHAIN_NOT_YET_VALID


def test_a_leaf_is_used_again_for_three_hours() -> None:
    """Then the module gets another one, and back in time the old one is there still."""
    fake = FakeNitro(seed=SEED)
    first = fake.chain("i-0-enc0123456789abcdef", NOW)
    life = timedelta(hours=3)
    start = NOW.replace(microsecond=0) - timedelta(seconds=3)
    for at in (NOW + timedelta(minutes=15), start + life, start, NOW):
        assert fake.chain("i-0-enc0123456789abcdef", at) is first
    after, before = start + life + timedelta(microseconds=1), start - timedelta(microseconds=1)
    for at in (after, before):
        other = fake.chain("i-0-enc0123456789abcdef", at)
        assert _leaf(other).not_valid_before_utc == at.replace(microsecond=0) - timedelta(seconds=3)
    assert fake.chain("i-0-enc0123456789abcdef", NOW) is first


def test_modules_of_one_instance_share_its_certificates() -> None:
    """Instances of one zone share those above them, modules have leaves of their own."""
    fake = FakeNitro(seed=SEED)
    one, two, elsewhere = (
        fake.chain(module_id, NOW)
        for module_id in (
            "i-0-enc0123456789abcdef",
            "i-0-enc0123456789abcde0",
            "i-1-enc0123456789abcdef",
        )
    )
    assert one.cabundle == two.cabundle
    assert one.certificate != two.certificate
    assert one.cabundle[:3] == elsewhere.cabundle[:3]
    assert one.cabundle[3] != elsewhere.cabundle[3]


def test_a_fake_is_shared_by_threads() -> None:
    """A first document that two threads ask for at once has one leaf."""
    fake = FakeNitro(seed=SEED)
    with ThreadPoolExecutor(4) as pool:
        chains = pool.map(fake.chain, ["i-0-enc0123456789abcdef"] * 16, [NOW] * 16)
    assert len({chain.certificate for chain in chains}) == 1


def test_pcrs_can_be_replaced_one_by_one() -> None:
    """The others stay as they are."""
    doc = FAKE.enclave_document(
        nonce=NONCE, public_key=b"key", user_data=b"data", pcrs={0: b"\x01" * 48, 16: bytes(48)}
    )
    with pytest.raises(VerificationError) as rejection:
        verify(doc, POLICY, nonce=NONCE, now=NOW)
    assert [f.subject for f in rejection.value.failures] == ["PCR0 (fake enclave)"]


@pytest.mark.parametrize("module_id", ["i-0fa4e0fa4e0fa4e0f-enc0fa4e0fa4e0fa4e" + "0" * 13])
def test_a_module_id_fits_a_common_name(module_id: str) -> None:
    """X.520 allows 64 characters, the region and its suffix included."""
    FAKE.chain(module_id[:50], NOW)
    with pytest.raises(PolicyError) as error:
        FAKE.chain(module_id[:51], NOW)
    assert error.value.field == "module_id"


def test_mistakes_of_the_caller() -> None:
    """A short seed, a naive time."""
    naive = NOW.replace(tzinfo=None)
    for field, make in (
        ("seed", lambda: FakeNitro(seed=bytes(15))),
        ("now", lambda: FakeNitro(now=naive)),
        ("now", lambda: FAKE.enclave_document(now=naive)),
    ):
        with pytest.raises(PolicyError) as error:
            make()
        assert error.value.field == field


def test_any_payload_can_be_signed() -> None:
    """Faulty payloads reach the rules that come after the signature."""
    chain = FAKE.chain("i-0-enc0123456789abcdef", NOW)
    with pytest.raises(VerificationError) as rejection:
        verify(
            FAKE.sign(b"\xa0", chain),
            replace(POLICY, user_data=NotChecked("why")),
            nonce=NONCE,
            now=NOW,
        )
    assert rejection.value.reason is Reason.DOCUMENT_FIELD_MISSING
