"""Rules on the paths to plaintext: who can get at it without an attestation document.

An Allow is a path if it can apply to a request without a document, unless a Deny that names the
same principals surely applies to every such request (AWS's allow-plus-deny shape).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, final

from nitro_attest import DocumentKind
from nitro_attest.reference_values._kms.any_request import AnyRequest
from nitro_attest.reference_values._kms.conditions import Quantifier, holds, read_operator
from nitro_attest.reference_values._kms.lint_grammar import Found
from nitro_attest.reference_values._kms.operations import (
    ADMINISTRATION,
    OPERATIONS,
    PATHS_TO_PLAINTEXT,
    SPEAK_FOR_THE_KEY,
    TAKE_A_DOCUMENT,
    UNGUARDED_PATHS,
    covers,
)
from nitro_attest.reference_values._kms.patterns import Variables
from nitro_attest.reference_values._kms.policy_document import (
    THIS_KEY,
    Effect,
    KeyPolicy,
    Principals,
    Statement,
)
from nitro_attest.reference_values._kms.repairs import (
    ENCLAVE_PINS,
    Written,
    as_json,
    conditions_of,
    is_attestation,
    operations_of,
    with_actions,
    with_conditions,
    with_pins,
    written,
)
from nitro_attest.reference_values._kms.request import Facts
from nitro_attest.reference_values._kms.truth import Truth, all_of

_WATCHED: Final = (*PATHS_TO_PLAINTEXT, *SPEAK_FOR_THE_KEY, "PutKeyPolicy")
_ARN_PARTS: Final = 6
NO_DOCUMENT: Final = AnyRequest(DocumentKind.ENCLAVE, None)
_HARMLESS: Final = tuple(sorted(OPERATIONS - {*_WATCHED}))


def can_apply(statement: Statement, operation: str, request: Facts, variables: Variables) -> Truth:
    """Return whether a statement applies to such requests, whoever makes them."""
    if statement.actions is None or statement.resources is None:
        return False
    return all_of(
        (
            covers(statement.actions, operation),
            *(holds(condition, request, variables) for condition in statement.conditions),
        )
    )


@final
@dataclass(frozen=True, slots=True)
class Guard:
    """The principals for whom an operation is surely denied: everyone, or names."""

    everyone: bool
    names: frozenset[tuple[str, str]]

    def covers(self, principals: Principals | None) -> bool:
        """Return whether every principal of a statement is denied, by name or by account."""
        if self.everyone:
            return True
        if principals is None or principals.element != "Principal" or principals.everyone:
            return False
        return all(self._covers(kind, name) for kind, name in principals.names)

    def _covers(self, kind: str, name: str) -> bool:
        parts = name.split(":")
        accounts = (
            {parts[4], ":".join((*parts[:2], "iam", "", parts[4], "root"))}
            if len(parts) == _ARN_PARTS
            else {name}
        )
        return not {(kind, name), *(("AWS", account) for account in accounts)}.isdisjoint(
            self.names
        )


def guard_of(policy: KeyPolicy, operation: str, request: Facts) -> Guard:
    """Return for whom the Deny statements surely deny an operation to such requests."""
    everyone, names = False, set[tuple[str, str]]()
    for statement in policy.statements:
        principals = statement.principals
        if statement.effect is Effect.ALLOW or principals is None:
            continue
        if principals.element == "Principal" and _surely_applies(
            statement, operation, request, policy.variables
        ):
            everyone = everyone or principals.everyone
            names.update(principals.names)
    return Guard(everyone, frozenset(names))


def _surely_applies(
    statement: Statement, operation: str, request: Facts, variables: Variables
) -> bool:
    if statement.resources != THIS_KEY:
        return False
    return can_apply(statement, operation, request, variables) is True


def path_findings(policy: KeyPolicy) -> Iterator[Found]:
    """Find the operations that need a document and can be had without one."""
    guards = {operation: guard_of(policy, operation, NO_DOCUMENT) for operation in _WATCHED}
    pins = _pins_to_copy(policy)
    for statement in policy.statements:
        if statement.effect is Effect.DENY:
            continue
        open_to = [
            operation
            for operation in _WATCHED
            if can_apply(statement, operation, NO_DOCUMENT, policy.variables) is not False
            and not guards[operation].covers(statement.principals)
        ]
        paths = [operation for operation in open_to if operation in PATHS_TO_PLAINTEXT]
        if paths:
            yield _path(statement, paths, pins)
        if "PutKeyPolicy" in open_to:
            why = (
                "PutKeyPolicy replaces this policy, and with it every condition: give it "
                "to one deployment role that nobody can assume alone, and take it away "
                "from everybody else."
            )
            yield "policy-change", statement.name, why, _without(statement, ("PutKeyPolicy",))
        speaking = [operation for operation in open_to if operation in SPEAK_FOR_THE_KEY]
        if speaking and not paths:
            why = (
                f"KMS takes no document for {_listed(speaking)}: whoever has the role can "
                "speak for the key, inside the enclave or not."
            )
            yield "unattested-operation", statement.name, why, _without(statement, speaking)


def _path(statement: Statement, paths: list[str], pins: Written) -> Found:
    principals = statement.principals
    attested = any(is_attestation(condition.key) for condition in statement.conditions)
    guarded = [operation for operation in paths if operation in TAKE_A_DOCUMENT]
    unguarded = [operation for operation in paths if operation in UNGUARDED_PATHS]
    name = statement.name
    if attested and guarded:
        why = (
            f"The condition is also met without a document, so {_listed(guarded)} can be "
            "called from anywhere: use an operator that is false without one, such as "
            "StringEqualsIgnoreCase."
        )
        return "attestation-optional", name, why, _demanding(statement)
    if principals is not None and any(_is_account(text) for _, text in principals.names):
        why = (
            f"The statement hands {_listed(paths)} to the IAM policies of an account: "
            "every administrator of IAM can grant it without a document."
        )
        return "account-delegation", name, why, _only_harmless(statement)
    if operations_of(statement, ADMINISTRATION):
        why = f"An administrator of the key may also call {_listed(paths)} without a document."
        return "administrator-path", name, why, _only_harmless(statement)
    if not guarded:
        why = (
            f"KMS takes no document for {_listed(unguarded)}, and both lead to plaintext: "
            "by another key, or by a grant."
        )
        return "unguarded-path", name, why, _without(statement, UNGUARDED_PATHS)
    why = (
        f"{_listed(paths)} can be called without an attestation document: demand the PCRs "
        "of your build."
    )
    return "no-attestation", name, why, _attested(statement, pins)


def _is_account(name: str) -> bool:
    return name.endswith(":root") or (len(name) == 12 and name.isdigit())  # noqa: PLR2004 - an account's digits


def _listed(operations: Iterable[str]) -> str:
    return ", ".join(operations)


def _without(statement: Statement, dropped: Iterable[str]) -> tuple[str, ...]:
    """Return the statement without some operations, nothing if none is left."""
    kept = [found for found in operations_of(statement) if found not in dropped]
    return as_json(with_actions(written(statement), kept)) if kept else ()


def _only_harmless(statement: Statement) -> tuple[str, ...]:
    """Return the statement with its harmless operations, and PutKeyPolicy."""
    kept = operations_of(statement, (*_HARMLESS, "PutKeyPolicy"))
    return as_json(with_actions(written(statement), kept)) if kept else ()


def _attested(statement: Statement, pins: Written) -> tuple[str, ...]:
    """Return what takes a document, with the PCRs demanded, and the harmless rest."""
    guarded = with_pins(
        with_actions(written(statement), operations_of(statement, TAKE_A_DOCUMENT)), pins
    )
    rest = operations_of(statement, _HARMLESS)
    if not rest:
        return as_json(guarded)
    sid = "" if statement.name.sid is None else f"{statement.name.sid} without plaintext"
    other = {**with_actions(written(statement), rest), **({"Sid": sid} if sid else {})}
    return as_json(guarded, other)


def _demanding(statement: Statement) -> tuple[str, ...]:
    """Return the statement with operators on attestation keys that are false without a document."""

    def change(operator: str, key: str, values: list[str]) -> tuple[str, str, list[str]] | None:
        if not is_attestation(key):
            return operator, key, values
        found = read_operator(operator)
        if operator == "Null":
            return None
        is_plain = found is not None and not (
            found.negated or found.if_exists or found.quantifier is Quantifier.ALL
        )
        return (operator if is_plain else "StringEqualsIgnoreCase"), key, values

    changed = with_conditions(written(statement), change)
    if not any(is_attestation(key) for keys in conditions_of(changed).values() for key in keys):
        changed = with_pins(changed, ENCLAVE_PINS)
    kept = [found for found in operations_of(statement) if found not in UNGUARDED_PATHS]
    return as_json(with_actions(changed, kept))


def _pins_to_copy(policy: KeyPolicy) -> Written:
    """Return the attestation conditions of the only Allow that has some, else placeholders."""
    found: list[Written] = []
    for statement in policy.statements:
        pins = conditions_of(written(statement)).get("StringEqualsIgnoreCase", {})
        if statement.effect is Effect.ALLOW and pins and all(map(is_attestation, pins)):
            found.append(dict(pins))
    return found[0] if len(found) == 1 else dict(ENCLAVE_PINS)
