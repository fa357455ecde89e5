"""What a relying party requires of a document (RFC 9334 section 8.5), as plain values.

A policy checks itself when it is made; then it is frozen, hashable and equal by value. No check is
skipped because something was not given: a check is skipped by writing `NotChecked("why")`, and the
result repeats it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, Final, TypeAlias, cast, final

from nitro_attest._core.anchors import AWS_NITRO_ROOT_G1, TrustAnchor
from nitro_attest._core.document import MAX_FIELD_BYTES
from nitro_attest._core.errors import PolicyError
from nitro_attest._core.measurements import (
    AnyEnclave,
    AnyNitroTpm,
    DebugEnclave,
    EnclaveMeasurements,
    Measurements,
    NitroTpmMeasurements,
    NotChecked,
    Sha384,
    Waiver,
    require_text,
)

MAX_SETS: Final = 256  # ours: every set is compared with every authentic document
DEFAULT_MAX_AGE: Final = timedelta(minutes=5)
DEFAULT_MAX_CLOCK_SKEW: Final = timedelta(seconds=30)
# ours: no clock that is kept by NTP is minutes away, and a certificate should not be used long
# before it is valid
MAX_CLOCK_SKEW: Final = timedelta(minutes=5)


@final
@dataclass(frozen=True, slots=True)
class Equals:
    """The rule that a field has exactly these bytes, 0 to 1024 of them.

    Raises:
        PolicyError: `value` is not bytes, or longer than a field can be.

    """

    value: bytes

    def __post_init__(self) -> None:
        """Reject other types, and what no document can carry."""
        if type(self.value) is not bytes or len(self.value) > MAX_FIELD_BYTES:  # V-12
            raise PolicyError("Equals.value", f"expected at most {MAX_FIELD_BYTES} bytes")


@final
@dataclass(frozen=True, slots=True)
class Present:
    """The rule that a field has at least one byte; read its value from the result's claims."""


@final
@dataclass(frozen=True, slots=True)
class Absent:
    """The rule that a field is absent or null; an empty byte string is neither."""


FieldRule: TypeAlias = Equals | Present | Absent | NotChecked
"""The rule of a policy for `public_key` or `user_data`."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FreshNonce:
    """The rule that a document has the nonce given to `verify`, and is at most `max_age` old.

    `max_clock_skew` is how far this machine's clock may be behind AWS's: it covers the document's
    timestamp and the dates from which its certificates are valid. Nonces are compared as bytes;
    that each is used once is the work of a nonce store.

    Raises:
        PolicyError: `max_age` is not positive, or `max_clock_skew` is outside 0 to 5 minutes.

    """

    max_age: timedelta = DEFAULT_MAX_AGE
    max_clock_skew: timedelta = DEFAULT_MAX_CLOCK_SKEW

    def __post_init__(self) -> None:
        """Reject a window that no document can meet, and a skew that no clock has."""
        _check_window("FreshNonce", self.max_age, self.max_clock_skew)  # V-11


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampOnly:
    """The rule that a document is at most `max_age` old, with the reason why no nonce is required.

    Whoever has seen such a document can send it again until it is too old. `max_clock_skew` is as
    for `FreshNonce`.

    Raises:
        PolicyError: The reason is empty, `max_age` is not positive, or `max_clock_skew` is outside
            0 to 5 minutes.

    """

    because: str
    max_age: timedelta
    max_clock_skew: timedelta = DEFAULT_MAX_CLOCK_SKEW

    def __post_init__(self) -> None:
        """Reject an empty reason, a window that no document can meet, and a skew no clock has."""
        require_text(self.because, "TimestampOnly.because")  # V-10
        _check_window("TimestampOnly", self.max_age, self.max_clock_skew)  # V-11


Freshness: TypeAlias = FreshNonce | TimestampOnly
"""The rule of a policy for the age of a document."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything that a relying party requires of a document.

    A document must match one whole set of `measurements`, be as fresh as `freshness` says, have
    `public_key` and `user_data` as their rules say, have no field that AWS does not list, and chain
    to `trust_anchor`. The first four have no default.

    Raises:
        PolicyError: A field has another type; `measurements` has no set or more than 256, mixes
            enclaves with NitroTPM, or has `AnyEnclave`, `AnyNitroTpm` or `DebugEnclave` together
            with another set, which would then decide nothing.

    """

    measurements: tuple[Measurements, ...]
    freshness: Freshness
    public_key: FieldRule
    user_data: FieldRule
    unknown_fields: Absent | NotChecked = Absent()
    trust_anchor: TrustAnchor = AWS_NITRO_ROOT_G1

    def __post_init__(self) -> None:
        """Reject what is missing or of another type: None never skips a check."""
        _check_sets(self.measurements)
        for name, types in _TYPES_OF_FIELD.items():
            if type(getattr(self, name)) not in types:  # V-03
                expected = " or ".join(each.__name__ for each in types)
                raise PolicyError(f"Policy.{name}", f"expected {expected}")

    def waivers(self) -> tuple[Waiver, ...]:
        """List every check that this policy skips, in whichever set it is skipped."""
        return skipped_checks(self, self.measurements)

    def digest(self) -> str:
        """Return what identifies this policy in an audit log: a SHA-256 in 64 hex digits.

        It covers everything, labels and reasons included, but not the order of the sets. The form
        that is hashed is in ADR 6.
        """
        return hashlib.sha256(_json(_plain(self)).encode()).hexdigest()


def skipped_checks(policy: Policy, sets: Iterable[Measurements]) -> tuple[Waiver, ...]:
    """List the checks that `policy` skips for a document that matches one of `sets`."""
    found = [waiver for measurements in sets for waiver in measurements.waivers()]
    for name in ("freshness", "public_key", "user_data", "unknown_fields"):
        rule = getattr(policy, name)
        if type(rule) in _WITH_REASON:  # V-92
            found.append(Waiver(name, rule.because))
    return tuple(dict.fromkeys(found))


_WITH_REASON: Final = (NotChecked, TimestampOnly)  # `rule.because` says why it is skipped
_SETS_THAT_STAND_ALONE: Final = (AnyEnclave, AnyNitroTpm, DebugEnclave)
_SETS: Final = (EnclaveMeasurements, NitroTpmMeasurements, *_SETS_THAT_STAND_ALONE)
_FIELD_RULES: Final = (Equals, Present, Absent, NotChecked)
_TYPES_OF_FIELD: Final[Mapping[str, tuple[type[Any], ...]]] = {
    "freshness": (FreshNonce, TimestampOnly),  # V-03
    "public_key": _FIELD_RULES,  # V-03
    "user_data": _FIELD_RULES,  # V-03
    "unknown_fields": (Absent, NotChecked),  # V-03
    "trust_anchor": (TrustAnchor,),  # V-03
}


def _check_sets(sets: tuple[Measurements, ...]) -> None:
    field = "Policy.measurements"
    if type(sets) is not tuple or not 1 <= len(sets) <= MAX_SETS:  # V-01
        raise PolicyError(field, f"expected a tuple of 1 to {MAX_SETS} sets")
    for index, measurements in enumerate(sets):
        if type(measurements) not in _SETS:  # V-01
            raise PolicyError(
                f"{field}[{index}]",
                "expected a set such as EnclaveMeasurements or NitroTpmMeasurements",
            )
    if len({measurements.kind for measurements in sets}) > 1:  # V-02
        raise PolicyError(field, "expected sets for enclaves or for NitroTPM, not both")
    alone = [type(each).__name__ for each in sets if type(each) in _SETS_THAT_STAND_ALONE]
    if alone and len(sets) > 1:  # V-93
        raise PolicyError(
            field,
            f"{alone[0]} accepts any code, so the other sets would decide nothing: "
            "use it alone, in a policy of its own, or not at all",
        )


def _check_window(name: str, max_age: object, max_clock_skew: object) -> None:
    if type(max_age) is not timedelta or max_age <= timedelta():  # V-11
        raise PolicyError(f"{name}.max_age", "expected a timedelta above zero")
    skew = max_clock_skew
    if type(skew) is not timedelta or not timedelta() <= skew <= MAX_CLOCK_SKEW:  # V-11
        expected = "expected a timedelta from zero to 5 minutes"
        raise PolicyError(f"{name}.max_clock_skew", expected)


def _plain(value: object) -> object:
    """Turn a part of a policy into JSON types, so that equal policies give equal JSON."""
    match value:
        case str():
            return value
        case bytes() | Sha384():
            return value.hex()
        case timedelta():
            return value // timedelta(microseconds=1)
        case tuple():
            return sorted(map(_plain, cast("tuple[object, ...]", value)), key=_json)
        case EnclaveMeasurements() | NitroTpmMeasurements():
            pcrs = {str(index): _plain(rule) for index, rule in value.pcr_rules().items()}
            return {"type": type(value).__name__, "label": value.label, "pcrs": pcrs}
        case _:
            data: Any = value
            parts = {field.name: _plain(getattr(data, field.name)) for field in fields(data)}
            return {"type": type(data).__name__, **parts}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
