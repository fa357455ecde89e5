"""What the review of a key policy finds: codes, their severity and their meaning in one line."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, final

from nitro_attest.reference_values._kms.policy_document import StatementName


@final
class Severity(StrEnum):
    """How bad a finding is, from bad to harmless."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@final
@dataclass(frozen=True, slots=True)
class Finding:
    """One objection to a statement.

    `code` is a key of `FINDING_CODES`. `repaired` are the statements, each as JSON, to put in its
    place: an empty tuple if it should be removed, None if the policy does not say enough to write
    them. What only the owner knows is written `<like this>`.
    """

    code: str
    severity: Severity
    statement: StatementName
    why: str
    repaired: tuple[str, ...] | None


CODES: Final[dict[str, tuple[Severity, str]]] = {
    "no-attestation": (
        Severity.ERROR,
        "An operation that gives away plaintext is allowed without an attestation document.",
    ),
    "attestation-optional": (
        Severity.ERROR,
        "The attestation condition is also met by a request without a document.",
    ),
    "account-delegation": (
        Severity.ERROR,
        "The account's IAM policies decide about plaintext, not this key policy.",
    ),
    "administrator-path": (
        Severity.ERROR,
        "An administrator of the key can get at plaintext without an attestation document.",
    ),
    "unguarded-path": (
        Severity.ERROR,
        "ReEncryptFrom or CreateGrant leads to plaintext, and no document can be required for it.",
    ),
    "policy-change": (
        Severity.WARNING,
        "Whoever may call PutKeyPolicy can replace this policy with any other.",
    ),
    "unattested-operation": (
        Severity.WARNING,
        "Sign or GenerateMac is allowed, and no document can be required for it.",
    ),
    "wildcard-principal": (Severity.ERROR, "An Allow names everyone."),
    "wildcard-action": (
        Severity.WARNING,
        "A wildcard in an Allow covers operations that lead to plaintext or change the policy.",
    ),
    "not-principal": (Severity.ERROR, "An Allow names everyone except some principals."),
    "not-action": (Severity.ERROR, "An Allow covers every operation except some."),
    "no-resource": (Severity.ERROR, "A statement without Resource has no effect."),
    "other-resource": (Severity.WARNING, 'In a key policy only "*" is sure to mean this key.'),
    "unknown-key": (Severity.ERROR, "The condition key does not exist."),
    "unknown-operator": (Severity.ERROR, "The condition operator does not exist."),
    "placeholder": (
        Severity.ERROR,
        "What a repair leaves to the owner of the key, <like this>, is still in the statement.",
    ),
    "upper-case": (
        Severity.ERROR,
        "KMS compares with lower-case hex digits, so upper-case digits are never equal.",
    ),
    "not-a-digest": (Severity.ERROR, "A PCR value is not 96 hex digits, so no PCR is equal to it."),
    "debug-value": (Severity.ERROR, "Zero in PCR0, PCR1 or PCR2 is an enclave in debug mode."),
    "debug-allowed": (
        Severity.WARNING,
        "Nothing pins PCR0, PCR1 or PCR2, so an enclave in debug mode is accepted.",
    ),
    "secure-boot-off": (
        Severity.ERROR,
        "PCR7 with Secure Boot off is the same for every image.",
    ),
    "pins-nothing": (Severity.ERROR, "A PCR value is shared by unrelated images."),
    "wrong-platform": (
        Severity.ERROR,
        "PCR4, PCR7 and PCR12 of an instance with NitroTPM have keys of their own.",
    ),
    "pcr0-only": (
        Severity.WARNING,
        "PCR0 alone does not fix where the kernel ends and the application begins.",
    ),
    "pcr2-alone": (
        Severity.ERROR,
        "PCR2 alone is the application under any kernel and any init.",
    ),
    "no-identity": (Severity.ERROR, "The PCRs of the condition do not identify code."),
    "mixed-builds": (
        Severity.WARNING,
        "Lists for several PCRs accept values of different builds together.",
    ),
    "never-allows": (Severity.WARNING, "A Deny denies what this policy wants to allow."),
    "context-not-bound": (
        Severity.NOTE,
        "No condition binds the encryption context, so any ciphertext under the key is decrypted.",
    ),
    "undecidable": (
        Severity.NOTE,
        "The statement holds something that this library cannot evaluate exactly.",
    ),
}
