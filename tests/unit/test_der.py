"""DER elements are split exactly, and nothing else is."""

import pytest

from nitro_attest._der import DerError, children, has_trailing_bytes, read_element


@pytest.mark.parametrize(
    ("encoded", "content", "end"),
    [
        ("0500", 2, 2),
        ("040101", 2, 3),
        ("047f" + "00" * 127, 2, 129),
        ("048180" + "00" * 128, 3, 131),
        ("0481ff" + "00" * 255, 3, 258),
        ("04820100" + "00" * 256, 4, 260),
        ("0482ffff" + "00" * 65535, 4, 65539),
    ],
)
def test_every_shortest_length_is_read(encoded: str, content: int, end: int) -> None:
    """Lengths of up to two further octets locate the content and the end."""
    data = bytes.fromhex(encoded)
    element = read_element(data, 0, len(data))
    assert (element.tag, element.start, element.content, element.end) == (data[0], 0, content, end)
    assert element.encoded(data) == data


@pytest.mark.parametrize(
    "encoded",
    [
        "",
        "30",
        "3001",  # beyond its range
        "3080" + "0000",  # indefinite
        "04817f" + "00" * 127,  # not shortest
        "0481" + "00",
        "048200ff" + "00" * 255,
        "0482",
        "048201",
        "0482010000",
        "0483000001" + "00",
        "0484000000010000",
        "04ff",
        "1f0100",  # a tag in long form
        "3f0100",
        "df0100",
    ],
)
def test_anything_else_is_no_der(encoded: str) -> None:
    """Truncated, indefinite, non-shortest and long-form elements are refused."""
    data = bytes.fromhex(encoded)
    with pytest.raises(DerError):
        read_element(data, 0, len(data))


def test_an_element_ends_within_its_range() -> None:
    """The limit counts, not the end of the data."""
    data = bytes.fromhex("3003020101")
    assert read_element(data, 0, 5).end == 5
    with pytest.raises(DerError):
        read_element(data, 0, 4)
    with pytest.raises(DerError):
        read_element(data, 4, 5)


def test_children_fill_their_parent() -> None:
    """The content is a run of whole elements."""
    data = bytes.fromhex("3006020101020102")
    outer = read_element(data, 0, len(data))
    assert [child.encoded(data).hex() for child in children(data, outer)] == ["020101", "020102"]
    broken = bytes.fromhex("3006020101020202")
    with pytest.raises(DerError):
        children(broken, read_element(broken, 0, len(broken)))
    empty = bytes.fromhex("3000")
    assert children(empty, read_element(empty, 0, 2)) == []


@pytest.mark.parametrize(
    ("encoded", "trailing"), [("3000", False), ("300000", True), ("30", False), ("300201", False), ("3001010000", True)]
)
def test_trailing_bytes_follow_a_whole_element(encoded: str, trailing: bool) -> None:  # noqa: FBT001 - the expected answer
    """What is no DER has no end that something could follow; the certificate reader refuses it."""
    assert has_trailing_bytes(bytes.fromhex(encoded)) is trailing
