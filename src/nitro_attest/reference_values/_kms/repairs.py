"""Statements rewritten for a finding: the JSON to put in place of the one that was objected to."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias, cast

from nitro_attest.reference_values._kms.operations import OPERATIONS, covers
from nitro_attest.reference_values._kms.patterns import ascii_lower
from nitro_attest.reference_values._kms.policy_document import Statement

Written: TypeAlias = dict[str, object]
Conditions: TypeAlias = dict[str, dict[str, object]]

PREFIX: Final = "kms:RecipientAttestation:"
_ATTESTED: Final = "StringEqualsIgnoreCase"


def written(statement: Statement) -> Written:
    """Return a statement as the values of its JSON, to be changed."""
    return cast("Written", json.loads(statement.written))


def conditions_of(statement: Written) -> Conditions:
    """Return the Condition of a statement, to be changed."""
    return cast("Conditions", statement.get("Condition", {}))


def as_json(*statements: Written) -> tuple[str, ...]:
    """Return statements as JSON, without an empty Condition."""
    return tuple(
        json.dumps(
            {name: value for name, value in statement.items() if name != "Condition" or value}
        )
        for statement in statements
    )


def placeholder(kind_and_index: str) -> str:
    """Return what stands for a value that only the owner of the key knows."""
    return f"<{kind_and_index} of the build: 96 hex digits>"


def operations_of(statement: Statement, among: Iterable[str] = OPERATIONS) -> list[str]:
    """Return the operations that a statement covers, in alphabetical order."""
    actions = statement.actions
    return sorted(found for found in among if actions is not None and covers(actions, found))


def with_actions(statement: Written, operations: Iterable[str]) -> Written:
    """Return a copy that lists its operations by name."""
    copy = {name: value for name, value in statement.items() if name != "NotAction"}
    return {**copy, "Action": [f"kms:{operation}" for operation in operations]}


def with_pins(statement: Written, pins: Mapping[str, object]) -> Written:
    """Return a copy that also demands these values of attestation keys."""
    conditions = conditions_of(statement)
    attested = {**pins, **conditions.get(_ATTESTED, {})}
    return {**statement, "Condition": {**conditions, _ATTESTED: attested}}


def with_conditions(
    statement: Written,
    change: Callable[[str, str, list[str]], tuple[str, str, list[str]] | None],
) -> Written:
    """Return a copy with each operator, key and values as `change` returns them, or without.

    A condition stays as it is if another one has its new operator and key: a statement demands
    both, and one place has room for one.
    """
    before = [
        (operator, key, cast("list[str]", values if isinstance(values, list) else [values]))
        for operator, keys in conditions_of(statement).items()
        for key, values in keys.items()
    ]
    taken = {_place(operator, key) for operator, key, _ in before}
    changed: Conditions = {}
    for condition in before:
        result = change(*condition)
        if result is None:
            continue
        if _place(*result[:2]) != _place(*condition[:2]):
            result = condition if _place(*result[:2]) in taken else result
            taken.add(_place(*result[:2]))
        operator, key, values = result
        changed.setdefault(operator, {})[key] = values[0] if len(values) == 1 else values
    return {**statement, "Condition": changed}


def _place(operator: str, key: str) -> tuple[str, str]:
    return operator, ascii_lower(key)


def is_attestation(key: str) -> bool:
    """Return whether a condition key is about attestation documents, existing or not."""
    return ascii_lower(key).startswith(ascii_lower(PREFIX))


# What has to be pinned where nothing is: values that only the owner of the key knows.
ENCLAVE_PINS: Final = {f"{PREFIX}PCR{index}": placeholder(f"PCR{index}") for index in (0, 1, 2)}
NITRO_TPM_PINS: Final = {
    f"{PREFIX}NitroTPMPCR{index}": placeholder(f"NitroTPMPCR{index}") for index in (4, 12)
}
