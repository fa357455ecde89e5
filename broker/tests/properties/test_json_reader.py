"""The reader of request bodies: an object with names given once, or one error, whatever comes."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nitro_attest_broker._errors import Code, KmsError
from nitro_attest_broker._json import MAX_DEPTH, read_object, write_object

EXAMPLES = 300
TEXTS = st.text(max_size=8)
SINGLE = st.none() | st.booleans() | st.integers(-(10**16), 10**17) | TEXTS
VALUES = st.recursive(
    SINGLE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=4)


def depth(value: object) -> int:
    """Return how deep lists and objects are nested."""
    inner: list[object] = []
    if isinstance(value, dict):
        inner = list(value.values())  # pyright: ignore[reportUnknownArgumentType] - any JSON
    elif isinstance(value, list):
        inner = value  # pyright: ignore[reportUnknownVariableType] - any JSON
    else:
        return 0
    return 1 + max(map(depth, inner), default=0)


def reason(body: bytes) -> str:
    """Return why a body is refused."""
    with pytest.raises(KmsError) as caught:
        read_object(body)
    assert caught.value.code is Code.SERIALIZATION
    return caught.value.reason


@settings(max_examples=EXAMPLES, deadline=None)
@given(value=OBJECTS, ascii_only=st.booleans(), indent=st.none() | st.integers(0, 2))
def test_reads_what_was_written(
    value: dict[str, Any], *, ascii_only: bool, indent: int | None
) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    if depth(value) > MAX_DEPTH:
        assert reason(body) == "request.too_deep"
    else:
        assert read_object(body) == value
        assert read_object(write_object(value).encode()) == value


@settings(max_examples=EXAMPLES, deadline=None)
@given(outer=st.integers(0, MAX_DEPTH - 1), name=TEXTS, first=SINGLE, second=SINGLE)
def test_a_name_given_twice_is_refused_at_every_depth(
    outer: int, name: str, first: object, second: object
) -> None:
    escaped = '"' + "".join(f"\\u{ord(c):04x}" for c in name) + '"'
    if any(ord(character) > 0xFFFF for character in name):
        escaped = json.dumps(name)
    pairs = f"{{{json.dumps(name)}:{json.dumps(first)},{escaped}:{json.dumps(second)}}}"
    assert reason((('{"a":' * outer) + pairs + "}" * outer).encode()) == "request.name_twice"


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.binary(max_size=64)
    | st.text('{}[]":,\\ 0123456789eE.+-tfn\x00', max_size=64).map(str.encode)
)
def test_any_bytes_are_an_object_or_one_error(body: bytes) -> None:
    try:
        value = read_object(body)
    except KmsError as error:
        assert error.code is Code.SERIALIZATION  # noqa: PT017 - either outcome is right
    else:
        assert value == json.loads(body)
