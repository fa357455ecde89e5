"""Which attested keys are accepted, and what is said of the others."""

import hashlib
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from nitro_attest import NitroAttestError, PolicyError
from nitro_attest.recipient import (
    RecipientKeyError,
    RecipientKeyReason,
    decrypt,
    encrypt,
    require_rsa_key,
    seal,
)
from support import cms

KEY = cms.fixed_key()
GOOD = cms.public_key_of(KEY)
NUMBERS = KEY.public_key().public_numbers()
RSA = bytes.fromhex("06092a864886f70d010101")
RSA_PSS = bytes.fromhex("06092a864886f70d01010a")
RSA_OAEP = bytes.fromhex("06092a864886f70d010107")
NULL = b"\x05\x00"


def integer(value: int) -> bytes:
    """Write a DER INTEGER that isn't negative."""
    return cms.definite(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def spki(  # noqa: PLR0913 - each part of the structure can be replaced
    n: int = NUMBERS.n,
    e: int = NUMBERS.e,
    *,
    modulus: bytes | None = None,
    oid: bytes = RSA,
    parameters: bytes = NULL,
    unused_bits: bytes = b"\x00",
    after_key: bytes = b"",
    outer: Callable[..., bytes] = cms.definite,
) -> bytes:
    """Write a SubjectPublicKeyInfo."""
    key = cms.definite(0x30, integer(n) if modulus is None else modulus, integer(e)) + after_key
    bits = cms.definite(0x03, unused_bits + key)
    return outer(0x30, cms.definite(0x30, oid, parameters), bits)


def pkcs1(key: rsa.RSAPrivateKey) -> bytes:
    """Write the key without its algorithm."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)


def encoded(
    key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | x25519.X25519PublicKey,
) -> bytes:
    """Write a key of another algorithm."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


BAD = {
    "nothing": (b"", RecipientKeyReason.ABSENT),
    "any bytes": (b"K" * 32, RecipientKeyReason.ENCODING),
    "a NULL": (NULL, RecipientKeyReason.ENCODING),
    "PEM": (
        KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        RecipientKeyReason.ENCODING,
    ),
    "truncated": (GOOD[:-1], RecipientKeyReason.ENCODING),
    "a private key": (
        KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        RecipientKeyReason.ENCODING,
    ),
    "indefinite length": (spki(outer=cms.indefinite), RecipientKeyReason.ENCODING),
    "no parameters": (spki(parameters=b""), RecipientKeyReason.ENCODING),
    "unused bits": (spki(unused_bits=b"\x01"), RecipientKeyReason.ENCODING),
    "an empty bit string": (
        cms.definite(0x30, cms.definite(0x30, RSA, NULL), cms.definite(0x03)),
        RecipientKeyReason.ENCODING,
    ),
    "a padded modulus": (
        spki(modulus=cms.definite(0x02, bytes(2) + NUMBERS.n.to_bytes(256, "big"))),
        RecipientKeyReason.ENCODING,
    ),
    "a negative modulus": (
        spki(modulus=cms.definite(0x02, NUMBERS.n.to_bytes(256, "big"))),
        RecipientKeyReason.ENCODING,
    ),
    "an empty modulus": (spki(modulus=cms.definite(0x02)), RecipientKeyReason.ENCODING),
    "trailing data": (GOOD + b"\0", RecipientKeyReason.TRAILING_DATA),
    "two keys": (GOOD + GOOD, RecipientKeyReason.TRAILING_DATA),
    "trailing data inside": (spki(after_key=b"\0"), RecipientKeyReason.TRAILING_DATA),
    "PKCS#1": (pkcs1(KEY), RecipientKeyReason.PKCS1),
    "a PKCS#1 private key": (
        KEY.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
        RecipientKeyReason.PKCS1,
    ),
    "P-384": (
        encoded(ec.generate_private_key(ec.SECP384R1()).public_key()),
        RecipientKeyReason.NOT_RSA,
    ),
    "Ed25519": (
        encoded(ed25519.Ed25519PrivateKey.generate().public_key()),
        RecipientKeyReason.NOT_RSA,
    ),
    "X25519": (
        encoded(x25519.X25519PrivateKey.generate().public_key()),
        RecipientKeyReason.NOT_RSA,
    ),
    "RSA-PSS": (spki(oid=RSA_PSS), RecipientKeyReason.RSA_PSS),
    "RSA-PSS without parameters": (spki(oid=RSA_PSS, parameters=b""), RecipientKeyReason.RSA_PSS),
    "RSAES-OAEP": (spki(oid=RSA_OAEP), RecipientKeyReason.RSA_PSS),
    "1024 bits": (spki((1 << 1023) + 1), RecipientKeyReason.TOO_SHORT),
    "2047 bits": (spki((1 << 2046) + 1), RecipientKeyReason.TOO_SHORT),
    "modulus zero": (spki(0), RecipientKeyReason.TOO_SHORT),
    "8193 bits": (spki((1 << 8192) + 1), RecipientKeyReason.TOO_LONG),
    "a million bits": (spki((1 << 1_000_000) + 1), RecipientKeyReason.TOO_LONG),
    "an even modulus": (spki(1 << 2047), RecipientKeyReason.MODULUS),
    "exponent 0": (spki(e=0), RecipientKeyReason.EXPONENT),
    "exponent 1": (spki(e=1), RecipientKeyReason.EXPONENT),
    "exponent 2": (spki(e=2), RecipientKeyReason.EXPONENT),
    "an even exponent": (spki(e=65536), RecipientKeyReason.EXPONENT),
    "an exponent of 65 bits": (spki(e=(1 << 64) + 1), RecipientKeyReason.EXPONENT),
    "an exponent as long as the modulus": (spki(e=NUMBERS.n - 2), RecipientKeyReason.EXPONENT),
}


@pytest.mark.parametrize(("public_key", "reason"), BAD.values(), ids=BAD)
def test_rejects_a_key_with_its_reason(public_key: bytes, reason: RecipientKeyReason) -> None:
    """And neither encrypt nor seal uses it."""
    for use in (
        require_rsa_key,
        partial(encrypt, b"secret"),
        partial(seal, b"secret"),
    ):
        with pytest.raises(RecipientKeyError) as caught:
            use(public_key)
        assert caught.value.reason is reason
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(("public_key", "reason"), BAD.values(), ids=BAD)
def test_an_error_is_short_and_printable(public_key: bytes, reason: RecipientKeyReason) -> None:
    """It can be logged and answered."""
    with pytest.raises(RecipientKeyError) as caught:
        require_rsa_key(public_key)
    assert str(caught.value) == f"{reason}: {caught.value.problem}"
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_a_claim_that_is_absent_is_no_key() -> None:
    """A policy that doesn't demand a key lets None through."""
    absent: Any = None
    with pytest.raises(RecipientKeyError) as caught:
        require_rsa_key(absent)
    assert caught.value.reason is RecipientKeyReason.ABSENT


@pytest.mark.parametrize("public_key", ["text", bytearray(GOOD), 7])
def test_a_key_that_is_no_bytes_is_the_callers_mistake(public_key: Any) -> None:
    """No document can hold such a key."""
    with pytest.raises(PolicyError) as caught:
        require_rsa_key(public_key)
    assert caught.value.field == "public_key"


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_accepts_a_key(bits: int) -> None:
    """It is the key that was encoded."""
    key = cms.key_of(bits).public_key()
    accepted = require_rsa_key(cms.public_key_of(cms.key_of(bits)))
    assert accepted.public_numbers() == key.public_numbers()
    assert accepted.key_size == bits


@pytest.mark.parametrize("n", [(1 << 2047) + 1, (1 << 8191) + 1])
@pytest.mark.parametrize("e", [3, 17, 65537, (1 << 64) - 1])
def test_accepts_the_limits(n: int, e: int) -> None:
    """2048 and 8192 bits; exponents from 3 to 64 bits."""
    numbers = require_rsa_key(spki(n, e)).public_numbers()
    assert (numbers.n, numbers.e) == (n, e)


def test_the_exponent_found_is_named_unless_it_is_long() -> None:
    """So the message helps and stays short."""
    with pytest.raises(RecipientKeyError) as caught:
        require_rsa_key(spki(e=65536))
    assert "65536" in caught.value.problem


def test_an_envelope_names_the_key_by_its_sha_256() -> None:
    """The digest of the SubjectPublicKeyInfo, as KMS does."""
    assert hashlib.sha256(GOOD).digest() in encrypt(b"", GOOD)
    assert decrypt(encrypt(b"", GOOD), KEY) == b""


def test_the_error_survives_pickle() -> None:
    """With reason and problem."""
    with pytest.raises(RecipientKeyError) as caught:
        require_rsa_key(b"")
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - made in this line
    assert (again.reason, again.problem) == (caught.value.reason, caught.value.problem)
    assert isinstance(again, NitroAttestError)
    assert not isinstance(again, PolicyError)
