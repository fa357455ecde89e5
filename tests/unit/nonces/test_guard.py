"""Documents that answer no nonce are accepted once, whatever clocks and restarts there are."""

from datetime import timedelta
from functools import cache
from itertools import product
from typing import Any, cast

import pytest

from nitro_attest import (
    AttestationResult,
    PolicyError,
    Reason,
    StaleDocumentError,
    TimestampOnly,
    VerificationError,
    verify,
)
from nitro_attest.nonces import MemoryOnce, OnceStore, ReplayGuard
from nitro_attest.nonces import _memory as memory
from support.nonce_contract import FAKE, NOW, policy

WINDOW = TimestampOnly(because="documents from a queue", max_age=timedelta(minutes=5))
POLICY = policy(WINDOW)
ONE_CLOCK = timedelta(0)


@cache
def _document(offset: float = 0.0) -> bytes:
    return FAKE.enclave_document(now=NOW + timedelta(seconds=offset))


@cache
def _result(doc: bytes, seconds: float) -> AttestationResult | None:
    """Return what `verify` says of a document so many seconds after NOW."""
    try:
        return verify(doc, POLICY, now=NOW + timedelta(seconds=seconds))
    except VerificationError:
        return None


def _fresh(seconds: float = 0.0) -> AttestationResult:
    return verify(_document(), POLICY, now=NOW + timedelta(seconds=seconds))


def _accepts(guard: ReplayGuard, result: AttestationResult | None) -> bool:
    if result is None:
        return False
    try:
        guard.check(result)
    except StaleDocumentError:
        return False
    return True


class RecordingOnce:
    """A store that records what it is asked, and accepts."""

    def __init__(self) -> None:
        """Begin with no record."""
        self.claims: list[tuple[bytes, float, float]] = []

    def claim(self, key: bytes, seconds: float, *, age: float = 0.0) -> bool:
        """Accept."""
        self.claims.append((key, seconds, age))
        return True


def test_a_document_is_accepted_once() -> None:
    """The second result of the same document is a repeat, also at another time."""
    guard = ReplayGuard(MemoryOnce(), context=b"orders", max_clock_skew=ONE_CLOCK)
    guard.check(_fresh())
    for seconds in (0.0, -20.0):
        with pytest.raises(StaleDocumentError) as refused:
            guard.check(_fresh(seconds))
        assert refused.value.reason is Reason.FRESHNESS_NONCE_USED


def test_a_document_is_spent_for_one_purpose() -> None:
    """Another context accepts it once more, and so does no prefix of a context."""
    store = MemoryOnce()
    for context in (b"orders", b"refunds", b"order"):
        guard = ReplayGuard(store, context=context, max_clock_skew=ONE_CLOCK)
        assert _accepts(guard, _fresh())
        assert not _accepts(guard, _fresh())


def test_a_document_is_remembered_as_long_as_it_could_be_replayed() -> None:
    """For `remember_until - appraised_at` and a minute; the age has the skew on top."""
    store = RecordingOnce()
    guard = ReplayGuard(store, context=b"orders")
    guard.check(_fresh(100.0))
    guard.check(_fresh(-30.0))
    (key, seconds, age), (same, longest, youngest) = store.claims
    assert (seconds, age) == (320.0, 130.0)
    assert (longest, youngest) == (450.0, 0.0)
    assert key == same
    assert len(key) == 32


@pytest.mark.parametrize("first", [0.0, 200.0, 299.0, 300.0])
def test_a_worker_may_need_a_minute_from_verify_to_check(
    monkeypatch: pytest.MonkeyPatch, first: float
) -> None:
    """Also with a skew of zero, when the copy was verified in its last moment."""
    true = [0.0]
    monkeypatch.setattr(memory, "monotonic", lambda: true[0])
    exact = policy(
        TimestampOnly(because="a test", max_age=timedelta(minutes=5), max_clock_skew=ONE_CLOCK)
    )
    guard = ReplayGuard(MemoryOnce(), context=b"orders", max_clock_skew=ONE_CLOCK)
    true[0] = first
    guard.check(verify(_document(), exact, now=NOW + timedelta(seconds=first)))
    last = verify(_document(), exact, now=NOW + timedelta(minutes=5))
    true[0] = 359.9
    assert not _accepts(guard, last)


def test_a_document_of_before_the_memory_is_rejected() -> None:
    """Nobody knows whether it was accepted before."""
    with pytest.raises(StaleDocumentError) as refused:
        ReplayGuard(MemoryOnce(), context=b"orders").check(_fresh(100.0))
    assert refused.value.reason is Reason.FRESHNESS_NONCE_UNKNOWN


@pytest.mark.parametrize("answer", [False, None, 1, "yes"])
def test_only_true_is_a_first_claim(answer: Any) -> None:
    """A store that answers anything else has not said that the document is new."""

    class OddOnce:
        """A store with another answer."""

        def claim(self, key: bytes, seconds: float, *, age: float = 0.0) -> bool:
            """Return what is no `True`."""
            return cast("bool", answer if key and seconds and age else True)

    assert not _accepts(ReplayGuard(OddOnce(), context=b"orders"), _fresh())


def test_no_replay_passes_with_clocks_thirty_seconds_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers, the document's host and a store that restarts: one acceptance at most."""
    true = [0.0]
    monkeypatch.setattr(memory, "monotonic", lambda: true[0])
    offsets = (-15.0, 0.0, 15.0)
    accepted_somewhere = 0
    for host, first, second in product(offsets, repeat=3):
        doc = _document(host)
        for restart in range(-60, 420, 30):
            true[0] = -90.0
            guard = ReplayGuard(MemoryOnce(), context=b"orders")
            accepted = 0
            restarted = False
            for step in range(-12, 84):
                true[0] = step * 5.0
                if not restarted and true[0] >= restart:
                    restarted = True
                    guard = ReplayGuard(MemoryOnce(), context=b"orders")
                if true[0] >= 0:  # the document exists from here on
                    for offset in (first, second):
                        accepted += _accepts(guard, _result(doc, true[0] + offset))
            assert accepted <= 1
            accepted_somewhere += accepted
    assert accepted_somewhere > 300


def test_wrong_arguments_are_policy_errors() -> None:
    """A store without claim, no purpose, and what is no result."""
    for wrong_store in (None, object(), "store"):
        with pytest.raises(PolicyError) as refused:
            ReplayGuard(cast("OnceStore", wrong_store), context=b"orders")
        assert refused.value.field == "ReplayGuard.store"
    for wrong_context in (b"", "orders", None):
        with pytest.raises(PolicyError) as refused:
            ReplayGuard(MemoryOnce(), context=cast("bytes", wrong_context))
        assert refused.value.field == "context"
    for wrong_result in (None, _document(), _fresh().claims):
        with pytest.raises(PolicyError) as refused:
            ReplayGuard(MemoryOnce(), context=b"orders").check(cast("Any", wrong_result))
        assert refused.value.field == "result"
