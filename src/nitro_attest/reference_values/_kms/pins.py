"""What an Allow and the Deny statements for everyone demand of an attestation document."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from nitro_attest import DocumentKind
from nitro_attest.reference_values._kms.conditions import (
    Comparison,
    Operator,
    Quantifier,
    read_operator,
)
from nitro_attest.reference_values._kms.operations import TAKE_A_DOCUMENT, covers
from nitro_attest.reference_values._kms.patterns import ascii_lower
from nitro_attest.reference_values._kms.policy_document import (
    Condition,
    Effect,
    KeyPolicy,
    Statement,
)
from nitro_attest.reference_values._kms.repairs import PREFIX, is_attestation
from nitro_attest.reference_values._kms.request import read_pcr_key


@final
@dataclass(frozen=True, slots=True)
class Pins:
    """What an Allow demands of a document: values by PCR, lower-case digits."""

    kind: DocumentKind
    values: Mapping[int, tuple[str, ...]]

    def key(self, index: int) -> str:
        """Return the condition key of a PCR."""
        return PREFIX + self.name(index)

    def name(self, index: int) -> str:
        """Return a PCR's name in condition keys."""
        return f"NitroTPMPCR{index}" if self.kind is DocumentKind.NITRO_TPM else f"PCR{index}"


def pins_of(statement: Statement, policy: KeyPolicy) -> Pins | None:
    """Return what is demanded of a document; None if the statement takes none."""
    if statement.actions is None or not any(
        covers(statement.actions, operation) for operation in TAKE_A_DOCUMENT
    ):
        return None
    values: dict[int, tuple[str, ...]] = {}
    kinds: set[DocumentKind] = set()
    for condition in (*statement.conditions, *_guarding(policy)):
        operator = read_operator(condition.operator)
        found = read_pcr_key(ascii_lower(condition.key))
        if found is None or operator is None or not is_comparison(condition, operator):
            continue
        is_own = condition in statement.conditions
        if operator.negated is is_own or operator.quantifier is Quantifier.ALL:
            continue
        kinds.add(found[0])
        listed = tuple(ascii_lower(text) for text in condition.values)
        before = values.get(found[1], listed)
        values[found[1]] = tuple(text for text in before if text in listed) or before
    return Pins(kinds.pop(), values) if len(kinds) == 1 else None


def _guarding(policy: KeyPolicy) -> list[Condition]:
    """Return the single conditions on which the policy denies everyone."""
    return [
        statement.conditions[0]
        for statement in policy.statements
        if statement.effect is Effect.DENY
        and len(statement.conditions) == 1
        and statement.principals is not None
        and statement.principals.everyone
        and statement.actions is not None
        and covers(statement.actions, "Decrypt")
    ]


def is_comparison(condition: Condition, operator: Operator | None) -> bool:
    """Return whether a condition compares a PCR with values, equal or not equal."""
    return (
        is_attestation(condition.key)
        and operator is not None
        and operator.comparison in (Comparison.EQUALS, Comparison.EQUALS_IGNORE_CASE)
    )
