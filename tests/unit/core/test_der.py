"""DER elements are read exactly, and nothing else is."""

import pytest

from nitro_attest._core.der import (
    MAX_RUN,
    OBJECT_IDENTIFIER,
    SEQUENCE,
    DerError,
    Element,
    has_trailing_bytes,
    is_object_identifier,
    read_all,
    read_one,
    read_these,
    read_unsigned,
)


@pytest.mark.parametrize(
    ("encoded", "content"),
    [
        ("0500", 2),
        ("040101", 2),
        ("047f" + "01" * 127, 2),
        ("048180" + "01" * 128, 3),
        ("0481ff" + "01" * 255, 3),
        ("04820100" + "01" * 256, 4),
        ("0482ffff" + "01" * 65535, 4),
        ("de0101", 2),  # the highest tag in short form
    ],
)
def test_every_shortest_length_is_read(encoded: str, content: int) -> None:
    """Lengths of up to two further octets, alone and with an element on either side."""
    data = bytes.fromhex(encoded)
    element = Element(tag=data[0], content=data[content:], encoded=data)
    null = Element(tag=5, content=b"", encoded=b"\x05\x00")
    assert read_all(data) == [element]
    assert read_all(b"\x05\x00" + data + b"\x05\x00") == [null, element, null]
    assert read_one(data, data[0]) == data[content:]


@pytest.mark.parametrize(
    "encoded",
    [
        "30",
        "3001",  # beyond its end
        "3080" + "0000",  # indefinite
        "04817f" + "00" * 127,  # not shortest
        "0481" + "00",
        "048200ff" + "00" * 255,
        "0482",
        "048201",
        "0482010000",
        "0483000001" + "00",
        "0484000000010000",
        "0483" + "00" * 70000,
        "04ff",
        "1f0100",  # a tag in long form
        "3f0100",
        "df0100",
    ],
)
def test_anything_else_is_no_der(encoded: str) -> None:
    """Truncated, indefinite, non-shortest and long-form elements, wherever they stand."""
    data = bytes.fromhex(encoded)
    for before in (b"", b"\x05\x00", b"\x05\x00\x04\x01\x00"):
        with pytest.raises(DerError):
            read_all(before + data)
    with pytest.raises(DerError):
        read_one(data, data[0])


def test_nothing_has_no_elements() -> None:
    """Nothing is filled by no element, and is no element."""
    assert read_all(b"") == []
    with pytest.raises(DerError):
        read_one(b"", SEQUENCE)


def test_no_more_elements_are_read_than_asked_for() -> None:
    """What follows them may be anything."""
    assert read_all(b"\x05\x00\xff", at_most=1) == [Element(5, b"", b"\x05\x00")]
    assert read_all(b"\xff", at_most=0) == []


def test_a_run_has_an_end() -> None:
    """More elements than any certificate needs are more work than a sender may ask for."""
    assert len(read_all(b"\x05\x00" * MAX_RUN)) == MAX_RUN
    with pytest.raises(DerError):
        read_all(b"\x05\x00" * (MAX_RUN + 1))


def test_tags_are_compared_in_their_order() -> None:
    """One of the given runs of tags, whole."""
    data = bytes.fromhex("05000400")
    found = [Element(5, b"", b"\x05\x00"), Element(4, b"", b"\x04\x00")]
    assert read_these(data, b"\x05\x04") == read_these(data, b"\x05", b"\x05\x04") == found
    for tags in ((), (b"\x05",), (b"\x04\x05",), (b"\x05\x04\x05",), (b"\x05\x04\x00", b"\x04")):
        with pytest.raises(DerError):
            read_these(data, *tags)


def test_one_element_has_its_tag_and_no_sibling() -> None:
    """Another tag, and a second element, are rejected."""
    assert read_one(bytes.fromhex("30020500"), SEQUENCE) == bytes.fromhex("0500")
    for encoded in ("31020500", "300205000500", "3002050030020500"):
        with pytest.raises(DerError):
            read_one(bytes.fromhex(encoded), SEQUENCE)


@pytest.mark.parametrize("content", ["00", "7f", "0080", "7fff", "00ff" + "ff" * 20])
def test_integers_in_their_shortest_form_are_read(content: str) -> None:
    """From 0 on, as large as they come."""
    assert read_unsigned(bytes.fromhex(content)) == int(content, 16)


@pytest.mark.parametrize("content", ["", "80", "ff", "0000", "007f", "000080"])
def test_integers_in_another_form_are_rejected(content: str) -> None:
    """Nothing, below zero, or an octet too many."""
    with pytest.raises(DerError):
        read_unsigned(bytes.fromhex(content))


@pytest.mark.parametrize(
    ("content", "good"),
    [
        ("550403", True),
        ("2a", True),
        ("7f", True),
        ("0a", True),
        ("8100", True),
        ("ff7f", True),
        ("558f" + "ff" * 9 + "7f", True),
        ("2a" * 63, True),
        ("", False),
        ("80", False),
        ("8001", False),
        ("2a80", False),
        ("2a8001", False),
        ("2aff", False),
        ("2a" * 64, False),
    ],
)
def test_object_identifiers_are_in_their_shortest_form(content: str, good: bool) -> None:  # noqa: FBT001 - the expected answer
    """Base 128 without leading zeros, whole numbers, up to 63 octets, and with the right tag."""
    octets = bytes.fromhex(content)
    assert is_object_identifier(Element(OBJECT_IDENTIFIER, octets, b"")) is good
    assert not is_object_identifier(Element(SEQUENCE, octets, b""))


@pytest.mark.parametrize(
    ("encoded", "trailing"),
    [
        ("", False),
        ("3000", False),
        ("300000", True),
        ("30003000", True),
        ("30", False),
        ("300201", False),
        ("3001010000", True),
        ("30820100" + "00" * 256, False),
        ("30820100" + "00" * 257, True),
        ("30820100" + "00" * 255, False),
        ("31820100" + "00" * 256, False),
        ("31820100" + "00" * 257, True),
        ("308200ff" + "00" * 255, False),  # not shortest, so no DER
        ("308200ff" + "00" * 256, False),
        ("3082", False),
    ],
)
def test_trailing_bytes_follow_a_whole_element(encoded: str, trailing: bool) -> None:  # noqa: FBT001 - the expected answer
    """What is no DER has no end that something could follow; the certificate reader rejects it."""
    assert has_trailing_bytes(bytes.fromhex(encoded)) is trailing
