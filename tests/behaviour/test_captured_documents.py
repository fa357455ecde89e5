"""Captured documents are decided as they must be, at their own time and at others."""

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta

import cbor2
import pytest
from cryptography import x509

from nitro_attest import (
    AWS_US_GOV_NITRO_ROOT_G1,
    Absent,
    AnyEnclave,
    AnyNitroTpm,
    DebugEnclave,
    EnclaveMeasurements,
    Equals,
    FreshNonce,
    MalformedDocumentError,
    NotChecked,
    Policy,
    PolicyMismatchError,
    Present,
    Reason,
    Sha384,
    StaleDocumentError,
    UntrustedDocumentError,
    VerificationError,
    read_unverified,
    verify,
)
from support.captured import (
    ARCHIVED,
    DEBUG,
    GENUINE,
    INDEX,
    NITRO_TPM,
    PRODUCTION,
    WAIVED,
    Genuine,
    policy_for,
)

every = pytest.mark.parametrize("captured", GENUINE, ids=lambda g: g.name)


def test_the_vectors_are_the_ones_of_the_index() -> None:
    """Each file has the digest, the size and the facts that its index entry states."""
    assert len(GENUINE) == 6
    for captured, entry in zip(GENUINE, INDEX, strict=True):
        assert hashlib.sha256(captured.doc).hexdigest() == entry["sha256"]
        assert len(captured.doc) == entry["bytes"]
        unverified = read_unverified(captured.doc)
        assert unverified.module_id == entry["module_id"]
        assert unverified.timestamp == captured.time
        assert list(unverified.pcrs) == entry["pcr_indexes"]
        assert unverified.pcrs[0].hex() == entry["pcr0_hex"]
        for field in ("public_key", "user_data", "nonce"):
            value = getattr(unverified, field)
            assert (None if value is None else len(value)) == entry[f"{field}_bytes"]


@every
def test_accepted_at_its_own_time(captured: Genuine) -> None:
    """A policy that pins every measured PCR accepts the document at its own time.

    The claims are the payload's.
    """
    result = verify(captured.doc, policy_for(captured.measurements), now=captured.time)
    assert result.matched == captured.measurements
    assert dict(result.claims.pcrs) == captured.payload.get(
        "pcrs", captured.payload.get("nitrotpm_pcrs")
    )
    assert result.claims.module_id == captured.payload["module_id"]
    assert result.claims.kind == captured.kind
    assert result.claims.instance_id == result.claims.module_id[:19]
    assert result.claims.timestamp == result.appraised_at == captured.time
    assert result.claims.public_key == captured.payload["public_key"]
    assert result.claims.user_data == captured.payload["user_data"]
    assert result.claims.nonce == captured.payload["nonce"]
    assert result.claims.unknown_fields == ()
    assert result.replay_key == hashlib.sha256(cbor2.loads(captured.doc)[2]).digest()
    assert captured.time < result.valid_until <= captured.time + timedelta(hours=3, seconds=3)


@every
def test_rejected_one_day_later(captured: Genuine) -> None:
    """The certificates are checked at the time of the check, not to the document's own."""
    with pytest.raises(UntrustedDocumentError) as rejection:
        verify(
            captured.doc, policy_for(captured.measurements), now=captured.time + timedelta(days=1)
        )
    assert rejection.value.reason is Reason.CHAIN_EXPIRED


@every
def test_rejected_before_its_leaf_was_made(captured: Genuine) -> None:
    """A chain is not valid before its youngest certificate."""
    with pytest.raises(UntrustedDocumentError) as rejection:
        verify(
            captured.doc, policy_for(captured.measurements), now=captured.time - timedelta(hours=4)
        )
    assert rejection.value.reason is Reason.CHAIN_NOT_YET_VALID


def _from(captured: Genuine) -> datetime:
    """Return the latest of the document's timestamp and the dates its certificates begin at."""
    certificates = [*captured.payload["cabundle"], captured.payload["certificate"]]
    begins = [x509.load_der_x509_certificate(der).not_valid_before_utc for der in certificates]
    return max([captured.time, *begins])


@every
@pytest.mark.parametrize("skew", [timedelta(seconds=30), timedelta(minutes=5)])
def test_a_slow_clock_is_covered_by_the_skew(captured: Genuine, skew: timedelta) -> None:
    """A document up to `max_clock_skew` early, by timestamp and certificates, is accepted."""
    rule = replace(ARCHIVED, max_clock_skew=skew)
    policy = replace(policy_for(captured.measurements), freshness=rule)
    earliest = _from(captured) - skew
    assert verify(captured.doc, policy, now=earliest).appraised_at == earliest
    with pytest.raises(VerificationError) as rejection:
        verify(captured.doc, policy, now=earliest - timedelta(seconds=1))
    assert rejection.value.reason in {
        Reason.CHAIN_NOT_YET_VALID,
        Reason.FRESHNESS_FROM_THE_FUTURE,
    }


@every
def test_the_end_is_exact(captured: Genuine) -> None:
    """No skew is added to `max_age` or to the last second of a certificate."""
    policy = policy_for(captured.measurements)
    oldest = captured.time + ARCHIVED.max_age
    assert verify(captured.doc, policy, now=oldest).appraised_at == oldest
    with pytest.raises(StaleDocumentError):
        verify(captured.doc, policy, now=oldest + timedelta(microseconds=1))
    for_hours = replace(policy, freshness=replace(ARCHIVED, max_age=timedelta(days=1)))
    last = verify(captured.doc, for_hours, now=captured.time).valid_until
    assert verify(captured.doc, for_hours, now=last).valid_until == last
    with pytest.raises(UntrustedDocumentError) as rejection:
        verify(captured.doc, for_hours, now=last + timedelta(seconds=1))
    assert rejection.value.reason is Reason.CHAIN_EXPIRED


@every
def test_rejected_today_by_default(captured: Genuine) -> None:
    """Without a time the system's clock decides; every captured document has expired."""
    with pytest.raises(UntrustedDocumentError) as rejection:
        verify(captured.doc, policy_for(captured.measurements))
    assert rejection.value.reason is Reason.CHAIN_EXPIRED


@every
def test_rejected_by_a_policy_for_the_other_kind(captured: Genuine) -> None:
    """An enclave's document is none of NitroTPM, and the other way round."""
    other = AnyEnclave("any") if captured.kind == "nitrotpm" else AnyNitroTpm("any")
    with pytest.raises(MalformedDocumentError) as rejection:
        verify(captured.doc, policy_for(other), now=captured.time)
    assert rejection.value.reason is Reason.DOCUMENT_KIND


@every
def test_rejected_under_the_root_of_another_partition(captured: Genuine) -> None:
    """The GovCloud root signs none of the commercial partition's documents."""
    policy = policy_for(captured.measurements, trust_anchor=AWS_US_GOV_NITRO_ROOT_G1)
    with pytest.raises(UntrustedDocumentError) as rejection:
        verify(captured.doc, policy, now=captured.time)
    assert rejection.value.reason is Reason.CHAIN_UNKNOWN_ROOT


@every
def test_accepted_with_tag_18(captured: Genuine) -> None:
    """The specification allows CBOR tag 18 in front; the replay key stays the same."""
    policy = policy_for(captured.measurements)
    plain, tagged = (
        verify(doc, policy, now=captured.time) for doc in (captured.doc, b"\xd2" + captured.doc)
    )
    assert plain == tagged


@every
def test_the_malleated_twin_has_the_same_replay_key(captured: Genuine) -> None:
    """(r, n - s) is as good a signature as (r, s), so nothing may be keyed on the signature."""
    order = int(
        "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
        16,
    )
    s = int.from_bytes(captured.doc[-48:], "big")
    twin = captured.doc[:-48] + (order - s).to_bytes(48, "big")
    policy = policy_for(captured.measurements)
    assert twin != captured.doc
    assert verify(twin, policy, now=captured.time) == verify(
        captured.doc, policy, now=captured.time
    )


@pytest.mark.parametrize(
    "measurements",
    [
        AnyEnclave("any code"),
        EnclaveMeasurements(
            label="signed",
            pcr0_image=WAIVED,
            pcr1_kernel=WAIVED,
            pcr2_application=WAIVED,
            pcr3_iam_role=WAIVED,
            pcr4_instance_id=WAIVED,
            pcr8_signing_certificate=Sha384(bytes(47) + b"\x01"),
        ),
    ],
    ids=lambda m: type(m).__name__,
)
def test_a_debug_enclave_is_rejected(measurements: AnyEnclave | EnclaveMeasurements) -> None:
    """Only DebugEnclave accepts a debug enclave, however loose the set is."""
    with pytest.raises(PolicyMismatchError) as rejection:
        verify(DEBUG.doc, policy_for(measurements), now=DEBUG.time)
    assert rejection.value.reason is Reason.POLICY_DEBUG_ENCLAVE


def test_a_debug_enclave_is_accepted_only_by_its_own_set() -> None:
    """The result says that nothing was measured."""
    result = verify(DEBUG.doc, policy_for(DebugEnclave("on my desk")), now=DEBUG.time)
    assert result.matched == DebugEnclave("on my desk")
    assert ("measurements", "on my desk") in [(w.subject, w.because) for w in result.not_checked]


def test_a_debug_policy_does_not_accept_production() -> None:
    """DebugEnclave requires debug mode: a policy of development does not fit production."""
    with pytest.raises(PolicyMismatchError) as rejection:
        verify(PRODUCTION.doc, policy_for(DebugEnclave("on my desk")), now=PRODUCTION.time)
    assert rejection.value.reason is Reason.POLICY_PCR_MISMATCH


@every
def test_one_wrong_pcr_is_rejected(captured: Genuine) -> None:
    """A pin that differs in one bit is a mismatch and names the PCR."""
    if isinstance(captured.measurements, AnyEnclave | AnyNitroTpm | DebugEnclave):
        return
    for position, (index, value) in enumerate(captured.measurements.other_pcrs):
        wrong = Sha384(bytes([value.value[0] ^ 1]) + value.value[1:])
        pairs = list(captured.measurements.other_pcrs)
        pairs[position] = (index, wrong)
        with pytest.raises(PolicyMismatchError) as rejection:
            verify(
                captured.doc,
                policy_for(replace(captured.measurements, other_pcrs=tuple(pairs))),
                now=captured.time,
            )
        (failure,) = rejection.value.failures
        assert (failure.reason, failure.expected, failure.actual) == (
            Reason.POLICY_PCR_MISMATCH,
            wrong.hex(),
            value.hex(),
        )


def test_a_captured_nonce_is_compared_with_the_one_issued() -> None:
    """The NitroTPM document carries a nonce of 32 bytes; only exactly that one is accepted."""
    policy = replace(policy_for(NITRO_TPM.measurements), freshness=FreshNonce())
    nonce = NITRO_TPM.payload["nonce"]
    assert verify(NITRO_TPM.doc, policy, nonce=nonce, now=NITRO_TPM.time).claims.nonce == nonce
    for wrong in (nonce[:-1], nonce + b"\0", nonce[:16], nonce[::-1], nonce.hex().encode()):
        with pytest.raises(VerificationError) as rejection:
            verify(NITRO_TPM.doc, policy, nonce=wrong, now=NITRO_TPM.time)
        assert rejection.value.reason is Reason.FRESHNESS_NONCE_MISMATCH
        assert rejection.value.failures[0].expected is None


def test_every_waiver_is_listed() -> None:
    """The result repeats each NotChecked and its reason, in the order of the policy's fields."""
    assert isinstance(PRODUCTION.measurements, EnclaveMeasurements)
    measurements = replace(PRODUCTION.measurements, pcr4_instance_id=NotChecked("a fleet"))
    policy = Policy(
        measurements=(measurements,),
        freshness=ARCHIVED,
        public_key=Absent(),
        user_data=NotChecked("opaque"),
        unknown_fields=NotChecked("new fields are fine"),
    )
    result = verify(PRODUCTION.doc, policy, now=PRODUCTION.time)
    assert [(waiver.subject, waiver.because) for waiver in result.not_checked] == [
        ("pcr4_instance_id", "a fleet"),
        ("freshness", "a captured document"),
        ("user_data", "opaque"),
        ("unknown_fields", "new fields are fine"),
    ]
    assert result.not_checked == policy.waivers()


def test_all_mismatches_are_reported_at_once() -> None:
    """One rejection names every PCR, the public key and the user data that are not as required."""
    assert isinstance(PRODUCTION.measurements, EnclaveMeasurements)
    measurements = replace(
        PRODUCTION.measurements,
        pcr0_image=Sha384(b"\x11" * 48),
        other_pcrs=((16, Sha384.ZERO), (5, Sha384(b"\x22" * 48))),
    )
    policy = policy_for(measurements, public_key=Present(), user_data=Equals(b"other"))
    with pytest.raises(PolicyMismatchError) as rejection:
        verify(PRODUCTION.doc, policy, now=PRODUCTION.time)
    assert [(failure.reason, failure.subject) for failure in rejection.value.failures] == [
        (Reason.POLICY_PCR_MISMATCH, "PCR0 (measured)"),
        (Reason.POLICY_PCR_ABSENT, "PCR16 (measured)"),
        (Reason.POLICY_PCR_MISMATCH, "PCR5 (measured)"),
        (Reason.POLICY_PUBLIC_KEY, "public_key"),
        (Reason.POLICY_USER_DATA, "user_data"),
    ]


def test_values_of_different_builds_do_not_mix() -> None:
    """Two sets that together hold every value, but neither whole, accept nothing."""
    assert isinstance(PRODUCTION.measurements, EnclaveMeasurements)
    other = Sha384(b"\x11" * 48)
    first = replace(PRODUCTION.measurements, label="first", pcr0_image=other)
    second = replace(PRODUCTION.measurements, label="second", pcr1_kernel=other)
    policy = replace(policy_for(first), measurements=(first, second))
    with pytest.raises(PolicyMismatchError) as rejection:
        verify(PRODUCTION.doc, policy, now=PRODUCTION.time)
    assert [failure.subject for failure in rejection.value.failures] == [
        "PCR0 (first)",
        "1 more set",
    ]
