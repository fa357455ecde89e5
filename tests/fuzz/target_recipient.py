"""Invariant: any bytes, read as an envelope, give a plaintext or the one `RecipientError`.

Read as a public key they give an RSA key or a `RecipientKeyError`. A sealed envelope opens only if
it is the one that was sealed; where a lax reader of CMS can read an envelope that opened, it finds
the same plaintext. Input: an envelope, or a public key.
"""

from collections.abc import Callable
from random import Random
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_der_public_key

from fuzz.invariant import require
from nitro_attest.recipient import (
    RecipientError,
    RecipientKeyError,
    decrypt,
    open_sealed,
    require_rsa_key,
)
from support import cms

MAX_BYTES: Final = 4096
_KEY: Final = cms.fixed_key()
_SECRET: Final = b"correct horse battery staple"
_ENCRYPTED_KEY: Final = cms.read_as_aws_c_client(cms.samples()[0].envelope)[0]
_DATA_KEY: Final = _KEY.decrypt(_ENCRYPTED_KEY, cms.OAEP)
_MAX_TEXT: Final = 300


def _sealed() -> bytes:
    """Write the sealed envelope, apart from the library."""
    nonce = bytes(12)
    sealed = AESGCM(_DATA_KEY).encrypt(nonce, _SECRET, None)
    enveloped = cms.Form(
        data_key=_DATA_KEY,
        encrypted_key=_ENCRYPTED_KEY,
        primitive=True,
        inner=cms.definite,
        outer=cms.definite,
        version=b"\x02\x01\x00",
        content_type=bytes.fromhex("060b2a864886f70d0109100117"),
        cipher=bytes.fromhex("060960864801650304012e"),
        parameters=cms.definite(0x30, cms.definite(0x04, nonce), b"\x02\x01\x10"),
        content=sealed[:-16],
        after_the_content_info=cms.definite(0x04, sealed[-16:]),
    )
    return enveloped.envelope(_SECRET, _KEY)


def seeds() -> list[bytes]:
    """Begin with an envelope of every form, and with keys."""

    def form(
        inner: Callable[..., bytes], *, primitive: bool, sizes: tuple[int, ...] | None
    ) -> bytes:
        made = cms.Form(
            data_key=_DATA_KEY,
            encrypted_key=_ENCRYPTED_KEY,
            inner=inner,
            outer=inner,
            primitive=primitive,
            chunk_sizes=sizes,
        )
        return made.envelope(_SECRET, _KEY)

    return [
        *(answer.envelope for answer in cms.samples()),
        *(
            form(inner, primitive=primitive, sizes=sizes)
            for inner in (cms.definite, cms.indefinite)
            for primitive, sizes in ((True, None), (False, None), (False, (7, 9, 16)))
        ),
        _sealed(),
        *(cms.public_key_of(answer.key) for answer in cms.samples()),
    ]


def mutate(data: bytes, chance: Random) -> bytes:
    """Change heads, lengths and content."""
    return cms.mutate(data, chance)


def one_input(data: bytes) -> None:
    """Hold the library to the invariant for one input."""
    opened = _open(decrypt, data)
    require(
        opened is None or cms.open_with_asn1crypto(data, _KEY) in {None, opened},
        "another reader finds another plaintext",
    )
    require(_open(open_sealed, data) in {None, _SECRET}, "opened what was never sealed")
    _check_key(data)


def _open(opener: Callable[..., bytes], data: bytes) -> bytes | None:
    try:
        plaintext = opener(data, _KEY)
    except RecipientError as error:
        require(error.args == RecipientError().args, "an envelope's fault shows in the text")
        require(error.__context__ is None and error.__cause__ is None, "an error is chained")
        return None
    require(type(plaintext) is bytes, "a plaintext that is no bytes")
    return plaintext


def _check_key(data: bytes) -> None:
    try:
        accepted = require_rsa_key(data)
    except RecipientKeyError as error:
        text = str(error)
        require(
            len(text) <= _MAX_TEXT and text.isprintable(), "an error shows what a log can't take"
        )
        return
    other = load_der_public_key(data)
    require(
        isinstance(other, RSAPublicKey) and other.public_numbers() == accepted.public_numbers(),
        "cryptography reads another key",
    )
