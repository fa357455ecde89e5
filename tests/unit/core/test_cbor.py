"""The payload's map: no tags, two levels, at most 64 fields, and never a key that is built."""

import io
import warnings
from decimal import Decimal
from fractions import Fraction
from random import Random
from uuid import UUID

import cbor2
import pytest

from nitro_attest import MalformedDocumentError, Reason
from nitro_attest._core.cbor import MAX_FIELDS, MAX_HEADS, Head, decode_map, read_head
from support.mutators.cbor import mutate

A = "6161"  # the name "a"

READ: list[tuple[str, list[tuple[object, object]]]] = [
    ("a0", []),
    ("bfff", []),
    ("b800", []),
    ("bb0000000000000000", []),
    ("a1" + A + "00", [("a", 0)]),
    ("b90001" + A + "1800", [("a", 0)]),  # not shortest
    ("bf" + A + "1b0000000000000001ff", [("a", 1)]),
    ("a1" + A + "20", [("a", -1)]),
    ("a1" + A + "f5", [("a", True)]),
    ("a1" + A + "f6", [("a", None)]),
    ("a1" + A + "43010203", [("a", b"\x01\x02\x03")]),
    ("a1" + A + "5f4101420203ff", [("a", b"\x01\x02\x03")]),
    ("a17f61616162ff00", [("ab", 0)]),
    ("a1" + A + "9f0102ff", [("a", [1, 2])]),
    ("a1" + A + "bf0102ff", [("a", {1: 2})]),
    ("a1" + A + "8180", [("a", [[]])]),
    ("a1" + A + "f93c00", [("a", 1.0)]),
    ("a2" + A + "00" + A + "01", [("a", 0), ("a", 1)]),
    ("a2810000" + "a1000000", [([0], 0), ({0: 0}, 0)]),
]


@pytest.mark.parametrize(("encoded", "pairs"), READ)
def test_any_encoding_of_a_map_is_read(encoded: str, pairs: list[tuple[object, object]]) -> None:
    """The payload's encoding is AWS's to choose; names are the caller's to check."""
    assert decode_map(bytes.fromhex(encoded), "item") == pairs


def _reason(data: bytes) -> Reason:
    with pytest.raises(MalformedDocumentError) as rejection:
        decode_map(data, "item")
    assert rejection.value.failures[0].subject.startswith("item")
    assert rejection.value.__cause__ is None
    return rejection.value.reason


VALUES = [
    ("", Reason.CBOR_MALFORMED),
    ("18", Reason.CBOR_MALFORMED),
    ("62ff61", Reason.CBOR_MALFORMED),  # no UTF-8
    ("ff", Reason.CBOR_MALFORMED),
    ("1c", Reason.CBOR_MALFORMED),  # reserved
    ("1d", Reason.CBOR_MALFORMED),
    ("1e", Reason.CBOR_MALFORMED),
    ("1f", Reason.CBOR_MALFORMED),  # an integer of indefinite length
    ("3f", Reason.CBOR_MALFORMED),
    ("df00", Reason.CBOR_MALFORMED),
    ("f818", Reason.CBOR_MALFORMED),  # a simple value below 32 in two bytes
    ("9f01", Reason.CBOR_MALFORMED),  # no break
    ("bf01ff", Reason.CBOR_MALFORMED),  # a key without a value
    ("bf" + A + "016162ff", Reason.CBOR_MALFORMED),
    ("8201ff", Reason.CBOR_MALFORMED),  # a break in a definite array
    ("a101ff", Reason.CBOR_MALFORMED),
    ("5f6161ff", Reason.CBOR_MALFORMED),  # a text chunk in a byte string
    ("5f5f4101ffff", Reason.CBOR_MALFORMED),
    ("5f8000ff", Reason.CBOR_MALFORMED),
    ("5f4101", Reason.CBOR_MALFORMED),
    ("9bffffffffffffffff", Reason.CBOR_MALFORMED),
    ("bbffffffffffffffff", Reason.CBOR_MALFORMED),
    ("5bffffffffffffffff", Reason.CBOR_MALFORMED),
    ("7b7fffffffffffffff", Reason.CBOR_MALFORMED),
    ("a20001ff", Reason.CBOR_MALFORMED),
    ("a200010002", Reason.CBOR_DUPLICATE_KEY),
    ("a20001180002", Reason.CBOR_DUPLICATE_KEY),
    ("a20001f40002", Reason.CBOR_DUPLICATE_KEY),  # false equals 0
    ("a20001f9000002", Reason.CBOR_DUPLICATE_KEY),  # 0.0 equals 0
    ("a24161014161" + "02", Reason.CBOR_DUPLICATE_KEY),
    ("bf616101616102ff", Reason.CBOR_DUPLICATE_KEY),
    ("c001", Reason.CBOR_TAG),
    ("c1fb7ff0000000000000", Reason.CBOR_TAG),
    ("c249010000000000000000", Reason.CBOR_TAG),
    ("d262", Reason.CBOR_TAG),  # before the truncated content is read
    ("81d81c80", Reason.CBOR_TAG),
    ("a1d9010261610261", Reason.CBOR_TAG),
    ("dbffffffffffffffff00", Reason.CBOR_TAG),
    ("818100", Reason.CBOR_TOO_DEEP),
    ("81818180", Reason.CBOR_TOO_DEEP),
    ("a1810000", Reason.CBOR_TOO_DEEP),  # a key that would be built
    ("a1a1000000", Reason.CBOR_TOO_DEEP),
    ("819f00ff", Reason.CBOR_TOO_DEEP),
    ("81" * 5000 + "80", Reason.CBOR_TOO_DEEP),
    ("9f" * 5000, Reason.CBOR_TOO_DEEP),
    ("a100a100a100a0", Reason.CBOR_TOO_DEEP),
]


@pytest.mark.parametrize(("encoded", "reason"), VALUES)
@pytest.mark.parametrize(("before", "after"), [("a1" + A, ""), ("bf" + A, "ff"), ("b80100", "")])
def test_each_fault_has_its_reason(encoded: str, reason: Reason, before: str, after: str) -> None:
    """The reason names what is wrong with a value, for the first fault that stops the decoder."""
    assert _reason(bytes.fromhex(before + encoded + after)) is reason


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        ("", Reason.CBOR_MALFORMED),
        ("00", Reason.DOCUMENT_FIELD_TYPE),
        ("80", Reason.DOCUMENT_FIELD_TYPE),
        ("6161", Reason.DOCUMENT_FIELD_TYPE),
        ("f6", Reason.DOCUMENT_FIELD_TYPE),
        ("0001", Reason.CBOR_MALFORMED),
        ("f800", Reason.CBOR_MALFORMED),
        ("d9d9f7a0", Reason.CBOR_TAG),
        ("81818100", Reason.CBOR_TOO_DEEP),
        ("a0f6", Reason.CBOR_MALFORMED),  # trailing
        ("bfffff", Reason.CBOR_MALFORMED),
        ("a1" + A + "0000", Reason.CBOR_MALFORMED),
        ("bf" + A + "ff", Reason.CBOR_MALFORMED),  # a name without a value
        ("a1" + A, Reason.CBOR_MALFORMED),
        ("bf" + A + "00", Reason.CBOR_MALFORMED),
        ("bb" + "ff" * 8 + A + "00", Reason.CBOR_MALFORMED),
        ("ba00000041" + "0000" * 65, Reason.CBOR_DUPLICATE_KEY),
        ("bf" + "".join(f"18{n:02x}00" for n in range(65)) + "ff", Reason.DOCUMENT_FIELD_UNKNOWN),
        ("b841" + "".join(f"18{n:02x}00" for n in range(65)), Reason.DOCUMENT_FIELD_UNKNOWN),
    ],
)
def test_what_is_no_map_or_not_alone_has_its_reason(encoded: str, reason: Reason) -> None:
    """The outer map itself: its type, its end, and how many fields it has."""
    assert _reason(bytes.fromhex(encoded)) is reason


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("5f4101420203ff", Reason.CBOR_TAG),  # chunks, then a break
        ("7f61616162ff", Reason.CBOR_TAG),
        ("9f01ff", Reason.CBOR_TAG),
        ("bf0102ff", Reason.CBOR_TAG),
        ("5f6161ff", Reason.CBOR_MALFORMED),  # a text chunk in a byte string
        ("5f5f4101ffff", Reason.CBOR_MALFORMED),
        ("8201ff", Reason.CBOR_MALFORMED),
        ("bf01ff", Reason.CBOR_MALFORMED),
    ],
)
def test_the_first_fault_gives_the_reason(value: str, reason: Reason) -> None:
    """A tag follows, which is the reason where nothing before it is wrong."""
    assert _reason(bytes.fromhex("bf" + A + value + "6162" + "c100" + "ff")) is reason


@pytest.mark.parametrize("head", [bytes([0xB8, MAX_FIELDS]), b"\xbf"])
def test_64_fields_are_read(head: bytes) -> None:
    """The limit itself."""
    tail = b"\xff" if head == b"\xbf" else b""
    items = b"".join(cbor2.dumps(n) + b"\x00" for n in range(MAX_FIELDS))

    assert decode_map(head + items + tail, "item") == [(n, 0) for n in range(MAX_FIELDS)]


def test_the_search_for_a_reason_is_bounded() -> None:
    """A fault after 512 heads is called malformed."""
    many = b"\xbf\x61a\x9f" + b"\x00" * MAX_HEADS

    assert _reason(many + b"\xff\x61b\xc1\x00\xff") is Reason.CBOR_MALFORMED
    assert _reason(b"\xbf\x61a\x9f" + b"\x00" * (MAX_HEADS - 4) + b"\xc1\x00") is Reason.CBOR_TAG


def test_nothing_is_built_from_a_tag() -> None:
    """Every tag that cbor2 knows, with content it would accept, is rejected as a tag."""
    values = [
        Decimal("1.5"),
        Fraction(1, 3),
        UUID(int=1),
        frozenset({1}),
        2**70,
        -(2**70),
        cbor2.CBORTag(55799, 1),
        cbor2.CBORTag(24, b"\x00"),
        cbor2.CBORTag(35, "(a+)+$"),
        cbor2.CBORTag(25, 0),
        cbor2.CBORTag(256, ["a"]),
    ]
    for value in values:
        assert _reason(cbor2.dumps({"a": value})) is Reason.CBOR_TAG
        assert _reason(b"\xa1" + cbor2.dumps(value) + b"\x00") is Reason.CBOR_TAG


def test_a_tag_after_a_duplicate_key_is_not_decoded() -> None:
    """Looking for the reason builds nothing either: this expression would make `re` warn."""
    pairs = b"\xa2\x00\x00\x00" + cbor2.dumps(cbor2.CBORTag(35, "[[never]"))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        assert _reason(b"\xa1\x61a" + pairs) is Reason.CBOR_DUPLICATE_KEY
    assert not warned


def test_a_huge_length_allocates_nothing() -> None:
    """The decoder reads what is there, not what is claimed."""
    assert _reason(b"\xa1\x61a\x5b" + (2**62).to_bytes(8, "big") + bytes(100)) is (
        Reason.CBOR_MALFORMED
    )


def test_every_rejection_of_a_changed_map_has_a_reason_of_its_own_family() -> None:
    """What is accepted of changed bytes is a map, and the rest is named."""
    random = Random(20261124)  # noqa: S311 - the same bytes on every run
    good = cbor2.dumps({"a": [b"x" * 30, b"y"], "pcrs": {0: b"z" * 48, 1: b"q"}, "n": None})
    for _ in range(3000):
        data = mutate(good, random)
        try:
            pairs = decode_map(data, "item")
        except MalformedDocumentError as rejection:
            assert rejection.reason.startswith(("cbor.", "document.field"))  # noqa: PT017 - not each is rejected
        else:
            assert len(pairs) <= MAX_FIELDS


@pytest.mark.parametrize(
    ("encoded", "head"),
    [
        ("00", Head(0, 0, 1)),
        ("37", Head(1, 23, 1)),
        ("1818", Head(0, 24, 2)),
        ("590100", Head(2, 256, 3)),
        ("7a00010000", Head(3, 65536, 5)),
        ("9b0000000100000000", Head(4, 2**32, 9)),
        ("bf", Head(5, None, 1)),
        ("d2", Head(6, 18, 1)),
        ("f820", Head(7, 32, 2)),
        ("f97c00", Head(7, 0x7C00, 3)),
        ("", None),
        ("18", None),
        ("1900", None),
        ("1c", None),
        ("1f", None),
        ("3f", None),
        ("df", None),
        ("f81f", None),
        ("fc", None),
    ],
)
def test_heads(encoded: str, head: Head | None) -> None:
    """Each form of a head, and what is none."""
    assert read_head(bytes.fromhex(encoded), 0) == head


def test_the_decoder_of_this_release_keeps_its_promises() -> None:
    """The parts of cbor2 that the module needs: it leaves trailing bytes readable."""
    assert cbor2.loads(b"\x01\x02") == 1
    decoder = cbor2.CBORDecoder(io.BytesIO(b"\x01\x02"))
    assert decoder.decode() == 1
    assert decoder.read(1) == b"\x02"
