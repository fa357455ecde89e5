"""Read the statements of a KMS key policy (IAM JSON policy grammar) as far as they look at attestation documents.

JSON comes in, the PCR values of each statement and remarks go out. Never: an operator other than
the two string equalities, a Deny or a condition that is left out without a remark.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, cast, final

from nitro_attest import DocumentKind, PolicyError, Sha384, _strict_json
from nitro_attest._core.document import MAX_PCRS
from nitro_attest._strict_json import expect_object, shown

PREFIX: Final = "kms:RecipientAttestation:"
TPM_PCRS: Final = 24  # KMS has keys NitroTPMPCR0 to NitroTPMPCR23

_KEY: Final = re.compile(
    r"kms:recipientattestation:(?:(imagesha384)|(nitrotpm)?pcr(0|[1-9][0-9]?))"
)  # names have no case
_OPERATORS: Final = ("StringEquals", "StringEqualsIgnoreCase")
_WHO_MAY_ASK: Final = (
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
)
_ELEMENTS: Final = frozenset({"Sid", "Effect", "Condition", *_WHO_MAY_ASK})
_LOWER_CASE: Final = re.compile(r"[0-9a-f]{96}")
# The operations with a Recipient, the only ones whose requests carry a document.
_OPERATIONS: Final = (
    "kms:decrypt",
    "kms:derivesharedsecret",
    "kms:generatedatakey",
    "kms:generatedatakeypair",
    "kms:generaterandom",
)


@final
@dataclass(frozen=True, slots=True)
class AttestationStatement:
    """Hold the values one Allow statement lets each PCR have: any value of a PCR, and all PCRs."""

    place: str
    label: str
    kind: DocumentKind
    values: dict[int, tuple[Sha384, ...]]
    who_may_ask: tuple[object, ...]


def read_statements(
    data: bytes | str, source: str
) -> tuple[tuple[AttestationStatement, ...], tuple[str, ...]]:
    """Return the statements that look at a document, and a remark on each thing that was left out.

    Raises:
        PolicyError: It is no key policy, or it says something of documents that cannot be carried
            over exactly.

    """
    document = expect_object(_strict_json.parse(data, source), source)
    if (
        "Statement" not in document and type(document.get("Policy")) is str
    ):  # as `aws kms get-key-policy` wraps it
        document = expect_object(
            _strict_json.parse(cast("str", document["Policy"]), f"{source}: Policy"),
            f"{source}: Policy",
        )
    unknown = document.keys() - {"Version", "Id", "Statement"}
    if unknown or "Statement" not in document:
        found = shown(min(unknown)) if unknown else "no Statement"
        raise PolicyError(
            source, f"expected a key policy with Version, Id and Statement, found {found}"
        )
    written = document["Statement"]
    entries = cast("list[object]", written) if type(written) is list else [written]
    statements: list[AttestationStatement] = []
    remarks: list[str] = []
    for index, entry in enumerate(entries):
        place = f"{source}: Statement[{index}]"
        statement = _read_statement(
            expect_object(entry, place), place, f"Statement[{index}]", remarks
        )
        if statement is not None:
            statements.append(statement)
    if len({str(statement.who_may_ask) for statement in statements}) > 1:
        remarks.append(
            "The statements differ in Principal, Action or Resource: a document that any of them accepts is accepted."
        )
    return tuple(statements), tuple(remarks)


def _read_statement(
    statement: dict[str, object], place: str, name: str, remarks: list[str]
) -> AttestationStatement | None:
    """Read one statement; add a remark on what of it is left out, and return None if all of it is."""
    if unknown := statement.keys() - _ELEMENTS:
        raise PolicyError(
            place, f"expected the elements of an IAM statement, found {shown(min(unknown))}"
        )
    sid = statement.get("Sid", name)
    if type(sid) is not str or not sid.isprintable() or not sid.strip():
        raise PolicyError(f"{place}.Sid", "expected printable text")
    effect = statement.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise PolicyError(f"{place}.Effect", "expected Allow or Deny")
    of_documents, others = _split_conditions(statement.get("Condition", {}), f"{place}.Condition")
    called = f"{name} ({shown(sid)})" if sid != name else name
    if effect == "Deny":
        if of_documents:
            raise PolicyError(
                place,
                "a Deny that looks at attestation documents cannot be carried over: write the Allow",
            )
        remarks.append(f"{called} denies without looking at a document: left out.")
    elif not of_documents:
        remarks.append(
            f"{called} allows without looking at a document: left out, KMS grants it to anyone it names."
        )
    elif not _takes_a_document(statement.get("Action"), place):
        remarks.append(
            f"{called} names no operation that takes a document, so it never allows one: left out."
        )
    else:
        remarks.extend(
            f"{called} has the condition {other}, which is not about the document: left out."
            for other in others
        )
        return _read_values(
            of_documents, place, sid, tuple(statement.get(element) for element in _WHO_MAY_ASK)
        )
    return None


def _split_conditions(
    condition: object, place: str
) -> tuple[list[tuple[str, str, object]], list[str]]:
    """Return operator, key and values of the conditions on documents, and the names of the others."""
    of_documents: list[tuple[str, str, object]] = []
    others: list[str] = []
    for operator, keys in expect_object(condition, place).items():
        for key, values in expect_object(keys, f"{place}.{_word(operator)}").items():
            if key.lower().startswith(PREFIX.lower()):
                of_documents.append((operator, key, values))
            else:
                others.append(f"{shown(operator)} on {shown(key)}")
    return of_documents, others


def _takes_a_document(actions: object, place: str) -> bool:
    """Say whether one of the actions is an operation with a Recipient; no Action at all (or NotAction) counts as one."""
    if actions is None:
        return True
    names = list(_each(actions, f"{place}.Action"))
    return any(fnmatchcase(operation, name.lower()) for name in names for operation in _OPERATIONS)


def _read_values(
    conditions: list[tuple[str, str, object]],
    place: str,
    label: str,
    who_may_ask: tuple[object, ...],
) -> AttestationStatement:
    """Bring the conditions together: each PCR may have the values that all of its conditions allow."""
    values: dict[int, tuple[Sha384, ...]] = {}
    kinds: set[DocumentKind] = set()
    seen: set[tuple[str, str]] = set()
    for operator, key, written in conditions:
        at = f"{place}.Condition.{_word(operator)}.{_word(key)}"
        kind, index = _read_key(key, at)
        if operator not in _OPERATORS:
            raise PolicyError(at, f"only {' and '.join(_OPERATORS)} can be carried over exactly")
        if (operator, key.lower()) in seen:
            raise PolicyError(at, "this key is given twice; the names of keys have no case")
        seen.add((operator, key.lower()))
        kinds.add(kind)
        allowed = _read_digests(operator, written, at)
        values[index] = tuple(value for value in values.get(index, allowed) if value in allowed)
        if not values[index]:
            raise PolicyError(at, f"no value of PCR{index} meets all conditions of the statement")
    if len(kinds) > 1:
        raise PolicyError(
            place, "conditions on enclaves and on NitroTPM in one statement: no document is both"
        )
    return AttestationStatement(
        place, label, kinds.pop(), dict(sorted(values.items())), who_may_ask
    )


def _read_key(key: str, at: str) -> tuple[DocumentKind, int]:
    found = _KEY.fullmatch(key.lower())
    if found is None:
        raise PolicyError(
            at,
            f"not a key that KMS knows: ImageSha384, PCR0 to PCR31 or NitroTPMPCR0 to 23 after {PREFIX}",
        )
    if found[1]:
        return DocumentKind.ENCLAVE, 0
    kind, limit = (
        (DocumentKind.NITRO_TPM, TPM_PCRS) if found[2] else (DocumentKind.ENCLAVE, MAX_PCRS)
    )
    if int(found[3]) >= limit:
        raise PolicyError(at, f"not a key that KMS knows: the last PCR is {limit - 1}")
    return kind, int(found[3])


def _read_digests(operator: str, written: object, at: str) -> tuple[Sha384, ...]:
    """Return the values of a list without repetition; each is 96 hex digits, for StringEquals as KMS writes them."""
    digests: dict[Sha384, None] = {}
    for text in _each(written, at):
        if (
            operator == "StringEquals"
            and not _LOWER_CASE.fullmatch(text)
            and _LOWER_CASE.fullmatch(text.lower())
        ):
            raise PolicyError(
                at,
                "never met: KMS compares with lower-case digits; write them so, or StringEqualsIgnoreCase",
            )
        try:
            digests[Sha384.fromhex(text)] = None
        except PolicyError as exc:
            raise PolicyError(at, exc.problem) from exc
    return tuple(digests)


def _each(written: object, at: str) -> Iterator[str]:
    """Go through one text or a list of texts that is not empty."""
    entries = cast("list[object]", written) if type(written) is list else [written]
    if not entries:
        raise PolicyError(at, "expected at least one value")
    for entry in entries:
        if type(entry) is not str:
            raise PolicyError(at, f"expected text, found {_strict_json.name_of(entry)}")
        yield entry


def _word(name: str) -> str:
    """Return a name for a key path: as it is if it is one word, otherwise in quotes."""
    return name if re.fullmatch(r"[A-Za-z0-9:/_-]{1,80}", name) else shown(name)
