"""An RSA key for one envelope, for the side that is attested."""

import os
from collections.abc import Callable
from threading import Lock
from typing import Final, Literal, NoReturn, final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from nitro_attest import PolicyError
from nitro_attest.recipient._envelopes import (
    encoded_public_key,
    opened,
    opened_sealed,
    require_envelope,
    required,
)
from nitro_attest.recipient._errors import SpentKeyError

_PUBLIC_EXPONENT: Final = 65537
_SPENT: Final = (
    "this key was used for its one envelope: make a new RecipientKey and a new attestation "
    "document for the next one"
)
_FORKED: Final = (
    "this process is a fork of the one that made the key: call RecipientKey.generate() in the "
    "process that opens the envelope"
)
_NO_COPY: Final = "a RecipientKey can't be copied or pickled: make another one"
_KEY_SIZES: Final = (2048, 3072, 4096)  # KMS documents 2048; answers to 4096 were captured


@final
class RecipientKey:
    """A new RSA key pair that opens one envelope and is then gone.

    Put `public_key` into the attestation document. `open` (what KMS or `encrypt` wrote) or
    `open_sealed` (what `seal` wrote) gives the key away on the first call, whether it succeeds or
    not; nothing here keeps a reference to it afterwards, and OpenSSL overwrites its numbers when
    the last one goes. So nobody can try envelopes out on an attested key, whatever the enclave
    answers.

    Threads may share an object: one call gets the key. It can't be copied or pickled, and a forked
    child can't open with it.
    """

    __slots__ = ("_key", "_lock", "_process", "_public_key")

    def __init__(self, *, key_size: Literal[2048, 3072, 4096] = 2048) -> None:
        """Make the key pair, as `generate` does."""
        size: object = key_size
        if type(size) is not int or size not in _KEY_SIZES:
            raise PolicyError("key_size", "expected 2048, 3072 or 4096 bits")
        self._lock = Lock()
        self._process = os.getpid()
        self._key: RSAPrivateKey | None = generate_private_key(_PUBLIC_EXPONENT, key_size)
        self._public_key = encoded_public_key(self._key)

    @classmethod
    def generate(cls, *, key_size: Literal[2048, 3072, 4096] = 2048) -> "RecipientKey":
        """Make a key pair of `key_size` bits, in about 40 ms for 2048 bits.

        KMS documents 2048 bits; longer keys serve where a rule demands them.

        Raises:
            PolicyError: Another key size.

        """
        return cls(key_size=key_size)

    @property
    def public_key(self) -> bytes:
        """The DER SubjectPublicKeyInfo for the document: 294 bytes for 2048 bits, 550 for 4096."""
        return self._public_key

    def open(self, envelope: bytes) -> bytes:
        """Open one envelope of KMS or of `encrypt`, with the key's only use.

        Raises:
            RecipientError: The envelope can't be opened; the text doesn't say why.
            SpentKeyError: The key was used before, or belongs to the parent of this process.
            PolicyError: `envelope` isn't bytes. The key is gone all the same.

        """
        return self._spend(envelope, opened)

    def open_sealed(self, envelope: bytes) -> bytes:
        """Open one envelope of `seal`, with the key's only use.

        Raises:
            RecipientError: The envelope can't be opened; the text doesn't say why.
            SpentKeyError: The key was used before, or belongs to the parent of this process.
            PolicyError: `envelope` isn't bytes. The key is gone all the same.

        """
        return self._spend(envelope, opened_sealed)

    def __reduce__(self) -> NoReturn:
        """Reject copies, which would open a second envelope."""
        raise TypeError(_NO_COPY)

    def _spend(
        self, envelope: bytes, opener: Callable[[bytes, RSAPrivateKey], bytes | None]
    ) -> bytes:
        key = self._take()
        try:
            require_envelope(envelope)
            plaintext = opener(envelope, key)
        finally:
            del key  # or the traceback of an exception would keep it
        return required(plaintext)

    def _take(self) -> RSAPrivateKey:
        """Give the key away, once."""
        if os.getpid() != self._process:
            self._key = None
            raise SpentKeyError(_FORKED)
        with self._lock:
            key, self._key = self._key, None
        if key is None:
            raise SpentKeyError(_SPENT)
        return key
