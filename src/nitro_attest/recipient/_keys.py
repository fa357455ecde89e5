"""Read an attested RSA public key, or say what is wrong with it.

The sources are RFC 5280 section 4.1 and RFC 3279 section 2.3.1 (SubjectPublicKeyInfo). The key is
accepted in its one DER encoding, so its SHA-256 names it; no work depends on more than its length.
"""

from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from nitro_attest import PolicyError
from nitro_attest.recipient._ber import (
    BIT_STRING,
    INTEGER,
    NULL,
    OBJECT_IDENTIFIER,
    SEQUENCE,
    MalformedBerError,
    Reader,
    element,
)
from nitro_attest.recipient._errors import RecipientKeyError, RecipientKeyReason

MIN_KEY_BITS: Final = 2048  # what KMS asks for
MAX_KEY_BITS: Final = 8192
_MIN_EXPONENT: Final = 3
_MAX_EXPONENT_BITS: Final = 64  # OpenSSL's own limit for moduli over 3,072 bits; bounds the work
_RSA: Final = bytes.fromhex("2a864886f70d010101")  # 1.2.840.113549.1.1.1
_RSA_OF_ONE_USE: Final = (
    bytes.fromhex("2a864886f70d010107"),  # 1.2.840.113549.1.1.7, RSAES-OAEP
    bytes.fromhex("2a864886f70d01010a"),  # 1.2.840.113549.1.1.10, RSASSA-PSS
)
_OTHER_BYTES: Final = "other bytes"
_NOT_DER: Final = "negative or padded numbers, or BER that is not DER"
_ADVICE: Final = "attest RecipientKey.generate().public_key, or an RSA SubjectPublicKeyInfo in DER"


def require_rsa_key(public_key: bytes) -> RSAPublicKey:
    """Return the RSA public key that a verified document attests, ready for use.

    `public_key` is `result.require_public_key()`: a DER SubjectPublicKeyInfo of an RSA key of 2048
    to 8192 bits with an odd public exponent from 3 to 2**64 - 1.

    Raises:
        RecipientKeyError: `key.*`; the text says what was expected and what was found.
        PolicyError: `public_key` isn't bytes.

    """
    modulus, exponent = _read(public_key)
    bits = modulus.bit_length()
    if bits < MIN_KEY_BITS:
        raise RecipientKeyError(
            RecipientKeyReason.TOO_SHORT, f"expected at least {MIN_KEY_BITS} bits, found {bits}"
        )
    if bits > MAX_KEY_BITS:
        raise RecipientKeyError(
            RecipientKeyReason.TOO_LONG, f"expected at most {MAX_KEY_BITS} bits, found {bits}"
        )
    if modulus % 2 == 0:
        raise RecipientKeyError(
            RecipientKeyReason.MODULUS,
            "expected the product of two odd primes, found an even number",
        )
    if exponent < _MIN_EXPONENT or exponent % 2 == 0 or exponent.bit_length() > _MAX_EXPONENT_BITS:
        raise RecipientKeyError(
            RecipientKeyReason.EXPONENT,
            "expected an odd public exponent from 3 to 2**64 - 1, such as 65537; found "
            + _describe(exponent),
        )
    return RSAPublicNumbers(exponent, modulus).public_key()


def encode_public_key(modulus: int, exponent: int) -> bytes:
    """Write a SubjectPublicKeyInfo in DER."""
    key = element(SEQUENCE, _integer(modulus), _integer(exponent))
    algorithm = element(SEQUENCE, element(OBJECT_IDENTIFIER, _RSA), NULL)
    return element(SEQUENCE, algorithm, element(BIT_STRING, b"\x00", key))


def _read(public_key: object) -> tuple[int, int]:
    """Return modulus and exponent of a SubjectPublicKeyInfo."""
    if public_key is None or public_key == b"":
        raise RecipientKeyError(
            RecipientKeyReason.ABSENT,
            f"expected a key, found none: demand Present(), and {_ADVICE}",
        )
    if not isinstance(public_key, bytes):
        raise PolicyError("public_key", "expected bytes: a SubjectPublicKeyInfo in DER")
    try:
        modulus, exponent = _read_numbers(_read_bit_string(Reader(public_key)))
    except MalformedBerError:
        raise _encoding(_OTHER_BYTES) from None
    if encode_public_key(modulus, exponent) != public_key:
        raise _encoding(_NOT_DER)
    return modulus, exponent


def _read_bit_string(reader: Reader) -> bytes:
    """Return the RSAPublicKey that a SubjectPublicKeyInfo holds."""
    with reader.inside(SEQUENCE):
        if reader.next_is(INTEGER):
            reader.primitive(INTEGER)
            reader.primitive(INTEGER)
            raise RecipientKeyError(
                RecipientKeyReason.PKCS1,
                f"expected SubjectPublicKeyInfo, found PKCS#1: {_ADVICE}",
            )
        with reader.inside(SEQUENCE):
            _require_rsa(reader.primitive(OBJECT_IDENTIFIER))
            reader.expect(NULL)  # RFC 3279 2.3.1
        bits = reader.primitive(BIT_STRING)
    _require_finished(reader)
    if bits[:1] != b"\x00":  # whole octets
        raise MalformedBerError
    return bits[1:]


def _read_numbers(encoded: bytes) -> tuple[int, int]:
    reader = Reader(encoded)
    with reader.inside(SEQUENCE):
        modulus, exponent = reader.primitive(INTEGER), reader.primitive(INTEGER)
    _require_finished(reader)
    return int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big")


def _require_rsa(algorithm: bytes) -> None:
    if algorithm in _RSA_OF_ONE_USE:
        raise RecipientKeyError(
            RecipientKeyReason.RSA_PSS,
            "expected rsaEncryption, found a key for RSASSA-PSS or RSAES-OAEP alone: "
            f"{_ADVICE} with the algorithm rsaEncryption",
        )
    if algorithm != _RSA:
        raise RecipientKeyError(
            RecipientKeyReason.NOT_RSA,
            f"expected an RSA key, found a key of another algorithm: {_ADVICE}",
        )


def _require_finished(reader: Reader) -> None:
    if not reader.finished():
        raise RecipientKeyError(
            RecipientKeyReason.TRAILING_DATA, "expected nothing after the key, found more bytes"
        )


def _encoding(found: str) -> RecipientKeyError:
    return RecipientKeyError(
        RecipientKeyReason.ENCODING,
        f"expected a SubjectPublicKeyInfo in DER, not PEM, found {found}: {_ADVICE}",
    )


def _integer(value: int) -> bytes:
    return element(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _describe(exponent: int) -> str:
    if exponent.bit_length() > _MAX_EXPONENT_BITS:
        return f"one of {exponent.bit_length()} bits"
    return str(exponent)
