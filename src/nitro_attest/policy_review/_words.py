"""The words for kinds, PCRs, trust anchors, sets and rules of fields."""

from collections.abc import Mapping
from typing import Final, assert_never

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
    Measurements,
    NitroTpmMeasurements,
    NotChecked,
    Present,
    Sha384,
    TrustAnchor,
)

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


def field_in_words(rule: FieldRule) -> str:
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


def bytes_of(rule: FieldRule) -> str | None:
    return rule.value.hex() or None if isinstance(rule, Equals) else None


def pinned(measurements: Measurements) -> dict[int, Sha384]:
    return {
        index: rule for index, rule in measurements.pcr_rules().items() if isinstance(rule, Sha384)
    }
