"""Split DER into its elements (ITU-T X.690), as far as certificates need it.

Bytes and a range come in, the elements' tags and ranges go out. Never: a long-form tag, an indefinite or non-shortest length,
an element that ends beyond its range. What the elements mean is not decided here.
"""

from typing import Final, NamedTuple, final

SEQUENCE: Final = 0x30

_LONG_TAG: Final = 0x1F  # X.690 8.1.2.4: the tag number follows in further octets
_MAX_SHORT_LENGTH: Final = 0x7F  # X.690 8.1.3.4
# X.690 8.1.3.5: the length octets that follow, and the least length they may hold (10.1: the shortest form). Two octets reach
# 65,535 bytes; a certificate here has at most 1,024.
_LONG_LENGTHS: Final = {0x81: (1, 0x80), 0x82: (2, 0x100)}


class DerError(Exception):
    """Say that the bytes are not DER."""


@final
class Element(NamedTuple):
    """Locate one element: its tag octet, and the offsets of its first octet, of its content, and of what follows it."""

    tag: int
    start: int
    content: int
    end: int

    def encoded(self, data: bytes) -> bytes:
        """Return the element with its tag and length."""
        return data[self.start : self.end]


def read_element(data: bytes, start: int, limit: int) -> Element:
    """Read the element at `start`, which must end at or before `limit`.

    Raises:
        DerError: The bytes there are no DER element of that extent.

    """
    content = start + 2
    if content > limit:
        raise DerError
    tag, length = data[start], data[start + 1]
    if tag & _LONG_TAG == _LONG_TAG:
        raise DerError
    if length > _MAX_SHORT_LENGTH:
        if length not in _LONG_LENGTHS:
            raise DerError
        octets, shortest = _LONG_LENGTHS[length]
        length = int.from_bytes(data[content : content + octets], "big")
        content += octets
        if length < shortest:
            raise DerError
    end = content + length
    if end > limit:
        raise DerError
    return Element(tag, start, content, end)


def children(data: bytes, parent: Element) -> list[Element]:
    """Return the elements that fill `parent` exactly.

    Raises:
        DerError: The content of `parent` is not a run of whole DER elements.

    """
    found: list[Element] = []
    start = parent.content
    while start < parent.end:
        element = read_element(data, start, parent.end)
        found.append(element)
        start = element.end
    return found


def has_trailing_bytes(data: bytes) -> bool:
    """Say whether `data` goes on after its first element; bytes that are no DER at all have no end to go beyond."""
    try:
        return read_element(data, 0, len(data)).end != len(data)
    except DerError:
        return False
