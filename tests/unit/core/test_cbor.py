"""One CBOR item, no tags, no key twice, nothing behind it, four levels at the most."""

import io
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import cbor2
import pytest

from nitro_attest import MalformedDocumentError, Reason
from nitro_attest._core.cbor import MAX_DEPTH, decode

READ: list[tuple[str, object]] = [
    ("00", 0),
    ("1800", 0),  # not shortest
    ("1b0000000000000001", 1),
    ("20", -1),
    ("f5", True),
    ("f6", None),
    ("43010203", b"\x01\x02\x03"),
    ("5f4101420203ff", b"\x01\x02\x03"),
    ("7f61616162ff", "ab"),
    ("9f0102ff", [1, 2]),
    ("bf0102ff", {1: 2}),
    ("81818180", [[[[]]]]),
    ("f93c00", 1.0),
]


@pytest.mark.parametrize(("encoded", "value"), READ)
def test_any_encoding_of_a_value_is_read(encoded: str, value: object) -> None:
    """The payload is signed, so its encoding is AWS's to choose."""
    assert decode(bytes.fromhex(encoded), "item") == value


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        ("", Reason.CBOR_MALFORMED),
        ("18", Reason.CBOR_MALFORMED),
        ("62ff61", Reason.CBOR_MALFORMED),  # no UTF-8
        ("ff", Reason.CBOR_MALFORMED),
        ("1c", Reason.CBOR_MALFORMED),  # reserved
        ("1d", Reason.CBOR_MALFORMED),
        ("1e", Reason.CBOR_MALFORMED),
        ("1f", Reason.CBOR_MALFORMED),  # an integer of indefinite length
        ("f818", Reason.CBOR_MALFORMED),  # a simple value below 32 in two bytes
        ("9f01", Reason.CBOR_MALFORMED),  # no break
        ("bf01ff", Reason.CBOR_MALFORMED),  # a key without a value
        ("8201ff", Reason.CBOR_MALFORMED),  # a break in a definite array
        ("a101ff", Reason.CBOR_MALFORMED),
        ("5f6161ff", Reason.CBOR_MALFORMED),  # a text chunk in a byte string
        ("5f5f4101ffff", Reason.CBOR_MALFORMED),
        ("9bffffffffffffffff", Reason.CBOR_MALFORMED),
        ("bbffffffffffffffff", Reason.CBOR_MALFORMED),
        ("5bffffffffffffffff", Reason.CBOR_MALFORMED),
        ("7b7fffffffffffffff", Reason.CBOR_MALFORMED),
        ("0001", Reason.CBOR_MALFORMED),  # trailing
        ("80f6", Reason.CBOR_MALFORMED),
        ("a20001ff", Reason.CBOR_MALFORMED),
        ("a200010002", Reason.CBOR_DUPLICATE_KEY),
        ("a20001180002", Reason.CBOR_DUPLICATE_KEY),
        ("a20001f40002", Reason.CBOR_DUPLICATE_KEY),  # false equals 0
        ("a20001f9000002", Reason.CBOR_DUPLICATE_KEY),  # 0.0 equals 0
        ("bf616101616102ff", Reason.CBOR_DUPLICATE_KEY),
        ("a1616ba20102" + "0103", Reason.CBOR_DUPLICATE_KEY),
        ("a20001000282", Reason.CBOR_DUPLICATE_KEY),
        ("c001", Reason.CBOR_TAG),
        ("c1fb7ff0000000000000", Reason.CBOR_TAG),
        ("c249010000000000000000", Reason.CBOR_TAG),
        ("d262", Reason.CBOR_TAG),  # refused before the truncated content is read
        ("81d81c80", Reason.CBOR_TAG),
        ("a1d9010261610261", Reason.CBOR_TAG),
        ("dbffffffffffffffff00", Reason.CBOR_TAG),
        ("818181d81d00", Reason.CBOR_TAG),
        ("818181818100", Reason.CBOR_TOO_DEEP),
        ("818181818180", Reason.CBOR_TOO_DEEP),
        ("81" * 5000 + "80", Reason.CBOR_TOO_DEEP),
        ("9f" * 5000, Reason.CBOR_TOO_DEEP),
        ("a100a100a100a100a100a0", Reason.CBOR_TOO_DEEP),
        ("8381818101818181818001", Reason.CBOR_TOO_DEEP),
    ],
)
def test_each_fault_has_its_reason(encoded: str, reason: Reason) -> None:
    """The reason names what is wrong, for the first fault that stops the decoder."""
    with pytest.raises(MalformedDocumentError) as refusal:
        decode(bytes.fromhex(encoded), "item")
    assert refusal.value.reason is reason
    assert refusal.value.failures[0].subject.startswith("item")


def test_nothing_is_built_from_a_tag() -> None:
    """Every tag that cbor2 knows, with content it would accept, is refused as a tag."""
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
        with pytest.raises(MalformedDocumentError) as refusal:
            decode(cbor2.dumps([value]), "item")
        assert refusal.value.reason is Reason.CBOR_TAG


def test_depth_is_counted_in_containers_that_hold_something() -> None:
    """Four levels pass and five do not, for arrays and maps alike; cbor2 counts a container when it enters it."""
    for head in (b"\x81", b"\xa1\x00"):
        decode(head * MAX_DEPTH + b"\x01", "item")
        decode(head * MAX_DEPTH + b"\x80", "item")
        with pytest.raises(MalformedDocumentError) as refusal:
            decode(head * (MAX_DEPTH + 1) + b"\x01", "item")
        assert refusal.value.reason is Reason.CBOR_TOO_DEEP


def test_a_huge_length_allocates_nothing() -> None:
    """cbor2 reads what is there, not what is claimed: the claim fails at the end of the input."""
    with pytest.raises(MalformedDocumentError) as refusal:
        decode(b"\x5b" + (2**62).to_bytes(8, "big") + bytes(100), "item")
    assert refusal.value.reason is Reason.CBOR_MALFORMED


def test_the_decoder_of_this_release_keeps_its_promises() -> None:
    """The parts of cbor2 that the module leans on: no trailing-bytes check of its own, and a readable rest."""
    assert cbor2.loads(b"\x01\x02") == 1
    decoder = cbor2.CBORDecoder(io.BytesIO(b"\x01\x02"))
    assert decoder.decode() == 1
    assert decoder.read(1) == b"\x02"
