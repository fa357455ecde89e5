"""Read the JSON object of a request with bounds on depth and on what numbers may be.

`json` recurses and keeps the last of two equal names; both are refused before or while it reads.
"""

import json
import re
from typing import Final, NoReturn, cast

from nitro_attest_broker._errors import Code, KmsError

MAX_BODY_BYTES: Final = 409_600  # an attestation document of 262,144 bytes in base64, and the rest
MAX_DEPTH: Final = 6  # the deepest request, CreateKey with Tags, has 3
# A string (RFC 8259 section 7), or one not closed, to its end: each character is read once.
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKET: Final = re.compile(r"[\[\]{}]")
_MAX_DIGITS: Final = 18  # every number of the API fits


def read_object(body: bytes) -> dict[str, object]:
    """Return the one JSON object that `body` holds.

    Raises:
        KmsError: SerializationException, for anything else, for a name given twice in an object,
            for values nested deeper than 6, and for numbers that are not integers.

    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise _malformed("request.not_utf8") from None
    _limit_depth(text)
    try:
        value = cast(
            "object",
            json.loads(
                text,
                object_pairs_hook=_unique,
                parse_constant=_no_number,
                parse_float=_no_number,
                parse_int=_short_integer,
            ),
        )
    except json.JSONDecodeError:
        raise _malformed("request.not_json") from None
    if type(value) is not dict:
        raise _malformed("request.not_an_object")
    return cast("dict[str, object]", value)


def write_object(value: object) -> str:
    """Return a value as JSON with sorted names and no spaces: one form for one value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _limit_depth(text: str) -> None:
    """Refuse brackets nested too deep, without recursion; those inside strings do not count."""
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub("", text)):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > MAX_DEPTH:
            raise _malformed("request.too_deep")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise _malformed("request.name_twice")
    return values


def _short_integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise _malformed("request.number")
    return int(digits)


def _no_number(_: str) -> NoReturn:
    raise _malformed("request.number")


def _malformed(reason: str) -> KmsError:
    return KmsError(Code.SERIALIZATION, "The request body is not the JSON expected.", reason=reason)
