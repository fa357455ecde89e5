"""Text of other people is made safe to show."""

from nitro_attest._text import ascii_only, printable


def test_what_is_not_printable_becomes_a_question_mark() -> None:
    """Controls and right-to-left marks; letters of any script stay."""
    assert printable("a\u001b\u202eé\n") == "a??é?"


def test_ascii_only_replaces_all_else_and_may_be_bounded() -> None:
    """What is missing is marked by dots."""
    assert ascii_only("é\u007f[ok]") == "??[ok]"
    assert ascii_only("a" * 300) == "a" * 300
    assert ascii_only("a" * 300, 10) == "aaaaaaa..."
    assert ascii_only("a" * 10, 10) == "a" * 10
