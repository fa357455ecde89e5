"""What all nonce stores share: the protocols, one error, and the checks of arguments.

A store never keeps a nonce itself, only a SHA-256 of the nonce together with its context. So a copy
of a store's data can't be used to answer for anybody, and a nonce presented under another context
finds nothing.
"""

import hashlib
import inspect
from datetime import timedelta
from typing import Final, Protocol, TypeGuard, final

from nitro_attest import Failure, NitroAttestError, PolicyError, Reason, StaleDocumentError

NONCE_BYTES: Final = 32  # 256 random bits
MIN_NONCE_BYTES: Final = 16  # as `verify` demands of its `nonce`
MAX_TTL: Final = timedelta(days=1)  # far more than any document's max_age; shorter is better
MAX_CLOCK_SKEW: Final = timedelta(minutes=5)  # as for the policy's max_clock_skew
MAX_SECONDS: Final = 3.2e11  # 10,000 years, the length of the calendar of datetime
_MILLISECOND: Final = timedelta(milliseconds=1)


class NonceStore(Protocol):
    """A store that issues nonces and redeems each of them at most once.

    `context` ties a nonce to a session, an account or a connection: a nonce that was issued for one
    context is unknown under every other, and presenting it there does not use it up.
    """

    def issue(self, *, context: bytes = b"") -> bytes:
        """Return a new nonce of at least 32 unpredictable bytes.

        Raises:
            NonceStoreUnavailableError: The store is out of reach, or full.

        """
        ...

    def redeem(self, nonce: bytes, *, context: bytes = b"") -> None:
        """Use up a nonce that `issue` returned for this context. Of two callers, one succeeds.

        Raises:
            StaleDocumentError: `freshness.nonce_short`, `nonce_unknown`, `nonce_used`, or
                `nonce_expired`. A store that can't tell them apart says `nonce_unknown`.
            NonceStoreUnavailableError: The store is out of reach; the nonce may be used up.

        """
        ...


class AsyncNonceStore(Protocol):
    """A `NonceStore` whose methods are coroutines."""

    async def issue(self, *, context: bytes = b"") -> bytes:
        """Return a new nonce, as `NonceStore.issue` does."""
        ...

    async def redeem(self, nonce: bytes, *, context: bytes = b"") -> None:
        """Use up a nonce, as `NonceStore.redeem` does."""
        ...


class OnceStore(Protocol):
    """A store that remembers keys for a while and says who was first to claim one.

    It is for things that need no store when they are issued: `SignedNonces` and documents under
    `ReplayGuard`. Such a store accepts what it has never seen, so lost state would open it to
    replays. Hence `age`.
    """

    def claim(self, key: bytes, seconds: float, *, age: float = 0.0) -> bool:
        """Return True to the first caller with this key within `seconds`, and False to the others.

        `age` is how many seconds ago the thing that `key` stands for may have been made. A store
        that can't look back so far (it is new, or lost its state since) rejects it.

        Raises:
            StaleDocumentError: `freshness.nonce_unknown`: the store's memory does not reach back
                `age` seconds, so an earlier claim may be forgotten.
            NonceStoreUnavailableError: The store is out of reach, or full.

        """
        ...


@final
class NonceStoreUnavailableError(NitroAttestError):
    """The nonce store can't answer, or is full, so nothing was accepted: answer 503.

    A later attempt may succeed. `store` names the kind of store, `problem` says what was wrong and
    what to do. The driver's own exception, if there was one, is the `__cause__`.
    """

    def __init__(self, store: str, problem: str) -> None:
        """Keep both parts as `args`, so that the exception survives pickle and copy."""
        super().__init__(store, problem)
        self.store = store
        self.problem = problem

    def __str__(self) -> str:
        """Write the error on one line."""
        return f"{self.store}: {self.problem}"


def rejected(reason: Reason, subject: str = "nonce") -> StaleDocumentError:
    """Make the exception for a nonce, or a document, that is not accepted."""
    return StaleDocumentError(Failure(reason, subject))


def digest_of(nonce: bytes, context: bytes) -> bytes:
    """Return what a store keeps of a nonce: a SHA-256.

    It is taken over the length of the context (8 bytes, big-endian), the context and the nonce.
    """
    return hashlib.sha256(len(context).to_bytes(8, "big") + context + nonce).digest()


def check_context(context: object) -> bytes:
    """Return the context, or raise `PolicyError` if it is not bytes."""
    if type(context) is not bytes:
        raise PolicyError("context", "expected bytes, such as the id of the session")
    return context


def presented(nonce: object, context: object) -> bytes:
    """Return the digest of a nonce that somebody presents.

    Raises:
        PolicyError: `nonce` or `context` is not bytes.
        StaleDocumentError: `freshness.nonce_short`: under 16 bytes.

    """
    if type(nonce) is not bytes:
        raise PolicyError("nonce", "expected bytes")
    if len(nonce) < MIN_NONCE_BYTES:
        raise rejected(Reason.FRESHNESS_NONCE_SHORT)
    return digest_of(nonce, check_context(context))


def check_ttl(ttl: object, field: str) -> timedelta:
    """Return a time to live, or raise `PolicyError` if it is not from 1 ms to 1 day."""
    if type(ttl) is not timedelta or not _MILLISECOND <= ttl <= MAX_TTL:
        raise PolicyError(field, "expected a timedelta from one millisecond to one day")
    return ttl


def check_skew(skew: object, field: str) -> timedelta:
    """Return a clock skew, or raise `PolicyError` if it is not between zero and five minutes."""
    if type(skew) is not timedelta or not timedelta() <= skew <= MAX_CLOCK_SKEW:
        raise PolicyError(field, "expected a timedelta from zero to five minutes")
    return skew


def check_count(count: object, field: str) -> int:
    """Return a limit, or raise `PolicyError` if it is not an integer of at least 1."""
    if type(count) is not int or count < 1:
        raise PolicyError(field, "expected an integer of at least 1")
    return count


def check_claim(key: object, seconds: object, age: object) -> bytes:
    """Check the arguments of `claim`, and return what a store keeps of the key: its SHA-256."""
    if type(key) is not bytes or not key:
        raise PolicyError("key", "expected at least one byte")
    if not _is_number(seconds) or not 0 < seconds <= MAX_SECONDS:
        raise PolicyError("seconds", "expected a number above zero, and within the calendar")
    if not _is_number(age) or not abs(age) <= MAX_SECONDS:  # nor nan
        raise PolicyError("age", "expected a number of seconds within the calendar")
    return hashlib.sha256(key).digest()


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def milliseconds(duration: timedelta) -> int:
    """Return a duration in whole milliseconds."""
    return duration // _MILLISECOND


def require_method(store: object, field: str, method: str) -> None:
    """Reject a store that lacks the method, or whose method nobody would await."""
    found = getattr(store, method, None)
    if not callable(found) or inspect.iscoroutinefunction(found):
        raise PolicyError(field, f"expected a store with a method {method}() that is not async")
