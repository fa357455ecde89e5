"""Turn a `Policy` into plain tables, texts and numbers, in the order of a review.

Both writers write these tables; what they write reads back as an equal policy.
"""

from base64 import b64encode
from dataclasses import fields
from typing import Any, Final, assert_never

from nitro_attest import (
    AWS_NITRO_ROOT_G1,
    AWS_US_GOV_NITRO_ROOT_G1,
    Absent,
    AnyEnclave,
    AnyNitroTpm,
    DebugEnclave,
    EnclaveMeasurements,
    Equals,
    FieldRule,
    Freshness,
    FreshNonce,
    Measurements,
    NitroTpmMeasurements,
    NotChecked,
    Policy,
    Present,
    Sha384,
    TimestampOnly,
    TrustAnchor,
)
from nitro_attest._duration import write_duration

VERSION: Final = 1
NAMED_ANCHORS: Final = {
    "AWS_NITRO_ROOT_G1": AWS_NITRO_ROOT_G1,
    "AWS_US_GOV_NITRO_ROOT_G1": AWS_US_GOV_NITRO_ROOT_G1,
}


def to_table(policy: Policy) -> dict[str, Any]:
    """Return the table of a policy file."""
    return {
        "version": VERSION,
        "trust_anchor": _anchor(policy.trust_anchor),
        "public_key": _rule(policy.public_key),
        "user_data": _rule(policy.user_data),
        "unknown_fields": _rule(policy.unknown_fields),
        "freshness": _freshness(policy.freshness),
        "measurements": [_set(measurements) for measurements in policy.measurements],
    }


def _anchor(anchor: TrustAnchor) -> str | dict[str, str]:
    for name, pinned in NAMED_ANCHORS.items():
        if anchor == pinned:
            return name
    return {
        "name": anchor.name,
        "sha256": anchor.sha256,
        "certificate": b64encode(anchor.certificate).decode("ascii"),
    }


def _rule(rule: FieldRule | Sha384) -> str | dict[str, str]:
    match rule:
        case Sha384():
            return rule.hex()
        case Present():
            return "present"
        case Absent():
            return "absent"
        case Equals(value):
            return {"equals": value.hex()}
        case NotChecked(because):
            return {"not_checked": because}
    assert_never(rule)


def _freshness(rule: Freshness) -> dict[str, str]:
    window = {
        "max_age": write_duration(rule.max_age),
        "max_clock_skew": write_duration(rule.max_clock_skew),
    }
    match rule:
        case FreshNonce():
            return {"kind": "fresh_nonce", **window}
        case TimestampOnly(because=because):
            return {"kind": "timestamp_only", "because": because, **window}
    assert_never(rule)


def _set(measurements: Measurements) -> dict[str, Any]:
    match measurements:
        case EnclaveMeasurements():
            return {"kind": "enclave", **_pcrs(measurements)}
        case NitroTpmMeasurements():
            return {"kind": "nitrotpm", **_pcrs(measurements)}
        case AnyEnclave(because):
            return {"kind": "any_enclave", "because": because}
        case DebugEnclave(because):
            return {"kind": "debug_enclave", "because": because}
        case AnyNitroTpm(because):
            return {"kind": "any_nitrotpm", "because": because}
    assert_never(measurements)


def _pcrs(measurements: EnclaveMeasurements | NitroTpmMeasurements) -> dict[str, Any]:
    """Write a set field by field; `other_pcrs` keeps its order and is omitted if empty."""
    values: dict[str, Any] = {"label": measurements.label}
    for field in fields(measurements):
        if field.name not in {"label", "other_pcrs"}:
            values[field.name] = _rule(getattr(measurements, field.name))
    if measurements.other_pcrs:
        values["other_pcrs"] = {str(index): value.hex() for index, value in measurements.other_pcrs}
    return values
