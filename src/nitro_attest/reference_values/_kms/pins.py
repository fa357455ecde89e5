"""What an Allow and the Deny statements for everyone demand of an attestation document."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, final

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
    THIS_KEY,
    Condition,
    Effect,
    KeyPolicy,
    Statement,
)
from nitro_attest.reference_values._kms.repairs import PREFIX, is_attestation
from nitro_attest.reference_values._kms.request import read_pcr_key

# Values by PCR, in the order of the policy
_Demanded: TypeAlias = dict[tuple[DocumentKind, int], dict[str, None]]


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


@final
class Guards:
    """What the Deny statements for everyone demand of every document, by operations.

    A Deny counts if its only condition compares a PCR, it is about this key, and it covers all the
    operations. The answer for a set of operations is worked out once.
    """

    def __init__(self, policy: KeyPolicy) -> None:
        self._conditions = [
            (statement.conditions[0], _operations(statement))
            for statement in policy.statements
            if statement.effect is Effect.DENY
            and len(statement.conditions) == 1
            and statement.principals is not None
            and statement.principals.element == "Principal"
            and statement.principals.everyone
            and statement.resources == THIS_KEY
        ]
        self._known: dict[frozenset[str], _Demanded] = {}

    def demand(self, operations: frozenset[str]) -> _Demanded:
        """Return the values that every document for these operations must have."""
        if operations not in self._known:
            conditions = [found for found, denied in self._conditions if operations <= denied]
            self._known[operations] = _demanded(conditions, negated=True)
        return self._known[operations]


def pins_of(statement: Statement, guards: Guards) -> Pins | None:
    """Return what is demanded of a document; None if the statement takes none."""
    operations = _operations(statement)
    if not operations:
        return None
    own, others = _demanded(statement.conditions, negated=False), guards.demand(operations)
    kinds = {kind for kind, _ in (*own, *others)}
    if len(kinds) != 1:
        return None
    values = {index: tuple(listed) for (_, index), listed in own.items()}
    for (_, index), listed in others.items():
        before = values.get(index, tuple(listed))
        values[index] = tuple(text for text in before if text in listed) or before
    return Pins(kinds.pop(), values)


def _operations(statement: Statement) -> frozenset[str]:
    """Return the operations with a document that a statement covers."""
    return frozenset(
        operation
        for operation in TAKE_A_DOCUMENT
        if statement.actions is not None and covers(statement.actions, operation)
    )


def _demanded(conditions: Iterable[Condition], *, negated: bool) -> _Demanded:
    """Return the values that the comparisons of an Allow, or negated ones of a Deny, let pass."""
    values: _Demanded = {}
    for condition in conditions:
        operator = read_operator(condition.operator)
        found = read_pcr_key(ascii_lower(condition.key))
        if found is None or operator is None or not is_comparison(condition, operator):
            continue
        if operator.negated is not negated or operator.quantifier is Quantifier.ALL:
            continue
        listed = dict.fromkeys(ascii_lower(text) for text in condition.values)
        before = values.get(found, listed)
        values[found] = dict.fromkeys(text for text in before if text in listed) or before
    return values


def is_comparison(condition: Condition, operator: Operator | None) -> bool:
    """Return whether a condition compares a PCR with values, equal or not equal.

    A pattern without a wildcard is a value.
    """
    return (
        is_attestation(condition.key)
        and operator is not None
        and (
            operator.comparison in (Comparison.EQUALS, Comparison.EQUALS_IGNORE_CASE)
            or (operator.comparison is Comparison.LIKE and not has_wildcard(condition))
        )
    )


def has_wildcard(condition: Condition) -> bool:
    """Return whether a value of a condition has a star or a question mark."""
    return any("*" in text or "?" in text for text in condition.values)
