"""Describe a policy in words, and remark on what deserves a second look in it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, assert_never, final

from nitro_attest import (
    AnyEnclave,
    AnyNitroTpm,
    DebugEnclave,
    EnclaveMeasurements,
    Freshness,
    FreshNonce,
    Measurements,
    NitroTpmMeasurements,
    NotChecked,
    Policy,
    Sha384,
    TimestampOnly,
    Waiver,
    meaning_of,
)
from nitro_attest._duration import write_duration
from nitro_attest.policy_review._words import (
    KIND_NAMES,
    PCR_NAMES,
    anchor_in_words,
    bytes_of,
    field_in_words,
    name_of_set,
    pinned,
)

BOOT_LOADER_NOTE: Final = "PCR8 is set: the boot loader's commands; a zero PCR12 says nothing"
"""What a NitroTPM document or policy with a zero PCR12 and a PCR8 that is not zero needs to say."""

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
            Demand(
                f"its public_key {field_in_words(policy.public_key)}", bytes_of(policy.public_key)
            ),
            Demand(f"its user_data {field_in_words(policy.user_data)}", bytes_of(policy.user_data)),
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
    values = pinned(measurements)
    found: list[str] = []
    if 0 in values and not {1, 2} <= values.keys():
        found.append(
            "PCR0 without PCR1 and PCR2 is weak: bytes can move between the parts of an image "
            "without changing it."
        )
    if 0 not in values and not {1, 2} <= values.keys():
        found.append(
            "PCR8 alone trusts a signing key: every image ever signed with it matches, old ones "
            "too."
        )
    if not {3, 4} & values.keys():
        found.append("PCR3 and PCR4 are not checked: the enclave may run in anybody's AWS account.")
    return found


def _remarks_of_nitro_tpm(measurements: NitroTpmMeasurements) -> list[str]:
    values = pinned(measurements)
    found: list[str] = []
    if not {4, 12} <= values.keys():
        found.append(
            "only PCR7: trust in a signing key. Every image signed under the enrolled keys "
            "matches, old ones too."
        )
    elif values[12] == Sha384.ZERO and values.get(8, Sha384.ZERO) != Sha384.ZERO:
        found.append(f"{BOOT_LOADER_NOTE}.")
    elif values[12] == Sha384.ZERO and not {8, 9} <= values.keys():
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
