"""Verify first, redeem last: one result for each nonce, and no invalid document uses one up."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any, cast

import pytest
from sqlalchemy import create_engine

from nitro_attest import (
    AttestationResult,
    DocumentKind,
    Failure,
    FreshNonce,
    MalformedDocumentError,
    PolicyError,
    PolicyMismatchError,
    Present,
    Reason,
    StaleDocumentError,
    TimestampOnly,
    UntrustedDocumentError,
    VerificationError,
)
from nitro_attest.nonces import (
    AsyncNonceStore,
    MemoryNonces,
    NonceStore,
    NonceStoreUnavailableError,
    averify_once,
    verify_once,
)
from nitro_attest.nonces.sql import SqlNonces
from nitro_attest.testing import FAULTS, FakeNitro, Faults
from support.nonce_contract import FAKE, NOW, policy

TTL = timedelta(minutes=5)
POLICY = policy(FreshNonce())
KEY = b"the key of the enclave"


class AsyncMemoryNonces:
    """An async store over one in memory."""

    def __init__(self, store: MemoryNonces) -> None:
        """Keep the store."""
        self.store = store

    async def issue(self, *, context: bytes = b"") -> bytes:
        """Issue there."""
        return self.store.issue(context=context)

    async def redeem(self, nonce: bytes, *, context: bytes = b"") -> None:
        """Redeem there."""
        self.store.redeem(nonce, context=context)


def _sync(
    doc: Any, policy: Any = POLICY, *, nonces: MemoryNonces, context: Any = b"", now: Any = NOW
) -> AttestationResult:
    return verify_once(doc, policy, nonces=nonces, context=context, now=now)


def _async(
    doc: Any, policy: Any = POLICY, *, nonces: MemoryNonces, context: Any = b"", now: Any = NOW
) -> AttestationResult:
    store = AsyncMemoryNonces(nonces)
    return asyncio.run(averify_once(doc, policy, nonces=store, context=context, now=now))


Once = Callable[..., AttestationResult]
both = pytest.mark.parametrize("once", [_sync, _async])


def _store(limit: int = 10_000) -> MemoryNonces:
    return MemoryNonces(ttl=TTL, max_outstanding=limit)


@both
def test_a_document_is_accepted_once(once: Once) -> None:
    """The second time its nonce is used."""
    store = _store()
    nonce = store.issue()
    doc = FAKE.enclave_document(nonce=nonce)
    result = once(doc, nonces=store)
    assert result.claims.nonce == nonce
    with pytest.raises(StaleDocumentError) as refused:
        once(doc, nonces=store)
    assert refused.value.failures == (Failure(Reason.FRESHNESS_NONCE_USED, "nonce"),)


@both
def test_a_nonce_is_redeemed_in_its_context_only(once: Once) -> None:
    """A document for another session is stale, and its own session still gets its result."""
    store = _store()
    doc = FAKE.enclave_document(nonce=store.issue(context=b"session 1"))
    for context in (b"session 2", b""):
        with pytest.raises(StaleDocumentError) as refused:
            once(doc, nonces=store, context=context)
        assert refused.value.reason is Reason.FRESHNESS_NONCE_UNKNOWN
    once(doc, nonces=store, context=b"session 1")


@both
def test_a_document_for_a_nonce_of_nobody_is_stale(once: Once) -> None:
    """It was issued elsewhere, or made up."""
    with pytest.raises(StaleDocumentError) as refused:
        once(FAKE.enclave_document(nonce=bytes(32)), nonces=_store())
    assert refused.value.reason is Reason.FRESHNESS_NONCE_UNKNOWN


@both
def test_a_document_without_a_nonce_is_told_so(once: Once) -> None:
    """As stale, never as an error of the policy."""
    with pytest.raises(StaleDocumentError) as refused:
        once(FAKE.enclave_document(), nonces=_store())
    expected = Failure(Reason.FRESHNESS_NONCE_MISSING, "nonce", "at least 16 bytes", "absent")
    assert refused.value.failures == (expected,)


@both
@pytest.mark.parametrize("length", range(16))
def test_a_short_nonce_is_told_so(once: Once, length: int) -> None:
    """Row 140 of the attacks: 0 to 15 bytes never cause a PolicyError."""
    with pytest.raises(StaleDocumentError) as refused:
        once(FAKE.enclave_document(nonce=bytes(length)), nonces=_store())
    assert refused.value.reason is Reason.FRESHNESS_NONCE_SHORT


@both
def test_of_a_document_without_a_nonce_the_age_is_told_as_well(once: Once) -> None:
    """All failures of the family, as verify does."""
    old = FAKE.enclave_document(now=NOW - timedelta(minutes=6))
    with pytest.raises(StaleDocumentError) as refused:
        once(old, nonces=_store())
    assert [failure.reason for failure in refused.value.failures] == [
        Reason.FRESHNESS_NONCE_MISSING,
        Reason.FRESHNESS_TOO_OLD,
    ]


@both
def test_a_forged_document_is_told_as_forged_also_without_a_nonce(once: Once) -> None:
    """Only a document of the hardware is told that its nonce is missing."""
    forger = FakeNitro(now=NOW)
    for nonce in (None, b"", bytes(15)):
        with pytest.raises(UntrustedDocumentError):
            once(forger.enclave_document(nonce=nonce), nonces=_store())


@both
def test_bytes_that_are_no_document_are_malformed(once: Once) -> None:
    """Empty, random, too long."""
    for doc in (b"", b"\x00", bytes(5_000), bytes(30_000), bytearray(10), memoryview(b"\x84")):
        with pytest.raises(MalformedDocumentError):
            once(doc, nonces=_store())


@both
def test_no_invalid_document_uses_up_a_nonce(once: Once) -> None:
    """Every fault that the testing module makes; then the good document passes."""
    store = _store()
    nonce = store.issue()
    present = replace(POLICY, public_key=Present(), measurements=(FAKE.enclave_measurements(),))
    faults = Faults(fake=FAKE, nonce=nonce, public_key=KEY)
    for name in FAULTS[DocumentKind.ENCLAVE]:
        faulty = faults.named(name)
        with pytest.raises(VerificationError):
            once(faulty.doc, present, nonces=store)
    once(FAKE.enclave_document(nonce=nonce, public_key=KEY), present, nonces=store)


@both
def test_a_policy_mismatch_uses_up_no_nonce(once: Once) -> None:
    """The policy may be mended, and the document sent again."""
    store = _store()
    doc = FAKE.enclave_document(nonce=store.issue())
    with pytest.raises(PolicyMismatchError):
        once(doc, replace(POLICY, public_key=Present()), nonces=store)
    once(doc, nonces=store)


def test_a_flood_of_invalid_documents_uses_up_no_nonce() -> None:
    """And a flood of issue() is refused, and loses none of them either."""
    store = _store(100)
    nonces = [store.issue() for _ in range(100)]
    docs = [FAKE.enclave_document(nonce=nonce) for nonce in nonces]
    for doc in docs:
        with pytest.raises(VerificationError):
            verify_once(doc[:-1] + bytes([doc[-1] ^ 1]), POLICY, nonces=store, now=NOW)
        with pytest.raises(NonceStoreUnavailableError):
            store.issue()
    for doc in docs:
        verify_once(doc, POLICY, nonces=store, now=NOW)


def test_two_copies_at_once_give_one_result_and_one_rejection() -> None:
    """In two threads that start together; tests/end_to_end/nonces does it a thousand times."""
    store = _store()
    docs = [FAKE.enclave_document(nonce=store.issue()) for _ in range(100)]
    start = Barrier(2)

    def worker(_: int) -> list[Reason | None]:
        return [_together(start, doc, store) for doc in docs]

    with ThreadPoolExecutor(2) as threads:
        for pair in zip(*threads.map(worker, range(2)), strict=True):
            assert set(pair) == {None, Reason.FRESHNESS_NONCE_USED}


def _together(start: Barrier, doc: bytes, store: NonceStore) -> Reason | None:
    start.wait()
    try:
        verify_once(doc, POLICY, nonces=store, now=NOW)
    except StaleDocumentError as refused:
        return refused.reason
    return None


@both
def test_wrong_arguments_are_policy_errors_before_any_document_is_read(once: Once) -> None:
    """Also when the document is malformed."""
    timestamp = policy(TimestampOnly(because="a test", max_age=TTL))
    good: dict[str, Any] = {"nonces": _store()}
    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
        ("doc", ("text",), good),
        ("doc", (None,), good),
        ("doc", (memoryview(b"abcd")[::2],), good),
        ("policy", (b"", None), good),
        ("Policy.freshness", (b"", timestamp), good),
        ("context", (b"",), {**good, "context": "session"}),
        ("now", (b"",), {**good, "now": datetime(2026, 1, 3)}),  # noqa: DTZ001 - what must fail
    ]
    for field, arguments, keywords in calls:
        with pytest.raises(PolicyError) as refused:
            once(*arguments, **keywords)
        assert refused.value.field == field


@both
def test_the_default_time_is_the_clock_of_the_system(once: Once) -> None:
    """As for verify."""
    fake = FakeNitro()
    store = _store()
    trusting = fake.trusting(POLICY)
    once(fake.enclave_document(nonce=store.issue()), trusting, nonces=store, now=None)


@pytest.mark.parametrize("answer", [False, True, 0, "redeemed"])
def test_a_store_that_returns_something_has_not_redeemed(answer: Any) -> None:
    """`return False` in a store of one's own must not read as acceptance."""

    class OddNonces:
        """A store whose redeem returns something."""

        def issue(self, *, context: bytes = b"") -> bytes:
            """Return the context, which is no nonce."""
            return context

        def redeem(self, nonce: bytes, *, context: bytes = b"") -> None:
            """Return the answer."""
            return cast("None", answer if nonce or context else None)

    with pytest.raises(PolicyError) as refused:
        verify_once(_document_for_anybody(), POLICY, nonces=OddNonces(), now=NOW)
    assert refused.value.field == "nonces"


@pytest.mark.parametrize("answer", [False, True, 0, "redeemed"])
def test_an_async_store_that_returns_something_has_not_redeemed(answer: Any) -> None:
    """The same for what is awaited."""

    class OddNonces:
        """A store whose redeem returns something."""

        async def issue(self, *, context: bytes = b"") -> bytes:
            """Return the context, which is no nonce."""
            return context

        async def redeem(self, nonce: bytes, *, context: bytes = b"") -> None:
            """Return the answer."""
            return cast("None", answer if nonce or context else None)

    with pytest.raises(PolicyError) as refused:
        asyncio.run(averify_once(_document_for_anybody(), POLICY, nonces=OddNonces(), now=NOW))
    assert refused.value.field == "nonces"


def test_an_async_store_in_the_wrong_function_is_a_policy_error() -> None:
    """Nobody would await its redemption."""
    wrong = cast("NonceStore", AsyncMemoryNonces(_store()))
    with pytest.raises(PolicyError) as refused:
        verify_once(_document_for_anybody(), POLICY, nonces=wrong, now=NOW)
    assert refused.value.field == "nonces"


def test_a_coroutine_in_disguise_is_a_policy_error_as_well() -> None:
    """A plain function that returns a coroutine is seen only by its answer."""

    class Disguised:
        """An async store whose methods don't look like it."""

        def issue(self, *, context: bytes = b"") -> bytes:
            """Return the context, which is no nonce."""
            return context

        def redeem(self, nonce: bytes, *, context: bytes = b"") -> Awaitable[None]:
            """Return a coroutine."""
            return AsyncMemoryNonces(_store()).redeem(nonce, context=context)

    with pytest.raises(PolicyError) as refused:
        verify_once(
            _document_for_anybody(), POLICY, nonces=cast("NonceStore", Disguised()), now=NOW
        )
    assert refused.value.field == "nonces"


def test_a_store_that_is_not_async_is_a_policy_error_for_averify_once() -> None:
    """And what is no store at all."""
    for wrong in (_store(), None, object()):
        call = averify_once(
            _document_for_anybody(), POLICY, nonces=cast("AsyncNonceStore", wrong), now=NOW
        )
        with pytest.raises((PolicyError, StaleDocumentError)):
            asyncio.run(call)


def test_a_store_out_of_reach_accepts_nothing() -> None:
    """The error of the store is what the caller gets."""
    engine = create_engine("sqlite:////nowhere/at/all.db")
    with pytest.raises(NonceStoreUnavailableError):
        verify_once(_document_for_anybody(), POLICY, nonces=SqlNonces(engine, ttl=TTL), now=NOW)


def _document_for_anybody() -> bytes:
    return FAKE.enclave_document(nonce=bytes(32))


def test_a_buffer_that_changes_later_changes_nothing() -> None:
    """The document is copied before it is looked at."""
    memory = _store()
    doc = bytearray(FAKE.enclave_document(nonce=memory.issue()))

    class Overwriting:
        """A store that overwrites the caller's buffer."""

        def issue(self, *, context: bytes = b"") -> bytes:
            """Issue in memory."""
            return memory.issue(context=context)

        def redeem(self, nonce: bytes, *, context: bytes = b"") -> None:
            """Redeem in memory."""
            doc[:] = bytes(len(doc))
            memory.redeem(nonce, context=context)

    result = verify_once(cast("bytes", doc), POLICY, nonces=Overwriting(), now=NOW)
    assert result.claims.module_id
    assert not any(doc)
