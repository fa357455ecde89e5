"""Genuine documents of AWS hardware decide as they must, at their own time and at others."""

import hashlib
from dataclasses import replace
from datetime import timedelta

import cbor2
import pytest

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

every = pytest.mark.parametrize("genuine", GENUINE, ids=lambda g: g.name)


def test_the_vectors_are_the_ones_of_the_index() -> None:
    """Each file has the digest, the size and the facts that its index entry states."""
    assert len(GENUINE) == 6
    for genuine, entry in zip(GENUINE, INDEX, strict=True):
        assert hashlib.sha256(genuine.doc).hexdigest() == entry["sha256"]
        assert len(genuine.doc) == entry["bytes"]
        unverified = read_unverified(genuine.doc)
        assert unverified.module_id == entry["module_id"]
        assert unverified.timestamp == genuine.time
        assert list(unverified.pcrs) == entry["pcr_indexes"]
        assert unverified.pcrs[0].hex() == entry["pcr0_hex"]
        for field in ("public_key", "user_data", "nonce"):
            value = getattr(unverified, field)
            assert (None if value is None else len(value)) == entry[f"{field}_bytes"]


@every
def test_accepted_at_its_own_time(genuine: Genuine) -> None:
    """A policy that pins every measured PCR accepts the document at its own time, and the claims are the payload's."""
    result = verify(genuine.doc, policy_for(genuine.measurements), now=genuine.time)
    assert result.matched == genuine.measurements
    assert dict(result.claims.pcrs) == genuine.payload.get(
        "pcrs", genuine.payload.get("nitrotpm_pcrs")
    )
    assert result.claims.module_id == genuine.payload["module_id"]
    assert result.claims.kind == genuine.kind
    assert result.claims.instance_id == result.claims.module_id[:19]
    assert result.claims.timestamp == result.appraised_at == genuine.time
    assert result.claims.public_key == genuine.payload["public_key"]
    assert result.claims.user_data == genuine.payload["user_data"]
    assert result.claims.nonce == genuine.payload["nonce"]
    assert result.claims.unknown_fields == ()
    assert result.replay_key == hashlib.sha256(cbor2.loads(genuine.doc)[2]).digest()
    assert genuine.time < result.valid_until <= genuine.time + timedelta(hours=3, seconds=3)


@every
def test_refused_one_day_later(genuine: Genuine) -> None:
    """The certificates are held to the time of the check, not to the document's own."""
    with pytest.raises(UntrustedDocumentError) as refusal:
        verify(genuine.doc, policy_for(genuine.measurements), now=genuine.time + timedelta(days=1))
    assert refusal.value.reason is Reason.CHAIN_EXPIRED


@every
def test_refused_before_its_leaf_was_made(genuine: Genuine) -> None:
    """A chain is not valid before its youngest certificate."""
    with pytest.raises(UntrustedDocumentError) as refusal:
        verify(genuine.doc, policy_for(genuine.measurements), now=genuine.time - timedelta(hours=4))
    assert refusal.value.reason is Reason.CHAIN_NOT_YET_VALID


@every
def test_refused_today_by_default(genuine: Genuine) -> None:
    """Without a time the system's clock decides; every captured document has expired."""
    with pytest.raises(UntrustedDocumentError) as refusal:
        verify(genuine.doc, policy_for(genuine.measurements))
    assert refusal.value.reason is Reason.CHAIN_EXPIRED


@every
def test_refused_by_a_policy_for_the_other_kind(genuine: Genuine) -> None:
    """An enclave's document is none of NitroTPM, and the other way round."""
    other = AnyEnclave("any") if genuine.kind == "nitrotpm" else AnyNitroTpm("any")
    with pytest.raises(MalformedDocumentError) as refusal:
        verify(genuine.doc, policy_for(other), now=genuine.time)
    assert refusal.value.reason is Reason.DOCUMENT_KIND


@every
def test_refused_under_the_root_of_another_partition(genuine: Genuine) -> None:
    """The GovCloud root vouches for none of the commercial partition's documents."""
    policy = policy_for(genuine.measurements, trust_anchor=AWS_US_GOV_NITRO_ROOT_G1)
    with pytest.raises(UntrustedDocumentError) as refusal:
        verify(genuine.doc, policy, now=genuine.time)
    assert refusal.value.reason is Reason.CHAIN_UNKNOWN_ROOT


@every
def test_accepted_with_tag_18(genuine: Genuine) -> None:
    """The specification allows CBOR tag 18 in front; the replay key stays the same."""
    policy = policy_for(genuine.measurements)
    plain, tagged = (
        verify(doc, policy, now=genuine.time) for doc in (genuine.doc, b"\xd2" + genuine.doc)
    )
    assert plain == tagged


@every
def test_the_malleated_twin_has_the_same_replay_key(genuine: Genuine) -> None:
    """(r, n - s) is as good a signature as (r, s), so nothing may be keyed on the signature."""
    order = int(
        "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
        16,
    )
    s = int.from_bytes(genuine.doc[-48:], "big")
    twin = genuine.doc[:-48] + (order - s).to_bytes(48, "big")
    policy = policy_for(genuine.measurements)
    assert twin != genuine.doc
    assert verify(twin, policy, now=genuine.time) == verify(genuine.doc, policy, now=genuine.time)


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
def test_a_debug_enclave_is_refused(measurements: AnyEnclave | EnclaveMeasurements) -> None:
    """Only DebugEnclave accepts a debug enclave, however loose the set is."""
    with pytest.raises(PolicyMismatchError) as refusal:
        verify(DEBUG.doc, policy_for(measurements), now=DEBUG.time)
    assert refusal.value.reason is Reason.POLICY_DEBUG_ENCLAVE


def test_a_debug_enclave_is_accepted_only_by_its_own_set() -> None:
    """DebugEnclave matches even behind other sets, and the result says that nothing was measured."""
    policy = replace(
        policy_for(AnyEnclave("first")),
        measurements=(AnyEnclave("first"), DebugEnclave("on my desk")),
    )
    result = verify(DEBUG.doc, policy, now=DEBUG.time)
    assert result.matched == DebugEnclave("on my desk")
    assert ("measurements", "on my desk") in [(w.subject, w.because) for w in result.not_checked]


def test_a_debug_policy_does_not_accept_production_unseen() -> None:
    """DebugEnclave demands debug mode: a policy left behind from development does not fit production."""
    with pytest.raises(PolicyMismatchError) as refusal:
        verify(PRODUCTION.doc, policy_for(DebugEnclave("on my desk")), now=PRODUCTION.time)
    assert refusal.value.reason is Reason.POLICY_PCR_MISMATCH


@every
def test_one_wrong_pcr_is_refused(genuine: Genuine) -> None:
    """A pin that differs in one bit is a mismatch and names the PCR, for each PCR that is pinned."""
    if isinstance(genuine.measurements, AnyEnclave | AnyNitroTpm | DebugEnclave):
        return
    for position, (index, value) in enumerate(genuine.measurements.other_pcrs):
        wrong = Sha384(bytes([value.value[0] ^ 1]) + value.value[1:])
        pairs = list(genuine.measurements.other_pcrs)
        pairs[position] = (index, wrong)
        with pytest.raises(PolicyMismatchError) as refusal:
            verify(
                genuine.doc,
                policy_for(replace(genuine.measurements, other_pcrs=tuple(pairs))),
                now=genuine.time,
            )
        (failure,) = refusal.value.failures
        assert (failure.reason, failure.expected, failure.actual) == (
            Reason.POLICY_PCR_MISMATCH,
            wrong.hex(),
            value.hex(),
        )


def test_a_genuine_nonce_is_held_to_the_one_issued() -> None:
    """The NitroTPM document carries a nonce of 32 bytes; only exactly that one is accepted."""
    policy = replace(policy_for(NITRO_TPM.measurements), freshness=FreshNonce())
    nonce = NITRO_TPM.payload["nonce"]
    assert verify(NITRO_TPM.doc, policy, nonce=nonce, now=NITRO_TPM.time).claims.nonce == nonce
    for wrong in (nonce[:-1], nonce + b"\0", nonce[:16], nonce[::-1], nonce.hex().encode()):
        with pytest.raises(VerificationError) as refusal:
            verify(NITRO_TPM.doc, policy, nonce=wrong, now=NITRO_TPM.time)
        assert refusal.value.reason is Reason.FRESHNESS_NONCE_MISMATCH
        assert refusal.value.failures[0].expected is None


def test_every_waiver_is_listed() -> None:
    """The result repeats each NotChecked and its reason, in the order of the policy's judgement."""
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
        ("unknown_fields", "new fields are fine"),
        ("freshness", "a captured document"),
        ("pcr4_instance_id", "a fleet"),
        ("user_data", "opaque"),
    ]


def test_all_mismatches_are_reported_at_once() -> None:
    """One refusal names every PCR, the public key and the user data that are not as demanded."""
    assert isinstance(PRODUCTION.measurements, EnclaveMeasurements)
    measurements = replace(
        PRODUCTION.measurements,
        pcr0_image=Sha384(b"\x11" * 48),
        other_pcrs=((16, Sha384.ZERO), (5, Sha384(b"\x22" * 48))),
    )
    policy = policy_for(measurements, public_key=Present(), user_data=Equals(b"other"))
    with pytest.raises(PolicyMismatchError) as refusal:
        verify(PRODUCTION.doc, policy, now=PRODUCTION.time)
    assert [(failure.reason, failure.subject) for failure in refusal.value.failures] == [
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
    with pytest.raises(PolicyMismatchError) as refusal:
        verify(PRODUCTION.doc, policy, now=PRODUCTION.time)
    assert [failure.subject for failure in refusal.value.failures] == [
        "PCR0 (first)",
        "PCR1 (second)",
    ]
