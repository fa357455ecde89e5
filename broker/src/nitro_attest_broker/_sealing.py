"""Seal bytes under a 32-byte key: HKDF-SHA-256 (RFC 5869) and AES-256-GCM (NIST SP 800-38D).

Each sealing draws 32 random bytes and derives a key of its own from them, so no nonce is ever used
twice under one key, however many times a key seals.
"""

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES: Final = 32
SALT_BYTES: Final = 32
TAG_BYTES: Final = 16
_NONCE: Final = bytes(12)  # the derived key is used for one message


class NotAuthenticError(Exception):
    """The bytes were not sealed with this key and this associated data."""


def join(*fields: bytes) -> bytes:
    """Return the fields as bytes that no other fields give: each with its length before it."""
    return b"".join(len(field).to_bytes(8, "big") + field for field in fields)


def seal(key: bytes, plaintext: bytes, *, purpose: bytes, associated_data: bytes) -> bytes:
    """Seal `plaintext`; the result is 48 bytes longer: salt, ciphertext, tag."""
    salt = secrets.token_bytes(SALT_BYTES)
    derived = _derive(key, salt, purpose)
    return salt + AESGCM(derived).encrypt(_NONCE, plaintext, associated_data)


def unseal(key: bytes, sealed: bytes, *, purpose: bytes, associated_data: bytes) -> bytes:
    """Return what was sealed.

    Raises:
        NotAuthenticError: `sealed` is too short, or key, purpose, associated data or a bit of
            `sealed` has changed.

    """
    if len(sealed) < SALT_BYTES + TAG_BYTES:
        raise NotAuthenticError
    derived = _derive(key, sealed[:SALT_BYTES], purpose)
    try:
        return AESGCM(derived).decrypt(_NONCE, sealed[SALT_BYTES:], associated_data)
    except InvalidTag:
        raise NotAuthenticError from None


def _derive(key: bytes, salt: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=purpose).derive(key)
