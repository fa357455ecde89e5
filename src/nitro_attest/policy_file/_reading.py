"""Turn the tables of a policy file into a `Policy`.

Every error names the key path it is about, and speaks of the file's keys, not of Python's names.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, TypeVar, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from nitro_attest import (
    Absent,
    AnyEnclave,
    AnyNitroTpm,
    DebugEnclave,
    EnclaveMeasurements,
    Equals,
    FieldRule,
    Freshness,
    FreshNonce,
    Measurements,
    NitroTpmMeasurements,
    NotChecked,
    Policy,
    PolicyError,
    Present,
    Sha384,
    TimestampOnly,
    TrustAnchor,
)
from nitro_attest.policy_file._plain import NAMED_ANCHORS
from nitro_attest.policy_file._schema import (
    BASE64,
    DURATION,
    EXPECTED,
    AnySetTable,
    EnclaveTable,
    EqualsTable,
    FreshnessTable,
    FreshNonceTable,
    NotCheckedTable,
    PolicyTable,
    SetTable,
    TrustAnchorTable,
)

KeyPath = tuple[str | int, ...]
Place = Callable[[KeyPath], str]
_A = TypeVar("_A")
_T = TypeVar("_T")
_SETS: Final[dict[str, Callable[[str], Measurements]]] = {
    "any_enclave": AnyEnclave,
    "debug_enclave": DebugEnclave,
    "any_nitrotpm": AnyNitroTpm,
}
_WORD_OF_FILE: Final = {
    "AnyEnclave": 'kind = "any_enclave"',
    "AnyNitroTpm": 'kind = "any_nitrotpm"',
    "DebugEnclave": 'kind = "debug_enclave"',
    "EnclaveMeasurements": 'kind = "enclave"',
    "NitroTpmMeasurements": 'kind = "nitrotpm"',
    "FreshNonce": 'kind = "fresh_nonce"',
    "TimestampOnly": 'kind = "timestamp_only"',
    "NotChecked": "not_checked",
    "Absent": '"absent"',
    "Sha384": "96 hex digits",
    "a timedelta": "a duration",
    "a tuple": "a list",
}
_VERSION: Final = "expected 1, the version of this format"
_TABLE: Final = "expected a table"
# What is said of pydantic's errors; the values of a file are never repeated.
_PROBLEM_OF: Final = {
    "missing": "this decision is missing; a policy file states every one",
    "extra_forbidden": "not a key of this table",
    "string_type": "expected text",
    "string_unicode": "expected text without lone surrogates",
    "string_too_long": "expected the base64 of at most 65,536 bytes",
    "int_type": _VERSION,
    "greater_than_equal": _VERSION,
    "less_than_equal": _VERSION,
    "list_type": "expected a list of tables",
    "too_short": "expected at least one set",
    "dict_type": _TABLE,
    "model_type": _TABLE,
    "model_attributes_type": _TABLE,
    "union_tag_not_found": "the key kind is missing, which says what this table is",
}
_PYTHON_NAME: Final = re.compile(rf"\b(?:{'|'.join(_WORD_OF_FILE)})\b")


def read_table(value: object, place: Place) -> Policy:
    """Return the policy that the tables state; `place` writes a key path for an error.

    Raises:
        PolicyError: `field` is the place of what is wrong.

    """
    try:
        table = PolicyTable.model_validate(value)
    except ValidationError as exc:
        raise _first_error(exc.errors(include_url=False), value, place) from None
    sets = tuple(
        _read_set(entry, place, ("measurements", index))
        for index, entry in enumerate(table.measurements)
    )
    freshness = _at(place, ("freshness",), _read_freshness, table.freshness)
    public_key = _at(place, ("public_key",), _read_field_rule, table.public_key)
    user_data = _at(place, ("user_data",), _read_field_rule, table.user_data)
    unknown_fields = _at(place, ("unknown_fields",), _read_unknown_fields, table.unknown_fields)
    trust_anchor = _at(place, ("trust_anchor",), _read_anchor, table.trust_anchor)
    return _at(
        place,
        ("measurements",),
        lambda measurements: Policy(
            measurements=measurements,
            freshness=freshness,
            public_key=public_key,
            user_data=user_data,
            unknown_fields=unknown_fields,
            trust_anchor=trust_anchor,
        ),
        sets,
    )


def _at(place: Place, path: KeyPath, make: Callable[[_A], _T], written: _A) -> _T:
    """Return what `make` makes, or name the key that it rejects."""
    try:
        return make(written)
    except PolicyError as exc:
        key, *index = exc.field.rpartition(".")[2].rstrip("]").split("[")
        if isinstance(written, BaseModel) and key in type(written).model_fields:
            path = (*path, key, *index)
        raise PolicyError(place(path), in_words_of_files(exc.problem)) from None


def in_words_of_files(problem: str) -> str:
    """Return a message of the library with the words of policy files for Python's names."""
    return _PYTHON_NAME.sub(lambda found: _WORD_OF_FILE[found[0]], problem)


def _read_set(written: SetTable, place: Place, path: KeyPath) -> Measurements:
    if isinstance(written, AnySetTable):
        return _at(place, path, lambda table: _SETS[table.kind](table.because), written)
    rules = {
        name: _at(place, (*path, name), _read_pcr_rule, getattr(written, name))
        for name in type(written).model_fields
        if name.startswith("pcr")
    }
    others = tuple(
        (int(index), Sha384.fromhex(digits)) for index, digits in written.other_pcrs.items()
    )
    if isinstance(written, EnclaveTable):
        return _at(
            place,
            path,
            lambda table: EnclaveMeasurements(label=table.label, other_pcrs=others, **rules),
            written,
        )
    return _at(
        place,
        path,
        lambda table: NitroTpmMeasurements(label=table.label, other_pcrs=others, **rules),
        written,
    )


def _read_pcr_rule(written: str | NotCheckedTable) -> Sha384 | NotChecked:
    return Sha384.fromhex(written) if isinstance(written, str) else NotChecked(written.not_checked)


def _read_field_rule(written: str | EqualsTable | NotCheckedTable) -> FieldRule:
    match written:
        case EqualsTable():
            return Equals(bytes.fromhex(written.equals))
        case NotCheckedTable():
            return NotChecked(written.not_checked)
        case word:
            return Present() if word == "present" else Absent()


def _read_unknown_fields(written: str | NotCheckedTable) -> Absent | NotChecked:
    return Absent() if isinstance(written, str) else NotChecked(written.not_checked)


def _read_freshness(written: FreshnessTable) -> Freshness:
    max_age, max_clock_skew = (
        read_duration(text, f"freshness.{name}")
        for name, text in (("max_age", written.max_age), ("max_clock_skew", written.max_clock_skew))
    )
    if isinstance(written, FreshNonceTable):
        return FreshNonce(max_age=max_age, max_clock_skew=max_clock_skew)
    return TimestampOnly(because=written.because, max_age=max_age, max_clock_skew=max_clock_skew)


def _read_anchor(written: str | TrustAnchorTable) -> TrustAnchor:
    if isinstance(written, str):
        return NAMED_ANCHORS[written]
    try:
        certificate = b64decode(written.certificate, validate=True)
    except binascii.Error:
        raise PolicyError("trust_anchor.certificate", EXPECTED[BASE64]) from None
    return TrustAnchor(name=written.name, certificate=certificate, sha256=written.sha256)


def read_duration(text: str, field: str) -> timedelta:
    """Return the time span that a text such as "5m", "1h30m" or "0.5s" means.

    Raises:
        PolicyError: It is not one, or longer than 999,999,999 days.

    """
    found = re.fullmatch(DURATION.strip("^$"), text, re.ASCII)
    if found is None or not text:
        raise PolicyError(field, EXPECTED[DURATION])
    days, hours, minutes, whole, fraction = (
        digits and digits.rstrip("dhms") for digits in found.groups()
    )
    seconds, _, _ = (whole or "0").partition(".")
    try:
        return timedelta(
            days=int(days or 0),
            hours=int(hours or 0),
            minutes=int(minutes or 0),
            seconds=int(seconds),
            microseconds=int(f"{fraction or '.0'}00000"[1:7]),
        )
    except OverflowError:
        raise PolicyError(field, "expected at most 999999999d") from None


def _first_error(errors: list[ErrorDetails], value: object, place: Place) -> PolicyError:
    """Return the exception for the first error, with the number of the others."""
    first = errors[0]
    problem = _problem(first)
    if len(errors) > 1:
        problem += f" (and {len(errors) - 1} more)"
    return PolicyError(place(_key_path(first["loc"], value)), problem)


def _problem(error: ErrorDetails) -> str:
    """Return what was expected; the value itself is never repeated."""
    known = _PROBLEM_OF.get(error["type"])
    if known is not None:
        return known
    match error:
        case {"type": "union_tag_invalid", "ctx": {"expected_tags": kinds}}:
            return f"expected kind to be one of {kinds}"
        case {"type": "string_pattern_mismatch", "ctx": {"pattern": pattern}}:
            return EXPECTED[pattern]
        case {"type": "string_too_short", "ctx": {"min_length": 1}}:
            return "expected text that is not empty"
        case {"type": "string_too_short"}:
            return EXPECTED[DURATION]  # nothing else has two characters at least
        case _:  # the words that are allowed
            return error["msg"].replace("Input should be", "expected")


def _key_path(loc: tuple[int | str, ...], value: object) -> KeyPath:
    """Return the keys of the file in pydantic's location, which also names forms of a union."""
    path: list[str | int] = []
    for place, step in enumerate(loc):
        inside = cast("Any", value)
        if (isinstance(value, dict) and step in inside) or (
            isinstance(value, list) and isinstance(step, int)
        ):
            value = inside[step]
            path.append(step)
        elif (
            place == len(loc) - 1 and isinstance(value, dict) and step != "[key]"
        ):  # the key that is missing
            path.append(step)
    return tuple(path)
