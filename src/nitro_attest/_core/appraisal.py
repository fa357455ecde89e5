"""Appraisal of an authentic document (RFC 9334 section 8): one function per field of the policy.

Every check of a step is made, and all that differs is reported, with two exceptions that keep work
and errors bounded: a stale document is not compared with the measurement sets, and of many sets
only the nearest one is reported. The expected nonce is never part of an error.
"""

import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple, assert_never, final

from nitro_attest._core.document import Claims, Pcrs, UnverifiedDocument
from nitro_attest._core.errors import Failure, Reason, rejected, rejection, shown
from nitro_attest._core.measurements import (
    DEBUG_PCRS,
    AnyEnclave,
    AnyNitroTpm,
    DebugEnclave,
    EnclaveMeasurements,
    Measurements,
    NitroTpmMeasurements,
    NotChecked,
    Sha384,
)
from nitro_attest._core.policy import (
    Absent,
    Equals,
    FieldRule,
    FreshNonce,
    Policy,
    Present,
    TimestampOnly,
    skipped_checks,
)
from nitro_attest._core.result import SEAL, AttestationResult

_LAST: Final = datetime.max.replace(tzinfo=UTC)


@final
class Authenticated(NamedTuple):
    """A document whose chain and signature are good, until when they are, and the call's values."""

    document: UnverifiedDocument
    valid_until: datetime
    replay_key: bytes
    nonce: bytes | None
    now: datetime


def screen(document: UnverifiedDocument, policy: Policy) -> None:
    """Reject what no signature could save: the other kind, or fields that the policy forbids.

    Raises:
        MalformedDocumentError: `document.kind`, `document.field_unknown`.

    """
    required = policy.measurements[0].kind
    if document.kind is not required:  # V-49
        raise rejected(Reason.DOCUMENT_KIND, "document", required, document.kind)
    if document.unknown_fields and not isinstance(policy.unknown_fields, NotChecked):  # V-50
        # The names are the sender's text and are not repeated.
        found = f"{len(document.unknown_fields)} unknown"
        expected = "only fields that AWS lists"
        raise rejected(Reason.DOCUMENT_FIELD_UNKNOWN, "payload", expected, found)


def appraise(it: Authenticated, policy: Policy) -> AttestationResult:
    """Compare the document with every field of the policy.

    Raises:
        StaleDocumentError: `freshness.*`.
        PolicyMismatchError: `policy.*`.

    """
    for step in APPRAISAL:
        failures = [failure for check in step.values() for failure in check(policy, it)]
        if failures:  # V-94: what is stale is not compared any further
            raise rejection(*failures)
    document = it.document
    matched, _ = _nearest_set(policy.measurements, document.pcrs)
    return AttestationResult(
        claims=Claims(
            kind=document.kind,
            module_id=document.module_id,
            instance_id=document.instance_id,
            timestamp=document.timestamp,
            pcrs=document.pcrs,
            public_key=document.public_key,
            user_data=document.user_data,
            nonce=document.nonce,
            unknown_fields=document.unknown_fields,
        ),
        matched=matched,
        not_checked=skipped_checks(policy, (matched,)),
        trust_anchor=policy.trust_anchor,
        appraised_at=it.now,
        valid_until=it.valid_until,
        remember_until=_remember_until(document.timestamp, policy),
        replay_key=it.replay_key,
        seal=SEAL,
    )


def _remember_until(timestamp: datetime, policy: Policy) -> datetime:
    """Return the time from which no verifier with a clock within the skew accepts the document."""
    rule = policy.freshness
    try:
        return timestamp + (rule.max_age + 2 * rule.max_clock_skew)
    except OverflowError:  # `max_age` may be any timedelta
        return _LAST


def appraise_freshness(policy: Policy, it: Authenticated) -> tuple[Failure, ...]:
    """Compare the nonce with the one that was issued, and the timestamp with the rule's window."""
    rule, document = policy.freshness, it.document
    match rule:
        case FreshNonce():
            failures = _nonce_failures(document.nonce, it.nonce)
        case TimestampOnly():
            failures = []
        case _:
            assert_never(rule)
    age = it.now - document.timestamp
    if age > rule.max_age:  # V-82
        expected = f"at most {rule.max_age} old at {_iso(it.now)}"
        found = _iso(document.timestamp)
        failures.append(Failure(Reason.FRESHNESS_TOO_OLD, "timestamp", expected, found))
    if -age > rule.max_clock_skew:  # V-83
        expected = f"at most {rule.max_clock_skew} ahead at {_iso(it.now)}"
        found = _iso(document.timestamp)
        failures.append(Failure(Reason.FRESHNESS_FROM_THE_FUTURE, "timestamp", expected, found))
    return tuple(failures)


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds")


def _nonce_failures(found: bytes | None, issued: bytes | None) -> list[Failure]:
    if found is None:  # V-80
        return [Failure(Reason.FRESHNESS_NONCE_ABSENT, "nonce")]
    if issued is None or not hmac.compare_digest(found, issued):  # V-81
        return [Failure(Reason.FRESHNESS_NONCE_MISMATCH, "nonce", None, shown(found))]
    return []


def appraise_measurements(policy: Policy, it: Authenticated) -> tuple[Failure, ...]:
    """Find a set that the document matches; failing that, report how the nearest one differs."""
    pcrs = it.document.pcrs
    nearest, differences = _nearest_set(policy.measurements, pcrs)
    failures = [*_mode_failures(nearest, pcrs)]
    for index, expected in differences.items():
        subject = f"PCR{index} ({nearest.label})"
        found = pcrs.get(index)
        reason = Reason.POLICY_PCR_ABSENT if found is None else Reason.POLICY_PCR_MISMATCH
        failures.append(Failure(reason, subject, expected.hex(), shown(found)))
    if failures and (others := len(policy.measurements) - 1):  # V-94
        subject = f"{others} more set{'s' if others > 1 else ''}"
        found_there = "as many differences or more"
        failures.append(Failure(Reason.POLICY_PCR_MISMATCH, subject, "a match", found_there))
    return tuple(failures)


def _nearest_set(
    sets: tuple[Measurements, ...], pcrs: Pcrs
) -> tuple[Measurements, dict[int, Sha384]]:
    """Return the first set with the fewest differences, so one that matches if there is any."""
    # Whole sets only, so that values of different builds never mix.
    compared = ((measurements, _differences(measurements, pcrs)) for measurements in sets)
    return min(compared, key=lambda pair: len(pair[1]))  # V-88


def _differences(measurements: Measurements, pcrs: Pcrs) -> dict[int, Sha384]:
    """Return the pinned PCRs that the document does not have, or has with another value."""
    return {
        index: rule
        for index, rule in measurements.pcr_rules().items()
        if isinstance(rule, Sha384)
        # an absent PCR has no byte in common with any
        if not hmac.compare_digest(pcrs.get(index, b""), rule.value)  # V-86, V-87
    }


def _mode_failures(measurements: Measurements, pcrs: Pcrs) -> tuple[Failure, ...]:
    match measurements:
        case EnclaveMeasurements() | AnyEnclave():
            return _debug_failures(pcrs)
        case DebugEnclave():
            return _production_failures(pcrs)
        case NitroTpmMeasurements() | AnyNitroTpm():
            return ()
        case _:
            assert_never(measurements)


def _debug_failures(pcrs: Pcrs) -> tuple[Failure, ...]:
    """Require PCR0, PCR1 and PCR2, and that none is zero: in debug mode all three are."""
    values = {index: pcrs.get(index) for index in DEBUG_PCRS}
    if zero := [index for index, value in values.items() if value == Sha384.ZERO.value]:  # V-84
        found = f"{', '.join(f'PCR{index}' for index in zero)} all zero"
        return (Failure(Reason.POLICY_DEBUG_ENCLAVE, "enclave", "not in debug mode", found),)
    expected = "present, to rule out debug mode"
    return tuple(
        Failure(Reason.POLICY_PCR_ABSENT, f"PCR{index}", expected, "absent")
        for index, value in values.items()
        if value is None  # V-85
    )


def _production_failures(pcrs: Pcrs) -> tuple[Failure, ...]:
    """Require debug mode, so that a policy for it accepts no production enclave unnoticed."""
    if any(pcrs.get(index) == Sha384.ZERO.value for index in DEBUG_PCRS):  # V-89
        return ()
    subject, found = "PCR0 (DebugEnclave)", shown(pcrs.get(0))
    return (Failure(Reason.POLICY_PCR_MISMATCH, subject, Sha384.ZERO.hex(), found),)


def appraise_public_key(policy: Policy, it: Authenticated) -> tuple[Failure, ...]:
    """Compare `public_key` with its rule."""
    value = it.document.public_key
    return _field_failures(policy.public_key, value, "public_key", Reason.POLICY_PUBLIC_KEY)


def appraise_user_data(policy: Policy, it: Authenticated) -> tuple[Failure, ...]:
    """Compare `user_data` with its rule."""
    value = it.document.user_data
    return _field_failures(policy.user_data, value, "user_data", Reason.POLICY_USER_DATA)


def _field_failures(
    rule: FieldRule, value: bytes | None, name: str, reason: Reason
) -> tuple[Failure, ...]:
    match rule:
        case NotChecked():
            return ()
        case Equals(wanted):
            expected, good = shown(wanted), value is not None and hmac.compare_digest(value, wanted)
        case Present():
            expected, good = "at least one byte", bool(value)
        case Absent():
            expected, good = "absent", value is None
        case _:
            assert_never(rule)
    if good:  # V-90, V-91
        return ()
    return (Failure(reason, name, expected, shown(value)),)


Check = Callable[[Policy, Authenticated], tuple[Failure, ...]]
APPRAISAL: Final[tuple[Mapping[str, Check], ...]] = (
    {
        "freshness": appraise_freshness,  # V-80, V-81, V-82, V-83
    },
    {
        "measurements": appraise_measurements,  # V-84, V-85, V-86, V-87, V-89
        "public_key": appraise_public_key,  # V-90
        "user_data": appraise_user_data,  # V-91
    },
)
"""The fields of `Policy` in the order of their appraisal; a failed step is the last one.

The other two are decided before: `trust_anchor` by the chain, `unknown_fields` by `screen`.
"""
