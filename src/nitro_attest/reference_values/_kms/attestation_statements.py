"""The statements of a key policy that look at documents, as values that each PCR may have.

Allow statements give the values; a Deny for everyone that applies unless a PCR has certain values
(AWS's allow-plus-deny shape) takes away from them. What cannot be carried over exactly is an error
or a remark. The statements are merged afterwards, whoever they name: good for a review, not for a
release of keys.
"""

import re
from dataclasses import dataclass
from typing import Final, final

from nitro_attest import DocumentKind, PolicyError, Sha384
from nitro_attest._strict_json import shown
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
    Names,
    Principals,
    Statement,
    word,
)
from nitro_attest.reference_values._kms.request import ATTESTATION, read_pcr_key

PREFIX: Final = "kms:RecipientAttestation:"
_OPERATORS: Final = ("StringEquals", "StringEqualsIgnoreCase")
_EQUALITIES: Final = (Comparison.EQUALS, Comparison.EQUALS_IGNORE_CASE)
_LOWER_CASE: Final = re.compile(r"[0-9a-f]{96}")


@final
@dataclass(frozen=True, slots=True)
class AttestationStatement:
    """The values one Allow statement lets each PCR have: any value of a PCR, and all PCRs."""

    place: str
    label: str
    kind: DocumentKind
    values: dict[int, tuple[Sha384, ...]]
    who_may_ask: tuple[Principals | None, Names | None, Names | None]


@final
@dataclass(frozen=True, slots=True)
class _Test:
    """One condition of a Deny: it holds if the PCR has none of `values` (negated), or one of them.

    Without values it holds if the document does not have the PCR.
    """

    kind: DocumentKind
    index: int
    negated: bool
    values: frozenset[Sha384]


def read_statements(
    data: bytes | str, source: str
) -> tuple[tuple[AttestationStatement, ...], tuple[str, ...]]:
    """Return the Allow statements that look at a document, and remarks on everything else.

    Raises:
        PolicyError: It is no key policy, or it says something of documents that cannot be carried
            over exactly.

    """
    policy = KeyPolicy.read_fragments(data, source=source)
    allows: list[AttestationStatement] = []
    denies: list[tuple[Statement, str]] = []
    remarks: list[str] = []
    for statement in policy.statements:
        place = f"{source}: Statement[{statement.name.index}]"
        of_documents = [found for found in statement.conditions if _is_of_documents(found)]
        if statement.effect is Effect.DENY and of_documents:
            denies.append((statement, place))
        elif problem := _left_out(statement, of_documents):
            remarks.append(f"{statement.name} {problem}")
        else:
            remarks.extend(
                (
                    f"{statement.name} has the condition {shown(found.operator)} on "
                    f"{shown(found.key)}, which is not about the document: not carried over."
                )
                for found in statement.conditions
                if not _is_of_documents(found)
            )
            if statement.resources not in (None, THIS_KEY):
                remarks.append(
                    f'{statement.name} has a Resource other than "*", which may be another key: '
                    "carried over as if it were this one."
                )
            allows.append(_read_allow(statement, of_documents, place))
    for statement, place in denies:
        allows = _without_denied(allows, statement, place)
        remarks.append(f"{statement.name} denies documents: the sets hold only what it lets pass.")
    if len({str(statement.who_may_ask) for statement in allows}) > 1:
        remarks.append(
            f"The sets of {len(allows)} statements are merged, and the statements "
            "differ in Principal, Action or Resource: a document that any of them "
            "accepts is accepted, whoever asks, for whatever operation."
        )
    return tuple(allows), tuple(remarks)


def _is_of_documents(condition: Condition) -> bool:
    return ascii_lower(condition.key).startswith(ATTESTATION)


def _left_out(statement: Statement, of_documents: list[Condition]) -> str | None:
    """Return why a statement says nothing of documents, None if it does."""
    if statement.effect is Effect.DENY:
        return "denies without looking at a document: not carried over."
    if not of_documents:
        return (
            "allows without looking at a document: not carried over. "
            "KMS grants it to anyone it names."
        )
    if statement.principals is not None and statement.resources is None:
        return "has no Resource, so it has no effect: not carried over."
    if not _operations(statement):
        return "names no operation that takes a document, so it never allows one: not carried over."
    return None


def _operations(statement: Statement) -> frozenset[str]:
    """Return the operations with a document; a fragment, which names none, is for all of them."""
    return frozenset(
        operation
        for operation in TAKE_A_DOCUMENT
        if statement.actions is None or covers(statement.actions, operation)
    )


def _read_allow(
    statement: Statement, conditions: list[Condition], place: str
) -> AttestationStatement:
    """Return the values that all conditions on a PCR allow, for each PCR."""
    values: dict[int, tuple[Sha384, ...]] = {}
    kinds: set[DocumentKind] = set()
    for condition in conditions:
        at = _path(condition, place)
        kind, index = _read_key(condition.key, at)
        if condition.operator not in _OPERATORS:
            raise PolicyError(at, f"only {' and '.join(_OPERATORS)} can be carried over exactly")
        kinds.add(kind)
        allowed = _read_digests(condition, at)
        values[index] = tuple(value for value in values.get(index, allowed) if value in allowed)
        if not values[index]:
            raise PolicyError(at, f"no value of PCR{index} meets all conditions of the statement")
    if len(kinds) > 1:
        raise PolicyError(
            place, "conditions on enclaves and on NitroTPM in one statement: no document is both"
        )
    return AttestationStatement(
        place=place,
        label=statement.name.sid or f"Statement[{statement.name.index}]",
        kind=kinds.pop(),
        values=dict(sorted(values.items())),
        who_may_ask=(statement.principals, statement.actions, statement.resources),
    )


def _without_denied(
    allows: list[AttestationStatement], statement: Statement, place: str
) -> list[AttestationStatement]:
    """Return the statements with only the values that a Deny lets pass."""
    if len(statement.conditions) != sum(map(_is_of_documents, statement.conditions)):
        raise PolicyError(
            place, "a Deny that looks at documents and at something else cannot be carried over"
        )
    if statement.resources != THIS_KEY:
        raise PolicyError(place, 'a Deny that looks at documents needs the Resource "*"')
    tests = [_read_test(condition, place) for condition in statement.conditions]
    denied = _operations(statement)
    kept: list[AttestationStatement] = []
    for allow in allows:
        actions = allow.who_may_ask[1]
        asked = {found for found in denied if actions is None or covers(actions, found)}
        if not asked:
            kept.append(allow)
        elif _covers_all(statement, allow):
            kept.append(_restricted(allow, tests, place))
        else:
            raise PolicyError(
                place,
                "a Deny that looks at documents only for some principals or operations of "
                f"{allow.label} cannot be carried over",
            )
    if not allows:
        raise PolicyError(place, "a Deny of documents without an Allow of documents allows nothing")
    return kept


def _covers_all(deny: Statement, allow: AttestationStatement) -> bool:
    """Return whether a Deny is for every principal and operation of an Allow."""
    principals, actions, _ = allow.who_may_ask
    everyone = deny.principals is not None and deny.principals.everyone
    is_same = deny.principals == principals
    operations = {found for found in TAKE_A_DOCUMENT if actions is None or covers(actions, found)}
    return (
        deny.principals is not None
        and deny.principals.element == "Principal"
        and (everyone or is_same)
        and operations <= _operations(deny)
    )


def _restricted(
    allow: AttestationStatement, tests: list[_Test], place: str
) -> AttestationStatement:
    """Return an Allow with the values that escape a Deny, which applies if all tests hold."""
    if any(_never_holds(test, allow) for test in tests):
        return allow
    if len(tests) > 1 or tests[0].kind is not allow.kind or not tests[0].values:
        raise PolicyError(
            place, f"what this Deny leaves of {allow.label} cannot be written as sets of values"
        )
    (test,) = tests
    if test.index not in allow.values and not test.negated:
        raise PolicyError(
            place, f"values of PCR{test.index} are denied that {allow.label} does not name"
        )
    before = allow.values.get(test.index, tuple(sorted(test.values, key=Sha384.hex)))
    left = tuple(value for value in before if (value in test.values) is test.negated)
    if not left:
        raise PolicyError(place, f"no value of PCR{test.index} of {allow.label} is left")
    return AttestationStatement(
        place=allow.place,
        label=allow.label,
        kind=allow.kind,
        values=dict(sorted({**allow.values, test.index: left}.items())),
        who_may_ask=allow.who_may_ask,
    )


def _never_holds(test: _Test, allow: AttestationStatement) -> bool:
    """Return whether no document that an Allow accepts meets a test of a Deny."""
    if test.kind is not allow.kind or test.index not in allow.values:
        return False
    if not test.values:
        return True  # the Allow demands that the PCR is there
    return all((value in test.values) is test.negated for value in allow.values[test.index])


def _read_test(condition: Condition, place: str) -> _Test:
    at = _path(condition, place)
    kind, index = _read_key(condition.key, at)
    operator = read_operator(condition.operator)
    if operator is not None and operator.comparison is Comparison.NULL:
        if condition.values != ("true",):
            raise PolicyError(at, "only a Deny of requests without a document can be carried over")
        return _Test(kind, index, negated=False, values=frozenset())
    if operator is None or not _is_plain(operator):
        raise PolicyError(at, "this operator in a Deny cannot be carried over exactly")
    return _Test(kind, index, operator.negated, frozenset(_read_digests(condition, at)))


def _is_plain(operator: Operator) -> bool:
    """Return whether it compares one value; negated it is true without one, IfExists or not."""
    return (
        operator.comparison in _EQUALITIES
        and operator.quantifier is Quantifier.ONE
        and (operator.negated or not operator.if_exists)
    )


def _path(condition: Condition, place: str) -> str:
    return f"{place}.Condition.{word(condition.operator)}.{word(condition.key)}"


def _read_key(key: str, at: str) -> tuple[DocumentKind, int]:
    found = read_pcr_key(ascii_lower(key))
    if found is None:
        raise PolicyError(
            at,
            (
                "not a key that KMS knows: ImageSha384, PCR0 to PCR31 or NitroTPMPCR0 to "
                f"23 after {PREFIX}"
            ),
        )
    return found


def _read_digests(condition: Condition, at: str) -> tuple[Sha384, ...]:
    """Return the values without repetition: 96 hex digits, in lower case where case counts."""
    digests: dict[Sha384, None] = {}
    for text in condition.values:
        if (
            "IgnoreCase" not in condition.operator
            and not _LOWER_CASE.fullmatch(text)
            and _LOWER_CASE.fullmatch(ascii_lower(text))
        ):
            raise PolicyError(
                at,
                (
                    "never met: KMS compares with lower-case digits; write them so, or "
                    "StringEqualsIgnoreCase"
                ),
            )
        try:
            digests[Sha384.fromhex(text)] = None
        except PolicyError as exc:
            raise PolicyError(at, exc.problem) from exc
    return tuple(digests)
