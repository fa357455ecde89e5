"""Requests that are not the JSON expected."""

import json

import pytest

from nitro_attest_broker._errors import KmsError
from nitro_attest_broker._json import MAX_DEPTH, read_object, write_object


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\xff", "request.not_utf8"),
        (b"{", "request.not_json"),
        (b"", "request.not_json"),
        (b"[]", "request.not_an_object"),
        (b"1", "request.not_an_object"),
        (b'{"a":1,"a":2}', "request.name_twice"),
        (b'{"a":{"b":1,"b":1}}', "request.name_twice"),
        (b'{"a":1.5}', "request.number"),
        (b'{"a":1e3}', "request.number"),
        (b'{"a":NaN}', "request.number"),
        (b'{"a":Infinity}', "request.number"),
        (b'{"a":' + b"1" * 19 + b"}", "request.number"),
        (b'{"a":' + b"[" * 100_000, "request.too_deep"),
        (b'{"a":' * MAX_DEPTH + b"[" + b"]" + b"}" * MAX_DEPTH, "request.too_deep"),
    ],
)
def test_refuses(body: bytes, reason: str) -> None:
    with pytest.raises(KmsError) as caught:
        read_object(body)
    assert (caught.value.code, caught.value.reason) == ("SerializationException", reason)


def test_brackets_in_strings_are_no_depth() -> None:
    value = {"a": "[" * 50, "b": '"\\' + "{" * 50}
    assert read_object(json.dumps(value).encode()) == value


def test_reads_the_deepest_that_is_allowed() -> None:
    text = b'{"a":' * (MAX_DEPTH - 1) + b"{}" + b"}" * (MAX_DEPTH - 1)
    assert read_object(text)["a"]


def test_writes_one_form() -> None:
    assert write_object({"b": "ü", "a": [1]}) == '{"a":[1],"b":"\\u00fc"}'


@pytest.mark.parametrize(
    "body",
    [b'"' + b'\\"' * 200_000, b'"' * 399_999, b'{"a":"' + b"\\" * 399_999, b'"' + b"[" * 400_000],
)
def test_reads_each_character_of_hostile_strings_once(body: bytes) -> None:
    # With a pattern that begins anew at each quote the first of these takes an hour.
    with pytest.raises(KmsError) as caught:
        read_object(body)
    assert caught.value.reason in {"request.not_json", "request.too_deep"}
