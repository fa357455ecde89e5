"""Split DER into its elements (ITU-T X.690), as far as certificates need it.

Bytes come in, the elements that fill them go out. Never: a long-form tag, an indefinite or
non-shortest length, an element that ends beyond what it is part of. What the elements mean is not
decided here.
"""

from typing import Final, TypeAlias

SEQUENCE: Final = 0x30

_HEADER_OCTETS: Final = 2  # a tag and a length, if both are short
_LONG_TAG: Final = 0x1F  # X.690 8.1.2.4: the tag number follows in further octets
_MAX_SHORT_LENGTH: Final = 0x7F  # X.690 8.1.3.4
# X.690 8.1.3.5: the length octets that follow, and the least length they may hold (10.1: the
# shortest form). Two octets reach 65,535 bytes; a certificate here has at most 1,024.
_LONG_LENGTHS: Final = {0x81: (1, 0x80), 0x82: (2, 0x100)}
_LONG_SEQUENCE: Final = b"\x30\x82"  # how every certificate begins that has a P-384 key
_LONG_SEQUENCE_OCTETS: Final = 4

Element: TypeAlias = tuple[int, bytes, bytes]
"""One element: its tag octet, its content, and the whole of it as it is encoded."""


class DerError(Exception):
    """Say that the bytes are not DER. One that `children` raises has as its argument how many whole elements come first."""


def children(data: bytes) -> list[Element]:
    """Return the elements that fill `data` exactly.

    Raises:
        DerError: `data` is not a run of whole DER elements.

    """
    found: list[Element] = []
    start, limit = 0, len(data)
    while start < limit:
        content = start + _HEADER_OCTETS
        if content > limit:
            raise DerError(len(found))
        tag, length = data[start], data[start + 1]
        if length > _MAX_SHORT_LENGTH:
            if length not in _LONG_LENGTHS:
                raise DerError(len(found))
            octets, shortest = _LONG_LENGTHS[length]
            length = int.from_bytes(data[content : content + octets], "big")
            content += octets
            if length < shortest:
                raise DerError(len(found))
        end = content + length
        if end > limit or tag & _LONG_TAG == _LONG_TAG:
            raise DerError(len(found))
        found.append((tag, data[content:end], data[start:end]))
        start = end
    return found


def only_child(data: bytes, tag: int) -> bytes:
    """Return the content of `data`, which must be exactly one element with this tag.

    Raises:
        DerError: It is not.

    """
    match children(data):
        case [(found, content, _)] if found == tag:
            return content
        case _:
            raise DerError


def has_trailing_bytes(data: bytes) -> bool:
    """Say whether `data` goes on after its first element; bytes that are no DER at all have no end to go beyond."""
    if data.startswith(_LONG_SEQUENCE) and int.from_bytes(
        data[2:4], "big"
    ) + _LONG_SEQUENCE_OCTETS == len(data):
        return False
    try:
        return len(children(data)) > 1
    except DerError as exc:
        return bool(exc.args[0])
