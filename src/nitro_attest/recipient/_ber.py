"""Read and write the few forms of BER that CMS envelopes and RSA public keys need.

The source is X.690. The caller states each element it expects, so there is no recursion: nesting
goes as deep as the caller's own code (six levels in a CMS envelope), whatever the input says.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final, final

INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
OBJECT_IDENTIFIER: Final = 0x06
SEQUENCE: Final = 0x30
SET: Final = 0x31
CONTEXT_0_PRIMITIVE: Final = 0x80
CONTEXT_0: Final = 0xA0
CONTEXT_1: Final = 0xA1

NULL: Final = b"\x05\x00"
_END_OF_CONTENTS: Final = b"\x00\x00"
_INDEFINITE: Final = 0x80  # X.690 8.1.3.6
_LONG_FORM: Final = 0x80  # X.690 8.1.3.5
_MAX_LENGTH_OCTETS: Final = 3  # 16 MiB, more than any value here


class MalformedBerError(Exception):
    """Input that is not what the caller of a `Reader` expects."""


def element(tag: int, *parts: bytes) -> bytes:
    """Write an element with a definite length, as DER does."""
    size = sum(map(len, parts))
    if size < _LONG_FORM:
        head = bytes((tag, size))
    else:
        octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
        head = bytes((tag, _LONG_FORM | len(octets))) + octets
    return b"".join((head, *parts))


def indefinite(tag: int, *parts: bytes) -> bytes:
    """Write a constructed element with an indefinite length, as KMS does."""
    return b"".join((bytes((tag, _INDEFINITE)), *parts, _END_OF_CONTENTS))


@final
class Reader:
    """A position in BER-encoded bytes that moves forward over one expected element after the other.

    Lengths are definite in their shortest form, or indefinite for constructed elements. Every
    method raises `MalformedBerError` when something else is found.
    """

    __slots__ = ("_data", "_limit", "_position")

    def __init__(self, data: bytes) -> None:
        """Start at the first byte."""
        self._data = data
        self._limit = len(data)
        self._position = 0

    @contextmanager
    def inside(self, tag: int) -> Generator[None, None, None]:
        """Enter a constructed element; when the block ends, so must the element."""
        length = self._head(tag)
        outer = self._limit
        if length is not None:
            self._limit = self._position + length
        yield
        if length is None:
            self.expect(_END_OF_CONTENTS)
        elif self._position != self._limit:
            raise MalformedBerError
        self._limit = outer

    def primitive(self, tag: int) -> bytes:
        """Return the content of a primitive element."""
        length = self._head(tag)
        if length is None:
            raise MalformedBerError
        start = self._position
        self._position += length
        return self._data[start : self._position]

    def expect(self, encoded: bytes) -> None:
        """Read exactly these bytes."""
        end = self._position + len(encoded)
        if end > self._limit or not self._data.startswith(encoded, self._position):
            raise MalformedBerError
        self._position = end

    def next_is(self, tag: int) -> bool:
        """Tell whether the next element has this tag."""
        return self._position < self._limit and self._data[self._position] == tag

    def finished(self) -> bool:
        """Tell whether all bytes have been read."""
        return self._position == len(self._data)

    def _head(self, tag: int) -> int | None:
        """Read a tag and a length; None is the indefinite length."""
        if not self.next_is(tag):
            raise MalformedBerError
        first = self._octet(self._position + 1)
        self._position += 2
        if first == _INDEFINITE:
            return None
        length = self._long_length(first & ~_LONG_FORM) if first > _LONG_FORM else first
        if length > self._limit - self._position:
            raise MalformedBerError
        return length

    def _long_length(self, octets: int) -> int:
        if octets > _MAX_LENGTH_OCTETS:
            raise MalformedBerError
        length = 0
        for _ in range(octets):
            length = length << 8 | self._octet(self._position)
            self._position += 1
        if length < _LONG_FORM or length >> 8 * (octets - 1) == 0:
            raise MalformedBerError
        return length

    def _octet(self, position: int) -> int:
        if position >= self._limit:
            raise MalformedBerError
        return self._data[position]
