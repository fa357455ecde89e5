"""Nonces that carry their own proof of origin: issuing needs no store, and can be public.

A token is a version, a key id, an expiry, 16 random bytes and an HMAC-SHA256 over these and the
context. Only tokens with a good HMAC ever reach the store of spent ones, so a flood of issued or
forged tokens fills nothing.
"""

import hashlib
import hmac
import secrets as randomness
import struct
from collections.abc import Mapping
from datetime import timedelta
from time import time_ns
from typing import Final, final

from nitro_attest import PolicyError, Reason
from nitro_attest.nonces._store import (
    OnceStore,
    check_context,
    check_skew,
    check_ttl,
    digest_of,
    presented,
    rejected,
    require_method,
)

_VERSION: Final = 1
_FIELDS: Final = struct.Struct(">BIQ16s")  # version, key id, expiry in µs since 1970, random bytes
_RANDOM_BYTES: Final = 16
_MAC_BYTES: Final = hashlib.sha256().digest_size
_TOKEN_BYTES: Final = _FIELDS.size + _MAC_BYTES  # 61
_DOMAIN: Final = b"nitro-attest signed nonce\0"
_MIN_SECRET_BYTES: Final = 32  # as long as the HMAC, RFC 2104 section 3
_MAX_KEY_ID: Final = 2**32 - 1
_MICROSECOND: Final = timedelta(microseconds=1)
_DEFAULT_SKEW: Final = timedelta(seconds=30)


@final
class SigningKeys:
    """The secrets of `SignedNonces`: one that signs, and those whose tokens are accepted.

    `secrets` maps a key id (0 to 4,294,967,295; a date such as 20261124 is a good one) to at least
    32 random bytes, and `current` is the id of the one that signs. To rotate without downtime: give
    the new secret to every worker, then make it current everywhere, then, when the `ttl` is over,
    delete the old one. Neither `repr` nor any attribute shows a secret.

    Raises:
        PolicyError: An id or a secret has another type or size, or `current` is not among them.

    """

    __slots__ = ("_secrets", "current")

    def __init__(self, *, current: int, secrets: Mapping[int, bytes]) -> None:
        """Copy the secrets."""
        copied = dict(secrets)
        for key_id, secret in copied.items():
            if type(key_id) is not int or not 0 <= key_id <= _MAX_KEY_ID:
                raise PolicyError(
                    "SigningKeys.secrets", f"expected key ids from 0 to {_MAX_KEY_ID}"
                )
            if type(secret) is not bytes or len(secret) < _MIN_SECRET_BYTES:
                raise PolicyError(
                    f"SigningKeys.secrets[{key_id}]",
                    f"expected at least {_MIN_SECRET_BYTES} random bytes",
                )
        if type(current) is not int or current not in copied:
            raise PolicyError("SigningKeys.current", "expected the id of one of the secrets")
        self.current: Final = current
        self._secrets: Final = copied

    def __repr__(self) -> str:
        """Show the ids, and no secret."""
        return f"SigningKeys(current={self.current}, secrets=<{sorted(self._secrets)}>)"

    def mac(self, key_id: int, message: bytes) -> bytes | None:
        """Return the HMAC-SHA256 of a message under one secret, or None for an unknown key id."""
        secret = self._secrets.get(key_id)
        return None if secret is None else hmac.digest(secret, message, "sha256")


@final
class SignedNonces:
    """A `NonceStore` that keeps nothing of what it issues; `spent` remembers what was redeemed.

    Every worker needs the same `keys` and `ttl` (a change of `ttl` voids what is outstanding) and
    one shared `spent`. `max_clock_skew` is how far the wall clocks of any two workers may be apart.
    Tokens that may have been issued before the memory of `spent` began are rejected. As that is
    measured across clocks, a new `spent` rejects all tokens at first, for as long as
    `max_clock_skew` (for twice as long if the clocks are so far apart). Give zero only if one
    machine issues and redeems.

    Raises:
        PolicyError: `keys` is no `SigningKeys`, `ttl` is not from 1 ms to 1 day, `spent` has no
            `claim`, or `max_clock_skew` is not from zero to 5 minutes.

    """

    def __init__(
        self,
        keys: SigningKeys,
        *,
        ttl: timedelta,
        spent: OnceStore,
        max_clock_skew: timedelta = _DEFAULT_SKEW,
    ) -> None:
        """Keep the settings."""
        if type(keys) is not SigningKeys:
            raise PolicyError("SignedNonces.keys", "expected SigningKeys")
        require_method(spent, "SignedNonces.spent", "claim")
        self._keys = keys
        self._spent = spent
        self._ttl = check_ttl(ttl, "SignedNonces.ttl") // _MICROSECOND
        self._skew = check_skew(max_clock_skew, "SignedNonces.max_clock_skew") // _MICROSECOND

    def issue(self, *, context: bytes = b"") -> bytes:
        """Return a new token of 61 bytes. Nothing is stored, so this can be public."""
        check_context(context)
        expires = _now() + self._ttl
        random = randomness.token_bytes(_RANDOM_BYTES)
        fields = _FIELDS.pack(_VERSION, self._keys.current, expires, random)
        return fields + (self._mac(self._keys.current, fields, context) or b"")

    def redeem(self, nonce: bytes, *, context: bytes = b"") -> None:
        """Use up a token that was issued for this context.

        Raises:
            StaleDocumentError: `freshness.nonce_short`; `nonce_unknown` for all that was not issued
                with one of the keys, `ttl` and context, or before `spent` began to remember;
                `nonce_expired`, `nonce_used`.
            NonceStoreUnavailableError: `spent` is out of reach, or full.

        """
        presented(nonce, context)
        expires = self._authenticated_expiry(nonce, context)
        now = _now()
        if expires - now > self._ttl + self._skew:  # the issuer's clock is wrong, or was
            raise rejected(Reason.FRESHNESS_NONCE_UNKNOWN)
        if expires <= now:
            raise rejected(Reason.FRESHNESS_NONCE_EXPIRED)
        # A worker whose clock is `skew` behind ours accepts the token for that much longer, and the
        # token may be that much older than our clock says.
        first = self._spent.claim(
            _DOMAIN + digest_of(nonce, context),
            (expires - now + self._skew) / 1e6,
            age=(now + self._ttl - expires + self._skew) / 1e6,
        )
        if first is not True:
            raise rejected(Reason.FRESHNESS_NONCE_USED)
        # A pause before the claim may have outlasted another worker's claim; then this is too late.
        if expires <= _now():
            raise rejected(Reason.FRESHNESS_NONCE_EXPIRED)

    def _authenticated_expiry(self, token: bytes, context: bytes) -> int:
        """Return the expiry, in µs since 1970, of a token that one of the keys has signed."""
        if len(token) != _TOKEN_BYTES:
            raise rejected(Reason.FRESHNESS_NONCE_UNKNOWN)
        fields, mac = token[: _FIELDS.size], token[_FIELDS.size :]
        version, key_id, expires, _ = _FIELDS.unpack(fields)
        expected = self._mac(key_id, fields, context)
        if version != _VERSION or expected is None or not hmac.compare_digest(mac, expected):
            raise rejected(Reason.FRESHNESS_NONCE_UNKNOWN)
        return int(expires)

    def _mac(self, key_id: int, fields: bytes, context: bytes) -> bytes | None:
        ttl, length = self._ttl.to_bytes(8, "big"), len(context).to_bytes(8, "big")
        return self._keys.mac(key_id, _DOMAIN + ttl + length + context + fields)


def _now() -> int:
    """Return the wall clock, in µs since 1970."""
    return time_ns() // 1000
