"""Evaluate the conditions of a key policy as IAM does, written from IAM's own rules and without the library's code.

A statement applies when every operator, every key of it and any value of each key match the
request; a key that the request does not carry does not match (IAM user guide, "condition
operators", "single-valued context keys").
"""

from collections.abc import Mapping
from typing import Any

PREFIX = "kms:recipientattestation:"


def request_context(prefix: str, pcrs: Mapping[int, bytes]) -> dict[str, str]:
    """Return the keys that KMS puts into a request with a document; their names have no case."""
    context = {f"{PREFIX}{prefix}pcr{index}": value.hex() for index, value in pcrs.items()}
    if not prefix and 0 in pcrs:
        context[f"{PREFIX}imagesha384"] = pcrs[0].hex()
    return context


def is_allowed(key_policy: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    """Say whether any Allow statement with conditions applies and no Deny statement does."""
    written: Any = key_policy["Statement"]
    statements: list[Any] = [written] if isinstance(written, dict) else written
    effects = {
        statement["Effect"]
        for statement in statements
        if _applies(statement.get("Condition", {}), context)
    }
    return effects == {"Allow"}


def _applies(condition: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    return all(
        _matches(
            operator, context.get(key.lower()), [values] if isinstance(values, str) else values
        )
        for operator, keys in condition.items()
        for key, values in keys.items()
    )


def _matches(operator: str, found: str | None, values: list[str]) -> bool:
    if found is None:
        return False
    if operator == "StringEquals":
        return found in values
    if operator == "StringEqualsIgnoreCase":
        return found.casefold() in {value.casefold() for value in values}
    message = f"this evaluator does not know {operator}"
    raise NotImplementedError(message)
