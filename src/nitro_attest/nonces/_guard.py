"""Single use for documents that answer no nonce: each is accepted once."""

import hashlib
from datetime import timedelta
from typing import Final, final

from nitro_attest import AttestationResult, PolicyError, Reason
from nitro_attest.nonces._store import (
    OnceStore,
    check_context,
    check_skew,
    rejected,
    require_method,
)

_DOMAIN: Final = b"nitro-attest replay guard\0"
_DEFAULT_SKEW: Final = timedelta(seconds=30)  # that of the policy types
_PAUSE_SECONDS: Final = 60.0  # time for a worker to come from `verify` to `check`


@final
class ReplayGuard:
    """Accepts each verified document once, for policies with `TimestampOnly`.

    `context` names the purpose: one store can serve several, and a document spent for one is not
    spent for another. `max_clock_skew` must be the policy's. A document that may have been made
    before the store began to remember is rejected, so a new or restarted store rejects all
    documents at first, for as long as `max_clock_skew` (for twice as long if the clocks are so far
    apart).

    Raises:
        PolicyError: `store` has no `claim`, `context` is not bytes or empty, or `max_clock_skew` is
            not from zero to 5 minutes.

    """

    def __init__(
        self, store: OnceStore, *, context: bytes, max_clock_skew: timedelta = _DEFAULT_SKEW
    ) -> None:
        """Keep the settings."""
        require_method(store, "ReplayGuard.store", "claim")
        if not check_context(context):
            raise PolicyError("context", "expected at least one byte that names the purpose")
        self._store = store
        self._prefix = _DOMAIN + len(context).to_bytes(8, "big") + context
        self._skew = check_skew(max_clock_skew, "ReplayGuard.max_clock_skew")

    def check(self, result: AttestationResult) -> None:
        """Return for the first result of a document, and raise for every further one.

        Call it right after `verify`. A document is remembered for a minute longer than any worker
        could verify it.

        Raises:
            StaleDocumentError: `freshness.nonce_used`: the document was accepted before.
                `freshness.nonce_unknown`: it may have been made before the store began to remember,
                so nobody knows.
            NonceStoreUnavailableError: The store is out of reach, or full.
            PolicyError: `result` is not an `AttestationResult`.

        """
        if type(result) is not AttestationResult:
            raise PolicyError("result", "expected the AttestationResult of verify")
        key = hashlib.sha256(self._prefix + result.replay_key).digest()
        remember = (result.remember_until - result.appraised_at).total_seconds()
        # The document's clock may be `skew` ahead of ours: it may be that much older than it says.
        age = (result.appraised_at - result.claims.timestamp + self._skew).total_seconds()
        if self._store.claim(key, remember + _PAUSE_SECONDS, age=age) is not True:
            raise rejected(Reason.FRESHNESS_NONCE_USED, "document")
