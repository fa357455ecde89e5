"""JSON is read strictly and in bounded, linear work."""

import json
import sys
from types import FrameType
from typing import Any

import pytest

from nitro_attest import PolicyError
from nitro_attest import _strict_json as strict


@pytest.mark.parametrize(
    "value", [None, True, 1, 1.5, "text", [], {}, {"a": [{"b": "]}[{"}]}, [[['x\\"[']]]]
)
def test_reads_what_the_standard_library_reads(value: object) -> None:
    """Brackets in strings count for nothing."""
    text = json.dumps(value)
    assert strict.parse(text, "x") == value
    assert strict.parse(text.encode(), "x") == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"a": 1, "b": {"c": 1, "c": 2}}', 'the name "c" is given twice'),
        ("[NaN]", "NaN"),
        ("-Infinity", "-Infinity"),
        ("", "not JSON"),
        ('"open', "not JSON"),
        ('"open\\', "not JSON"),
        ("9" * 10_000, "number is too long"),
        ("[" * 33 + "]" * 33, "32 levels"),
        ('{"a":' * 33 + "1" + "}" * 33, "32 levels"),
        (b"\xff", "offset 0"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ("\ufeff{}", "byte order mark"),
        (" " * (strict.MAX_TEXT_BYTES + 1), "at most"),
    ],
)
def test_rejects_what_is_ambiguous_or_out_of_bounds(text: str | bytes, problem: str) -> None:
    """With one typed error that names the source, and no chained one that could hold the text."""
    with pytest.raises(PolicyError) as caught:
        strict.parse(text, "x")
    assert problem in caught.value.problem
    assert caught.value.field.startswith("x")
    assert caught.value.__cause__ is None


def test_takes_32_levels() -> None:
    """Siblings are not levels."""
    nested = "[" * 32 + "]" * 32
    assert strict.parse(nested, "x") == json.loads(nested)
    assert strict.parse("[" + "[]," * 100 + "[]]", "x") == [[]] * 101


def _lines_executed(names: int) -> int:
    """Count the lines of Python that an object with so many names, the last one twice, needs."""
    given = [*range(names), names - 1]
    text = "{" + ",".join(f'"{number:x}":0' for number in given) + "}"
    count = 0

    def count_lines(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return count_lines

    tracer = sys.gettrace()
    sys.settrace(count_lines)
    try:
        with pytest.raises(PolicyError, match="twice"):
            strict.parse(text, "x")
    finally:
        sys.settrace(tracer)
    return count


def test_finds_a_name_given_twice_in_linear_work() -> None:
    """Ten times the names are at most ten times the lines, and a few for the call itself."""
    assert _lines_executed(100_000) <= 10 * _lines_executed(10_000)


def test_text_of_a_file_is_shown_in_ascii_and_bounded() -> None:
    """So that no error can rewrite a terminal."""
    assert strict.shown("a\u001b\x7f\u202e") == '"a\\u001b\\u007f\\u202e"'
    assert strict.shown("a" * 100) == '"' + "a" * 60 + '..."'


def test_names_and_objects() -> None:
    """What JSON calls a value."""
    assert strict.name_of(None) == "null"
    assert strict.expect_object({}, "x") == {}
    with pytest.raises(PolicyError, match="found a list"):
        strict.expect_object([], "x")
