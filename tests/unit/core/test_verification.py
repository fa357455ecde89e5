"""The call itself: what it takes, what is the caller's mistake, and in what order it decides."""

import array
import mmap
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, cast

import cbor2
import pytest

from nitro_attest import (
    AnyEnclave,
    FreshNonce,
    NotChecked,
    Policy,
    PolicyError,
    Reason,
    VerificationError,
    read_unverified,
    verify,
)
from nitro_attest._core.envelope import MAX_DOCUMENT_BYTES
from support import certificates as forge
from support.captured import ARCHIVED, DEBUG, PRODUCTION, policy_for

NONCE = bytes(range(32))
NOW = forge.NOW
CHAIN = forge.chain()
WAIVED = NotChecked("a test")
POLICY = Policy(
    measurements=(AnyEnclave("a test"),),
    freshness=FreshNonce(),
    public_key=WAIVED,
    user_data=WAIVED,
    trust_anchor=forge.anchor(CHAIN[0]),
)
DOC = forge.document(forge.payload(CHAIN, nonce=NONCE))
TIMELESS = replace(POLICY, freshness=ARCHIVED)


def _field(doc: Any, policy: Any, **call: Any) -> str:
    with pytest.raises(PolicyError) as error:
        verify(doc, policy, **call)
    return error.value.field


def _reason(
    doc: bytes, policy: Policy = POLICY, nonce: bytes | None = NONCE, now: datetime = NOW
) -> Reason:
    with pytest.raises(VerificationError) as rejection:
        verify(doc, policy, nonce=nonce, now=now)
    return rejection.value.reason


def test_a_nonce_there_and_back() -> None:
    """The right nonce is accepted."""
    assert verify(DOC, POLICY, nonce=NONCE, now=NOW).claims.nonce == NONCE


@pytest.mark.parametrize(
    ("nonce", "reason"),
    [
        ({}, Reason.FRESHNESS_NONCE_ABSENT),
        ({"nonce": None}, Reason.FRESHNESS_NONCE_ABSENT),
        ({"nonce": b""}, Reason.FRESHNESS_NONCE_MISMATCH),
        ({"nonce": NONCE[:-1]}, Reason.FRESHNESS_NONCE_MISMATCH),
        ({"nonce": NONCE + b"\0"}, Reason.FRESHNESS_NONCE_MISMATCH),
        ({"nonce": NONCE[:16]}, Reason.FRESHNESS_NONCE_MISMATCH),
        ({"nonce": NONCE.hex().encode()}, Reason.FRESHNESS_NONCE_MISMATCH),
    ],
    ids=["absent", "null", "empty", "shorter", "longer", "prefix", "hex text"],
)
def test_other_nonces_are_rejected(nonce: dict[str, bytes | None], reason: Reason) -> None:
    """Absent, null, empty, shorter, longer, a prefix, hex text."""
    fields = forge.payload(CHAIN)
    del fields["nonce"]
    assert _reason(forge.document({**fields, **nonce})) is reason


def test_the_policy_decides_whether_there_is_a_nonce() -> None:
    """FreshNonce without one is the caller's mistake, as is one that TimestampOnly ignores."""
    assert _field(DOC, POLICY, now=NOW) == "nonce"
    assert _field(DOC, POLICY, nonce=None, now=NOW) == "nonce"
    assert _field(DOC, TIMELESS, nonce=NONCE, now=NOW) == "nonce"
    assert verify(DOC, TIMELESS, now=NOW).claims.nonce == NONCE


@pytest.mark.parametrize("nonce", [b"", bytes(15), bytes(1025), "00" * 32, 7, [0] * 32])
def test_a_nonce_is_16_to_1024_bytes(nonce: object) -> None:
    """Shorter can be guessed, longer fits no document, text is not bytes."""
    assert _field(DOC, POLICY, nonce=nonce, now=NOW) == "nonce"


@pytest.mark.parametrize("size", [16, 1024])
def test_the_shortest_and_the_longest_nonce(size: int) -> None:
    """Both ends are allowed."""
    doc = forge.document(forge.payload(CHAIN, nonce=bytes(size)))
    assert verify(doc, POLICY, nonce=bytes(size), now=NOW).claims.nonce == bytes(size)


@pytest.mark.parametrize("doc", [None, "text", DOC.hex(), 0, [1], {}, object(), Ellipsis])
def test_a_document_is_bytes(doc: object) -> None:
    """Text above all: decoding base64 or hex digits is the caller's business."""
    assert _field(doc, POLICY, nonce=NONCE, now=NOW) == "doc"
    with pytest.raises(PolicyError) as error:
        read_unverified(doc)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - what must fail
    assert error.value.field == "doc"


@pytest.mark.parametrize("policy", [None, (POLICY,), "policy", Policy, {}])
def test_a_policy_is_a_policy(policy: object) -> None:
    """Nothing replaces it."""
    assert _field(DOC, policy, nonce=NONCE, now=NOW) == "policy"


class _Liar(bytes):
    """Bytes whose methods tell something else than their buffer."""

    __slots__ = ()

    def __len__(self) -> int:
        return 1

    def startswith(self, *_: object) -> bool:
        return True


def test_buffers_are_copied_first() -> None:
    """What is verified is one copy of the bytes, whoever owns or overrides them."""
    shared = mmap.mmap(-1, len(DOC))
    shared.write(DOC)
    for doc in (
        bytearray(DOC),
        memoryview(DOC),
        memoryview(bytearray(DOC)),
        shared,
        _Liar(DOC),
        array.array("B", DOC),
    ):
        assert verify(doc, POLICY, nonce=bytearray(NONCE), now=NOW).claims.nonce == NONCE  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - buffers
    assert _field(memoryview(DOC)[::2], POLICY, nonce=NONCE, now=NOW) == "doc"
    released = memoryview(DOC)
    released.release()
    assert _field(released, POLICY, nonce=NONCE, now=NOW) == "doc"


def test_a_large_buffer_is_rejected_without_being_copied_whole() -> None:
    """The size of the input does not become the size of our memory."""
    huge = mmap.mmap(-1, 1 << 32)
    assert _reason(huge) is Reason.COSE_TOO_LARGE  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - a buffer
    assert _reason(bytes(MAX_DOCUMENT_BYTES + 1)) is Reason.COSE_TOO_LARGE


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 1, 3, 20, 41, 7),  # noqa: DTZ001 - what must fail
        0,
        1767472867.4,
        "2026-01-03",
        PRODUCTION.time.date(),
    ],
)
def test_a_time_is_an_aware_datetime(now: object) -> None:
    """A naive one could mean any zone."""
    assert _field(DOC, POLICY, nonce=NONCE, now=now) == "now"


def test_what_is_no_datetime_is_told_what_a_naive_one_is_told() -> None:
    """Not that its time zone is at fault: it has none."""
    problems: set[str] = set()
    wrong: Any
    for wrong in (0, NOW.replace(tzinfo=None)):
        with pytest.raises(PolicyError) as mistake:
            verify(DOC, POLICY, nonce=NONCE, now=wrong)
        problems.add(mistake.value.problem)
    assert len(problems) == 1


def test_times_beyond_the_calendar_are_rejected() -> None:
    """A zone can push a datetime out of range."""
    for now in (
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
    ):
        assert _field(DOC, POLICY, nonce=NONCE, now=now) == "now"


class _Zone(tzinfo):
    """A zone that gives its answers one after another; an exception among them is raised."""

    def __init__(self, *answers: timedelta | Exception | None) -> None:
        self.answers = list(answers)

    def utcoffset(self, _: datetime | None, /) -> timedelta | None:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def dst(self, _: datetime | None, /) -> None:
        return None

    def tzname(self, _: datetime | None, /) -> None:
        return None


@pytest.mark.parametrize(
    "answer",
    [None, ValueError("zone"), RuntimeError("zone"), KeyError(1), timedelta(hours=24), 7],
)
def test_a_zone_without_an_offset_is_no_time_zone(answer: Any) -> None:
    """It makes its datetimes naive, or raises what it likes."""
    assert _field(DOC, POLICY, nonce=NONCE, now=NOW.replace(tzinfo=_Zone(answer))) == "now"


def test_a_zone_is_asked_once() -> None:
    """A second answer could be another one, or none."""
    zone = _Zone(timedelta(hours=1), None, ValueError("asked twice"))
    here = (NOW + timedelta(hours=1)).replace(tzinfo=zone)
    result = verify(DOC, POLICY, nonce=NONCE, now=here)
    assert result.appraised_at == NOW
    assert len(zone.answers) == 2


class _Odd(datetime):
    """A datetime whose methods say something else than its fields."""

    @property
    def year(self) -> int:
        return 1999

    def utcoffset(self) -> timedelta:
        return timedelta(hours=5)

    def astimezone(self, tz: tzinfo | None = None) -> Any:  # noqa: ARG002 - its name in the base
        raise RuntimeError

    def replace(self, *_: object, **__: object) -> Any:
        raise RuntimeError

    def __sub__(self, _: object) -> Any:
        raise RuntimeError


@pytest.mark.parametrize("fold", [0, 1])
def test_a_subclass_of_datetime_becomes_a_plain_one(fold: int) -> None:
    """Its fields count, its methods do not."""
    odd = _Odd(2026, 1, 3, 21, 41, 7, 402000, timezone(timedelta(hours=1)), fold=fold)
    result = verify(DOC, POLICY, nonce=NONCE, now=odd)
    assert type(result.appraised_at) is datetime
    assert result.appraised_at == NOW
    assert (result.appraised_at.tzinfo, result.appraised_at.fold) == (UTC, 0)
    assert result.appraised_at.isoformat() == NOW.isoformat()


BYTE_STRING_KEYS = """
import sys
from datetime import datetime
from nitro_attest import AnyEnclave, FreshNonce, NotChecked, Policy, VerificationError
from nitro_attest import read_unverified, verify

assert sys.flags.bytes_warning == 2
policy = Policy(
    measurements=(AnyEnclave("a test"),),
    freshness=FreshNonce(),
    public_key=NotChecked("a test"),
    user_data=NotChecked("a test"),
)
now = datetime.fromisoformat("2026-01-03T20:41:07.402+00:00")
for line in sys.stdin:
    for attempt in (
        lambda doc: verify(doc, policy, nonce=bytes(16), now=now),
        read_unverified,
    ):
        try:
            attempt(bytes.fromhex(line))
        except VerificationError as rejection:
            print(rejection.reason, rejection.to_dict()["error"])
        else:
            print("accepted")
"""


def test_byte_string_keys_are_no_warning_under_bb() -> None:
    """Python compares bytes with text for no document, wherever the byte string key is."""
    fields = forge.payload(CHAIN, nonce=NONCE)
    pcrs = cast("dict[Any, Any]", fields["pcrs"])
    payloads: list[dict[Any, Any]] = [
        {**fields, b"nonce": b""},
        {b"pcrs": pcrs, **fields},
        {**{name.encode(): value for name, value in fields.items()}, **fields},
        {name.encode(): value for name, value in fields.items()},
        {**fields, "pcrs": {**pcrs, b"0": bytes(48), "0": bytes(48)}},
        {**fields, b"": 0, "": 0},
    ]
    docs = "\n".join(forge.envelope(cbor2.dumps(payload)).hex() for payload in payloads)
    done = subprocess.run(  # noqa: S603 - this program
        [sys.executable, "-bb", "-W", "error", "-c", BYTE_STRING_KEYS],
        input=docs,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert len(lines) == 2 * len(payloads)
    assert {line.rpartition(" ")[2] for line in lines} == {"MalformedDocumentError"}


@pytest.mark.parametrize(
    "now", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]
)
def test_any_other_time_gives_a_verdict(now: datetime) -> None:
    """The first and the last moment of the calendar are only far away."""
    assert _reason(DOC, now=now) in {Reason.CHAIN_EXPIRED, Reason.CHAIN_NOT_YET_VALID}


def test_a_forged_leaf_under_a_captured_chain_is_rejected() -> None:
    """The bundle does not help a leaf that the instance did not sign."""
    genuine = PRODUCTION.payload
    authorities = genuine["cabundle"]
    specs = forge.specs(genuine["module_id"], PRODUCTION.time)
    fields = forge.payload([*authorities, specs[-1].encode()], module_id=genuine["module_id"])
    fields["timestamp"] = genuine["timestamp"]
    reason = _reason(forge.document(fields), policy_for(AnyEnclave("any")), None, PRODUCTION.time)
    assert reason is Reason.CHAIN_ISSUER


def test_a_captured_payload_signed_by_another_key_is_rejected() -> None:
    """The signature must be the leaf's."""
    payload = cbor2.loads(PRODUCTION.doc)[2]
    assert _reason(
        forge.envelope(payload), policy_for(PRODUCTION.measurements), None, PRODUCTION.time
    ) is (Reason.SIGNATURE_INVALID)


@pytest.mark.parametrize("context", ["Signature", "Signature2", "CounterSignature", "MAC0"])
def test_the_context_string_is_signature1(context: str) -> None:
    """A signature made for another COSE structure is none for this one."""
    payload = cbor2.loads(DOC)[2]
    header: dict[int, int] = {}
    protected = bytes.fromhex("a1013822")
    message = cbor2.dumps([context, protected, b"", payload])
    signature = forge.signature_of(message)
    assert _reason(cbor2.dumps([protected, header, payload, signature])) is Reason.SIGNATURE_INVALID
    message = cbor2.dumps(["Signature1", protected, b"external", payload])
    assert (
        _reason(cbor2.dumps([protected, header, payload, forge.signature_of(message)]))
        is Reason.SIGNATURE_INVALID
    )


def test_the_order_of_the_steps() -> None:
    """With several faults at once, the earliest step speaks."""
    expired = NOW + timedelta(days=30)
    wrong_nonce = forge.payload(CHAIN, nonce=b"other")
    broken = bytearray(forge.document(wrong_nonce))
    broken[-1] ^= 1
    assert _reason(bytes(broken)) is Reason.SIGNATURE_INVALID
    assert _reason(bytes(broken), now=expired) is Reason.CHAIN_EXPIRED
    unknown = forge.document({**wrong_nonce, "surprise": 1})
    assert _reason(unknown, now=expired) is Reason.DOCUMENT_FIELD_UNKNOWN
    assert _reason(unknown + b"\0", now=expired) is Reason.CBOR_MALFORMED
    assert _field(unknown + b"\0", POLICY, nonce=b"", now=expired) == "nonce"


def test_a_document_is_read_without_being_verified() -> None:
    """`read_unverified` takes a tampered, expired document and tells what it says."""
    tampered = DEBUG.doc[:-1] + bytes([DEBUG.doc[-1] ^ 1])
    assert read_unverified(tampered) == read_unverified(DEBUG.doc)
    assert read_unverified(bytearray(DEBUG.doc)).module_id == DEBUG.payload["module_id"]  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - a buffer
    with pytest.raises(VerificationError):
        read_unverified(b"")
