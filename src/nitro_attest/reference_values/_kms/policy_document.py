"""Key policies read strictly, by IAM's grammar as KMS accepts it.

Source: IAM user guide, "Grammar of the IAM JSON policy language"; KMS developer guide, "Key
policies". What KMS itself would not store is `PolicyError`, and so is a statement without Action,
which KMS stores and which has no effect. A condition with an operator or key that cannot be
evaluated is kept: `evaluation` decides what it means.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final, Self, cast, final

from nitro_attest import PolicyError
from nitro_attest._strict_json import expect_object, name_of, parse, shown
from nitro_attest.reference_values._kms.patterns import Variables, ascii_lower

MAX_BYTES: Final = 32_768  # KMS developer guide, "Resource quotas": key policy document size
_VERSIONS: Final = frozenset({"2008-10-17", "2012-10-17"})
# KMS API, PutKeyPolicy: printable Latin-1, tab, line feed, carriage return. The second half finds
# what `json.dumps` writes as an escape: the other control characters.
_OTHER_CHARACTER: Final = re.compile(r"[^ -~\xa0-\xff]|(?<!\\)(?:\\\\)*\\[ubf]")
_ACTION: Final = re.compile(r"\*|(?:\*|[A-Za-z0-9-]+):[A-Za-z0-9*?]+")
_ELEMENTS: Final = frozenset(
    {
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    }
)
_ASKED: Final = (("Principal", "NotPrincipal"), ("Action", "NotAction"))
_PRINCIPAL_TYPES: Final = ("AWS", "Service", "Federated", "CanonicalUser")


@final
class Effect(StrEnum):
    """What a statement does when it applies."""

    ALLOW = "Allow"
    DENY = "Deny"


@final
class Form(Enum):
    """Whether every statement has to name principals, operations and resources.

    `kms.to_kms` prints fragments, which name none of the three.
    """

    COMPLETE = "complete"
    FRAGMENTS = "fragments"


@final
@dataclass(frozen=True, slots=True)
class StatementName:
    """The place of a statement in its key policy, from 0, and its Sid if it has one."""

    index: int
    sid: str | None

    def __str__(self) -> str:
        """Return such as `Statement[1] ("payments")`."""
        place = f"Statement[{self.index}]"
        return place if self.sid is None else f"{place} ({shown(self.sid)})"


@final
@dataclass(frozen=True, slots=True)
class Principals:
    """The value of Principal or NotPrincipal: everyone, or names by type (AWS, Service, ...)."""

    element: str
    everyone: bool
    names: tuple[tuple[str, str], ...]


@final
@dataclass(frozen=True, slots=True)
class Names:
    """An element with one or more texts: Action, NotAction, Resource or NotResource."""

    element: str
    texts: tuple[str, ...]


THIS_KEY: Final = Names("Resource", ("*",))


@final
@dataclass(frozen=True, slots=True)
class Condition:
    """One operator on one condition key; `values` as texts, any of which may match."""

    operator: str
    key: str
    values: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; an element that is missing is None."""

    name: StatementName
    effect: Effect
    principals: Principals | None
    actions: Names | None
    resources: Names | None
    conditions: tuple[Condition, ...]
    written: str  # the statement as JSON


@final
@dataclass(frozen=True, slots=True)
class KeyPolicy:
    """A KMS key policy, read once and used for many decisions. Make it with `KeyPolicy.read`."""

    source: str
    variables: Variables
    statements: tuple[Statement, ...]

    @classmethod
    def read(
        cls, policy: str | bytes | Mapping[str, object], *, source: str = "key policy"
    ) -> Self:
        """Read a key policy: JSON text, its UTF-8 bytes, or the plain values of such JSON.

        The answer of `aws kms get-key-policy`, which wraps the policy, is unwrapped. `source` names
        the policy in errors.

        Raises:
            PolicyError: It is not a key policy that KMS would store, or it is longer than 32,768
                bytes without white space.

        """
        return cls._read(policy, source, Form.COMPLETE)

    def named_principals(self) -> tuple[str, ...]:
        """Return the ARNs that Allow statements name, accounts and services excepted, each once."""
        names = (
            name
            for statement in self.statements
            if statement.effect is Effect.ALLOW
            and statement.principals is not None
            and statement.principals.element == "Principal"
            for kind, name in statement.principals.names
            if kind == "AWS" and name.startswith("arn:") and not name.endswith(":root")
        )
        return tuple(dict.fromkeys(names))

    @classmethod
    def read_fragments(cls, policy: str | bytes, *, source: str) -> Self:
        """Read a key policy whose statements may lack Principal, Action and Resource together."""
        return cls._read(policy, source, Form.FRAGMENTS)

    @classmethod
    def _read(cls, policy: str | bytes | Mapping[str, object], source: str, form: Form) -> Self:
        document = _unwrapped(policy, source)
        unknown = document.keys() - {"Version", "Id", "Statement"}
        if unknown or "Statement" not in document:
            found = shown(min(unknown)) if unknown else "no Statement"
            raise PolicyError(
                source, f"expected a key policy with Version, Id and Statement, found {found}"
            )
        version = document.get("Version", "2008-10-17")
        if type(version) is not str or version not in _VERSIONS:
            place = f"{source}: Version"
            raise PolicyError(place, "expected 2012-10-17 or 2008-10-17")
        if type(document.get("Id", "")) is not str:
            place = f"{source}: Id"
            raise PolicyError(place, f"expected text, found {name_of(document['Id'])}")
        written = document["Statement"]
        entries = cast("list[object]", written) if type(written) is list else [written]
        if not entries:
            place = f"{source}: Statement"
            raise PolicyError(place, "expected at least one statement")
        return cls(
            source=source,
            variables=Variables(version),
            statements=tuple(
                _read_statement(entry, index, source, form) for index, entry in enumerate(entries)
            ),
        )


def _unwrapped(policy: object, source: str) -> dict[str, object]:
    """Return the policy's object, with its size and characters checked."""
    document = expect_object(parse(_as_text(policy, source), source), source)
    if "Statement" not in document and type(document.get("Policy")) is str:
        source = f"{source}: Policy"
        document = expect_object(parse(cast("str", document["Policy"]), source), source)
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    if found := _OTHER_CHARACTER.search(text):
        what = "a control character" if "\\" in found[0] else ascii(found[0])
        raise PolicyError(
            source, f"expected printable Latin-1, the only characters KMS stores; found {what}"
        )
    size = len(text.encode())
    if size > MAX_BYTES:
        raise PolicyError(source, f"expected at most {MAX_BYTES} bytes, found {size}")
    return document


def _as_text(policy: object, source: str) -> str | bytes:
    if isinstance(policy, (str, bytes)):
        return policy
    if not isinstance(policy, Mapping):
        raise PolicyError(source, "expected JSON text, its bytes, or a mapping")
    values = dict(cast("Mapping[object, object]", policy))
    try:
        return json.dumps(values, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise PolicyError(
            source, "expected the plain values of JSON: objects, lists, text, numbers, true, false"
        ) from None


def _read_statement(entry: object, index: int, source: str, form: Form) -> Statement:
    place = f"{source}: Statement[{index}]"
    statement = expect_object(entry, place)
    sid = statement.get("Sid")
    if "Sid" in statement and (type(sid) is not str or not sid.isprintable()):
        raise PolicyError(f"{place}.Sid", "expected printable text")
    name = StatementName(index, cast("str", sid).strip() or None if sid else None)
    if unknown := statement.keys() - _ELEMENTS:
        raise PolicyError(
            place, f"expected the elements of an IAM statement, found {shown(min(unknown))}"
        )
    effect = statement.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise PolicyError(f"{place}.Effect", "expected Allow or Deny")
    _check_elements(statement, place, form)
    return Statement(
        name=name,
        effect=Effect(effect),
        principals=_read_principals(statement, place),
        actions=_read_actions(statement, place),
        resources=_read_names(statement, ("Resource", "NotResource"), place),
        conditions=tuple(_read_conditions(statement.get("Condition", {}), f"{place}.Condition")),
        written=json.dumps(statement, ensure_ascii=False),
    )


def _check_elements(statement: dict[str, object], place: str, form: Form) -> None:
    """Check that of each element and its negation there is one, not both.

    A missing Resource is allowed: KMS stores such a statement, and it has no effect.
    """
    for element, negation in (*_ASKED, ("Resource", "NotResource")):
        if element in statement and negation in statement:
            raise PolicyError(place, f"expected {element} or {negation}, found both")
    absent = [pair[0] for pair in _ASKED if statement.keys().isdisjoint(pair)]
    is_fragment = (
        form is Form.FRAGMENTS
        and len(absent) == len(_ASKED)
        and statement.keys().isdisjoint({"Resource", "NotResource"})
    )
    if absent and not is_fragment:
        raise PolicyError(place, f"expected {absent[0]} or Not{absent[0]}, found neither")


def _read_principals(statement: dict[str, object], place: str) -> Principals | None:
    element = "NotPrincipal" if "NotPrincipal" in statement else "Principal"
    if element not in statement:
        return None
    written, place = statement[element], f"{place}.{element}"
    if written == "*":
        return Principals(element, everyone=True, names=())
    by_type = expect_object(written, place)
    if not by_type:
        raise PolicyError(place, 'expected "*" or names of principals, found an empty object')
    names: list[tuple[str, str]] = []
    for kind, found in by_type.items():
        if kind not in _PRINCIPAL_TYPES:
            raise PolicyError(
                place, f"expected AWS, Service or Federated principals, found {shown(kind)}"
            )
        names.extend((kind, name) for name in _each(found, f"{place}.{kind}"))
    return Principals(element, everyone=("AWS", "*") in names, names=tuple(names))


def _read_names(
    statement: dict[str, object], elements: tuple[str, str], place: str
) -> Names | None:
    for element in elements:
        if element in statement:
            return Names(element, tuple(_each(statement[element], f"{place}.{element}")))
    return None


def _read_actions(statement: dict[str, object], place: str) -> Names | None:
    actions = _read_names(statement, ("Action", "NotAction"), place)
    for text in () if actions is None else actions.texts:
        if _ACTION.fullmatch(text) is None:
            raise PolicyError(
                f"{place}.Action", f"expected such as kms:Decrypt, kms:* or *, found {shown(text)}"
            )
    return actions


def _read_conditions(written: object, place: str) -> Iterator[Condition]:
    for operator, keys in expect_object(written, place).items():
        at = f"{place}.{word(operator)}"
        seen: set[str] = set()
        by_key = expect_object(keys, at)
        if not by_key:
            raise PolicyError(at, "expected at least one condition key")
        for key, values in by_key.items():
            lower = ascii_lower(key)
            if lower in seen:
                raise PolicyError(
                    f"{at}.{word(key)}", "this key is given twice; names of keys have no case"
                )
            seen.add(lower)
            yield Condition(operator, key, tuple(_each_value(values, f"{at}.{word(key)}")))


def _each_value(written: object, at: str) -> Iterator[str]:
    """Go through the values of a condition; `true` is "true", and a whole number its digits."""
    for entry in _entries(written, at):
        if type(entry) is bool or type(entry) is int:
            yield json.dumps(entry)
        else:
            yield _text(entry, at)


def _each(written: object, at: str) -> Iterator[str]:
    for entry in _entries(written, at):
        yield _text(entry, at)


def _entries(written: object, at: str) -> list[object]:
    entries = cast("list[object]", written) if type(written) is list else [written]
    if not entries:
        raise PolicyError(at, "expected at least one value")
    return entries


def _text(entry: object, at: str) -> str:
    if type(entry) is not str:
        raise PolicyError(at, f"expected text, found {name_of(entry)}")
    return entry


def word(name: str) -> str:
    """Return a name for the path of an error: as it is if it is one word, otherwise in quotes."""
    return name if re.fullmatch(r"[A-Za-z0-9:/_-]{1,80}", name) else shown(name)
