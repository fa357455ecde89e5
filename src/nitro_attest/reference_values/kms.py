"""Carry reference values from a KMS key policy to measurements, and from a `Policy` to KMS conditions.

Key policy JSON or a `Policy` comes in, the other goes out with remarks on all that could not be
carried. Never: a condition dropped in silence, or one whose meaning here would be a guess (KMS
developer guide, "condition keys for attested platforms").
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Final, final

from nitro_attest import (
    AWS_NITRO_ROOT_G1,
    AWS_US_GOV_NITRO_ROOT_G1,
    Absent,
    DocumentKind,
    EnclaveMeasurements,
    Equals,
    FieldRule,
    Measurements,
    NitroTpmMeasurements,
    NotChecked,
    Policy,
    PolicyError,
    Sha384,
    TrustAnchor,
)
from nitro_attest._core.measurements import DEBUG_PCRS
from nitro_attest.reference_values._key_policy import (
    PREFIX,
    TPM_PCRS,
    AttestationStatement,
    read_statements,
)

__all__ = ["UNNAMED", "KeyPolicyReading", "KmsStatements", "read_key_policy", "to_kms"]

UNNAMED: Final = "the KMS key policy does not name it"
MAX_SETS: Final = 64  # ours: more than anyone has reviewed; lists multiply
_DEBUG_REMARK: Final = "{label}: no condition on PCR0, PCR1 or PCR2: KMS would also accept an enclave in debug mode, this library never does."


@final
@dataclass(frozen=True, slots=True)
class KeyPolicyReading:
    """Hold the sets a key policy accepts, any of which a document must match, and remarks on what they leave out."""

    measurements: tuple[Measurements, ...]
    remarks: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True)
class KmsStatements:
    """Hold statements for a key policy, as pairs of Sid and condition, and remarks on the rules KMS has no key for.

    They name no Principal, Action and Resource, which no policy for documents knows: KMS refuses
    them until you do.
    """

    statements: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    remarks: tuple[str, ...]

    def to_json(self) -> str:
        """Return the statements as JSON, for the `Statement` of a key policy."""
        statements = [
            {
                "Sid": sid,
                "Effect": "Allow",
                "Condition": {"StringEqualsIgnoreCase": dict(conditions)},
            }
            for sid, conditions in self.statements
        ]
        return json.dumps({"Statement": statements}, indent=2)


def read_key_policy(key_policy: bytes | str, *, source: str = "key policy") -> KeyPolicyReading:
    """Return the sets that the Allow statements of a KMS key policy accept.

    KMS lists the values of each PCR by itself; here a document must match one whole set, so lists
    are multiplied out. A PCR that a statement does not name is waived with the reason `UNNAMED`.
    KMS says nothing of freshness, public key and user
    data: those are the caller's to decide.

    Raises:
        PolicyError: It is no key policy, no statement looks at documents, it says something that
            cannot be carried over exactly, sets are for both kinds of document, or there are more
            than 64.

    """
    statements, remarks = read_statements(key_policy, source)
    if not statements:
        raise PolicyError(source, f"no statement allows anything by a condition on {PREFIX}...")
    if len({statement.kind for statement in statements}) > 1:
        raise PolicyError(
            source,
            "conditions on enclaves and on NitroTPM: a Policy is for one kind, split the statements",
        )
    count = sum(prod(map(len, statement.values.values())) for statement in statements)
    if count > MAX_SETS:
        raise PolicyError(source, f"the lists multiply out to {count} sets, more than {MAX_SETS}")
    sets = [measurements for statement in statements for measurements in _expand(statement)]
    debug = [
        _DEBUG_REMARK.format(label=found.label) for found in sets if _lets_debug_pass_in_kms(found)
    ]
    return KeyPolicyReading(tuple(sets), (*remarks, *debug))


def to_kms(policy: Policy) -> KmsStatements:
    """Return one statement for each set of `policy`, with remarks on each rule that KMS does not have.

    Raises:
        PolicyError: KMS would accept documents whose code this policy does not name (`AnyEnclave`,
            `DebugEnclave`, `AnyNitroTpm`, a PCR without a key), or could accept none (`public_key`
            absent, another root).

    """
    remarks: list[str] = []
    statements: list[tuple[str, tuple[tuple[str, str], ...]]] = []
    for index, measurements in enumerate(policy.measurements):
        field = f"Policy.measurements[{index}]"
        if not isinstance(measurements, (EnclaveMeasurements, NitroTpmMeasurements)):
            raise PolicyError(
                field, f"KMS has no condition for {type(measurements).__name__}: name the builds"
            )
        statements.append(
            (_sid(measurements.label, index, statements, remarks), _conditions(measurements, field))
        )
        remarks.extend(
            f'{measurements.label}: {waiver.subject} is not checked; the reason "{waiver.because}" has no place in a key policy.'
            for waiver in measurements.waivers()
            if waiver.because != UNNAMED
        )
        if _lets_debug_pass_in_kms(measurements):
            remarks.append(_DEBUG_REMARK.format(label=measurements.label))
    remarks.extend(_remarks_on_rules(policy))
    return KmsStatements(tuple(statements), tuple(remarks))


def _expand(statement: AttestationStatement) -> list[EnclaveMeasurements | NitroTpmMeasurements]:
    """Return every combination of one value for each PCR, as whole sets."""
    combinations = list(product(*statement.values.values()))
    sets: list[EnclaveMeasurements | NitroTpmMeasurements] = []
    for number, values in enumerate(combinations, start=1):
        label = (
            statement.label
            if len(combinations) == 1
            else f"{statement.label} ({number} of {len(combinations)})"
        )
        try:
            sets.append(
                _make_set(statement.kind, label, dict(zip(statement.values, values, strict=True)))
            )
        except PolicyError as exc:
            raise PolicyError(statement.place, f"{exc.field}: {exc.problem}") from exc
    return sets


def _make_set(
    kind: DocumentKind, label: str, pcrs: Mapping[int, Sha384]
) -> EnclaveMeasurements | NitroTpmMeasurements:
    def rule(index: int) -> Sha384 | NotChecked:
        return pcrs.get(index, NotChecked(UNNAMED))

    def others(*named: int) -> tuple[tuple[int, Sha384], ...]:
        return tuple((index, value) for index, value in pcrs.items() if index not in named)

    if kind is DocumentKind.ENCLAVE:
        return EnclaveMeasurements(
            label=label,
            pcr0_image=rule(0),
            pcr1_kernel=rule(1),
            pcr2_application=rule(2),
            pcr3_iam_role=rule(3),
            pcr4_instance_id=rule(4),
            pcr8_signing_certificate=rule(8),
            other_pcrs=others(0, 1, 2, 3, 4, 8),
        )
    return NitroTpmMeasurements(
        label=label,
        pcr4_boot_manager=rule(4),
        pcr7_secure_boot=rule(7),
        pcr12_command_line=rule(12),
        other_pcrs=others(4, 7, 12),
    )


def _lets_debug_pass_in_kms(measurements: EnclaveMeasurements | NitroTpmMeasurements) -> bool:
    pinned = {index for index, rule in measurements.pcr_rules().items() if isinstance(rule, Sha384)}
    return isinstance(measurements, EnclaveMeasurements) and pinned.isdisjoint(DEBUG_PCRS)


def _conditions(
    measurements: EnclaveMeasurements | NitroTpmMeasurements, field: str
) -> tuple[tuple[str, str], ...]:
    prefix = (
        f"{PREFIX}NitroTPMPCR" if isinstance(measurements, NitroTpmMeasurements) else f"{PREFIX}PCR"
    )
    pinned = sorted(
        (index, rule.hex())
        for index, rule in measurements.pcr_rules().items()
        if isinstance(rule, Sha384)
    )
    if isinstance(measurements, NitroTpmMeasurements) and pinned[-1][0] >= TPM_PCRS:
        raise PolicyError(
            f"{field}.other_pcrs", f"KMS has no key for PCR{pinned[-1][0]} of NitroTPM"
        )
    return tuple((f"{prefix}{index}", digits) for index, digits in pinned)


def _sid(
    label: str,
    index: int,
    before: list[tuple[str, tuple[tuple[str, str], ...]]],
    remarks: list[str],
) -> str:
    """Return the label as a Sid: letters, digits and spaces, not used before (KMS developer guide, "key policy format")."""
    sid = re.sub(r"[^A-Za-z0-9 ]", "", label).strip() or f"Set {index}"
    while sid in {other for other, _ in before}:
        sid = f"{sid} set {index}"
    if sid != label:
        remarks.append(
            f'{label}: a Sid has only letters, digits and spaces and is unique: written as "{sid}".'
        )
    return sid


def _remarks_on_rules(policy: Policy) -> list[str]:
    """Say what KMS does not do of the rules beside the measurements."""
    if isinstance(policy.public_key, Absent):
        raise PolicyError(
            "Policy.public_key",
            "KMS answers only to a document with a public key; this policy wants none",
        )
    remarks = [
        "freshness: KMS checks neither the nonce nor the age of a document, only that its certificates are valid."
    ]
    remarks.extend(
        _remarks_on_field("public_key", policy.public_key)
        if isinstance(policy.public_key, Equals)
        else []
    )
    remarks.extend(_remarks_on_field("user_data", policy.user_data))
    if isinstance(policy.unknown_fields, Absent):
        remarks.append("unknown_fields: KMS has no key for it.")
    return [*remarks, *_remarks_on_anchor(policy.trust_anchor)]


def _remarks_on_field(name: str, rule: FieldRule) -> list[str]:
    return (
        []
        if isinstance(rule, NotChecked)
        else [f"{name}: KMS has no key for it, {type(rule).__name__} is not carried over."]
    )


def _remarks_on_anchor(anchor: TrustAnchor) -> list[str]:
    if anchor == AWS_US_GOV_NITRO_ROOT_G1:
        return [
            "trust_anchor: the KMS of AWS GovCloud (US) trusts this root; use the statements only there."
        ]
    if anchor != AWS_NITRO_ROOT_G1:
        raise PolicyError("Policy.trust_anchor", "KMS trusts the roots of AWS only")
    return []
