"""Read the few forms of DER that certificates need (ITU-T X.690).

One strict reader for everything: no tag in long form, no indefinite or longer length than needed,
no element that ends outside the one it is part of. The caller decides what the elements mean.
"""

import re
from typing import Final, NamedTuple, final

INTEGER, BIT_STRING, OCTET_STRING, OBJECT_IDENTIFIER = 0x02, 0x03, 0x04, 0x06
SEQUENCE, SET = 0x30, 0x31

# Our bound on work: a TBSCertificate has 8 elements, captured certificates have up to 5 extensions
# and 6 attributes in a name.
MAX_RUN: Final = 16
_HEADER_OCTETS: Final = 2  # a tag and a length, if both are short
_LONG_TAG: Final = 0x1F  # X.690 8.1.2.4: the tag number follows in further octets
_MAX_SHORT_LENGTH: Final = 0x7F  # X.690 8.1.3.4
# X.690 8.1.3.5: the number of length octets that follow, and the least length they may hold (10.1:
# the shortest form). Two octets reach 65,535 bytes; a certificate here has at most 1,024.
_LONG_LENGTHS: Final = {0x81: (1, 0x80), 0x82: (2, 0x100)}
_SEQUENCE_OF_256: Final = b"\x30\x82"  # or more octets: two hold the length, and four come before
_SIGN_BIT: Final = 0x80
_MAX_OBJECT_IDENTIFIER: Final = 63  # octets; as many as `cryptography` reads
# X.690 8.19.2: each number in base 128, the last octet below 0x80, and no leading 0x80.
_OBJECT_IDENTIFIER: Final = re.compile(rb"(?:[\x00-\x7f]|[\x81-\xff][\x80-\xff]*[\x00-\x7f])+")


class DerError(Exception):
    """The bytes are not DER, or not of the form that was asked for."""


def require(condition: bool) -> None:  # noqa: FBT001 - a condition is what it is about
    """Raise DerError unless `condition` holds."""
    if not condition:
        raise DerError


@final
class Element(NamedTuple):
    """One element: its tag octet, its content, and the whole of it as it is encoded."""

    tag: int
    content: bytes
    encoded: bytes


def read_all(data: bytes, *, at_most: int | None = None) -> list[Element]:
    """Return the elements that fill `data`, or the first `at_most`; nothing holds none.

    Raises:
        DerError: `data` is not a run of whole elements, or a longer one than any certificate needs.

    """
    found: list[Element] = []
    start, limit = 0, len(data)
    while start < limit and len(found) != at_most:
        content = start + _HEADER_OCTETS
        if content > limit or len(found) == MAX_RUN:  # V-52
            raise DerError
        tag, length = data[start], data[start + 1]
        if length > _MAX_SHORT_LENGTH:
            if length not in _LONG_LENGTHS:  # V-52
                raise DerError
            octets, shortest = _LONG_LENGTHS[length]
            length = int.from_bytes(data[content : content + octets], "big")
            content += octets
            if length < shortest:  # V-52
                raise DerError
        end = content + length
        if end > limit or tag & _LONG_TAG == _LONG_TAG:  # V-52
            raise DerError
        found.append(Element(tag, data[content:end], data[start:end]))
        start = end
    return found


def read_these(data: bytes, *tags: bytes) -> list[Element]:
    """Return the elements that fill `data`; their tags, in order, must be one of `tags`.

    Raises:
        DerError: They are not.

    """
    found = read_all(data)
    if bytes([element.tag for element in found]) not in tags:  # V-52
        raise DerError
    return found


def read_one(data: bytes, tag: int) -> bytes:
    """Return the content of `data`, which must be exactly one element with this tag.

    Raises:
        DerError: It is not.

    """
    (element,) = read_these(data, bytes([tag]))
    return element.content


def read_unsigned(content: bytes) -> int:
    """Return the value of an INTEGER that is not negative and in its shortest form (X.690 8.3.2).

    Raises:
        DerError: It is not.

    """
    if not content or content[0] & _SIGN_BIT:  # V-53, V-60
        raise DerError
    if content[0] == 0 and len(content) > 1 and not content[1] & _SIGN_BIT:  # V-52, V-60
        raise DerError
    return int.from_bytes(content, "big")


def is_object_identifier(element: Element) -> bool:
    """Tell whether `element` is an OBJECT IDENTIFIER, every number in its shortest form."""
    return (
        element.tag == OBJECT_IDENTIFIER  # V-52
        and len(element.content) <= _MAX_OBJECT_IDENTIFIER  # V-52
        and _OBJECT_IDENTIFIER.fullmatch(element.content) is not None  # V-52
    )


def has_trailing_bytes(data: bytes) -> bool:
    """Tell whether bytes follow the first element; what is no element has no end to follow."""
    if data.startswith(_SEQUENCE_OF_256) and int.from_bytes(data[2:4], "big") + 4 == len(data):
        return False  # a certificate as all are; saves most of the time of this check
    try:
        elements = read_all(data, at_most=1)
    except DerError:
        return False
    return sum(len(element.encoded) for element in elements) < len(data)
