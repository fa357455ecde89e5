"""Envelopes for tests: fixed ones, every form of BER, changed ones, and two readers.

Nothing here uses the library's own reader or writer of BER.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

OAEP: Final = padding.OAEP(padding.MGF1(SHA256()), SHA256(), None)
_FILE: Final = Path(__file__).parent.parent / "vectors" / "recipient" / "envelopes.json"

ENVELOPED_DATA: Final = bytes.fromhex("06092a864886f70d010703")
DATA: Final = bytes.fromhex("06092a864886f70d010701")
AES_256_CBC: Final = bytes.fromhex("060960864801650304012a")
OAEP_SHA_256: Final = bytes.fromhex(
    "303c06092a864886f70d010107302fa00f300d06096086480165030402010500"
    "a11c301a06092a864886f70d010108300d06096086480165030402010500"
)


@dataclass(frozen=True)
class Sample:
    """One fixed envelope with its key, which protects nothing."""

    name: str
    envelope: bytes
    plaintext: bytes
    key: rsa.RSAPrivateKey


@cache
def samples() -> tuple[Sample, ...]:
    """Read the fixed envelopes."""
    return tuple(
        Sample(
            name=entry["id"],
            envelope=base64.b64decode(entry["envelope"]),
            plaintext=bytes.fromhex(entry["plaintext"]),
            key=_key(int(entry["p"], 16), int(entry["q"], 16)),
        )
        for entry in json.loads(_FILE.read_text(encoding="utf-8"))
    )


def _key(p: int, q: int) -> rsa.RSAPrivateKey:
    exponent = 65537
    d = pow(exponent, -1, (p - 1) * (q - 1))
    return rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=d % (p - 1),
        dmq1=d % (q - 1),
        iqmp=pow(q, -1, p),
        public_numbers=rsa.RSAPublicNumbers(exponent, p * q),
    ).private_key()


def fixed_key() -> rsa.RSAPrivateKey:
    """Return a key of 2048 bits that is the same in every run."""
    return samples()[0].key


@cache
def key_of(bits: int) -> rsa.RSAPrivateKey:
    """Make one key of each size in a run."""
    return fixed_key() if bits == 2048 else rsa.generate_private_key(65537, bits)


def public_key_of(key: rsa.RSAPrivateKey) -> bytes:
    """Return the DER SubjectPublicKeyInfo."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


# BER, written apart from the library


def definite(tag: int, *parts: bytes) -> bytes:
    """Write an element with a definite length."""
    content = b"".join(parts)
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 128 + len(octets)]) + octets + content


def indefinite(tag: int, *parts: bytes) -> bytes:
    """Write an element with an indefinite length."""
    return bytes([tag, 128]) + b"".join(parts) + bytes(2)


Writer = Callable[..., bytes]


@dataclass(frozen=True, kw_only=True)
class Form:
    """What an envelope is made of; each default is what KMS sends."""

    data_key: bytes = bytes(range(32))
    encrypted_key: bytes | None = None
    iv: bytes = bytes(16)
    content: bytes | None = None
    chunk_sizes: Sequence[int] | None = None
    primitive: bool = False
    outer: Writer = indefinite
    inner: Writer = indefinite
    algorithm: Writer = definite
    recipients: Writer = definite
    content_type: bytes = ENVELOPED_DATA
    version: bytes = b"\x02\x01\x02"
    recipient_version: bytes = b"\x02\x01\x02"
    identifier: bytes | None = None
    identifier_tag: int = 0x80
    key_algorithm: bytes = OAEP_SHA_256
    inner_type: bytes = DATA
    cipher: bytes = AES_256_CBC
    copies_of_the_recipient: int = 1
    parameters: bytes | None = None
    after_the_content: bytes = b""
    after_the_content_info: bytes = b""

    def envelope(self, plaintext: bytes, key: rsa.RSAPrivateKey) -> bytes:
        """Write the envelope."""
        public = key.public_key()
        encrypted_key = (
            public.encrypt(self.data_key, OAEP)
            if self.encrypted_key is None
            else self.encrypted_key
        )
        content = encrypt_cbc(plaintext, self) if self.content is None else self.content
        identifier = (
            hashlib.sha256(public_key_of(key)).digest()
            if self.identifier is None
            else self.identifier
        )
        recipient = self.recipients(
            0x30,
            self.recipient_version,
            definite(self.identifier_tag, identifier),
            self.key_algorithm,
            definite(0x04, encrypted_key),
        )
        body = self.inner(
            0x30,
            self.version,
            self.recipients(0x31, recipient * self.copies_of_the_recipient),
            self.inner(
                0x30,
                self.inner_type,
                self.algorithm(
                    0x30,
                    self.cipher,
                    definite(0x04, self.iv) if self.parameters is None else self.parameters,
                ),
                self._content(content),
                self.after_the_content,
            ),
            self.after_the_content_info,
        )
        return self.outer(0x30, self.content_type, self.outer(0xA0, body))

    def _content(self, content: bytes) -> bytes:
        if self.primitive:
            return definite(0x80, content)
        sizes = [len(content)] if self.chunk_sizes is None else self.chunk_sizes
        chunks: list[bytes] = []
        position = 0
        for size in sizes:
            chunks.append(definite(0x04, content[position : position + size]))
            position += size
        return self.inner(0xA0, *chunks)


def encrypt_cbc(plaintext: bytes, form: Form, *, padding_byte: int | None = None) -> bytes:
    """Encrypt with the form's data key; `padding_byte` replaces the last byte of the padding."""
    size = 16 - len(plaintext) % 16
    pad = bytes([size] * size)
    if padding_byte is not None:
        pad = pad[:-1] + bytes([padding_byte])
    encryptor = Cipher(
        algorithms.AES256(form.data_key.ljust(32, b"\0")[:32]),
        modes.CBC(form.iv.ljust(16, b"\0")[:16]),
    ).encryptor()
    return encryptor.update(plaintext + pad) + encryptor.finalize()


# Two readers of other origin


class UnreadableError(Exception):
    """What AWS's C client would return as AWS_OP_ERR."""


def read_as_aws_c_client(encoded: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the encrypted key, the IV and the content as AWS's C client finds them, or raise.

    It follows what is known of `source/cms.c` of aws-nitro-enclaves-sdk-c: where that steps over
    the head of an element, the length must be indefinite, because a definite one would be skipped
    with its content; all else is DER.
    """
    position = _indefinite_head(encoded, 0, 0x30)
    position = _exact(encoded, position, ENVELOPED_DATA)
    position = _indefinite_head(encoded, position, 0xA0)
    position = _indefinite_head(encoded, position, 0x30)
    position = _exact(encoded, position, b"\x02\x01\x02")
    infos, position = _definite(encoded, position, 0x31)
    info, _ = _definite(infos, 0, 0x30)
    inside = _exact(info, 0, b"\x02\x01\x02")
    _, inside = _definite(info, inside, info[inside])
    _, inside = _definite(info, inside, 0x30)
    encrypted_key, _ = _definite(info, inside, 0x04)
    position = _indefinite_head(encoded, position, 0x30)
    position = _exact(encoded, position, DATA)
    algorithm, position = _definite(encoded, position, 0x30)
    iv, _ = _definite(algorithm, _exact(algorithm, 0, AES_256_CBC), 0x04)
    if encoded[position] == 0x80:
        return encrypted_key, iv, _definite(encoded, position, 0x80)[0]
    position = _indefinite_head(encoded, position, 0xA0)
    content = b""
    while encoded[position] == 0x04:
        chunk, position = _definite(encoded, position, 0x04)
        content += chunk
    return encrypted_key, iv, content


def _exact(encoded: bytes, position: int, expected: bytes) -> int:
    if not encoded.startswith(expected, position):
        raise UnreadableError
    return position + len(expected)


def _indefinite_head(encoded: bytes, position: int, tag: int) -> int:
    return _exact(encoded, position, bytes([tag, 128]))


def _definite(encoded: bytes, position: int, tag: int) -> tuple[bytes, int]:
    if encoded[position] != tag:
        raise UnreadableError
    size, start = encoded[position + 1], position + 2
    if size > 128:
        octets = size - 128
        size, start = int.from_bytes(encoded[start : start + octets], "big"), start + octets
    elif size == 128:
        raise UnreadableError
    if start + size > len(encoded):
        raise UnreadableError
    return encoded[start : start + size], start + size


def read_with_asn1crypto(encoded: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Return the key's identifier, the encrypted key, the IV and the content, by a lax reader."""
    cms: Any = import_module("asn1crypto.cms")  # it has no types
    content = cms.ContentInfo.load(encoded, strict=True)["content"]
    (info,) = content["recipient_infos"]
    encrypted = content["encrypted_content_info"]
    return (
        info.chosen["rid"].chosen.native,
        info.chosen["encrypted_key"].native,
        encrypted["content_encryption_algorithm"]["parameters"].native,
        encrypted["encrypted_content"].native,
    )


def open_with_asn1crypto(encoded: bytes, key: rsa.RSAPrivateKey) -> bytes | None:
    """Return the plaintext, or None for the forms of BER that asn1crypto can't read."""
    try:
        _, encrypted_key, iv, content = read_with_asn1crypto(encoded)
    except (ValueError, TypeError):
        return None
    data_key = key.decrypt(encrypted_key, OAEP)
    decryptor = Cipher(algorithms.AES256(data_key), modes.CBC(iv)).decryptor()
    padded = decryptor.update(content) + decryptor.finalize()
    return padded[: -padded[-1]]


# Changes

_INTERESTING: Final = (0x00, 0x01, 0x02, 0x04, 0x30, 0x31, 0x7F, 0x80, 0x81, 0x82, 0xA0, 0xFF)


def mutate(data: bytes, chance: Random) -> bytes:
    """Make one to three changes: bits, bytes, slices, lengths."""
    changed = bytearray(data or b"\0")
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        # half of all changes hit the heads, which are few, and not the ciphertexts
        heads = [*range(min(120, len(changed))), *range(max(0, len(changed) - 140), len(changed))]
        at = chance.choice(heads) if chance.random() < 0.5 and heads else 0
        at = at or chance.randrange(len(changed) + 1)
        match chance.randrange(7):
            case 0 if at < len(changed):
                changed[at] ^= 1 << chance.randrange(8)
            case 1 if at < len(changed):
                changed[at] = chance.choice(_INTERESTING)
            case 2:
                del changed[at : at + chance.randrange(1, 20)]
            case 3:
                changed[at:at] = fixed_bytes(chance, chance.randrange(1, 20))
            case 4:
                length = chance.randrange(1, 40)
                start = chance.randrange(len(changed) + 1)
                changed[at:at] = changed[start : start + length]
            case 5:
                del changed[at:]
            case _:
                changed += chance.choice((b"\0", b"\0\0", b"\x04\x00", data[:40]))
    return bytes(changed)


def fixed_bytes(chance: Random, size: int) -> bytes:
    """Return bytes that are the same in every run."""
    return bytes(chance.choice(_INTERESTING) for _ in range(size))
