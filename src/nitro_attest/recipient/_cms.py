"""Read and write two CMS structures: EnvelopedData as AWS KMS sends it, and AuthEnvelopedData.

The sources are RFC 5652 sections 3 and 6 (EnvelopedData), RFC 5083 and RFC 5084 (AuthEnvelopedData
with AES-GCM), RFC 4055 section 4 (RSAES-OAEP), and captured values of `CiphertextForRecipient`.
"""

from dataclasses import dataclass
from typing import Final, final

from nitro_attest.recipient._ber import (
    CONTEXT_0,
    CONTEXT_0_PRIMITIVE,
    CONTEXT_1,
    INTEGER,
    NULL,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
    SET,
    MalformedBerError,
    Reader,
    element,
    indefinite,
)

MAX_PLAINTEXT_BYTES: Final = 1 << 20  # KMS encrypts at most 4,096 bytes; brokers hand out files
BLOCK_BYTES: Final = 16
IV_BYTES: Final = 16
NONCE_BYTES: Final = 12  # RFC 5084 3.2 recommends it
TAG_BYTES: Final = 16
KEY_IDENTIFIER_BYTES: Final = 32
MAX_CHUNKS: Final = 64
_MAX_CONTENT_BYTES: Final = MAX_PLAINTEXT_BYTES + BLOCK_BYTES
_MAX_HEADS_BYTES: Final = 4096  # an RSA-8192 key needs 1,024, 64 chunks 320, all else under 300
_MAX_ENVELOPE_BYTES: Final = _MAX_CONTENT_BYTES + _MAX_HEADS_BYTES


def _oid(digits: str) -> bytes:
    return element(OBJECT_IDENTIFIER, bytes.fromhex(digits))


_ENVELOPED_DATA: Final = _oid("2a864886f70d010703")  # 1.2.840.113549.1.7.3
_AUTH_ENVELOPED_DATA: Final = _oid("2a864886f70d0109100117")  # 1.2.840.113549.1.9.16.1.23
_DATA: Final = _oid("2a864886f70d010701")  # 1.2.840.113549.1.7.1
_AES_256_CBC: Final = _oid("60864801650304012a")  # 2.16.840.1.101.3.4.1.42
_AES_256_GCM: Final = _oid("60864801650304012e")  # 2.16.840.1.101.3.4.1.46
_SHA_256: Final = element(SEQUENCE, _oid("608648016503040201"), NULL)  # 2.16.840.1.101.3.4.2.1
_MGF1_SHA_256: Final = element(SEQUENCE, _oid("2a864886f70d010108"), _SHA_256)
_OAEP_SHA_256: Final = element(
    SEQUENCE,
    _oid("2a864886f70d010107"),  # 1.2.840.113549.1.1.7
    element(SEQUENCE, element(CONTEXT_0, _SHA_256), element(CONTEXT_1, _MGF1_SHA_256)),
)
_VERSION_0: Final = element(INTEGER, b"\x00")
_VERSION_2: Final = element(INTEGER, b"\x02")
_TAG_LENGTH: Final = element(INTEGER, bytes((TAG_BYTES,)))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """The data key for the one recipient: its key's SHA-256, and the data key under RSAES-OAEP."""

    key_identifier: bytes
    encrypted_key: bytes


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopedData:
    """Content under AES-256-CBC, not authenticated."""

    recipient: Recipient
    iv: bytes
    content: bytes


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AuthEnvelopedData:
    """Content under AES-256-GCM with its tag."""

    recipient: Recipient
    nonce: bytes
    content: bytes
    tag: bytes


def write_enveloped_data(parts: EnvelopedData) -> bytes:
    """Write KMS's form: indefinite lengths where KMS has them, which AWS's C client insists on."""
    algorithm = element(SEQUENCE, _AES_256_CBC, element(OCTET_STRING, parts.iv))
    content = indefinite(CONTEXT_0, element(OCTET_STRING, parts.content))
    body = indefinite(
        SEQUENCE,
        _VERSION_2,
        _write_recipient(parts.recipient),
        indefinite(SEQUENCE, _DATA, algorithm, content),
    )
    return indefinite(SEQUENCE, _ENVELOPED_DATA, indefinite(CONTEXT_0, body))


def read_enveloped_data(encoded: bytes) -> EnvelopedData:
    """Read KMS's form, with definite or indefinite lengths, and content whole or in chunks."""
    reader = _reader(encoded)
    with reader.inside(SEQUENCE):
        reader.expect(_ENVELOPED_DATA)
        with reader.inside(CONTEXT_0), reader.inside(SEQUENCE):
            reader.expect(_VERSION_2)
            recipient = _read_recipient(reader)
            with reader.inside(SEQUENCE):
                reader.expect(_DATA)
                with reader.inside(SEQUENCE):
                    reader.expect(_AES_256_CBC)
                    iv = _sized(reader.primitive(OCTET_STRING), IV_BYTES)
                content = _read_content(reader)
    _require(reader.finished() and content and len(content) % BLOCK_BYTES == 0)
    return EnvelopedData(recipient=recipient, iv=iv, content=content)


def write_auth_enveloped_data(parts: AuthEnvelopedData) -> bytes:
    """Write DER."""
    parameters = element(SEQUENCE, element(OCTET_STRING, parts.nonce), _TAG_LENGTH)
    body = element(
        SEQUENCE,
        _VERSION_0,  # RFC 5083 2.1: always 0
        _write_recipient(parts.recipient),
        element(
            SEQUENCE,
            _DATA,
            element(SEQUENCE, _AES_256_GCM, parameters),
            element(CONTEXT_0_PRIMITIVE, parts.content),
        ),
        element(OCTET_STRING, parts.tag),
    )
    return element(SEQUENCE, _AUTH_ENVELOPED_DATA, element(CONTEXT_0, body))


def read_auth_enveloped_data(encoded: bytes) -> AuthEnvelopedData:
    """Read what `write_auth_enveloped_data` writes, in BER as well."""
    reader = _reader(encoded)
    with reader.inside(SEQUENCE):
        reader.expect(_AUTH_ENVELOPED_DATA)
        with reader.inside(CONTEXT_0), reader.inside(SEQUENCE):
            reader.expect(_VERSION_0)
            recipient = _read_recipient(reader)
            with reader.inside(SEQUENCE):
                reader.expect(_DATA)
                with reader.inside(SEQUENCE):
                    reader.expect(_AES_256_GCM)
                    with reader.inside(SEQUENCE):
                        nonce = _sized(reader.primitive(OCTET_STRING), NONCE_BYTES)
                        reader.expect(_TAG_LENGTH)
                content = _read_content(reader)
            tag = _sized(reader.primitive(OCTET_STRING), TAG_BYTES)
    _require(reader.finished())
    return AuthEnvelopedData(recipient=recipient, nonce=nonce, content=content, tag=tag)


def _write_recipient(recipient: Recipient) -> bytes:
    """Write the set of one KeyTransRecipientInfo, in DER: all that AWS's C client reads here."""
    return element(
        SET,
        element(
            SEQUENCE,
            _VERSION_2,
            element(CONTEXT_0_PRIMITIVE, recipient.key_identifier),
            _OAEP_SHA_256,
            element(OCTET_STRING, recipient.encrypted_key),
        ),
    )


def _read_recipient(reader: Reader) -> Recipient:
    with reader.inside(SET), reader.inside(SEQUENCE):
        reader.expect(_VERSION_2)
        key_identifier = _sized(reader.primitive(CONTEXT_0_PRIMITIVE), KEY_IDENTIFIER_BYTES)
        reader.expect(_OAEP_SHA_256)
        encrypted_key = reader.primitive(OCTET_STRING)
    return Recipient(key_identifier=key_identifier, encrypted_key=encrypted_key)


def _read_content(reader: Reader) -> bytes:
    """Read `[0] IMPLICIT OCTET STRING`: primitive, or constructed from at most 64 OCTET STRINGs."""
    if reader.next_is(CONTEXT_0_PRIMITIVE):
        content = reader.primitive(CONTEXT_0_PRIMITIVE)
    else:
        chunks: list[bytes] = []
        with reader.inside(CONTEXT_0):
            while reader.next_is(OCTET_STRING):
                _require(len(chunks) < MAX_CHUNKS)
                chunks.append(reader.primitive(OCTET_STRING))
        content = b"".join(chunks)
    _require(len(content) <= _MAX_CONTENT_BYTES)
    return content


def _reader(encoded: bytes) -> Reader:
    _require(len(encoded) <= _MAX_ENVELOPE_BYTES)
    return Reader(encoded)


def _sized(content: bytes, size: int) -> bytes:
    _require(len(content) == size)
    return content


def _require(condition: object) -> None:
    if not condition:
        raise MalformedBerError
