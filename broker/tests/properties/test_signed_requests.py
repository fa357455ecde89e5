"""Any change of a signed request is refused, unless it says the same to SigV4 and to the broker."""

import functools
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nitro_attest_broker._sigv4 import Received
from support.broker_kit import Kit, make_kit, with_headers

EXAMPLES = 200
VISIBLE = st.characters(min_codepoint=0x20, max_codepoint=0x7E)


@functools.cache
def kit() -> Kit:
    """Return one broker for all examples; its database is in memory."""
    return make_kit(Path(tempfile.mkdtemp()))


@functools.cache
def signed() -> Received:
    """Return a call that is answered as often as it is sent."""
    arn = kit().create_key()
    members = {"KeyId": arn, "Plaintext": "AAAA", "EncryptionContext": {"tenant": "a"}}
    return kit().signed("Encrypt", members, headers={"user-agent": "tests"})


def is_refused(received: Received) -> bool:
    """Send a request; whatever is wrong with it, it never is an internal error."""
    status, _ = kit().send(received)
    assert status < 500
    return status != 200


def edited(draw: st.DrawFn, text: str, letters: st.SearchStrategy[str]) -> str:
    """Change, add or take out a few letters of a text."""
    at = draw(st.integers(0, len(text)))
    end = draw(st.integers(at, min(at + 3, len(text))))
    return text[:at] + draw(st.text(letters, max_size=3)) + text[end:]


def with_header(received: Received, name: str, value: str) -> Received:
    """Return the request with another value of a header."""
    return with_headers(received, (name, value), without=name)


def test_the_request_is_answered_unchanged() -> None:
    assert [is_refused(signed()) for _ in range(2)] == [False, False]


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data())
def test_a_changed_body_is_refused(data: st.DataObject) -> None:
    body = signed().body.decode()
    changed = data.draw(st.composite(edited)(body, VISIBLE)).encode()
    assume(changed != signed().body)
    assert is_refused(replace(signed(), body=changed))


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data())
def test_a_changed_header_is_refused(data: st.DataObject) -> None:
    """Spaces apart, which SigV4 folds, and the user agent, which nobody signs."""
    names = sorted({name for name, _ in signed().headers} - {"user-agent", "authorization"})
    name = data.draw(st.sampled_from(names))
    value = signed().header(name) or ""
    changed = data.draw(st.composite(edited)(value, VISIBLE))
    assume(changed.split() != value.split())
    assert is_refused(with_header(signed(), name, changed))


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data())
def test_a_changed_authorization_is_refused(data: st.DataObject) -> None:
    """The space after a comma apart, which some clients write and some don't."""
    value = signed().header("authorization") or ""
    changed = data.draw(st.composite(edited)(value, VISIBLE))
    assume(changed.replace(", ", ",") != value.replace(", ", ","))
    assert is_refused(with_header(signed(), "authorization", changed))


@settings(max_examples=EXAMPLES, deadline=None)
@given(name=st.from_regex(r"x-amz-[a-z-]{1,12}", fullmatch=True), value=st.text(VISIBLE))
def test_an_added_header_that_steers_is_refused(name: str, value: str) -> None:
    assert is_refused(with_headers(signed(), (name, value)))


@settings(max_examples=EXAMPLES, deadline=None)
@given(index=st.integers(0, 30), value=st.text(VISIBLE))
def test_a_header_that_is_there_twice_is_refused(index: int, value: str) -> None:
    headers = signed().headers
    name, first = headers[index % len(headers)]
    assert is_refused(with_headers(signed(), (name, value)))
    assert is_refused(with_headers(signed(), (name, first)))


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    method=st.sampled_from(["POST", "GET", "post", "PUT"]),
    path=st.text(VISIBLE, max_size=4),
    query=st.text(VISIBLE, max_size=4),
)
def test_another_request_line_is_refused(method: str, path: str, query: str) -> None:
    assume((method, path, query) != ("POST", "/", ""))
    assert is_refused(replace(signed(), method=method, path=path, query=query))


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data())
def test_a_missing_header_is_refused(data: st.DataObject) -> None:
    names = sorted({name for name, _ in signed().headers} - {"user-agent"})
    assert is_refused(with_headers(signed(), without=data.draw(st.sampled_from(names))))
