"""Read JSON (RFC 8259) that people and tools wrote, and reject what is ambiguous.

A name given twice and the constants that are not JSON (NaN, Infinity) are errors. The size and the
depth of a text are bounded before it is parsed, and the work grows linearly with the size.
"""

import json
import re
from collections.abc import Iterable
from typing import Final, NoReturn, cast

from nitro_attest import PolicyError

# ours: a policy of 64 sets has about 60,000 bytes, a key policy at most 32,768
MAX_TEXT_BYTES: Final = 1_048_576
MAX_DEPTH: Final = 32  # ours: a policy file needs 4 levels, a key policy 7

_MAX_SHOWN: Final = 60
_NAMES: Final[dict[type[object], str]] = {
    dict: "an object",
    list: "a list",
    str: "text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}
# A string, closed or not, is one match, so that each character is looked at once.
_STRING_OR_BRACKET: Final = re.compile(r'"(?:[^"\\]|\\.)*+["\\]?|[\[\]{}]', re.DOTALL)


def decode_text(data: bytes | str, source: str, max_bytes: int = MAX_TEXT_BYTES) -> str:
    """Return `data` as text; `source` names it in an error.

    Raises:
        PolicyError: It is longer than `max_bytes`, not UTF-8, or begins with a byte order mark.

    """
    if len(data) > max_bytes:
        raise PolicyError(source, f"expected at most {max_bytes} bytes")
    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise PolicyError(
            source, f"expected text in UTF-8, found other bytes at offset {exc.start}"
        ) from None
    if text.startswith("\ufeff"):  # some editors write it, and neither JSON nor TOML allows it
        raise PolicyError(source, "expected UTF-8 without a byte order mark")
    return text


def parse(data: bytes | str, source: str) -> object:
    """Return the one value that `data` holds.

    Raises:
        PolicyError: It is not JSON, JSON that is ambiguous, or nested deeper than 32 levels; the
            line is named where there is one.

    """
    text = decode_text(data, source)
    check_depth(_STRING_OR_BRACKET.findall(text), source)
    try:
        return cast("object", json.loads(text, object_pairs_hook=_unique, parse_constant=_reject))
    except json.JSONDecodeError as exc:
        place = f"{source}, line {exc.lineno}, column {exc.colno}"
        raise PolicyError(place, f"not JSON: {exc.msg}") from None
    except _AmbiguousError as exc:
        raise PolicyError(source, str(exc)) from None
    except ValueError:  # an integer of thousands of digits
        raise PolicyError(source, "not JSON that can be read: a number is too long") from None


def expect_object(value: object, place: str) -> dict[str, object]:
    """Return `value` if it is a JSON object.

    Raises:
        PolicyError: It is anything else.

    """
    if type(value) is not dict:
        raise PolicyError(place, f"expected an object, found {name_of(value)}")
    return cast("dict[str, object]", value)


def name_of(value: object) -> str:
    """Return what JSON calls a value of this type, for errors."""
    return _NAMES[type(value)]


def shown(text: str) -> str:
    """Return at most 60 characters of a file for an error: quoted, printable ASCII only."""
    return json.dumps(text[:_MAX_SHOWN] + ("..." if len(text) > _MAX_SHOWN else "")).replace(
        "\x7f", "\\u007f"
    )


class _AmbiguousError(Exception):
    """The problem on its way out of the decoder; a ValueError would be taken for one of its own."""


def check_depth(tokens: Iterable[str], source: str) -> None:
    """Reject deep nesting before the parser, whose own limit depends on the interpreter's stack.

    Raises:
        PolicyError: More than 32 of the brackets and braces in `tokens` are open at once.

    """
    depth = 0
    for token in tokens:
        if token in {"[", "{"}:
            depth += 1
            if depth > MAX_DEPTH:
                raise PolicyError(source, f"expected at most {MAX_DEPTH} levels of nesting")
        elif token in {"]", "}"}:
            depth -= 1


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values: dict[str, object] = {}
    for name, value in pairs:
        if name in values:
            problem = f"the name {shown(name)} is given twice in one object"
            raise _AmbiguousError(problem)
        values[name] = value
    return values


def _reject(constant: str) -> NoReturn:
    problem = f"{constant} is not a JSON number"
    raise _AmbiguousError(problem)
