"""Single use for attestation documents: nonce stores, and `verify_once`, which redeems last.

`verify` compares a nonce and remembers nothing. A store here issues nonces and redeems each of them
once. Whatever a store can't be sure of, it rejects: after lost state, in a forked process, when it
is full or out of reach, no nonce is accepted.
"""

from nitro_attest.nonces._guard import ReplayGuard
from nitro_attest.nonces._memory import MemoryNonces, MemoryOnce
from nitro_attest.nonces._signed import SignedNonces, SigningKeys
from nitro_attest.nonces._store import (
    AsyncNonceStore,
    NonceStore,
    NonceStoreUnavailableError,
    OnceStore,
)
from nitro_attest.nonces._verify_once import averify_once, verify_once

__all__ = [
    "AsyncNonceStore",
    "MemoryNonces",
    "MemoryOnce",
    "NonceStore",
    "NonceStoreUnavailableError",
    "OnceStore",
    "ReplayGuard",
    "SignedNonces",
    "SigningKeys",
    "averify_once",
    "verify_once",
]
