"""Write CBOR by hand (RFC 8949), right or wrong.

Values come in, bytes go out; `Raw` puts any bytes in any place. Shortest definite encoding unless
something else is asked for.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast, final

UNSIGNED: Final = 0
NEGATIVE: Final = 1
BYTES: Final = 2
TEXT: Final = 3
ARRAY: Final = 4
MAP: Final = 5
TAG: Final = 6

BREAK: Final = b"\xff"
INDEFINITE: Final = 31
_ONE_OCTET: Final = (
    24  # additional information 24 to 27: the argument follows in 1, 2, 4 or 8 octets
)
_WIDTHS: Final = (1, 2, 4, 8)


@final
@dataclass(frozen=True, slots=True)
class Raw:
    """Hold bytes that are written as they are."""

    data: bytes


OpenContent: TypeAlias = Mapping[Any, object] | tuple[tuple[object, object], ...] | list[Any]


@final
@dataclass(frozen=True, slots=True)
class Open:
    """Hold a map (as pairs) or an array that is written with indefinite length."""

    content: OpenContent


@final
@dataclass(frozen=True, slots=True)
class Pairs:
    """Hold a map of definite length in which a key may come twice."""

    content: tuple[tuple[object, object], ...]


def head(major: int, argument: int, width: int | None = None) -> bytes:
    """Write the head of an item; `width` asks for more octets than are needed."""
    if width is None:
        if argument < _ONE_OCTET:
            return bytes([major << 5 | argument])
        width = next(width for width in _WIDTHS if argument < 1 << 8 * width)
    return bytes([major << 5 | _ONE_OCTET + _WIDTHS.index(width)]) + argument.to_bytes(width, "big")


def opened(major: int) -> bytes:
    """Write the head of an item of indefinite length."""
    return bytes([major << 5 | INDEFINITE])


def encode(value: object) -> bytes:
    """Write a value."""
    match value:
        case Raw(data):
            return data
        case None | bool():
            return {None: b"\xf6", True: b"\xf5", False: b"\xf4"}[value]
        case int():
            return head(UNSIGNED, value) if value >= 0 else head(NEGATIVE, -1 - value)
        case bytes():
            return head(BYTES, len(value)) + value
        case str():
            return head(TEXT, len(value.encode())) + value.encode()
        case _:
            return _encode_container(value)


def _encode_container(value: object) -> bytes:
    match value:
        case Pairs(pairs):
            return head(MAP, len(pairs)) + flat(pairs)
        case Open(content):
            return _encode_open(content)
        case list():
            items = cast("list[object]", value)
            return head(ARRAY, len(items)) + b"".join(map(encode, items))
        case dict():
            fields = cast("dict[object, object]", value)
            return head(MAP, len(fields)) + flat(fields.items())
        case _:
            raise TypeError(type(value))


def _encode_open(content: OpenContent) -> bytes:
    if isinstance(content, Mapping):
        return opened(MAP) + flat(content.items()) + BREAK
    if isinstance(content, tuple):
        return opened(MAP) + flat(content) + BREAK
    return opened(ARRAY) + b"".join(map(encode, content)) + BREAK


def flat(pairs: Iterable[tuple[object, object]]) -> bytes:
    """Write keys and values one after the other, without a head."""
    return b"".join(encode(key) + encode(value) for key, value in pairs)


def chunked(value: bytes | str, size: int) -> Raw:
    """Write a string of indefinite length in chunks of `size`."""
    major = BYTES if isinstance(value, bytes) else TEXT
    parts = (value[start : start + size] for start in range(0, len(value), size))
    return Raw(opened(major) + b"".join(map(encode, parts)) + BREAK)


def wide(value: int | bytes | str, width: int) -> Raw:
    """Write an integer or a string whose head has more octets than it needs."""
    match value:
        case int():
            return Raw(head(UNSIGNED, value, width))
        case bytes():
            return Raw(head(BYTES, len(value), width) + value)
        case str():
            return Raw(head(TEXT, len(value.encode()), width) + value.encode())


def tagged(tag: int, value: object) -> Raw:
    """Put a tag before a value."""
    return Raw(head(TAG, tag) + encode(value))
