"""Read TOML (1.0, by the standard library), find the line of a key in it, and write it with comments for a reviewer.

Text comes in, plain values go out, and the other way round. Never: a line number that was guessed.
"""

import json
import re
import tomllib
from collections.abc import Iterable
from typing import Any, Final, cast

from nitro_attest import PolicyError
from nitro_attest._strict_json import shown

_MAX_TRIES: Final = (
    70  # places where a key could be, more than the 64 sets that a key policy can give
)
_MAX_SEARCHED: Final = (
    100_000  # characters; each try reads the text up to there, and a policy of 64 sets has 60,000
)
_AT: Final = re.compile(
    r"^(?P<problem>.*) \(at (?:line (?P<line>[0-9]+), column [0-9]+|end of document)\)$", re.DOTALL
)

_HEADER: Final = (
    "Which AWS Nitro attestation documents to believe. Every line is a decision, none has a default.",
    '{ not_checked = "why" } leaves a check out; the reason comes back in every result.',
)
_COMMENTS: Final = {
    "trust_anchor": "The root that the certificates of a document lead to.",
    "public_key": 'What the document says beside its PCRs: "present", "absent", { equals = "hex digits" } or not_checked.',
    "unknown_fields": 'Fields that AWS does not list: "absent" or not_checked.',
    "measurements": "A document must match every PCR of any one of the following sets.",
    "freshness": "How old a document may be, and how far ahead its clock. fresh_nonce: it answers a nonce that we issued.",
}


def parse(text: str, source: str) -> object:
    """Return what a TOML text holds.

    Raises:
        PolicyError: It is not TOML; the line is named.

    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        found = _AT.match(str(exc))
        line = found and found["line"]
        problem = found["problem"] if found else "cannot be read"
        raise PolicyError(
            f"{source}, line {line}" if line else source, f"not TOML: {_printable(problem)}"
        ) from exc
    except (
        ValueError,
        RecursionError,
    ) as exc:  # an integer of thousands of digits; thousands of brackets
        raise PolicyError(
            source, "not TOML that can be read: a number too long or values nested too deep"
        ) from exc


def place(text: str, source: str, path: tuple[str | int, ...]) -> str:
    """Write source, line (if the text is TOML and the line is certain) and key path for an error."""
    keys = "".join(
        f"[{step}]" if isinstance(step, int) else f".{_key(step)}" for step in path
    ).lstrip(".")
    line = _line_of(text, path) or _line_of(text, path[:-1])
    return ": ".join(filter(None, (f"{source}, line {line}" if line else source, keys)))


def _line_of(text: str, path: tuple[str | int, ...]) -> int | None:
    """Return the first line up to which the text, read by itself, has the key: the parser is the judge."""
    name = next((step for step in reversed(path) if isinstance(step, str)), None)
    lines = text.split("\n")
    candidates = [
        number for number, line in enumerate(lines, start=1) if name is not None and name in line
    ]
    if len(text) > _MAX_SEARCHED:
        return None
    for number in candidates[:_MAX_TRIES]:
        try:
            value: Any = tomllib.loads("\n".join(lines[:number]))
            for step in path:
                value = value[step]
        except (ValueError, KeyError, IndexError, TypeError):
            continue
        return number
    return None


def write(table: dict[str, Any], remarks: Iterable[str]) -> str:
    """Return a policy's table as TOML, with a comment above every group of decisions."""
    lines = [f"# {_printable(line)}" for line in (*_HEADER, *remarks)]
    for name, value in table.items():
        if name in _COMMENTS:
            lines += ["", f"# {_COMMENTS[name]}"]
        match value:
            case list():
                for entry in cast("list[dict[str, Any]]", value):
                    lines += [f"[[{name}]]", *_pairs(entry), ""]
            case {"kind": _}:
                lines += [f"[{name}]", *_pairs(cast("dict[str, Any]", value))]
            case _:
                lines.append(f"{name} = {_value(value)}")
    return "\n".join(lines).rstrip("\n") + "\n"


def _pairs(values: dict[str, Any]) -> list[str]:
    return [f"{name} = {_value(value)}" for name, value in values.items()]


def _value(value: object) -> str:
    """Write a number, a table on one line, or a text: all texts of a policy are printable, so that JSON's quoting is TOML's."""
    if isinstance(value, dict):
        return "{ " + ", ".join(_pairs(cast("dict[str, Any]", value))) + " }"
    return json.dumps(value, ensure_ascii=False)


def _key(step: str) -> str:
    return step if re.fullmatch(r"[A-Za-z0-9_-]{1,60}", step) else shown(step)


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
