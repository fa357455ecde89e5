"""Rules on the elements of a statement: wildcards, negations, and names that do not exist."""

import re
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from nitro_attest._strict_json import shown
from nitro_attest.reference_values._kms.conditions import read_operator
from nitro_attest.reference_values._kms.operations import (
    PATHS_TO_PLAINTEXT,
    SPEAK_FOR_THE_KEY,
    covers,
)
from nitro_attest.reference_values._kms.patterns import Variables, ascii_lower, has_variable
from nitro_attest.reference_values._kms.policy_document import (
    THIS_KEY,
    Effect,
    KeyPolicy,
    Names,
    Statement,
    StatementName,
)
from nitro_attest.reference_values._kms.repairs import (
    as_json,
    operations_of,
    with_actions,
    with_conditions,
    written,
)
from nitro_attest.reference_values._kms.request import CONTEXT
from nitro_attest.reference_values._kms.vocabulary import (
    is_known_key,
    is_known_operator,
    nearest_key,
    nearest_operator,
)

Found: TypeAlias = tuple[str, StatementName, str, tuple[str, ...] | None]

_MATTERS: Final = (*PATHS_TO_PLAINTEXT, *SPEAK_FOR_THE_KEY, "PutKeyPolicy")
_EVALUATED: Final = frozenset(
    {
        "aws:principalarn",
        "aws:securetransport",
        "kms:calleraccount",
        "kms:viaservice",
        "kms:encryptioncontextkeys",
    }
)
_LOOKED_UP: Final = 8  # in one statement; each costs about as much as the rest of the review
# What repairs leave open; PCR values are not among them, which `lint_digits` finds.
_PLACEHOLDER: Final = re.compile(
    r"<(?:name|value|ARN of the role of the parent instance|a condition key of KMS|"
    r"a condition operator)>"
)
_SOMEBODY: Final = {"AWS": "<ARN of the role of the parent instance>"}


def grammar_findings(policy: KeyPolicy) -> Iterator[Found]:
    """Go through the statements and find what their elements should not say."""
    for statement in policy.statements:
        if statement.effect is Effect.ALLOW:
            yield from _allow(statement)
        yield from _resource(statement)
        yield from _names(statement)
        if found := _PLACEHOLDER.search(statement.written):
            why = f"{shown(found[0])} was to be filled in: a repair leaves it to you."
            yield "placeholder", statement.name, why, None
        if because := _undecidable(statement, policy.variables):
            yield (
                "undecidable",
                statement.name,
                f"`simulate` cannot decide it exactly: {because}.",
                None,
            )


def _allow(statement: Statement) -> Iterator[Found]:
    principals, actions = statement.principals, statement.actions
    if principals is not None and principals.element == "NotPrincipal":
        repaired = {
            name: value for name, value in written(statement).items() if name != "NotPrincipal"
        }
        why = (
            "NotPrincipal in an Allow grants the key to everyone in every account but "
            "those it names: name who may use it."
        )
        yield "not-principal", statement.name, why, as_json({**repaired, "Principal": _SOMEBODY})
    elif principals is not None and principals.everyone:
        why = (
            "The principal is everyone in every AWS account: name the role of the parent instance."
        )
        yield (
            "wildcard-principal",
            statement.name,
            why,
            as_json({**written(statement), "Principal": _SOMEBODY}),
        )
    if actions is None:
        return
    explicit = as_json(with_actions(written(statement), operations_of(statement)))
    if actions.element == "NotAction":
        why = (
            "NotAction in an Allow covers every operation that it does not name, also "
            "those that AWS adds later: list the operations."
        )
        yield "not-action", statement.name, why, explicit
        return
    wild = [text for text in actions.texts if "*" in text or "?" in text]
    risky = [
        text for text in wild if any(covers(Names("Action", (text,)), found) for found in _MATTERS)
    ]
    if risky:
        covered = ", ".join(operations_of(statement, _MATTERS))
        why = (
            f"{shown(risky[0])} covers {covered}, and whatever AWS adds later: list the operations."
        )
        yield "wildcard-action", statement.name, why, explicit


def _resource(statement: Statement) -> Iterator[Found]:
    repaired = {name: value for name, value in written(statement).items() if name != "NotResource"}
    fixed = as_json({**repaired, "Resource": "*"})
    if statement.resources is None:
        why = "KMS stores a statement without Resource, and it has no effect."
        yield "no-resource", statement.name, why, fixed
    elif statement.resources != THIS_KEY:
        why = (
            'Resource is not "*": in a key policy "*" is this key, and another ARN matches nothing.'
        )
        yield "other-resource", statement.name, why, fixed


def _names(statement: Statement) -> Iterator[Found]:
    """Find names that do not exist, all of a statement at once: each finding repeats it."""
    yield from _unknown(
        "unknown-operator",
        statement,
        [condition.operator for condition in statement.conditions],
        (is_known_operator, nearest_operator),
        "There is no operator {}; {} is probably meant.",
    )
    yield from _unknown(
        "unknown-key",
        statement,
        [condition.key for condition in statement.conditions],
        (is_known_key, nearest_key),
        "There is no condition key {}, so no request has it; {} is probably meant.",
    )


def _unknown(
    code: str,
    statement: Statement,
    names: list[str],
    known: tuple[Callable[[str], bool], Callable[[str], str]],
    sentence: str,
) -> Iterator[Found]:
    is_known, nearest = known
    unknown = [name for name in dict.fromkeys(names) if not is_known(name)]
    if not unknown:
        return
    meant = {name: nearest(name) for name in unknown[:_LOOKED_UP]}
    why = [sentence.format(shown(old), new) for old, new in meant.items()]
    if len(unknown) > len(meant):
        why.append(f"{len(unknown) - len(meant)} more names do not exist: repair these first.")

    def change(operator: str, key: str, values: list[str]) -> tuple[str, str, list[str]]:
        return meant.get(operator, operator), meant.get(key, key), values

    fixed = as_json(with_conditions(written(statement), change))
    yield code, statement.name, " ".join(why), fixed


def _undecidable(statement: Statement, variables: Variables) -> str | None:
    """Return why a statement cannot be evaluated for every request, None if it can."""
    if statement.principals is not None and statement.principals.element == "NotPrincipal":
        return "it has NotPrincipal"
    for condition in statement.conditions:
        name = ascii_lower(condition.key)
        if not is_known_operator(condition.operator) or not is_known_key(condition.key):
            continue  # found already
        if read_operator(condition.operator) is None:
            return f"the operator {condition.operator} is not supported"
        if name.startswith(("aws:", "kms:")) and not (
            name in _EVALUATED or name.startswith((CONTEXT, "kms:recipientattestation:"))
        ):
            return f"the value of {condition.key} is not part of a simulation"
        if variables is Variables.REPLACED and any(map(has_variable, condition.values)):
            return f"the condition on {condition.key} has a policy variable"
    return None
