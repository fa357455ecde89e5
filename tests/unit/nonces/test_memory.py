"""The stores in memory: their clock, their bounds, and a process that forks."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from nitro_attest import Reason, StaleDocumentError
from nitro_attest.nonces import MemoryNonces, MemoryOnce, NonceStoreUnavailableError
from nitro_attest.nonces import _memory as module
from support.nonce_contract import refusal

MINUTE = timedelta(minutes=1)
FORKING = """
import os
from datetime import timedelta
from nitro_attest.nonces import MemoryNonces, MemoryOnce, NonceStoreUnavailableError

nonces, once = MemoryNonces(ttl=timedelta(minutes=1), max_outstanding=9), MemoryOnce()
nonce = nonces.issue()
child = os.fork()
if child == 0:
    refused = 0
    for use in (nonces.issue, lambda: nonces.redeem(nonce), lambda: once.claim(b"key", 1)):
        try:
            use()
        except NonceStoreUnavailableError:
            refused += 1
    os._exit(refused)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
nonces.redeem(nonce)
print("refused", status)
"""


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        """Begin anywhere but at zero."""
        self.seconds = 1_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Put a clock in place of the monotonic one."""
    clock = Clock()
    monkeypatch.setattr(module, "monotonic", clock)
    return clock


def test_a_nonce_lives_for_its_time_and_no_longer(clock: Clock) -> None:
    """At the end of its time it is expired, and stays it."""
    store = MemoryNonces(ttl=MINUTE, max_outstanding=10)
    first, second = store.issue(), store.issue()
    clock.seconds += 59.9
    store.redeem(first)
    clock.seconds += 0.1
    assert refusal(store, second) is Reason.FRESHNESS_NONCE_EXPIRED
    assert refusal(store, second) is Reason.FRESHNESS_NONCE_EXPIRED
    assert refusal(store, first) is Reason.FRESHNESS_NONCE_USED


def test_an_expired_nonce_that_was_cleared_away_is_expired(clock: Clock) -> None:
    """The reason is remembered for a while."""
    store = MemoryNonces(ttl=MINUTE, max_outstanding=10)
    nonce = store.issue()
    clock.seconds += 60
    store.issue()
    assert refusal(store, nonce) is Reason.FRESHNESS_NONCE_EXPIRED


def test_a_full_store_refuses_and_loses_none(clock: Clock) -> None:
    """A flood of issue() neither pushes out a nonce nor stops its redemption."""
    store = MemoryNonces(ttl=MINUTE, max_outstanding=100)
    nonces = [store.issue() for _ in range(100)]
    for _ in range(1_000):
        with pytest.raises(NonceStoreUnavailableError):
            store.issue()
    for nonce in nonces:
        store.redeem(nonce)
    again = store.issue()
    clock.seconds += 60
    assert refusal(store, again) is Reason.FRESHNESS_NONCE_EXPIRED


def test_a_full_store_has_room_again_when_nonces_expire(clock: Clock) -> None:
    """Without anybody's redemption."""
    store = MemoryNonces(ttl=MINUTE, max_outstanding=200)
    for _ in range(200):
        store.issue()
    clock.seconds += 60
    for _ in range(200):
        store.issue()
    with pytest.raises(NonceStoreUnavailableError):
        store.issue()


def test_the_memory_is_bounded(clock: Clock) -> None:
    """What is kept of finished nonces is at most as much as of outstanding ones."""
    store: Any = MemoryNonces(ttl=MINUTE, max_outstanding=10)
    nonces: list[bytes] = []
    for _ in range(5):
        for _ in range(10):
            nonces.append(store.issue())
            store.redeem(nonces[-1])
        nonces += [store.issue() for _ in range(10)]
        clock.seconds += 60
    assert len(store._outstanding) <= 10  # noqa: SLF001 - what is kept shows nowhere else
    assert len(store._finished) == 10  # noqa: SLF001 - as above
    assert refusal(store, nonces[0]) is Reason.FRESHNESS_NONCE_UNKNOWN


def test_a_claim_is_remembered_for_its_time(clock: Clock) -> None:
    """Each for its own, in whatever order they end."""
    store = MemoryOnce()
    assert store.claim(b"long", 60)
    assert store.claim(b"short", 10)
    clock.seconds += 9.9
    assert not store.claim(b"short", 10)
    clock.seconds += 0.1
    assert store.claim(b"short", 10)
    assert not store.claim(b"long", 60)
    clock.seconds += 50
    assert store.claim(b"long", 60)


def test_a_full_store_of_claims_refuses_and_forgets_none(clock: Clock) -> None:
    """Repeats are still told, and room comes with time."""
    store = MemoryOnce(max_remembered=2)
    assert store.claim(b"1", 60)
    assert store.claim(b"2", 90)
    with pytest.raises(NonceStoreUnavailableError):
        store.claim(b"3", 60)
    assert not store.claim(b"1", 60)
    clock.seconds += 60
    assert store.claim(b"3", 60)
    assert not store.claim(b"2", 60)


def test_the_memory_of_claims_begins_with_the_store(clock: Clock) -> None:
    """What was made before is rejected; at the same moment is not before."""
    store = MemoryOnce()
    clock.seconds += 10
    with pytest.raises(StaleDocumentError) as refused:
        store.claim(b"before", 60, age=10.001)
    assert refused.value.reason is Reason.FRESHNESS_NONCE_UNKNOWN
    assert store.claim(b"since", 60, age=10.0)


def test_another_process_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is known by its id."""
    nonces, once = MemoryNonces(ttl=MINUTE, max_outstanding=1), MemoryOnce()
    uses: list[Callable[[], object]] = [
        nonces.issue,
        lambda: nonces.redeem(bytes(32)),
        lambda: once.claim(b"key", 1),
    ]
    process = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: process + 1)
    for use in uses:
        with pytest.raises(NonceStoreUnavailableError):
            use()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_is_refused_and_its_parent_is_not() -> None:
    """A child would redeem what its parent redeems as well."""
    done = subprocess.run(  # noqa: S603 - the program of this file
        [sys.executable, "-c", FORKING], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["refused", "3"]
