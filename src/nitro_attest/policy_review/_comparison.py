"""Compare two policies rule by rule: what is newly rejected, and what is newly accepted."""

from collections import Counter
from dataclasses import dataclass
from typing import final

from nitro_attest import (
    AnyEnclave,
    AnyNitroTpm,
    DebugEnclave,
    Equals,
    FieldRule,
    Freshness,
    FreshNonce,
    Measurements,
    NotChecked,
    Policy,
    Present,
    TrustAnchor,
)
from nitro_attest._duration import write_duration
from nitro_attest.policy_review._words import (
    anchor_in_words,
    bytes_of,
    field_in_words,
    name_of_set,
    pinned,
)


@final
@dataclass(frozen=True, slots=True)
class Difference:
    """How one rule changes: what it newly rejects and what it newly accepts, each in words."""

    rule: str
    stricter: tuple[str, ...] = ()
    looser: tuple[str, ...] = ()


def compare(old: Policy, new: Policy) -> tuple[Difference, ...]:
    """Return one difference for each rule, in the order of a policy file.

    Each rule is compared by itself: it is stricter if a document exists that meets the old rule and
    not the new one, and looser the other way round. A rule can be both.
    """
    return (
        _compare_anchors(old.trust_anchor, new.trust_anchor),
        _compare_fields("public_key", old.public_key, new.public_key),
        _compare_fields("user_data", old.user_data, new.user_data),
        _compare_fields("unknown_fields", old.unknown_fields, new.unknown_fields),
        _compare_freshness(old.freshness, new.freshness),
        _compare_sets(old.measurements, new.measurements),
    )


def same_words(old: Policy, new: Policy) -> bool:
    """Return whether names, labels and reasons are the same; no verdict depends on them.

    The order of the sets does not matter.
    """
    return _words(old) == _words(new)


def _words(policy: Policy) -> Counter[object]:
    fields = {"freshness", "public_key", "user_data", "unknown_fields"}
    return Counter(
        (
            policy.trust_anchor.name,
            *(waiver for waiver in policy.waivers() if waiver.subject in fields),
            *((name_of_set(found), found.waivers()) for found in policy.measurements),
        )
    )


def _compare_anchors(old: TrustAnchor, new: TrustAnchor) -> Difference:
    if old.certificate == new.certificate:
        return Difference("trust_anchor")
    return Difference(
        "trust_anchor",
        (f"documents under {anchor_in_words(old)} are rejected",),
        (f"documents under {anchor_in_words(new)} are accepted",),
    )


def _covers_field(wide: FieldRule, narrow: FieldRule) -> bool:
    """Return whether every field that meets `narrow` meets `wide`."""
    match wide, narrow:
        case NotChecked(), _:
            return True
        case _, NotChecked():
            return False
        case Present(), Equals(value):
            return bool(value)
        case _:
            return wide == narrow


def _compare_fields(name: str, old: FieldRule, new: FieldRule) -> Difference:
    before, after = (
        text if (digits := bytes_of(rule)) is None else f"{text}, {digits}"
        for text, rule in ((field_in_words(old), old), (field_in_words(new), new))
    )
    change = (f"it now {after}; before, it {before}",)
    return Difference(
        name,
        () if _covers_field(new, old) else change,
        () if _covers_field(old, new) else change,
    )


def _compare_freshness(old: Freshness, new: Freshness) -> Difference:
    """Compare the nonce, the age and the clock, each by itself."""
    stricter: list[str] = []
    looser: list[str] = []
    if isinstance(new, FreshNonce) and not isinstance(old, FreshNonce):
        stricter.append("a nonce is demanded")
    if isinstance(old, FreshNonce) and not isinstance(new, FreshNonce):
        looser.append("no nonce is demanded")
    for name, before, after in (
        ("max_age", old.max_age, new.max_age),
        ("max_clock_skew", old.max_clock_skew, new.max_clock_skew),
    ):
        change = f"{name} is {write_duration(after)}; before, it was {write_duration(before)}"
        if after < before:
            stricter.append(change)
        if after > before:
            looser.append(change)
    return Difference("freshness", tuple(stricter), tuple(looser))


def _compare_sets(old: tuple[Measurements, ...], new: tuple[Measurements, ...]) -> Difference:
    """Compare the sets: which of the old are no longer covered, and which of the new were not."""
    return Difference(
        "measurements",
        tuple(
            f"documents of {name_of_set(found)} are rejected{_changed_pcrs(found, new)}"
            for found in _uncovered(old, new)
        ),
        tuple(
            f"documents of {name_of_set(found)} are accepted{_changed_pcrs(found, old)}"
            for found in _uncovered(new, old)
        ),
    )


def _uncovered(sets: tuple[Measurements, ...], by: tuple[Measurements, ...]) -> list[Measurements]:
    return [found for found in sets if not any(_covers_set(wide, found) for wide in by)]


def _covers_set(wide: Measurements, narrow: Measurements) -> bool:
    """Return whether every document that matches `narrow` matches `wide`.

    A PCR has 2 to the power of 384 values, so no union of pinned sets covers a set that does not
    check the PCR: looking at two sets at a time is enough.
    """
    if wide.kind is not narrow.kind:
        return False
    match wide, narrow:
        case DebugEnclave(), DebugEnclave():
            return True
        case (DebugEnclave(), _) | (_, DebugEnclave()):
            return False
        case ((AnyEnclave() | AnyNitroTpm()), _):
            return True
        case _, (AnyEnclave() | AnyNitroTpm()):
            return False
        case _:
            return pinned(wide).items() <= pinned(narrow).items()


def _changed_pcrs(found: Measurements, others: tuple[Measurements, ...]) -> str:
    """Name the PCRs in which a set differs from the one of the same label in the other policy."""
    for other in others:
        if found.label is not None and other.kind is found.kind and other.label == found.label:
            mine, theirs = pinned(found), pinned(other)
            changed = [
                f"PCR{index}"
                for index in sorted(mine.keys() | theirs)
                if mine.get(index) != theirs.get(index)
            ]
            return f": {', '.join(changed)} changed"
    return ""
