"""Rules on statements that ask for a document and do not say whose.

The test is a document of a stranger, whose every PCR is a value that no policy names.
"""

import hashlib
from collections.abc import Iterator
from typing import Final

from nitro_attest import DocumentKind
from nitro_attest.reference_values._kms.any_request import AnyRequest
from nitro_attest.reference_values._kms.conditions import Comparison, read_operator
from nitro_attest.reference_values._kms.lint_grammar import Found
from nitro_attest.reference_values._kms.lint_paths import NO_DOCUMENT, Guard, can_apply, guard_of
from nitro_attest.reference_values._kms.operations import TAKE_A_DOCUMENT
from nitro_attest.reference_values._kms.patterns import ascii_lower
from nitro_attest.reference_values._kms.pins import has_wildcard
from nitro_attest.reference_values._kms.policy_document import (
    Condition,
    Effect,
    KeyPolicy,
    Statement,
)
from nitro_attest.reference_values._kms.repairs import (
    ENCLAVE_PINS,
    NITRO_TPM_PINS,
    Written,
    as_json,
    is_attestation,
    with_conditions,
    with_pins,
    written,
)
from nitro_attest.reference_values._kms.request import PCRS, read_pcr_key

_VALUE: Final = hashlib.sha384(b"an image that no policy names").hexdigest()
_STRANGERS: Final = tuple(
    AnyRequest(kind, dict.fromkeys(range(count), _VALUE)) for kind, count in PCRS.items()
)


def document_findings(policy: KeyPolicy) -> Iterator[Found]:
    """Find the Allow statements that need a document and are met by a stranger's."""
    requests = (NO_DOCUMENT, *_STRANGERS)
    guards = {
        (operation, request.kind, request.pcrs is None): guard_of(policy, operation, request)
        for operation in TAKE_A_DOCUMENT
        for request in requests
    }

    def is_open(statement: Statement, operation: str, request: AnyRequest) -> bool:
        guard: Guard = guards[operation, request.kind, request.pcrs is None]
        applies = can_apply(statement, operation, request, policy.variables)
        return applies is not False and not guard.covers(statement.principals)

    for statement in policy.statements:
        if statement.effect is Effect.DENY:
            continue
        closed = [found for found in TAKE_A_DOCUMENT if not is_open(statement, found, NO_DOCUMENT)]
        if any(is_open(statement, found, asked) for found in closed for asked in _STRANGERS):
            why = (
                "It asks for a document and takes that of any image, also one that somebody else "
                "has built: demand the PCRs of your build."
            )
            yield "no-identity", statement.name, why, _pinned(statement)
        elif patterns := list(filter(_is_pattern, statement.conditions)):
            why = (
                f"A pattern of {patterns[0].key} takes the PCRs of more than one image: write the "
                "values in full."
            )
            yield "no-identity", statement.name, why, _pinned(statement)


def _is_pattern(condition: Condition) -> bool:
    """Return whether a condition demands that a PCR is like a pattern."""
    operator = read_operator(condition.operator)
    return (
        read_pcr_key(ascii_lower(condition.key)) is not None
        and operator is not None
        and operator.comparison is Comparison.LIKE
        and not operator.negated
        and has_wildcard(condition)
    )


def _pinned(statement: Statement) -> tuple[str, ...]:
    """Return the statement with placeholders in place of its attestation conditions."""
    found = [read_pcr_key(ascii_lower(condition.key)) for condition in statement.conditions]
    is_tpm = any(key is not None and key[0] is DocumentKind.NITRO_TPM for key in found)

    def change(operator: str, key: str, values: list[str]) -> tuple[str, str, list[str]] | None:
        return None if is_attestation(key) else (operator, key, values)

    bare: Written = with_conditions(written(statement), change)
    return as_json(with_pins(bare, NITRO_TPM_PINS if is_tpm else ENCLAVE_PINS))
