"""Stores in the memory of one process: for a service with one worker, and for tests.

They refuse to work in a forked child, whose copy would redeem what its parent redeems as well. Time
is the monotonic clock, so setting the wall clock gives no nonce a longer life. A snapshot of the
whole machine carries the memory with it; restored, it opens again what was redeemed since.
"""

import heapq
import os
import secrets
from collections import OrderedDict
from datetime import timedelta
from threading import Lock
from time import monotonic
from typing import Final, final

from nitro_attest import Reason
from nitro_attest.nonces._store import (
    NONCE_BYTES,
    NonceStoreUnavailableError,
    check_claim,
    check_context,
    check_count,
    check_ttl,
    digest_of,
    presented,
    rejected,
)

_EXPIRED_AT_ONCE: Final = 64  # expired nonces that one call of issue() clears away at most
_MAX_REMEMBERED: Final = 100_000  # about 25 MB


@final
class MemoryNonces:
    """A `NonceStore` in the memory of this process, for a service with one worker.

    A nonce lives for `ttl`. At most `max_outstanding` may be issued and neither redeemed nor
    expired; one more is refused, and none is evicted. About 250 bytes are kept for each, and of as
    many finished ones the reason they can't be redeemed.

    Raises:
        PolicyError: `ttl` is not from 1 ms to 1 day, or `max_outstanding` is under 1.

    """

    def __init__(self, *, ttl: timedelta, max_outstanding: int) -> None:
        """Begin with no nonces."""
        self._seconds = check_ttl(ttl, "MemoryNonces.ttl").total_seconds()
        self._limit = check_count(max_outstanding, "MemoryNonces.max_outstanding")
        self._process = os.getpid()
        self._lock = Lock()
        self._outstanding: OrderedDict[bytes, float] = OrderedDict()  # in the order of expiry
        self._finished: OrderedDict[bytes, Reason] = OrderedDict()

    def issue(self, *, context: bytes = b"") -> bytes:
        """Return a new nonce of 32 random bytes.

        Raises:
            NonceStoreUnavailableError: `max_outstanding` nonces are outstanding, or this process is
                a fork of the one that made the store.

        """
        _require_process(self._process, "MemoryNonces")
        nonce = secrets.token_bytes(NONCE_BYTES)
        digest = digest_of(nonce, check_context(context))
        with self._lock:
            now = monotonic()
            self._clear_expired(now)
            if len(self._outstanding) >= self._limit:
                raise NonceStoreUnavailableError(
                    "MemoryNonces",
                    f"full: {self._limit} nonces are outstanding; issue no more until some are "
                    "redeemed or expire, and limit how many a client may ask for",
                )
            self._outstanding[digest] = now + self._seconds
        return nonce

    def redeem(self, nonce: bytes, *, context: bytes = b"") -> None:
        """Use up a nonce that was issued for this context.

        Raises:
            StaleDocumentError: `freshness.nonce_short`, `nonce_unknown`, `nonce_used`,
                `nonce_expired`.
            NonceStoreUnavailableError: This process is a fork of the one that made the store.

        """
        digest = presented(nonce, context)
        _require_process(self._process, "MemoryNonces")
        with self._lock:
            expires = self._outstanding.pop(digest, None)
            if expires is None:
                raise rejected(self._finished.get(digest, Reason.FRESHNESS_NONCE_UNKNOWN))
            if expires <= monotonic():
                self._finish(digest, Reason.FRESHNESS_NONCE_EXPIRED)
                raise rejected(Reason.FRESHNESS_NONCE_EXPIRED)
            self._finish(digest, Reason.FRESHNESS_NONCE_USED)

    def _clear_expired(self, now: float) -> None:
        for _ in range(_EXPIRED_AT_ONCE):
            oldest = next(iter(self._outstanding.items()), None)
            if oldest is None or oldest[1] > now:
                return
            del self._outstanding[oldest[0]]
            self._finish(oldest[0], Reason.FRESHNESS_NONCE_EXPIRED)

    def _finish(self, digest: bytes, reason: Reason) -> None:
        # Only for the reason that is given: a finished nonce that is forgotten is unknown.
        self._finished[digest] = reason
        if len(self._finished) > self._limit:
            self._finished.popitem(last=False)


@final
class MemoryOnce:
    """A `OnceStore` in the memory of this process.

    At most `max_remembered` keys are remembered at a time; one more is refused, and none is
    forgotten before its time. Its memory begins with the object: what was made before is rejected.

    Raises:
        PolicyError: `max_remembered` is under 1.

    """

    def __init__(self, *, max_remembered: int = _MAX_REMEMBERED) -> None:
        """Begin to remember."""
        self._limit = check_count(max_remembered, "MemoryOnce.max_remembered")
        self._process = os.getpid()
        self._lock = Lock()
        self._began = monotonic()
        self._claimed: set[bytes] = set()
        self._expiries: list[tuple[float, bytes]] = []

    def claim(self, key: bytes, seconds: float, *, age: float = 0.0) -> bool:
        """Return True to the first caller with this key within `seconds`, and False to the others.

        Raises:
            StaleDocumentError: `freshness.nonce_unknown`: made `age` seconds ago, and the store is
                younger than that.
            NonceStoreUnavailableError: `max_remembered` keys are remembered, or this process is a
                fork of the one that made the store.

        """
        digest = check_claim(key, seconds, age)
        _require_process(self._process, "MemoryOnce")
        with self._lock:
            now = monotonic()
            if now - self._began < age:
                raise rejected(Reason.FRESHNESS_NONCE_UNKNOWN)
            while self._expiries and self._expiries[0][0] <= now:
                self._claimed.remove(heapq.heappop(self._expiries)[1])
            if digest in self._claimed:
                return False
            if len(self._claimed) >= self._limit:
                raise NonceStoreUnavailableError(
                    "MemoryOnce", f"full: {self._limit} keys are remembered; allow more, or wait"
                )
            self._claimed.add(digest)
            heapq.heappush(self._expiries, (now + seconds, digest))
            return True


def _require_process(process: int, store: str) -> None:
    """Refuse to work in a forked child. This is before the lock, which may be copied locked."""
    if os.getpid() != process:
        raise NonceStoreUnavailableError(
            store,
            "this process is a fork of the one that made the store, and two copies would each "
            "accept a nonce once; make the store after the fork, or share one on a server",
        )
