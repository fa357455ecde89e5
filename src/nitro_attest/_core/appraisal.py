"""Appraise an authenticated document against a policy (RFC 9334 section 8): one function for each field of `Policy`.

A document, what the chain proved and the call's values come in, an `AttestationResult` goes out.
Never: a rule that is skipped, a mismatch that hides another one, or an expected nonce in an error.
"""

import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, NamedTuple, assert_never, final

from nitro_attest._core.anchors import TrustAnchor
from nitro_attest._core.document import Claims, UnverifiedDocument
from nitro_attest._core.errors import Failure, Reason, rejected, rejection, shown
from nitro_attest._core.measurements import (
    DEBUG_PCRS,
    KIND_OF_SET,
    AnyEnclave,
    AnyNitroTpm,
    DebugEnclave,
    EnclaveMeasurements,
    Measurements,
    NitroTpmMeasurements,
    NotChecked,
    Sha384,
    pcr_rules,
)
from nitro_attest._core.policy import (
    Absent,
    Equals,
    FieldRule,
    FreshNonce,
    Policy,
    Present,
    TimestampOnly,
)
from nitro_attest._core.result import SEAL, AttestationResult, Waiver


@final
class Authenticated(NamedTuple):
    """Hold a document whose chain and signature are good, under which anchor and until when, and the call's own values."""

    document: UnverifiedDocument
    anchor: TrustAnchor
    valid_until: datetime
    replay_key: bytes
    nonce: bytes | None
    now: datetime


@final
class Finding(NamedTuple):
    """Hold what one rule found: failures, or none and the checks it was told to leave out."""

    failures: tuple[Failure, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    matched: Measurements | None = None


_NOTHING: Final = Finding()


def screen(document: UnverifiedDocument, policy: Policy) -> None:
    """Refuse what no signature could save: a document of the other kind, or with fields the policy does not allow.

    Raises:
        MalformedDocumentError: `document.kind`, `document.field_unknown`.

    """
    wanted = KIND_OF_SET[type(policy.measurements[0])]
    if document.kind is not wanted:
        raise rejected(Reason.DOCUMENT_KIND, "document", wanted, document.kind)
    finding = judge_unknown_fields(policy.unknown_fields, document)
    if finding.failures:
        raise rejection(*finding.failures)


def appraise(authenticated: Authenticated, policy: Policy) -> AttestationResult:
    """Judge every field of the policy; report all failures of the first family that has any.

    Raises:
        StaleDocumentError: `freshness.*`.
        PolicyMismatchError: `policy.*`.

    """
    failures: tuple[Failure, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    sets: list[Measurements] = []
    for judge in APPRAISAL.values():
        finding = judge(policy, authenticated)
        failures += finding.failures
        waivers += finding.waivers
        if finding.matched is not None:
            sets.append(finding.matched)
    for family in ("chain.", "document.", "freshness.", "policy.") if failures else ():
        if first := [failure for failure in failures if failure.reason.startswith(family)]:
            raise rejection(*first)
    (matched,) = sets
    document = authenticated.document
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
        not_checked=waivers,
        appraised_at=authenticated.now,
        valid_until=authenticated.valid_until,
        remember_until=_remember_until(document.timestamp, policy.freshness),
        replay_key=authenticated.replay_key,
        seal=SEAL,
    )


def _remember_until(timestamp: datetime, freshness: FreshNonce | TimestampOnly) -> datetime:
    """Return when no clock within `max_clock_skew` of ours would accept the document any more."""
    try:
        return timestamp + freshness.max_age + 2 * freshness.max_clock_skew
    except OverflowError:  # a window that is longer than the calendar
        return datetime.max.replace(tzinfo=timestamp.tzinfo)


def judge_trust_anchor(anchor: TrustAnchor, authenticated_under: TrustAnchor) -> Finding:
    """Hold the document to the anchor its chain was checked under."""
    if anchor != authenticated_under:
        return Finding(
            (
                Failure(
                    Reason.CHAIN_UNKNOWN_ROOT, "cabundle[0]", anchor.name, authenticated_under.name
                ),
            )
        )
    return _NOTHING


def judge_unknown_fields(rule: Absent | NotChecked, document: UnverifiedDocument) -> Finding:
    """Hold the names of the fields to AWS's list. The names themselves are the sender's text and are not repeated."""
    if isinstance(rule, NotChecked):
        return Finding(waivers=(Waiver("unknown_fields", rule.because),))
    if isinstance(rule, Absent):
        if not document.unknown_fields:
            return _NOTHING
        found = f"{len(document.unknown_fields)} unknown"
        return Finding(
            (
                Failure(
                    Reason.DOCUMENT_FIELD_UNKNOWN, "payload", "only fields that AWS lists", found
                ),
            )
        )
    assert_never(rule)


def judge_freshness(
    rule: FreshNonce | TimestampOnly,
    document: UnverifiedDocument,
    nonce: bytes | None,
    now: datetime,
) -> Finding:
    """Hold the nonce to the one that was issued, and the time to the window of the rule."""
    failures: list[Failure] = []
    waivers: tuple[Waiver, ...] = ()
    if isinstance(rule, TimestampOnly):
        waivers = (Waiver("freshness", rule.because),)
    elif isinstance(rule, FreshNonce):
        if document.nonce is None:
            failures.append(Failure(Reason.FRESHNESS_NONCE_ABSENT, "nonce"))
        elif nonce is None or not hmac.compare_digest(document.nonce, nonce):
            failures.append(
                Failure(Reason.FRESHNESS_NONCE_MISMATCH, "nonce", None, shown(document.nonce))
            )
    else:
        assert_never(rule)
    age = now - document.timestamp
    if age > rule.max_age:
        failures.append(
            _outside(Reason.FRESHNESS_TOO_OLD, f"at most {rule.max_age} old", document, now)
        )
    if -age > rule.max_clock_skew:
        failures.append(
            _outside(
                Reason.FRESHNESS_FROM_THE_FUTURE,
                f"at most {rule.max_clock_skew} ahead",
                document,
                now,
            )
        )
    return Finding(tuple(failures), waivers)


def _outside(reason: Reason, expected: str, document: UnverifiedDocument, now: datetime) -> Failure:
    made, appraised = (
        time.isoformat(timespec="milliseconds") for time in (document.timestamp, now)
    )
    return Failure(reason, "timestamp", f"{expected} at {appraised}", made)


def judge_field(rule: FieldRule, value: bytes | None, name: str, reason: Reason) -> Finding:
    """Hold an optional field to its rule."""
    if isinstance(rule, NotChecked):
        return Finding(waivers=(Waiver(name, rule.because),))
    if isinstance(rule, Equals):
        good, wanted = (
            value is not None and hmac.compare_digest(value, rule.value),
            shown(rule.value),
        )
    elif isinstance(rule, Present):
        good, wanted = value is not None, "present"
    elif isinstance(rule, Absent):
        good, wanted = value is None, "absent"
    else:
        assert_never(rule)
    return _NOTHING if good else Finding((Failure(reason, name, wanted, shown(value)),))


def judge_measurements(sets: tuple[Measurements, ...], document: UnverifiedDocument) -> Finding:
    """Look for the first set that the document matches whole; if there is none, report what every set missed."""
    failures: list[Failure] = []
    for measurements in sets:
        finding = _judge_set(measurements, document)
        if not finding.failures:
            return finding
        failures.extend(failure for failure in finding.failures if failure not in failures)
    return Finding(tuple(failures))


def _judge_set(measurements: Measurements, document: UnverifiedDocument) -> Finding:
    match measurements:
        case EnclaveMeasurements():
            failures, waivers = _judge_pcrs(measurements, document)
            return Finding((*_judge_debug(document), *failures), waivers, measurements)
        case NitroTpmMeasurements():
            failures, waivers = _judge_pcrs(measurements, document)
            return Finding(failures, waivers, measurements)
        case AnyEnclave(because):
            return Finding(_judge_debug(document), (Waiver("measurements", because),), measurements)
        case DebugEnclave(because):
            return Finding(
                _demand_debug(document), (Waiver("measurements", because),), measurements
            )
        case AnyNitroTpm(because):
            return Finding((), (Waiver("measurements", because),), measurements)
    assert_never(measurements)


def _judge_debug(document: UnverifiedDocument) -> tuple[Failure, ...]:
    """Demand proof that the enclave is not in debug mode: PCR0, PCR1 and PCR2 are there and none is zero."""
    values = [(f"PCR{index}", document.pcrs.get(index)) for index in DEBUG_PCRS]
    if zero := [name for name, value in values if value == Sha384.ZERO.value]:
        return (
            Failure(
                Reason.POLICY_DEBUG_ENCLAVE,
                "enclave",
                "not in debug mode",
                f"{', '.join(zero)} all zero",
            ),
        )
    return tuple(
        [
            Failure(Reason.POLICY_PCR_ABSENT, name, "present, to rule out debug mode", "absent")
            for name, value in values
            if value is None
        ]
    )


def _demand_debug(document: UnverifiedDocument) -> tuple[Failure, ...]:
    """Demand what `DebugEnclave` names, so that a production enclave is not accepted unseen under a debug policy."""
    if any(document.pcrs.get(index) == Sha384.ZERO.value for index in DEBUG_PCRS):
        return ()
    found = shown(document.pcrs.get(0))
    return (Failure(Reason.POLICY_PCR_MISMATCH, "PCR0 (DebugEnclave)", Sha384.ZERO.hex(), found),)


def _judge_pcrs(
    measurements: EnclaveMeasurements | NitroTpmMeasurements, document: UnverifiedDocument
) -> tuple[tuple[Failure, ...], tuple[Waiver, ...]]:
    failures: list[Failure] = []
    waivers: list[Waiver] = []
    for index, field, rule in pcr_rules(measurements):
        if isinstance(rule, NotChecked):
            waivers.append(Waiver(field, rule.because))
            continue
        value = document.pcrs.get(index)
        if value is None:
            failures.append(
                _differs(Reason.POLICY_PCR_ABSENT, index, measurements.label, rule.value, "absent")
            )
        elif not hmac.compare_digest(value, rule.value):
            failures.append(
                _differs(
                    Reason.POLICY_PCR_MISMATCH, index, measurements.label, rule.value, value.hex()
                )
            )
    return tuple(failures), tuple(waivers)


def _differs(reason: Reason, index: int, label: str, expected: bytes, found: str) -> Failure:
    return Failure(reason, f"PCR{index} ({label})", expected.hex(), found)


APPRAISAL: Final[Mapping[str, Callable[[Policy, Authenticated], Finding]]] = {
    "trust_anchor": lambda policy, it: judge_trust_anchor(policy.trust_anchor, it.anchor),
    "unknown_fields": lambda policy, it: judge_unknown_fields(policy.unknown_fields, it.document),
    "freshness": lambda policy, it: judge_freshness(
        policy.freshness, it.document, it.nonce, it.now
    ),
    "measurements": lambda policy, it: judge_measurements(policy.measurements, it.document),
    "public_key": lambda policy, it: judge_field(
        policy.public_key, it.document.public_key, "public_key", Reason.POLICY_PUBLIC_KEY
    ),
    "user_data": lambda policy, it: judge_field(
        policy.user_data, it.document.user_data, "user_data", Reason.POLICY_USER_DATA
    ),
}
"""Every field of `Policy` and the function that judges it; a test holds the keys equal to the fields."""
