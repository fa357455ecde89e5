"""Decode the map of a payload with cbor2 (RFC 8949), its dangers off and its work bounded.

cbor2 builds arrays and maps that stand as map keys, and Python's hashes of them can be made to
collide, so cbor2 never sees the outer map: it decodes the same items as a flat array. Lengths need
not be shortest and strings and containers may be of indefinite length, because what is signed is
encoded as AWS chooses. Input is rejected by cbor2 alone; `_find_fault` only names the reason.
"""

import io
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, NoReturn, cast, final

import cbor2

from nitro_attest._core.errors import Reason, VerificationError, rejected

MAX_FIELDS: Final = 64  # ours: AWS lists nine
_FEW_FIELDS: Final = f"at most {MAX_FIELDS} fields"
MAX_DEPTH: Final = 2  # the payload's map, and the PCR map or the cabundle in it
MAX_HEADS: Final = 512  # ours: a captured document has 70; bounds the search for a reason

# RFC 8949 section 3.1: the major types, in the upper three bits of a head
_UNSIGNED, _NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, _OTHER = range(8)
_INDEFINITE: Final = 31  # section 3.2.1: the lower five bits
_MAX_ARGUMENT_WITHIN: Final = 23  # section 3: up to here the argument is the lower five bits
_ARGUMENT_OCTETS: Final = {24: 1, 25: 2, 26: 4, 27: 8}  # section 3; 28 to 30 are reserved
_FIRST_SIMPLE_IN_ONE: Final = 32  # section 3.3: below, a simple value has one octet
_BREAK: Final = b"\xff"
_INDEFINITE_ARRAY: Final = b"\x9f"
_ARRAY_OF_ONE_OCTET: Final = 0x98


class _TagFoundError(Exception):
    """The signal that stops cbor2 at a tag."""


def _stop_at_tag() -> NoReturn:
    raise _TagFoundError


# cbor2 looks a tag up before it decodes the content; the look-up itself raises.
_NO_TAGS: Final[Mapping[int, Any]] = defaultdict(_stop_at_tag)


@final
class Head(NamedTuple):
    """The head of one item: its type, its argument (None: indefinite), where it ends."""

    major: int
    argument: int | None
    end: int


def read_head(data: bytes, start: int) -> Head | None:
    """Read the head of the item at `start`; None if there is no well-formed one."""
    if start >= len(data):
        return None
    major, info = data[start] >> 5, data[start] & 0x1F
    if info <= _MAX_ARGUMENT_WITHIN:
        return Head(major, info, start + 1)
    if info == _INDEFINITE:
        return Head(major, None, start + 1) if major not in (_UNSIGNED, _NEGATIVE, TAG) else None
    end = start + 1 + _ARGUMENT_OCTETS.get(info, len(data))
    if end > len(data):
        return None
    argument = int.from_bytes(data[start + 1 : end], "big")
    if major == _OTHER and end == start + 2 and argument < _FIRST_SIMPLE_IN_ONE:
        return None
    return Head(major, argument, end)


def decode_map(data: bytes, subject: str) -> list[tuple[object, object]]:
    """Decode `data`, exactly one map without tags, to pairs of name and value in their order.

    Names can be of any type and stand twice; what each must be is the caller's to check. At most 64
    fields, and two levels of containers.

    Raises:
        MalformedDocumentError: `cbor.malformed`, `cbor.tag`, `cbor.duplicate_key` (in a map
            inside), `cbor.too_deep`; `document.field_type` if it is no map,
            `document.field_unknown` if it has more than 64 fields. `subject` names the item.

    """
    head = read_head(data, 0)
    if head is None or head.major != MAP:  # V-32
        raise _rejection(data, subject, Reason.DOCUMENT_FIELD_TYPE, "a map")
    if head.argument is None:
        array = _INDEFINITE_ARRAY
    elif head.argument <= MAX_FIELDS:
        array = bytes([_ARRAY_OF_ONE_OCTET, 2 * head.argument])
    else:
        raise _rejection(data, subject, Reason.DOCUMENT_FIELD_UNKNOWN, _FEW_FIELDS)
    decoder = cbor2.CBORDecoder(
        io.BytesIO(array + data[head.end :]),
        semantic_decoders=_NO_TAGS,  # V-20, V-31
        max_depth=MAX_DEPTH,  # V-23, V-31
        allow_duplicate_keys=False,  # V-22, V-31
    )
    try:
        items = cast("list[object]", decoder.decode())
    except cbor2.CBORDecodeError:  # V-31
        # `from None`: what cbor2 says can hold the sender's text
        raise _rejection(data, subject, Reason.CBOR_MALFORMED) from None
    try:
        decoder.read(1)
    except cbor2.CBORDecodeEOF:
        pass
    else:
        raise rejected(Reason.CBOR_MALFORMED, f"{subject}: trailing bytes")  # V-21, V-31
    if len(items) > 2 * MAX_FIELDS:  # V-50
        raise _rejection(data, subject, Reason.DOCUMENT_FIELD_UNKNOWN, _FEW_FIELDS)
    if len(items) % 2:  # V-31: only an indefinite map can have a name without a value
        raise rejected(Reason.CBOR_MALFORMED, subject)
    return list(zip(items[::2], items[1::2], strict=True))


def _rejection(
    data: bytes, subject: str, otherwise: Reason, expected: str | None = None
) -> VerificationError:
    """Give the reason of rejected bytes: their first fault, or `otherwise` if they have none."""
    fault = _find_fault(data)
    return rejected(otherwise, subject, expected) if fault is None else rejected(fault, subject)


@final
@dataclass(slots=True)
class _Open:
    """An open container or indefinite string; `missing` items end it, or a break if None."""

    major: int
    missing: int | None
    items: int = 0
    names: set[object] = field(default_factory=set[object])

    @property
    def wants_name(self) -> bool:
        """Whether the next item is a map's key."""
        return self.major == MAP and self.items % 2 == 0

    @property
    def wants_value(self) -> bool:
        """Whether the next item is a map's value."""
        return self.major == MAP and self.items % 2 == 1

    def takes(self, head: Head) -> bool:
        """Whether the item can be in here: the chunks of a string are strings of its type."""
        is_chunk = head.major == self.major and head.argument is not None
        return self.major in (ARRAY, MAP) or is_chunk


def _find_fault(data: bytes) -> Reason | None:
    """Name the first fault within 512 heads; None if there is none.

    This runs after a rejection and decides nothing: a mistake here is a wrong reason, never a wrong
    verdict.
    """
    opened: list[_Open] = []
    position = 0
    for _ in range(MAX_HEADS):
        if position and not opened:
            return None if position == len(data) else Reason.CBOR_MALFORMED
        inside = opened[-1] if opened else None
        if data[position : position + 1] == _BREAK:
            if inside is None or inside.missing is not None or inside.wants_value:
                return Reason.CBOR_MALFORMED
            opened.pop()
            position += 1
        else:
            head = read_head(data, position)
            end = None if head is None else _end_of(head, data)
            if head is None or end is None or (inside is not None and not inside.takes(head)):
                return Reason.CBOR_MALFORMED
            if fault := _add(data[position:end], head, opened):
                return fault
            position = end
        while opened and opened[-1].missing == 0:
            opened.pop()
    return None


def _add(encoded: bytes, head: Head, opened: list[_Open]) -> Reason | None:
    """Count an item where it is, and open it if it is a container or an indefinite string."""
    if head.major == TAG:
        return Reason.CBOR_TAG
    is_container = head.major in (ARRAY, MAP)
    if opened:
        inside = opened[-1]
        if inside.wants_name and not is_container and head.argument is not None:
            # apart by type: python -bb warns where bytes are compared with text
            name: object = (head.major == BYTES, cbor2.loads(encoded))
            if name in inside.names:
                return Reason.CBOR_DUPLICATE_KEY
            inside.names.add(name)
        inside.items += 1
        inside.missing = None if inside.missing is None else inside.missing - 1
    if is_container and head.argument != 0:
        if len(opened) == MAX_DEPTH:
            return Reason.CBOR_TOO_DEEP
        times = 2 if head.major == MAP else 1
        opened.append(_Open(head.major, None if head.argument is None else times * head.argument))
    elif head.argument is None:
        opened.append(_Open(head.major, None))
    return None


def _end_of(head: Head, data: bytes) -> int | None:
    """Return where the item ends, a container's content apart; None if it is malformed."""
    if head.major not in (BYTES, TEXT) or head.argument is None:
        return head.end
    end = head.end + head.argument
    if end > len(data):
        return None
    if head.major == TEXT:
        try:
            data[head.end : end].decode()
        except UnicodeDecodeError:
            return None
    return end
