"""What every nonce store and every store of claims must do, as functions that take a store.

The unit tests run them on the stores that need no server, and the tests with servers on the others.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final

import pytest

from nitro_attest import (
    AnyEnclave,
    FreshNonce,
    NotChecked,
    Policy,
    Reason,
    StaleDocumentError,
    TimestampOnly,
)
from nitro_attest.nonces import NonceStore, OnceStore
from nitro_attest.testing import FakeNitro

NOW: Final = datetime(2026, 1, 3, 12, 0, tzinfo=UTC)
FAKE: Final = FakeNitro(seed=b"the seed of the nonce tests", now=NOW)
WAIVED: Final = NotChecked("not what these tests are about")
NOT_USED: Final = {Reason.FRESHNESS_NONCE_USED, Reason.FRESHNESS_NONCE_UNKNOWN}
"""The two reasons that a store may give for a nonce that was redeemed."""


def policy(freshness: FreshNonce | TimestampOnly) -> Policy:
    """Return a policy that any document of `FAKE` matches if it is fresh."""
    return Policy(
        measurements=(AnyEnclave("not what these tests are about"),),
        freshness=freshness,
        public_key=WAIVED,
        user_data=WAIVED,
        trust_anchor=FAKE.trust_anchor,
    )


def refusal(store: NonceStore, nonce: bytes, *, context: bytes = b"") -> Reason:
    """Return the reason for which a store refuses to redeem."""
    with pytest.raises(StaleDocumentError) as refused:
        store.redeem(nonce, context=context)
    return refused.value.reason


def accepted(store: NonceStore, nonces: list[bytes]) -> int:
    """Return how many nonces a store redeems; all others must be stale."""
    return sum(redeems(store, nonce) for nonce in nonces)


def a_nonce_is_redeemed_once(store: NonceStore) -> None:
    """Give it back as used, or unknown, from the second time on."""
    nonce = store.issue()
    store.redeem(nonce)
    assert refusal(store, nonce) in NOT_USED
    assert refusal(store, nonce) in NOT_USED


def nonces_are_long_and_differ(store: NonceStore) -> None:
    """At least 32 bytes, and no two alike."""
    nonces = [store.issue() for _ in range(20)]
    assert len(set(nonces)) == 20
    assert all(32 <= len(nonce) <= 512 for nonce in nonces)  # 512 is the limit of the NSM


def a_nonce_belongs_to_its_context(store: NonceStore) -> None:
    """Elsewhere it is unknown, and it is not used up by that."""
    nonce = store.issue(context=b"session 1")
    assert refusal(store, nonce, context=b"session 2") is Reason.FRESHNESS_NONCE_UNKNOWN
    assert refusal(store, nonce) is Reason.FRESHNESS_NONCE_UNKNOWN
    store.redeem(nonce, context=b"session 1")


def context_and_nonce_have_a_border(store: NonceStore) -> None:
    """Bytes moved from the context to the nonce make another nonce."""
    nonce = store.issue(context=b"ab")
    assert refusal(store, b"b" + nonce, context=b"a") is Reason.FRESHNESS_NONCE_UNKNOWN
    assert refusal(store, nonce[1:], context=b"ab" + nonce[:1]) is Reason.FRESHNESS_NONCE_UNKNOWN
    store.redeem(nonce, context=b"ab")


def what_was_not_issued_is_unknown(store: NonceStore) -> None:
    """Of any length from 16 bytes on, also when it looks like a nonce."""
    nonce = store.issue()
    changed = bytes([nonce[0] ^ 1]) + nonce[1:]
    for other in (bytes(16), bytes(32), bytes(61), bytes(1024), changed, nonce[:-1], nonce + b"\0"):
        assert refusal(store, other) is Reason.FRESHNESS_NONCE_UNKNOWN
    store.redeem(nonce)


def a_short_nonce_is_told_as_short(store: NonceStore) -> None:
    """From 0 to 15 bytes."""
    for length in range(16):
        assert refusal(store, bytes(length)) is Reason.FRESHNESS_NONCE_SHORT


def eight_threads_redeem_each_nonce_once(store: NonceStore) -> None:
    """However they race."""
    nonces = [store.issue() for _ in range(50)]

    def win(_: int) -> int:
        return sum(redeems(store, nonce) for nonce in nonces)

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(win, range(8))) == len(nonces)


def redeems(store: NonceStore, nonce: bytes) -> bool:
    """Say whether a store redeems a nonce; if not, it must be stale."""
    try:
        store.redeem(nonce)
    except StaleDocumentError:
        return False
    return True


def a_key_is_claimed_once(store: OnceStore) -> None:
    """Answer False to everybody after the first."""
    assert store.claim(b"a key", 60) is True
    assert store.claim(b"a key", 60) is False
    assert store.claim(b"a key", 0.5) is False
    assert store.claim(b"another key", 0.5) is True


def what_is_older_than_the_memory_is_rejected(store: OnceStore) -> None:
    """Reject it, for an earlier claim may be forgotten; what will be made is younger."""
    with pytest.raises(StaleDocumentError) as refused:
        store.claim(b"made last year", 60, age=3.2e7)
    assert refused.value.reason is Reason.FRESHNESS_NONCE_UNKNOWN
    assert store.claim(b"made in the future", 60, age=-30.0) is True


def eight_threads_claim_a_key_once(store: OnceStore) -> None:
    """However they race."""

    def win(_: int) -> int:
        return sum(store.claim(bytes([number]), 60) for number in range(50))

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(win, range(8))) == 50


NONCE_CONTRACT: Final[list[Callable[[NonceStore], None]]] = [
    a_nonce_is_redeemed_once,
    nonces_are_long_and_differ,
    a_nonce_belongs_to_its_context,
    context_and_nonce_have_a_border,
    what_was_not_issued_is_unknown,
    a_short_nonce_is_told_as_short,
    eight_threads_redeem_each_nonce_once,
]
ONCE_CONTRACT: Final[list[Callable[[OnceStore], None]]] = [
    a_key_is_claimed_once,
    what_is_older_than_the_memory_is_rejected,
    eight_threads_claim_a_key_once,
]
