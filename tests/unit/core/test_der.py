"""DER elements are split exactly, and nothing else is."""

import pytest

from nitro_attest._core.der import SEQUENCE, DerError, children, has_trailing_bytes, only_child


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
    element = (data[0], data[content:], data)
    null = (5, b"", b"\x05\x00")
    assert children(data) == [element]
    assert children(b"\x05\x00" + data + b"\x05\x00") == [null, element, null]
    assert only_child(data, data[0]) == data[content:]


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
    """Truncated, indefinite, non-shortest and long-form elements are refused, wherever they stand."""
    data = bytes.fromhex(encoded)
    for count, before in enumerate([b"", b"\x05\x00", b"\x05\x00\x04\x01\x00"]):
        with pytest.raises(DerError) as refusal:
            children(before + data)
        assert refusal.value.args == (count,)
    with pytest.raises(DerError):
        only_child(data, data[0])


def test_nothing_has_no_elements() -> None:
    """Nothing is filled by no element, and is no element."""
    assert children(b"") == []
    with pytest.raises(DerError):
        only_child(b"", SEQUENCE)


def test_an_only_child_has_its_tag_and_no_sibling() -> None:
    """Another tag, and a second element, are refused."""
    assert only_child(bytes.fromhex("30020500"), SEQUENCE) == bytes.fromhex("0500")
    for encoded in ("31020500", "300205000500", "3002050030020500"):
        with pytest.raises(DerError):
            only_child(bytes.fromhex(encoded), SEQUENCE)


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
def test_trailing_bytes_follow_a_whole_element(encoded: str, trailing: bool) -> None:
    """What is no DER has no end that something could follow; the certificate reader refuses it."""
    assert has_trailing_bytes(bytes.fromhex(encoded)) is trailing
