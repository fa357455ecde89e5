"""Rules on the digits of PCR values: how many there are, and their case."""

import re
from collections.abc import Callable, Iterator
from typing import Final

from nitro_attest.reference_values._kms.conditions import Comparison, read_operator
from nitro_attest.reference_values._kms.lint_grammar import Found
from nitro_attest.reference_values._kms.patterns import ascii_lower
from nitro_attest.reference_values._kms.pins import is_comparison
from nitro_attest.reference_values._kms.policy_document import Condition, KeyPolicy, Statement
from nitro_attest.reference_values._kms.repairs import (
    as_json,
    placeholder,
    with_conditions,
    written,
)

_DIGEST: Final = re.compile(r"[0-9a-f]{96}")


def digit_findings(policy: KeyPolicy) -> Iterator[Found]:
    """Find values that can never be equal to a PCR, all of a statement at once."""
    for statement in policy.statements:
        yield from _find(statement)


def _find(statement: Statement) -> Iterator[Found]:
    broken: list[Condition] = []
    upper: list[Condition] = []
    for condition in statement.conditions:
        operator = read_operator(condition.operator)
        if operator is None or not is_comparison(condition, operator):
            continue
        lower = [ascii_lower(text) for text in condition.values]
        if not all(_DIGEST.fullmatch(text) for text in lower):
            broken.append(condition)
        elif (
            operator.comparison is not Comparison.EQUALS_IGNORE_CASE
            and tuple(lower) != condition.values
        ):
            upper.append(condition)
    if broken:
        why = f"A value of {broken[0].key} is not 96 hex digits, so no PCR is equal to it."
        fixed = _changed(statement, broken, _as_digest)
        yield "not-a-digest", statement.name, why + _more(broken), fixed
    if upper:
        why = (
            f"{upper[0].operator} of {upper[0].key} has upper-case hex digits, and KMS writes "
            "PCRs in lower case: never equal."
        )
        yield (
            "upper-case",
            statement.name,
            why + _more(upper),
            _changed(statement, upper, ascii_lower),
        )


def _more(found: list[Condition]) -> str:
    """Return how many conditions have the same fault, to end a text with."""
    return "" if len(found) == 1 else f" {len(found) - 1} more like it."


def _as_digest(text: str) -> str:
    return text if _DIGEST.fullmatch(ascii_lower(text)) else placeholder("a PCR")


def _changed(
    statement: Statement, wanted: list[Condition], new_value: Callable[[str], str]
) -> tuple[str, ...]:
    """Return the statement with the values of some conditions changed."""
    places = {(found.operator, found.key) for found in wanted}

    def change(operator: str, key: str, values: list[str]) -> tuple[str, str, list[str]]:
        if (operator, key) not in places:
            return operator, key, values
        return operator, key, [new_value(str(value)) for value in values]

    return as_json(with_conditions(written(statement), change))
