"""The ciphertexts that the broker hands out: versioned, self-describing, bound to their context.

Form 1: `nab1`, the key's id (16 bytes), the number of its material (4 bytes), then salt, ciphertext
and tag of `_sealing`. The first three and the encryption context are authenticated.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final
from uuid import UUID

from nitro_attest_broker._errors import Code, KmsError
from nitro_attest_broker._sealing import (
    SALT_BYTES,
    TAG_BYTES,
    NotAuthenticError,
    join,
    seal,
    unseal,
)

FORM: Final = b"nab1"
_PURPOSE: Final = b"nitro-attest-broker ciphertext 1"
_HEAD_BYTES: Final = len(FORM) + 16 + 4


@final
@dataclass(frozen=True, slots=True)
class Ciphertext:
    """The parts of a ciphertext; nothing of it is authentic before `open_ciphertext` returns."""

    key_id: str
    material: int
    head: bytes
    sealed: bytes


def make_ciphertext(
    plaintext: bytes, *, key_id: str, material: int, secret: bytes, context: Mapping[str, str]
) -> bytes:
    """Encrypt under the key material `secret`; the result is 72 bytes longer than the plaintext."""
    head = FORM + UUID(key_id).bytes + material.to_bytes(4, "big")
    return head + seal(secret, plaintext, purpose=_PURPOSE, associated_data=_bind(head, context))


def read_ciphertext(blob: bytes) -> Ciphertext:
    """Return the parts of a ciphertext.

    Raises:
        KmsError: InvalidCiphertextException, if it was not made by such a broker.

    """
    if len(blob) <= _HEAD_BYTES + SALT_BYTES + TAG_BYTES or not blob.startswith(FORM):
        raise invalid_ciphertext("ciphertext.form")
    head, sealed = blob[:_HEAD_BYTES], blob[_HEAD_BYTES:]
    key_id = str(UUID(bytes=head[len(FORM) : len(FORM) + 16]))
    return Ciphertext(key_id, int.from_bytes(head[-4:], "big"), head, sealed)


def open_ciphertext(
    ciphertext: Ciphertext, *, secrets: tuple[bytes, ...], context: Mapping[str, str]
) -> bytes:
    """Return the plaintext; `secrets` are the key's materials, the oldest first.

    Raises:
        KmsError: InvalidCiphertextException, if any bit of it or of the context differs.

    """
    if ciphertext.material >= len(secrets):
        raise invalid_ciphertext("ciphertext.material")
    try:
        return unseal(
            secrets[ciphertext.material],
            ciphertext.sealed,
            purpose=_PURPOSE,
            associated_data=_bind(ciphertext.head, context),
        )
    except NotAuthenticError:
        raise invalid_ciphertext("ciphertext.not_authentic") from None


def invalid_ciphertext(reason: str) -> KmsError:
    """Return the error for a ciphertext that does not open; KMS gives it no message."""
    return KmsError(Code.INVALID_CIPHERTEXT, "", reason=reason)


def _bind(head: bytes, context: Mapping[str, str]) -> bytes:
    pairs = sorted((key.encode(), value.encode()) for key, value in context.items())
    return join(head, *(field for pair in pairs for field in pair))
