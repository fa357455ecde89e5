"""Rows 131 and 136: requests that nobody, or somebody else, has signed are refused, and counted."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from botocore.awsrequest import AWSRequest
from sqlalchemy import func, select

from nitro_attest_broker._access_keys import AccessKey
from nitro_attest_broker._opening import open_ledger
from nitro_attest_broker._schema import REPLAYS
from nitro_attest_broker._sigv4 import Received
from support.broker_kit import Kit, sign, with_headers

HEADERS = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "TrentService.ListKeys"}


def request(**headers: str) -> AWSRequest:
    """Return a ListKeys that is not signed yet."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return AWSRequest(
        method="POST", url="http://127.0.0.1/", headers={**HEADERS, **named}, data=b"{}"
    )


def good(kit: Kit) -> Received:
    """Return a ListKeys that is answered."""
    return sign(request(), kit.administrator, at=kit.clock())


def other_secret(kit: Kit) -> Received:
    key = AccessKey(
        kit.administrator.access_key_id, "of somebody else", kit.administrator.principal, 1, 0
    )
    return sign(request(), key, at=kit.clock())


def signed_without(name: str) -> Callable[[Kit], Received]:
    def make(kit: Kit) -> Received:
        names = ("content-type", "host", "x-amz-date", "x-amz-target", "x-amz-extra")
        kept = tuple(n for n in names if n != name)
        return sign(request(x_amz_extra="1"), kit.administrator, at=kit.clock(), only=kept)

    return make


def at(seconds: int) -> Callable[[Kit], Received]:
    def make(kit: Kit) -> Received:
        return sign(request(), kit.administrator, at=kit.clock() + timedelta(seconds=seconds))

    return make


def of_scope(region: str, service: str) -> Callable[[Kit], Received]:
    def make(kit: Kit) -> Received:
        return sign(request(), kit.administrator, at=kit.clock(), region=region, service=service)

    return make


def authorization(change: Callable[[str], str]) -> Callable[[Kit], Received]:
    def make(kit: Kit) -> Received:
        received = good(kit)
        written = received.header("authorization") or ""
        return with_headers(received, ("authorization", change(written)), without="authorization")

    return make


def content_hash(value: str) -> Callable[[Kit], Received]:
    return lambda kit: sign(request(x_amz_content_sha256=value), kit.administrator, at=kit.clock())


REFUSED: dict[str, tuple[Callable[[Kit], Received], str, str]] = {
    "unsigned": (
        lambda kit: with_headers(good(kit), without="authorization"),
        "MissingAuthenticationTokenException",
        "signature.missing",
    ),
    "signed with another secret": (
        other_secret,
        "InvalidSignatureException",
        "signature.wrong",
    ),
    "body changed": (
        lambda kit: replace(good(kit), body=b'{"Limit": 1}'),
        "InvalidSignatureException",
        "signature.wrong",
    ),
    "operation changed": (
        lambda kit: with_headers(
            good(kit), ("x-amz-target", "TrentService.CreateKey"), without="x-amz-target"
        ),
        "InvalidSignatureException",
        "signature.wrong",
    ),
    "unknown access key": (
        authorization(lambda text: text.replace("AKIA", "AKIB")),
        "UnrecognizedClientException",
        "signature.access_key",
    ),
    "other region": (
        of_scope("eu-west-1", "kms"),
        "InvalidSignatureException",
        "signature.scope",
    ),
    "other service": (
        of_scope("us-east-1", "sts"),
        "InvalidSignatureException",
        "signature.scope",
    ),
    "six minutes old": (at(-360), "InvalidSignatureException", "signature.expired"),
    "six minutes ahead": (at(360), "InvalidSignatureException", "signature.expired"),
    "x-amz-target unsigned": (
        signed_without("x-amz-target"),
        "IncompleteSignatureException",
        "signature.header_unsigned",
    ),
    "another x-amz header unsigned": (
        signed_without("x-amz-extra"),
        "IncompleteSignatureException",
        "signature.header_unsigned",
    ),
    "host unsigned": (
        authorization(lambda text: text.replace("host;", "")),
        "IncompleteSignatureException",
        "signature.header_unsigned",
    ),
    "content-type unsigned": (
        signed_without("content-type"),
        "IncompleteSignatureException",
        "signature.header_unsigned",
    ),
    "query authentication": (
        lambda kit: replace(
            with_headers(good(kit), without="authorization"), query="X-Amz-Signature=00"
        ),
        "IncompleteSignatureException",
        "signature.request_line",
    ),
    "query beside the header": (
        lambda kit: replace(good(kit), query="a=b"),
        "IncompleteSignatureException",
        "signature.request_line",
    ),
    "another path": (
        lambda kit: replace(good(kit), path="/x"),
        "IncompleteSignatureException",
        "signature.request_line",
    ),
    "another method": (
        lambda kit: replace(good(kit), method="GET"),
        "IncompleteSignatureException",
        "signature.request_line",
    ),
    "UNSIGNED-PAYLOAD": (
        content_hash("UNSIGNED-PAYLOAD"),
        "IncompleteSignatureException",
        "signature.body",
    ),
    "STREAMING": (
        content_hash("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
        "IncompleteSignatureException",
        "signature.body",
    ),
    "hash of another body": (
        content_hash(hashlib.sha256(b"other").hexdigest()),
        "IncompleteSignatureException",
        "signature.body",
    ),
    "x-amz-target twice": (
        lambda kit: with_headers(good(kit), ("x-amz-target", "TrentService.ListKeys")),
        "IncompleteSignatureException",
        "signature.header_twice",
    ),
    "authorization twice": (
        lambda kit: with_headers(good(kit), ("authorization", "AWS4-HMAC-SHA256 x")),
        "IncompleteSignatureException",
        "signature.header_twice",
    ),
    "session token": (
        lambda kit: sign(
            request(**{"x-amz-security-token": "t"}), kit.administrator, at=kit.clock()
        ),
        "IncompleteSignatureException",
        "signature.header_not_taken",
    ),
    "date header": (
        lambda kit: with_headers(good(kit), ("date", "Tue, 24 Nov 2026 12:00:00 GMT")),
        "IncompleteSignatureException",
        "signature.header_not_taken",
    ),
    "content encoding": (
        lambda kit: with_headers(good(kit), ("content-encoding", "gzip")),
        "IncompleteSignatureException",
        "signature.header_not_taken",
    ),
    "header that is not printable": (
        lambda kit: with_headers(good(kit), ("x-other", "\xff")),
        "IncompleteSignatureException",
        "signature.headers",
    ),
    "too many headers": (
        lambda kit: with_headers(good(kit), *((f"h{n}", "") for n in range(80))),
        "IncompleteSignatureException",
        "signature.headers",
    ),
    "another algorithm": (
        authorization(lambda text: text.replace("SHA256", "SHA1")),
        "IncompleteSignatureException",
        "signature.authorization",
    ),
    "signature in upper case": (
        authorization(lambda text: text[:-64] + text[-64:].upper()),
        "IncompleteSignatureException",
        "signature.authorization",
    ),
    "signed headers not sorted": (
        authorization(lambda text: text.replace("content-type;host", "host;content-type")),
        "IncompleteSignatureException",
        "signature.signed_headers",
    ),
    "signed header that is not there": (
        authorization(lambda text: text.replace("x-amz-target,", "x-amz-target;x-amz-zzz,")),
        "IncompleteSignatureException",
        "signature.signed_headers",
    ),
    "date of another day": (
        authorization(lambda text: text.replace("20261124", "20261125")),
        "IncompleteSignatureException",
        "signature.date",
    ),
    "date that is none": (
        lambda kit: with_headers(
            good(kit), ("x-amz-date", "20261124T126000Z"), without="x-amz-date"
        ),
        "IncompleteSignatureException",
        "signature.date",
    ),
    "body over the limit": (
        lambda kit: replace(good(kit), body=b" " * 409_601),
        "RequestEntityTooLargeException",
        "request.too_large",
    ),
}


def test_answers_a_request_that_is_signed(kit: Kit) -> None:
    assert kit.send(good(kit)) == (200, {"Keys": [], "Truncated": False})


@pytest.mark.parametrize("seconds", [-300, 300])
def test_takes_a_clock_that_differs_by_five_minutes(kit: Kit, seconds: int) -> None:
    assert kit.send(at(seconds)(kit))[0] == 200


def test_takes_the_hash_of_the_body_as_a_signed_header(kit: Kit) -> None:
    assert kit.send(content_hash(hashlib.sha256(b"{}").hexdigest())(kit))[0] == 200


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(kit: Kit, name: str) -> None:
    make, code, reason = REFUSED[name]
    before = len(kit.audit())
    status, answer = kit.send(make(kit))
    assert (status, answer["__type"]) == (413 if code.startswith("RequestEntity") else 400, code)
    assert len(kit.audit()) == before  # nothing anybody can do unsigned writes a line each
    kit.service.write_unsigned()
    line = kit.audit()[-1]
    assert (line["event"], line["address"], line["reasons"]) == (
        "unsigned",
        "192.0.2.1",
        {reason: 1},
    )


def test_an_error_says_nothing_of_the_expected_signature(kit: Kit) -> None:
    received = good(kit)
    signature = (received.header("authorization") or "")[-64:]
    _, answer = kit.send(replace(received, body=b"[]"))
    assert signature not in str(answer)


def test_compares_signatures_in_constant_time(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[object] = []
    original = hmac.compare_digest

    def compare(one: str, other: str) -> bool:
        compared.append(one)
        return original(one, other)

    monkeypatch.setattr("nitro_attest_broker._sigv4.hmac.compare_digest", compare)
    kit.send(good(kit))
    assert any(isinstance(text, str) and len(text) == 64 for text in compared)


def test_a_replayed_administration_call_changes_nothing(kit: Kit) -> None:
    received = kit.signed("CreateKey", {})
    assert kit.send(received)[0] == 200
    status, answer = kit.send(received)
    assert (status, answer["__type"]) == (400, "ThrottlingException")
    assert kit.audit()[-1]["reason"] == "signature.replayed"
    assert len(kit.ok("ListKeys", {})["Keys"]) == 1


def test_a_replayed_administration_call_is_known_after_a_restart(kit_in_file: Kit) -> None:
    kit = kit_in_file
    received = kit.signed("CreateKey", {})
    assert kit.send(received)[0] == 200
    ledger = open_ledger(kit.store, kit.master, kit.head_file)
    again = type(kit.service)(replace(kit.broker, ledger=ledger))
    assert again.answer(received).code == "ThrottlingException"


def test_equal_data_calls_of_one_second_are_both_answered(kit: Kit) -> None:
    arn = kit.create_key()
    received = kit.signed("Encrypt", {"KeyId": arn, "Plaintext": "AAAA"})
    assert [kit.send(received)[0], kit.send(received)[0]] == [200, 200]


def test_a_revoked_access_key_signs_nothing(kit: Kit) -> None:
    kit.broker.ledger.commit({"event": "revoked"}, changes=(kit.administrator.revoked(),))
    assert kit.send(good(kit))[1]["__type"] == "UnrecognizedClientException"


def test_forgets_old_signatures_a_few_at_a_time(kit: Kit) -> None:
    for _ in range(3):
        kit.ok("CreateKey", {})
        kit.clock.advance(timedelta(minutes=11))
    with kit.store.reading() as connection:
        assert connection.execute(select(func.count()).select_from(REPLAYS)).scalar_one() == 1
