"""Encrypt to an attested RSA key, and open what was encrypted to it.

A private function here returns None for whatever it can't open and raises nothing, so that no
traceback keeps the private key, and so that every bad envelope ends in the same `RecipientError`.
"""

import hashlib
import secrets
from collections.abc import Callable
from typing import Final, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.padding import PKCS7

from nitro_attest import PolicyError
from nitro_attest.recipient._ber import MalformedBerError
from nitro_attest.recipient._cms import (
    BLOCK_BYTES,
    IV_BYTES,
    MAX_PLAINTEXT_BYTES,
    NONCE_BYTES,
    TAG_BYTES,
    AuthEnvelopedData,
    EnvelopedData,
    Recipient,
    read_auth_enveloped_data,
    read_enveloped_data,
    write_auth_enveloped_data,
    write_enveloped_data,
)
from nitro_attest.recipient._errors import RecipientError
from nitro_attest.recipient._keys import (
    MAX_KEY_BITS,
    MIN_KEY_BITS,
    encode_public_key,
    require_rsa_key,
)

PartsT = TypeVar("PartsT", EnvelopedData, AuthEnvelopedData)

_DATA_KEY_BYTES: Final = 32
_OAEP: Final = OAEP(mgf=MGF1(SHA256()), algorithm=SHA256(), label=None)
_PADDING: Final = PKCS7(BLOCK_BYTES * 8)


def encrypt(plaintext: bytes, public_key: bytes) -> bytes:
    """Encrypt a secret to an attested key, in the form of KMS's `CiphertextForRecipient`.

    The form is CMS EnvelopedData: a new 32-byte AES-256-CBC key for each call, encrypted with
    RSAES-OAEP and SHA-256. Whatever reads KMS's answers in an enclave reads this too.

    The envelope is not authenticated: whoever has the public key can make one, and whoever can
    change it on the way can change the plaintext. Send it over TLS, or use `seal` when both sides
    are yours.

    Args:
        plaintext: The secret, 0 to 1,048,576 bytes.
        public_key: `result.require_public_key()` of a verified document.

    Raises:
        RecipientKeyError: `key.*`, see `require_rsa_key`.
        PolicyError: `plaintext` isn't bytes or too long.

    """
    _require_plaintext(plaintext)
    recipient, data_key = _new_data_key(public_key)
    iv = secrets.token_bytes(IV_BYTES)
    padder, encryptor = _PADDING.padder(), Cipher(AES256(data_key), CBC(iv)).encryptor()
    padded = padder.update(plaintext) + padder.finalize()
    content = encryptor.update(padded) + encryptor.finalize()
    return write_enveloped_data(EnvelopedData(recipient=recipient, iv=iv, content=content))


def decrypt(envelope: bytes, private_key: RSAPrivateKey) -> bytes:
    """Open an envelope of `encrypt` or a `CiphertextForRecipient` of KMS, for interoperability.

    Never answer a sender by its success. The content is not authenticated, so whoever learns of
    each envelope whether it opened can decrypt a captured one: 32 bytes take about 4,300
    attempts. In an enclave use a `RecipientKey`, which opens one envelope.

    Args:
        envelope: CMS EnvelopedData for this key alone, with at most 1 MiB of content.
        private_key: An RSA key of 2048 to 8192 bits.

    Raises:
        RecipientError: The envelope can't be opened; the text doesn't say why.
        PolicyError: `envelope` isn't bytes, or `private_key` is no such key.

    """
    _require_private_key(private_key)
    require_envelope(envelope)
    return required(opened(envelope, private_key))


def seal(plaintext: bytes, public_key: bytes) -> bytes:
    """Encrypt a secret to an attested key with AES-256-GCM, when both sides use this library.

    The form is CMS AuthEnvelopedData (RFC 5083, RFC 5084). A changed envelope never opens, so a
    receiver may tell the sender that one did not. It still doesn't say who sealed it: whoever has
    the public key can.

    Args:
        plaintext: The secret, 0 to 1,048,576 bytes.
        public_key: `result.require_public_key()` of a verified document.

    Raises:
        RecipientKeyError: `key.*`, see `require_rsa_key`.
        PolicyError: `plaintext` isn't bytes or too long.

    """
    _require_plaintext(plaintext)
    recipient, data_key = _new_data_key(public_key)
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = AESGCM(data_key).encrypt(nonce, plaintext, None)
    parts = AuthEnvelopedData(
        recipient=recipient, nonce=nonce, content=sealed[:-TAG_BYTES], tag=sealed[-TAG_BYTES:]
    )
    return write_auth_enveloped_data(parts)


def open_sealed(envelope: bytes, private_key: RSAPrivateKey) -> bytes:
    """Open an envelope of `seal`.

    Never use one key for `decrypt` and for `open_sealed`: whoever captured a sealed envelope could
    offer its content to `decrypt` under the weaker algorithm (RFC 9709 section 1).

    Args:
        envelope: CMS AuthEnvelopedData for this key alone, with at most 1 MiB of content.
        private_key: An RSA key of 2048 to 8192 bits.

    Raises:
        RecipientError: The envelope can't be opened; the text doesn't say why.
        PolicyError: `envelope` isn't bytes, or `private_key` is no such key.

    """
    _require_private_key(private_key)
    require_envelope(envelope)
    return required(opened_sealed(envelope, private_key))


def opened(envelope: bytes, private_key: RSAPrivateKey) -> bytes | None:
    """Return the plaintext of an EnvelopedData, or None."""
    return _opened(envelope, private_key, read_enveloped_data, _decrypt_cbc)


def opened_sealed(envelope: bytes, private_key: RSAPrivateKey) -> bytes | None:
    """Return the plaintext of an AuthEnvelopedData, or None."""
    return _opened(envelope, private_key, read_auth_enveloped_data, _decrypt_gcm)


def _opened(
    envelope: bytes,
    private_key: RSAPrivateKey,
    read: Callable[[bytes], PartsT],
    decrypt_content: Callable[[PartsT, bytes], bytes | None],
) -> bytes | None:
    try:
        parts = read(envelope)
    except MalformedBerError:
        return None
    data_key = _data_key(parts.recipient, private_key)
    plaintext = decrypt_content(parts, data_key or secrets.token_bytes(_DATA_KEY_BYTES))
    return plaintext if data_key else None


def encoded_public_key(private_key: RSAPrivateKey) -> bytes:
    """Return the DER SubjectPublicKeyInfo that belongs to a private key."""
    numbers = private_key.public_key().public_numbers()
    return encode_public_key(numbers.n, numbers.e)


def _new_data_key(public_key: bytes) -> tuple[Recipient, bytes]:
    key = require_rsa_key(public_key)
    data_key = secrets.token_bytes(_DATA_KEY_BYTES)
    recipient = Recipient(
        key_identifier=hashlib.sha256(public_key).digest(),
        encrypted_key=key.encrypt(data_key, _OAEP),
    )
    return recipient, data_key


def _data_key(recipient: Recipient, private_key: RSAPrivateKey) -> bytes | None:
    """Return the data key; None leads the caller on with a random one, through the same steps."""
    if recipient.key_identifier != hashlib.sha256(encoded_public_key(private_key)).digest():
        return None
    try:
        data_key = private_key.decrypt(recipient.encrypted_key, _OAEP)
    except ValueError:
        return None
    return data_key if len(data_key) == _DATA_KEY_BYTES else None


def _decrypt_cbc(parts: EnvelopedData, data_key: bytes) -> bytes | None:
    decryptor, unpadder = Cipher(AES256(data_key), CBC(parts.iv)).decryptor(), _PADDING.unpadder()
    padded = decryptor.update(parts.content) + decryptor.finalize()
    try:
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        return None


def _decrypt_gcm(parts: AuthEnvelopedData, data_key: bytes) -> bytes | None:
    try:
        return AESGCM(data_key).decrypt(parts.nonce, parts.content + parts.tag, None)
    except InvalidTag:
        return None


def required(plaintext: bytes | None) -> bytes:
    """Return the plaintext, or reject the envelope."""
    if plaintext is None:
        raise RecipientError
    return plaintext


def _require_plaintext(plaintext: object) -> None:
    if not isinstance(plaintext, bytes):
        raise PolicyError("plaintext", "expected bytes")
    if len(plaintext) > MAX_PLAINTEXT_BYTES:
        raise PolicyError(
            "plaintext", f"expected at most {MAX_PLAINTEXT_BYTES} bytes, found {len(plaintext)}"
        )


def require_envelope(envelope: object) -> None:
    """Reject what is no envelope at all."""
    if not isinstance(envelope, bytes):
        raise PolicyError("envelope", "expected bytes: decode base64 first")


def _require_private_key(private_key: object) -> None:
    if (
        not isinstance(private_key, RSAPrivateKey)
        or not MIN_KEY_BITS <= private_key.key_size <= MAX_KEY_BITS
    ):
        raise PolicyError(
            "private_key", f"expected an RSAPrivateKey of {MIN_KEY_BITS} to {MAX_KEY_BITS} bits"
        )
