"""Read TOML 1.0, find the line of a key, and write TOML with comments for a reviewer.

The standard library's parser needs time that grows with the square of a dotted key's length (34 s
for 80 kB), and stack for every level, so the size of a text, the dots in a key and the depth of
values are bounded first. A line number is named only if the parser itself confirms it.
"""

import json
import re
import tomllib
from collections.abc import Iterable
from typing import Any, Final, cast

from nitro_attest import PolicyError
from nitro_attest._strict_json import check_depth, shown
from nitro_attest._text import printable

MAX_TOML_BYTES: Final = 65_536  # ours: a policy of 64 sets has about 60,000 bytes
MAX_KEY_DOTS: Final = 64  # ours: no key of a policy file needs more than one

# places where a key could be, more than the 64 sets that a key policy can give
_MAX_TRIES: Final = 70
# A string of any of the four forms, closed or not, or a comment: each is one match, as the parser
# reads it, so that what remains of a valid text is keys, numbers and punctuation.
_STRING_OR_COMMENT: Final = re.compile(
    r'''"""(?:[^\\]|\\.)*?(?:"{3,5}|\\?\Z)'''
    r"""|'''.*?(?:'{3,5}|\Z)"""
    r"""|"(?:[^"\\\n]|\\[^\n])*+["\\]?"""
    r"""|'[^'\n]*'?"""
    r"""|\#[^\n]*""",
    re.DOTALL,
)
_BETWEEN_KEYS: Final = re.compile(r"[=\[\]{},\n]")
_AT: Final = re.compile(
    r"^(?P<problem>.*) \(at (?:line (?P<line>[0-9]+), column [0-9]+|end of document)\)$", re.DOTALL
)

_HEADER: Final = (
    "Which AWS Nitro attestation documents to accept.",
    "Every line is a decision; none has a default.",
    '{ not_checked = "why" } skips a check; the reason is repeated in every result.',
)
_COMMENTS: Final = {
    "trust_anchor": "The root certificate that a document's certificate chain must begin with.",
    "public_key": (
        'What the code put into the document: "present", "absent", { equals = "hex digits" } or '
        "not_checked."
    ),
    "unknown_fields": 'Fields that AWS does not list: "absent" or not_checked.',
    "measurements": "A document must match every PCR of at least one of the following sets.",
    "freshness": (
        "How old a document may be, and how far ahead of ours its clock may be. fresh_nonce: it "
        "must carry the nonce that we issued."
    ),
}


def parse(text: str, source: str) -> object:
    """Return what a TOML text holds.

    Raises:
        PolicyError: It is not TOML, and the line is named; a key has more than 64 dots, or values
            are nested deeper than 32 levels.

    """
    outside = _STRING_OR_COMMENT.sub("_", text)
    if any(key.count(".") > MAX_KEY_DOTS for key in _BETWEEN_KEYS.split(outside)):
        raise PolicyError(source, f"expected at most {MAX_KEY_DOTS} dots in a key")
    check_depth(outside, source)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        found = _AT.match(str(exc))
        line = found and found["line"]
        problem = found["problem"] if found else "cannot be read"
        raise PolicyError(
            f"{source}, line {line}" if line else source, f"not TOML: {printable(problem)}"
        ) from None
    except ValueError:  # an integer of thousands of digits
        raise PolicyError(source, "not TOML that can be read: a number is too long") from None


def place(text: str, source: str, path: tuple[str | int, ...]) -> str:
    """Write source, line (of TOML, if it is certain) and key path for an error."""
    keys = "".join(
        f"[{step}]" if isinstance(step, int) else f".{_key(step)}" for step in path
    ).lstrip(".")
    line = _line_of(text, path) or _line_of(text, path[:-1])
    return ": ".join(filter(None, (f"{source}, line {line}" if line else source, keys)))


def _line_of(text: str, path: tuple[str | int, ...]) -> int | None:
    """Return the first line up to which the text, parsed by itself, has the key."""
    name = next((step for step in reversed(path) if isinstance(step, str)), None)
    lines = text.split("\n")
    candidates = [
        number for number, line in enumerate(lines, start=1) if name is not None and name in line
    ]
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
    lines = [f"# {printable(line)}" for line in (*_HEADER, *remarks)]
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
    """Write a number, a table on one line, or a printable text, which JSON quotes as TOML does."""
    if isinstance(value, dict):
        return "{ " + ", ".join(_pairs(cast("dict[str, Any]", value))) + " }"
    return json.dumps(value, ensure_ascii=False)


def _key(step: str) -> str:
    return step if re.fullmatch(r"[A-Za-z0-9_-]{1,60}", step) else shown(step)
