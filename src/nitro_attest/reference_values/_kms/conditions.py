"""Conditions evaluated as IAM documents them, or not at all.

Source: IAM user guide, "Condition operators", "Single-valued vs. multivalued context keys". Every
comment in quotation marks is that text.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final, assert_never, final

from nitro_attest.reference_values._kms.patterns import (
    Variables,
    arn_matches,
    ascii_lower,
    has_variable,
    matches,
    unescaped,
)
from nitro_attest.reference_values._kms.policy_document import Condition
from nitro_attest.reference_values._kms.request import Fact, Facts, KeyType
from nitro_attest.reference_values._kms.truth import Truth, Undecided, all_of, any_of, negated


@final
class Comparison(Enum):
    """How an operator compares one value of the policy with one of the request."""

    EQUALS = "StringEquals"
    EQUALS_IGNORE_CASE = "StringEqualsIgnoreCase"
    LIKE = "StringLike"
    ARN = "ArnLike"
    BOOL = "Bool"
    NULL = "Null"


@final
class Quantifier(Enum):
    """How many of the request's values have to match."""

    ONE = ""
    ANY = "ForAnyValue"
    ALL = "ForAllValues"


@final
@dataclass(frozen=True, slots=True)
class Operator:
    """A condition operator taken apart."""

    quantifier: Quantifier
    comparison: Comparison
    negated: bool
    if_exists: bool


_OPERATOR: Final = re.compile(r"(?:(ForAnyValue|ForAllValues):)?([A-Za-z]+?)(IfExists)?")
_COMPARISONS: Final = {
    "StringEquals": (Comparison.EQUALS, False),
    "StringNotEquals": (Comparison.EQUALS, True),
    "StringEqualsIgnoreCase": (Comparison.EQUALS_IGNORE_CASE, False),
    "StringNotEqualsIgnoreCase": (Comparison.EQUALS_IGNORE_CASE, True),
    "StringLike": (Comparison.LIKE, False),
    "StringNotLike": (Comparison.LIKE, True),
    # "The ArnEquals and ArnLike condition operators behave identically."
    "ArnEquals": (Comparison.ARN, False),
    "ArnLike": (Comparison.ARN, False),
    "ArnNotEquals": (Comparison.ARN, True),
    "ArnNotLike": (Comparison.ARN, True),
    "Bool": (Comparison.BOOL, False),
    "Null": (Comparison.NULL, False),
}
_EMPTY: Final = "whether an empty value is a value or none is not documented"
_STRINGS: Final = frozenset(
    {Comparison.EQUALS, Comparison.EQUALS_IGNORE_CASE, Comparison.LIKE, Comparison.NULL}
)
_FITS: Final = {
    KeyType.STRING: _STRINGS,
    KeyType.STRINGS: _STRINGS,
    KeyType.ARN: _STRINGS | {Comparison.ARN},
    KeyType.BOOL: frozenset({Comparison.BOOL, Comparison.NULL}),
}


def read_operator(written: str) -> Operator | None:
    """Return the operator, None if it is not one of those that are evaluated."""
    found = _OPERATOR.fullmatch(written)
    if found is None or found[2] not in _COMPARISONS:
        return None
    comparison, is_negated = _COMPARISONS[found[2]]
    if comparison is Comparison.NULL and written != "Null":
        return None  # "any condition operator name except the Null condition"
    return Operator(
        quantifier=Quantifier(found[1] or ""),
        comparison=comparison,
        negated=is_negated,
        if_exists=found[3] is not None,
    )


def holds(condition: Condition, request: Facts, variables: Variables) -> Truth:
    """Return whether a condition holds for a request."""
    operator = read_operator(condition.operator)
    if operator is None:
        return Undecided(f"the operator {condition.operator[:60]!a} is not supported")
    if variables is Variables.REPLACED and "${" in condition.key:
        return Undecided("a policy variable in the name of a condition key is not supported")
    fact = request.fact(condition.key)
    if isinstance(fact, Undecided):
        return fact
    if operator.comparison not in _FITS[fact.type]:
        return Undecided(f"{condition.operator} is not meant for a key that is {fact.type.value}")
    answers = {_holds_for(reading, condition, operator, variables) for reading in _readings(fact)}
    return answers.pop() if len(answers) == 1 else Undecided(_EMPTY)


def _readings(fact: Fact) -> tuple[Fact, ...]:
    """Return what AWS's text can take the values for: an empty one is a value, or is none.

    ForAllValues "also returns true [...] if the key values resolve to a null data set, such as an
    empty string", and Null asks whether "its value is not null".
    """
    if "" not in fact.values:
        return (fact,)
    return (fact, Fact(fact.type, tuple(filter(None, fact.values))))


def _holds_for(fact: Fact, condition: Condition, operator: Operator, variables: Variables) -> Truth:
    if operator.comparison is Comparison.NULL:
        return any_of(_is_null(value, fact) for value in condition.values)
    return _matches(condition, operator, fact, variables)


def _matches(condition: Condition, operator: Operator, fact: Fact, variables: Variables) -> Truth:
    """Compare the values of the request with those of the policy."""
    if fact.type is KeyType.STRINGS and operator.quantifier is Quantifier.ONE:
        return Undecided("a key with several values needs ForAnyValue or ForAllValues")
    if not fact.values:
        return _without_value(operator)
    truths = [_value_holds(value, operator, condition, variables) for value in fact.values]
    return all_of(truths) if operator.quantifier is Quantifier.ALL else any_of(truths)


def _is_null(value: str, fact: Fact) -> Truth:
    """Compare with "true (the key doesn't exist)" or "false (the key exists)"."""
    if value not in ("true", "false"):
        return Undecided("the value of Null is neither true nor false")
    return (value == "true") is not bool(fact.values)


def _without_value(operator: Operator) -> Truth:
    """Return the answer for a key that the request does not have."""
    match operator.quantifier:
        case Quantifier.ALL:
            return True  # "returns true if there are no context keys in the request"
        case Quantifier.ANY if operator.if_exists:
            return Undecided("ForAnyValue with IfExists is not documented for an absent key")
        case Quantifier.ANY:
            return False  # "For no matching context key [...] returns false"
        case Quantifier.ONE:
            # "If the key is not present, evaluate the condition element as true." "If the policy
            # condition requires that the key is not matched [...] the condition is true."
            return operator.if_exists or operator.negated
        case _:
            assert_never(operator.quantifier)


def _value_holds(
    value: str, operator: Operator, condition: Condition, variables: Variables
) -> Truth:
    """Compare a value of the request with those of the policy: any, or negated none of them."""
    found = any_of(
        _equal(wanted, value, operator.comparison, variables) for wanted in condition.values
    )
    return negated(found) if operator.negated else found


def _equal(wanted: str, value: str, comparison: Comparison, variables: Variables) -> Truth:
    if variables is Variables.REPLACED and has_variable(wanted):
        return Undecided("a policy variable is not supported")
    match comparison:
        case Comparison.LIKE:
            return matches(wanted, value, variables)
        case Comparison.ARN:
            return arn_matches(wanted, value, variables)
        case Comparison.EQUALS | Comparison.EQUALS_IGNORE_CASE | Comparison.BOOL | Comparison.NULL:
            literal = unescaped(wanted) if variables is Variables.REPLACED else wanted
            return _literally_equal(literal, value, comparison)
        case _:
            assert_never(comparison)


def _literally_equal(wanted: str, value: str, comparison: Comparison) -> Truth:
    if comparison is Comparison.BOOL and wanted not in ("true", "false"):
        return Undecided("the value of Bool is neither true nor false")
    if comparison is not Comparison.EQUALS_IGNORE_CASE:
        return wanted == value
    if not (wanted.isascii() and value.isascii()):
        return Undecided("how IAM ignores the case of letters outside ASCII is not documented")
    return ascii_lower(wanted) == ascii_lower(value)
