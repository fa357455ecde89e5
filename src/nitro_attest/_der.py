"""Split DER into its elements (ITU-T X.690), as far as certificates need it.

Bytes and a range come in, the elements' tags and ranges go out. Never: a long-form tag, an indefinite or non-shortest length,
an element that ends beyond its range. What the elements mean is not decided here.
"""

from dataclasses import dataclass
from typing import Final, final

SEQUENCE: Final = 0x30

_LONG_TAG: Final = 0x1F  # X.690 8.1.2.4: the tag number follows in further octets
_ONE_LENGTH_OCTET: Final = 0x81
_TWO_LENGTH_OCTETS: Final = 0x82  # 65,535 bytes; a certificate here has at most 1,024


class DerError(Exception):
    """Say that the bytes are not DER."""


@final
@dataclass(frozen=True, slots=True)
class Element:
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
    if length >= _ONE_LENGTH_OCTET - 1:
        octets = {_ONE_LENGTH_OCTET: 1, _TWO_LENGTH_OCTETS: 2}.get(length, 0)
        shortest = 0x80 if octets == 1 else 0x100
        length = int.from_bytes(data[content : content + octets], "big")
        content += octets
        if not octets or length < shortest:
            raise DerError
    if content + length > limit:
        raise DerError
    return Element(tag, start, content, content + length)


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
