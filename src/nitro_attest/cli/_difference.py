"""Compare two policies rule by rule, and say which documents would change verdict.

Two policies come in, findings go out. Each rule is looked at by itself: "stricter" means that there
are documents which the old rule lets pass and the new one doesn't, "looser" the reverse. Never: a
difference that is only in the words.
"""

from dataclasses import dataclass
from typing import final

from nitro_attest import (
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
)
from nitro_attest._core.measurements import KIND_OF_SET, pcr_rules
from nitro_attest.cli._words import field_rule, name_of_set, waivers


@final
@dataclass(frozen=True, slots=True)
class Difference:
    """Hold how one rule changes: what it refuses anew, and what it accepts anew, each in words; neither is "same"."""

    rule: str
    stricter: tuple[str, ...] = ()
    looser: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        """Return the change in one word or three."""
        words = [
            word for word, found in (("stricter", self.stricter), ("looser", self.looser)) if found
        ]
        return " and ".join(words) or "same"


def compare(old: Policy, new: Policy) -> tuple[Difference, ...]:
    """Return one difference for each rule, in the order of a policy file."""
    return (
        _compare_anchors(old, new),
        _compare_fields("public_key", old.public_key, new.public_key),
        _compare_fields("user_data", old.user_data, new.user_data),
        _compare_fields("unknown_fields", old.unknown_fields, new.unknown_fields),
        compare_freshness(old.freshness, new.freshness),
        compare_sets(old.measurements, new.measurements),
    )


def same_verdicts_other_words(old: Policy, new: Policy) -> bool:
    """Say whether labels or reasons changed, which no verdict depends on."""
    return waivers(old) != waivers(new) or [*map(name_of_set, old.measurements)] != [
        *map(name_of_set, new.measurements)
    ]


def _compare_anchors(old: Policy, new: Policy) -> Difference:
    if old.trust_anchor.certificate == new.trust_anchor.certificate:
        return Difference("trust_anchor")
    return Difference(
        "trust_anchor",
        (f'every document under "{old.trust_anchor.name}" is refused',),
        (f'documents under "{new.trust_anchor.name}" are believed',),
    )


def covers_field(wide: FieldRule, narrow: FieldRule) -> bool:
    """Say whether every field that meets `narrow` meets `wide`."""
    return (
        isinstance(wide, NotChecked)
        or (isinstance(wide, Present) and isinstance(narrow, (Present, Equals)))
        or (wide == narrow and not isinstance(narrow, NotChecked))
    )


def _compare_fields(name: str, old: FieldRule, new: FieldRule) -> Difference:
    return Difference(
        name,
        () if covers_field(new, old) else (f"was: {field_rule(old)}; now it {field_rule(new)}",),
        () if covers_field(old, new) else (f"now it {field_rule(new)}; was: {field_rule(old)}",),
    )


def compare_freshness(old: Freshness, new: Freshness) -> Difference:
    """Compare the nonce, the age and the clock, each by itself."""
    stricter: list[str] = []
    looser: list[str] = []
    if isinstance(old, FreshNonce) != isinstance(new, FreshNonce):
        changed, text = (
            (stricter, "a nonce is asked for")
            if isinstance(new, FreshNonce)
            else (looser, "no nonce is asked for")
        )
        changed.append(text)
    for word, before, after in (
        ("older", old.max_age, new.max_age),
        ("further in the future", old.max_clock_skew, new.max_clock_skew),
    ):
        if after < before:
            stricter.append(f"documents may be no {word} than {after}, was {before}")
        if after > before:
            looser.append(f"documents may be {word}: {after}, was {before}")
    return Difference("freshness", tuple(stricter), tuple(looser))


def covers_set(wide: Measurements, narrow: Measurements) -> bool:
    """Say whether every document that matches `narrow` matches `wide`.

    A PCR has 2 to the power of 384 values, so no union of pinned sets covers a set that leaves the
    PCR open: looking at two sets at a time is enough.
    """
    if KIND_OF_SET[type(wide)] is not KIND_OF_SET[type(narrow)]:
        return False
    if isinstance(wide, AnyNitroTpm):
        return True
    if isinstance(wide, DebugEnclave) or isinstance(narrow, DebugEnclave):
        return isinstance(wide, DebugEnclave) and isinstance(narrow, DebugEnclave)
    if isinstance(wide, AnyEnclave):
        return True
    if isinstance(narrow, (AnyEnclave, AnyNitroTpm)):
        return False
    return _pinned(wide).items() <= _pinned(narrow).items()


def _pinned(measurements: EnclaveMeasurements | NitroTpmMeasurements) -> dict[int, Sha384]:
    return {index: rule for index, _, rule in pcr_rules(measurements) if isinstance(rule, Sha384)}


def compare_sets(old: tuple[Measurements, ...], new: tuple[Measurements, ...]) -> Difference:
    """Compare the sets: which of the old are no longer covered, and which of the new were not."""
    gone = _uncovered(old, new)
    added = _uncovered(new, old)
    return Difference(
        "measurements",
        tuple(
            f"documents of {name_of_set(found)} are refused{_pcr_words(found, new)}"
            for found in gone
        ),
        tuple(
            f"documents of {name_of_set(found)} are believed{_pcr_words(found, old)}"
            for found in added
        ),
    )


def _uncovered(sets: tuple[Measurements, ...], by: tuple[Measurements, ...]) -> list[Measurements]:
    return [found for found in sets if not any(covers_set(wide, found) for wide in by)]


def _pcr_words(found: Measurements, others: tuple[Measurements, ...]) -> str:
    """Name the PCRs in which a set differs from the one of the same label on the other side."""
    if not isinstance(found, (EnclaveMeasurements, NitroTpmMeasurements)):
        return ""
    for other in others:
        if isinstance(other, type(found)) and other.label == found.label:
            mine, theirs = _pinned(found), _pinned(other)
            names = ", ".join(
                f"PCR{index}"
                for index in sorted(mine.keys() | theirs)
                if mine.get(index) != theirs.get(index)
            )
            return f", {names} changed"
    return ""
