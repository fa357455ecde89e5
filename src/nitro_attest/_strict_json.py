"""Read JSON that people and tools wrote (RFC 8259), and refuse what two readers could understand differently.

Text or its UTF-8 bytes come in, plain values go out. Never: a name given twice, NaN, or a file
without a bound on its size.
"""

import json
from typing import Final, NoReturn, cast

from nitro_attest import PolicyError

MAX_TEXT_BYTES: Final = (
    1_048_576  # ours: a policy of 64 sets has about 60,000, a key policy at most 32,768
)


def decode_text(data: bytes | str, source: str) -> str:
    """Return `data` as text; `source` names it in an error.

    Raises:
        PolicyError: It is too long, or not UTF-8.

    """
    if len(data) > MAX_TEXT_BYTES:
        raise PolicyError(source, f"expected at most {MAX_TEXT_BYTES} bytes")
    if isinstance(data, str):
        return data
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise PolicyError(
            source, f"expected text in UTF-8, found other bytes at offset {exc.start}"
        ) from exc


def parse(data: bytes | str, source: str) -> object:
    """Return the one value that `data` holds.

    Raises:
        PolicyError: It is not JSON, or JSON that is ambiguous; the line is named where there is
            one.

    """
    text = decode_text(data, source)
    try:
        return cast("object", json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse))
    except json.JSONDecodeError as exc:
        place = f"{source}, line {exc.lineno}, column {exc.colno}"
        raise PolicyError(place, f"not JSON: {exc.msg}") from exc
    except _AmbiguousError as exc:
        raise PolicyError(source, str(exc)) from exc
    except (
        ValueError,
        RecursionError,
    ) as exc:  # an integer of thousands of digits; thousands of brackets
        raise PolicyError(
            source, "not JSON that can be read: a number too long or values nested too deep"
        ) from exc


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
    """Return text of a file for an error: in double quotes, printable ASCII only, cut after 60 characters."""
    return json.dumps(text[:_MAX_SHOWN] + ("..." if len(text) > _MAX_SHOWN else "")).replace(
        "\x7f", "\\u007f"
    )


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


class _AmbiguousError(Exception):
    """Carry the problem out of the decoder; a ValueError would be taken for one of its own."""


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        problem = f"the name {shown(twice)} is given twice in one object"
        raise _AmbiguousError(problem)
    return values


def _refuse(constant: str) -> NoReturn:
    problem = f"{constant} is no JSON number"
    raise _AmbiguousError(problem)
