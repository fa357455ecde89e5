"""Hold what a relying party demands of a document (RFC 9334 section 8.5): pure data that refuses to be wrong.

Values come in, a `Policy` goes out that is frozen, hashable and equal by value. Never: a check that
is skipped because something was not given. A check is left out by writing `NotChecked("why")`, and
the result repeats it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeAlias, final

from nitro_attest._core.anchors import AWS_NITRO_ROOT_G1, TrustAnchor
from nitro_attest._core.document import MAX_FIELD_BYTES
from nitro_attest._core.errors import PolicyError
from nitro_attest._core.measurements import KIND_OF_SET, Measurements, NotChecked, require_text

__all__ = [
    "Absent",
    "Equals",
    "FieldRule",
    "FreshNonce",
    "Freshness",
    "Policy",
    "Present",
    "TimestampOnly",
]

DEFAULT_MAX_AGE: Final = timedelta(minutes=5)
DEFAULT_MAX_CLOCK_SKEW: Final = timedelta(seconds=30)


@final
@dataclass(frozen=True, slots=True)
class Equals:
    """Demand that a field carries exactly these bytes, 0 to 1024 of them.

    Raises:
        PolicyError: `value` is not bytes, or longer than a field can be.

    """

    value: bytes

    def __post_init__(self) -> None:
        """Refuse other types, and what no document can carry."""
        if type(self.value) is not bytes or len(self.value) > MAX_FIELD_BYTES:
            raise PolicyError("Equals.value", f"expected at most {MAX_FIELD_BYTES} bytes")


@final
@dataclass(frozen=True, slots=True)
class Present:
    """Demand that a field is there. An empty one is; read what it carries from the result's claims."""


@final
@dataclass(frozen=True, slots=True)
class Absent:
    """Demand that a field is absent or null. An empty one is neither."""


FieldRule: TypeAlias = Equals | Present | Absent | NotChecked
"""What a policy says of `public_key` and of `user_data`."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FreshNonce:
    """Demand that the document carries the nonce given to `verify`, and was made at most `max_age` ago.

    `max_clock_skew` is how far ahead the module's clock may be. Equality is of bytes; single use is
    the issuer's work.

    Raises:
        PolicyError: `max_age` is not positive, or `max_clock_skew` is negative.

    """

    max_age: timedelta = DEFAULT_MAX_AGE
    max_clock_skew: timedelta = DEFAULT_MAX_CLOCK_SKEW

    def __post_init__(self) -> None:
        """Refuse a window that cannot be met."""
        _check_window("FreshNonce", self.max_age, self.max_clock_skew)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampOnly:
    """Demand only that the document was made at most `max_age` ago, and say why no nonce is asked for.

    Whoever has seen such a document can send it again until it is too old.

    Raises:
        PolicyError: The reason is empty, `max_age` is not positive, or `max_clock_skew` is
            negative.

    """

    because: str
    max_age: timedelta
    max_clock_skew: timedelta = DEFAULT_MAX_CLOCK_SKEW

    def __post_init__(self) -> None:
        """Refuse an empty reason and a window that cannot be met."""
        require_text(self.because, "TimestampOnly.because")
        _check_window("TimestampOnly", self.max_age, self.max_clock_skew)


Freshness: TypeAlias = FreshNonce | TimestampOnly
"""What a policy says of the age of a document."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Say which documents to believe.

    A document must match any one whole set of `measurements`, be as fresh as `freshness` says,
    carry `public_key` and `user_data` as their rules say, hold no field that AWS does not list, and
    chain to `trust_anchor`. The four first have no default.

    Raises:
        PolicyError: A field has another type, `measurements` is empty, or it mixes enclaves with
            NitroTPM.

    """

    measurements: tuple[Measurements, ...]
    freshness: Freshness
    public_key: FieldRule
    user_data: FieldRule
    unknown_fields: Absent | NotChecked = Absent()
    trust_anchor: TrustAnchor = AWS_NITRO_ROOT_G1

    def __post_init__(self) -> None:
        """Refuse what is missing or of another type: None is never "skip"."""
        if type(self.measurements) is not tuple or not self.measurements:
            raise PolicyError("Policy.measurements", "expected a tuple of at least one set")
        for index, measurements in enumerate(self.measurements):
            if type(measurements) not in KIND_OF_SET:
                raise PolicyError(
                    f"Policy.measurements[{index}]",
                    "expected a set such as EnclaveMeasurements or NitroTpmMeasurements",
                )
        if len({KIND_OF_SET[type(measurements)] for measurements in self.measurements}) > 1:
            raise PolicyError(
                "Policy.measurements", "expected sets for enclaves or for NitroTPM, not both"
            )
        for name, kinds in _KINDS_OF_FIELD.items():
            if type(getattr(self, name)) not in kinds:
                expected = " or ".join(kind.__name__ for kind in kinds)
                raise PolicyError(f"Policy.{name}", f"expected {expected}")


_FIELD_RULES: Final = (Equals, Present, Absent, NotChecked)
_KINDS_OF_FIELD: Final[Mapping[str, tuple[type[Any], ...]]] = {
    "freshness": (FreshNonce, TimestampOnly),
    "public_key": _FIELD_RULES,
    "user_data": _FIELD_RULES,
    "unknown_fields": (Absent, NotChecked),
    "trust_anchor": (TrustAnchor,),
}


def _check_window(name: str, max_age: object, max_clock_skew: object) -> None:
    if type(max_age) is not timedelta or max_age <= timedelta():
        raise PolicyError(f"{name}.max_age", "expected a timedelta above zero")
    if type(max_clock_skew) is not timedelta or max_clock_skew < timedelta():
        raise PolicyError(f"{name}.max_clock_skew", "expected a timedelta of zero or more")
