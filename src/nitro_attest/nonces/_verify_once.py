"""Verify a document and use up its nonce: verify first, redeem last.

In this order an invalid document never uses up a nonce, and of two copies of a valid one exactly
one gets a result. The nonce is the document's own, so the caller has none to look up; that it was
issued here, for this context, and not redeemed yet, is what the store proves.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Coroutine
from datetime import datetime
from inspect import isawaitable
from typing import Final, cast

from nitro_attest import (
    AttestationResult,
    Failure,
    FreshNonce,
    Policy,
    PolicyError,
    Reason,
    StaleDocumentError,
    VerificationError,
    read_unverified,
    verify,
)
from nitro_attest.nonces._store import (
    MIN_NONCE_BYTES,
    NONCE_BYTES,
    AsyncNonceStore,
    NonceStore,
    check_context,
    require_method,
)

_ENOUGH_BYTES: Final = 20_481  # one more than the longest document, so that it is rejected as such
_LENGTH: Final = f"at least {MIN_NONCE_BYTES} bytes"
_NAMED: Final = {
    Reason.FRESHNESS_NONCE_ABSENT: Failure(
        Reason.FRESHNESS_NONCE_MISSING, "nonce", _LENGTH, "absent"
    ),
    Reason.FRESHNESS_NONCE_MISMATCH: Failure(
        Reason.FRESHNESS_NONCE_SHORT, "nonce", _LENGTH, "fewer"
    ),
}


def verify_once(
    doc: bytes,
    policy: Policy,
    *,
    nonces: NonceStore,
    context: bytes = b"",
    now: datetime | None = None,
) -> AttestationResult:
    """Verify a document under a policy with `FreshNonce`, and use up the nonce it carries.

    `nonces` is the store that issued the nonce, `context` what it was issued for, and `now` as for
    `verify`. What is checked, in this order: the arguments; all that `verify` checks; that the
    document carries a nonce of at least 16 bytes; last, that the store redeems it.

    Raises:
        PolicyError: An argument is wrong, or the policy says `TimestampOnly` (for that, see
            `ReplayGuard`). No document causes this.
        MalformedDocumentError: As `verify`. No nonce is used up.
        UntrustedDocumentError: As `verify`. No nonce is used up.
        StaleDocumentError: As `verify`, without a nonce used up; `freshness.nonce_missing` or
            `nonce_short` for a document of AWS's hardware without a nonce to redeem;
            `freshness.nonce_unknown`, `nonce_used`, `nonce_expired` from the store.
        PolicyMismatchError: As `verify`. No nonce is used up.
        NonceStoreUnavailableError: The store can't answer. The document is not accepted; the nonce
            may be used up.

    """
    _check_policy(policy)
    check_context(context)
    require_method(nonces, "nonces", "redeem")
    result = _verify_its_nonce(_copy(doc), policy, now)
    answer = cast("object", nonces.redeem(result.claims.nonce or b"", context=context))
    if answer is not None:  # False, for one, or a coroutine that nobody awaits
        if isinstance(answer, Coroutine):
            answer.close()
        raise PolicyError("nonces", "expected a store whose redeem() returns None or raises")
    return result


async def averify_once(
    doc: bytes,
    policy: Policy,
    *,
    nonces: AsyncNonceStore,
    context: bytes = b"",
    now: datetime | None = None,
) -> AttestationResult:
    """Verify a document in a thread, and then use up the nonce it carries, as `verify_once` does.

    Raises:
        VerificationError: As `verify_once`.
        PolicyError: As `verify_once`; or the store's `redeem` is not async.
        NonceStoreUnavailableError: As `verify_once`.

    """
    _check_policy(policy)
    check_context(context)
    if not callable(getattr(nonces, "redeem", None)):
        raise PolicyError("nonces", "expected a store with an async method redeem()")
    result = await asyncio.to_thread(_verify_its_nonce, _copy(doc), policy, now)
    answer = cast("object", nonces.redeem(result.claims.nonce or b"", context=context))
    if not isawaitable(answer) or await cast("Awaitable[object]", answer) is not None:
        raise PolicyError("nonces", "expected a store whose async redeem() returns None or raises")
    return result


def _check_policy(policy: object) -> None:
    if type(policy) is not Policy:
        raise PolicyError("policy", "expected a Policy")
    if type(policy.freshness) is not FreshNonce:
        raise PolicyError(
            "Policy.freshness",
            "expected FreshNonce; for TimestampOnly call verify, then ReplayGuard.check",
        )


def _copy(doc: object) -> bytes:
    """Return the bytes of a buffer as they are now: what is read is also what is verified."""
    if type(doc) is bytes:
        return doc
    try:
        return memoryview(cast("bytes", doc)).cast("B")[:_ENOUGH_BYTES].tobytes()
    except (TypeError, ValueError, BufferError) as exc:
        raise PolicyError("doc", "expected bytes") from exc


def _verify_its_nonce(received: bytes, policy: Policy, now: datetime | None) -> AttestationResult:
    """Verify a document with the nonce it carries itself."""
    try:
        nonce = read_unverified(received).nonce
    except VerificationError:
        nonce = None  # verify comes to the same end, and says what is wrong
    if nonce is None or len(nonce) < MIN_NONCE_BYTES:
        # Nothing can match this one. So a document without a nonce is told so only when all else
        # that `verify` asks before the nonce is in order, and a forged one that it is forged.
        nonce = secrets.token_bytes(NONCE_BYTES)
    try:
        return verify(received, policy, nonce=nonce, now=now)
    except StaleDocumentError as stale:
        failures = (_NAMED.get(failure.reason, failure) for failure in stale.failures)
        raise StaleDocumentError(*failures) from None
