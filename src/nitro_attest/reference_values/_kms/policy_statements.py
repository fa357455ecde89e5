"""A `Policy` written as statements of a KMS key policy.

Source: KMS developer guide, "Condition keys for attested platforms". Every rule of the policy that
KMS has no condition key for is named in a remark.
"""

import json
import re
from dataclasses import dataclass
from typing import final

from nitro_attest import (
    AWS_NITRO_ROOT_G1,
    AWS_US_GOV_NITRO_ROOT_G1,
    Absent,
    EnclaveMeasurements,
    Equals,
    FieldRule,
    NitroTpmMeasurements,
    NotChecked,
    Policy,
    PolicyError,
    Sha384,
    TrustAnchor,
)
from nitro_attest.reference_values._kms.attestation_statements import PREFIX
from nitro_attest.reference_values._kms.measurement_sets import (
    DEBUG_REMARK,
    TPM_PCRS,
    UNNAMED,
    lets_debug_pass_in_kms,
)


@final
@dataclass(frozen=True, slots=True)
class KmsStatements:
    """Statements for a key policy, as pairs of Sid and condition, and remarks.

    They name no Principal, Action and Resource, which no policy for documents knows: KMS rejects
    them until you add those.
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


def to_kms(policy: Policy) -> KmsStatements:
    """Return one statement for each set of `policy`, and remarks on rules that KMS does not have.

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
            f"{measurements.label}: {waiver.subject} is not checked; the reason "
            f'"{waiver.because}" has no place in a key policy.'
            for waiver in measurements.waivers()
            if waiver.because != UNNAMED
        )
        if lets_debug_pass_in_kms(measurements):
            remarks.append(DEBUG_REMARK.format(label=measurements.label))
    remarks.extend(_remarks_on_rules(policy))
    return KmsStatements(tuple(statements), tuple(remarks))


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
    """Return the label as a Sid: letters, digits and spaces, not used before.

    Source: KMS developer guide, "key policy format".
    """
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
        (
            "freshness: KMS checks neither the nonce nor the age of a document, only "
            "that its certificates are valid."
        )
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
            (
                "trust_anchor: the KMS of AWS GovCloud (US) trusts this root; use the "
                "statements only there."
            )
        ]
    if anchor != AWS_NITRO_ROOT_G1:
        raise PolicyError("Policy.trust_anchor", "KMS trusts the roots of AWS only")
    return []
