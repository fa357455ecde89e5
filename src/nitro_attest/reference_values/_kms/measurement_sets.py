"""A KMS key policy read as measurement sets, any of which a document must match.

Source: KMS developer guide, "Condition keys for attested platforms". KMS lists the values of each
PCR by itself; here a document must match one whole set, so lists are multiplied out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Final, final

from nitro_attest import (
    DocumentKind,
    EnclaveMeasurements,
    Measurements,
    NitroTpmMeasurements,
    NotChecked,
    PolicyError,
    Sha384,
)
from nitro_attest.reference_values._kms.attestation_statements import (
    PREFIX,
    AttestationStatement,
    read_statements,
)

_ZERO_IN_DEBUG_MODE: Final = (0, 1, 2)
UNNAMED: Final = "the KMS key policy does not name it"
TPM_PCRS: Final = 24  # KMS has keys NitroTPMPCR0 to NitroTPMPCR23
MAX_SETS: Final = 64  # ours: more than anyone has reviewed; lists multiply
DEBUG_REMARK: Final = (
    "{label}: no condition on PCR0, PCR1 or PCR2: KMS would also accept an enclave in "
    "debug mode, this library never does."
)


@final
@dataclass(frozen=True, slots=True)
class KeyPolicyReading:
    """The sets a key policy accepts, any of which a document must match, and remarks."""

    measurements: tuple[Measurements, ...]
    remarks: tuple[str, ...]


def read_key_policy(key_policy: bytes | str, *, source: str = "key policy") -> KeyPolicyReading:
    """Return the sets that a KMS key policy accepts, whoever asks and for whatever operation.

    KMS lists the values of each PCR by itself; here a document must match one whole set, so lists
    are multiplied out. A Deny that everybody without certain values meets takes away from them. A
    PCR that no statement names is waived with the reason `UNNAMED`. The statements are merged,
    with a remark if they differ in Principal, Action or Resource: review with the result, and
    decide about a single request with `simulate`. Freshness, public key and user data are not part
    of a key policy.

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
            (
                "conditions on enclaves and on NitroTPM: a Policy is for one kind, split "
                "the statements"
            ),
        )
    count = sum(prod(map(len, statement.values.values())) for statement in statements)
    if count > MAX_SETS:
        raise PolicyError(source, f"the lists multiply out to {count} sets, more than {MAX_SETS}")
    sets = [measurements for statement in statements for measurements in _expand(statement)]
    debug = [
        DEBUG_REMARK.format(label=found.label) for found in sets if lets_debug_pass_in_kms(found)
    ]
    return KeyPolicyReading(tuple(sets), (*remarks, *debug))


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


def lets_debug_pass_in_kms(measurements: EnclaveMeasurements | NitroTpmMeasurements) -> bool:
    pinned = {index for index, rule in measurements.pcr_rules().items() if isinstance(rule, Sha384)}
    return isinstance(measurements, EnclaveMeasurements) and pinned.isdisjoint(_ZERO_IN_DEBUG_MODE)
