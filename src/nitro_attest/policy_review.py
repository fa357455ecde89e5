"""A policy in words, what deserves a second look in it, and how two policies differ.

For reviewers, and for programs that show a policy to one; `nitro-attest policy show` and `policy
diff` print what is here. Every rule of a policy is described, and a difference is only what can
change a verdict.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, assert_never, final

from nitro_attest import (
    AWS_NITRO_ROOT_G1,
    AWS_US_GOV_NITRO_ROOT_G1,
    Absent,
    AnyEnclave,
    AnyNitroTpm,
    DebugEnclave,
    DocumentKind,
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
    Waiver,
    meaning_of,
)
from nitro_attest._duration import write_duration

__all__ = [
    "KIND_NAMES",
    "PCR_NAMES",
    "Demand",
    "Difference",
    "PcrDescription",
    "PolicyDescription",
    "SetDescription",
    "anchor_in_words",
    "compare",
    "describe",
    "name_of_set",
    "remarks",
    "same_words",
]

KIND_NAMES: Final[Mapping[DocumentKind, str]] = {
    DocumentKind.ENCLAVE: "Nitro Enclave",
    DocumentKind.NITRO_TPM: "EC2 instance with NitroTPM",
}
PCR_NAMES: Final[Mapping[DocumentKind, Mapping[int, str]]] = {
    DocumentKind.ENCLAVE: {
        0: "image",
        1: "kernel",
        2: "application",
        3: "IAM role",
        4: "instance",
        8: "signing cert.",
    },
    DocumentKind.NITRO_TPM: {4: "boot manager", 7: "Secure Boot", 12: "command line"},
}
"""What the PCRs measure that every set decides on, in at most 13 characters."""

_ROOTS: Final[Mapping[str, str]] = {
    AWS_NITRO_ROOT_G1.sha256: "the root of AWS (commercial regions)",
    AWS_US_GOV_NITRO_ROOT_G1.sha256: "the root of AWS GovCloud (US)",
}
_USUAL_AGE: Final = timedelta(minutes=5)


@final
@dataclass(frozen=True, slots=True)
class Demand:
    """One demand of a policy in words, with the bytes that it names in hex digits."""

    text: str
    digits: str | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PcrDescription:
    """The rule for one PCR, with what the PCR measures and what the value is known to mean."""

    index: int
    name: str
    rule: Sha384 | NotChecked
    meaning: str | None


@final
@dataclass(frozen=True, slots=True)
class SetDescription:
    """One measurement set: what it is called, and the rule for each of its PCRs."""

    title: str
    pcrs: tuple[PcrDescription, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDescription:
    """A whole policy in words: what it does not check, its demands, and its measurement sets."""

    digest: str
    waivers: tuple[Waiver, ...]
    kind: str
    demands: tuple[Demand, ...]
    sets: tuple[SetDescription, ...]
    remarks: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True)
class Difference:
    """How one rule changes: what it newly rejects and what it newly accepts, each in words."""

    rule: str
    stricter: tuple[str, ...] = ()
    looser: tuple[str, ...] = ()


def describe(policy: Policy) -> PolicyDescription:
    """Return the whole policy in words."""
    sets = policy.measurements
    unknown = "may have" if isinstance(policy.unknown_fields, NotChecked) else "has no"
    return PolicyDescription(
        digest=policy.digest(),
        waivers=policy.waivers(),
        kind=KIND_NAMES[sets[0].kind],
        demands=(
            Demand(
                f"its certificate chain begins with {anchor_in_words(policy.trust_anchor)}, "
                "SHA-256",
                policy.trust_anchor.sha256,
            ),
            Demand(_freshness(policy.freshness)),
            Demand(f"its public_key {_field(policy.public_key)}", _bytes_of(policy.public_key)),
            Demand(f"its user_data {_field(policy.user_data)}", _bytes_of(policy.user_data)),
            Demand(f"it {unknown} fields that AWS does not list"),
            Demand(
                "its PCRs match this set"
                if len(sets) == 1
                else f"its PCRs match every value of one of these {len(sets)} sets"
            ),
        ),
        sets=tuple(SetDescription(name_of_set(found), _pcrs(found)) for found in sets),
        remarks=remarks(policy),
    )


def anchor_in_words(anchor: TrustAnchor) -> str:
    """Return what a trust anchor is; one that is not AWS's is said to be none, in capitals."""
    if not anchor.is_root_of_aws:
        return f'"{anchor.name}", NOT A ROOT OF AWS'
    return _ROOTS.get(anchor.sha256, f'the root "{anchor.name}" of AWS')


def name_of_set(measurements: Measurements) -> str:
    """Return the label of a set in quotation marks, or what a set without one accepts."""
    match measurements:
        case EnclaveMeasurements() | NitroTpmMeasurements():
            return f'"{measurements.label}"'
        case AnyEnclave():
            return "any enclave that is not in debug mode"
        case DebugEnclave():
            return "any enclave IN DEBUG MODE"
        case AnyNitroTpm():
            return "any instance with NitroTPM"
    assert_never(measurements)


def remarks(policy: Policy) -> tuple[str, ...]:
    """Return what a reviewer should look at twice, beyond the checks that the policy skips."""
    found: list[str] = []
    if not policy.trust_anchor.is_root_of_aws:
        found.append(
            "trust_anchor is not a root of AWS: whoever has its private key decides which "
            "documents are accepted."
        )
    if isinstance(policy.freshness, TimestampOnly):
        found.append(
            "freshness: without a nonce, a document can be replayed until max_age has passed."
        )
    if policy.freshness.max_age > _USUAL_AGE:
        found.append(
            f"freshness: a max_age of {write_duration(policy.freshness.max_age)} is longer than "
            "usual."
        )
    for measurements in policy.measurements:
        name = name_of_set(measurements)
        found += [f"{name}: {text}" for text in _remarks_of_set(measurements)]
    return tuple(found)


def _remarks_of_set(measurements: Measurements) -> list[str]:
    match measurements:
        case EnclaveMeasurements():
            return _remarks_of_enclave(measurements)
        case NitroTpmMeasurements():
            return _remarks_of_nitro_tpm(measurements)
        case AnyEnclave() | AnyNitroTpm():
            return ["anybody with an AWS account can run code that matches."]
        case DebugEnclave():
            return ["its host can read the console, and no PCR says which code runs."]
    assert_never(measurements)


def _remarks_of_enclave(measurements: EnclaveMeasurements) -> list[str]:
    pinned = _pinned(measurements)
    found: list[str] = []
    if 0 in pinned and not {1, 2} <= pinned.keys():
        found.append(
            "PCR0 without PCR1 and PCR2 is weak: bytes can move between the parts of an image "
            "without changing it."
        )
    if 0 not in pinned and not {1, 2} <= pinned.keys():
        found.append(
            "PCR8 alone trusts a signing key: every image ever signed with it matches, old ones "
            "too."
        )
    if not {3, 4} & pinned.keys():
        found.append("PCR3 and PCR4 are not checked: the enclave may run in anybody's AWS account.")
    return found


def _remarks_of_nitro_tpm(measurements: NitroTpmMeasurements) -> list[str]:
    pinned = _pinned(measurements)
    found: list[str] = []
    if not {4, 12} <= pinned.keys():
        found.append(
            "only PCR7: trust in a signing key. Every image signed under the enrolled keys "
            "matches, old ones too."
        )
    elif pinned[12] == Sha384.ZERO and not {8, 9} <= pinned.keys():
        found.append(
            "a zero PCR12 says nothing if a boot loader such as GRUB reads the command line "
            "elsewhere: pin PCR8 and PCR9 too, or use a unified kernel image."
        )
    return found


def _pcrs(measurements: Measurements) -> tuple[PcrDescription, ...]:
    names = PCR_NAMES[measurements.kind]
    return tuple(
        PcrDescription(
            index=index,
            name=names.get(index, ""),
            rule=rule,
            meaning=meaning_of(measurements.kind, index, rule.value)
            if isinstance(rule, Sha384)
            else None,
        )
        for index, rule in measurements.pcr_rules().items()
    )


def _freshness(rule: Freshness) -> str:
    age, skew = write_duration(rule.max_age), write_duration(rule.max_clock_skew)
    window = f"it is at most {age} old (clocks may differ by {skew})"
    match rule:
        case FreshNonce():
            return f"{window} and carries the nonce that was issued"
        case TimestampOnly():
            return f"{window}; no nonce is demanded"
    assert_never(rule)


def _field(rule: FieldRule) -> str:
    match rule:
        case Present():
            return "has at least one byte, of any value"
        case Absent():
            return "is absent"
        case Equals(value):
            return f"is exactly these {len(value)} bytes" if value else "is there, without a byte"
        case NotChecked():
            return "is not checked"
    assert_never(rule)


def _bytes_of(rule: FieldRule) -> str | None:
    return rule.value.hex() or None if isinstance(rule, Equals) else None


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
    """Return whether labels and reasons are the same; no verdict depends on them."""
    return old.waivers() == new.waivers() and [*map(name_of_set, old.measurements)] == [
        *map(name_of_set, new.measurements)
    ]


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
        text if (digits := _bytes_of(rule)) is None else f"{text}, {digits}"
        for text, rule in ((_field(old), old), (_field(new), new))
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
            return _pinned(wide).items() <= _pinned(narrow).items()


def _pinned(measurements: Measurements) -> dict[int, Sha384]:
    return {
        index: rule for index, rule in measurements.pcr_rules().items() if isinstance(rule, Sha384)
    }


def _changed_pcrs(found: Measurements, others: tuple[Measurements, ...]) -> str:
    """Name the PCRs in which a set differs from the one of the same label in the other policy."""
    for other in others:
        if found.label is not None and other.kind is found.kind and other.label == found.label:
            mine, theirs = _pinned(found), _pinned(other)
            changed = [
                f"PCR{index}"
                for index in sorted(mine.keys() | theirs)
                if mine.get(index) != theirs.get(index)
            ]
            return f": {', '.join(changed)} changed"
    return ""
