"""Tell whether an ECDSA signature on P-384 with SHA-384 is good (FIPS 186-5).

Two implementations of P-384 can do the arithmetic. Everything else (the forms of keys and of
signatures, the range of r and s) is decided before either is asked, so that no verdict depends on
which it is. High s is accepted: half of AWS's signatures have it.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import lru_cache
from hashlib import sha384
from typing import Final, TypeAlias, final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA384

from nitro_attest._core.errors import MissingExtraError, PolicyError

SIGNATURE_BYTES: Final = 96  # RFC 9053 section 2.1: r and s of 48 bytes each
P384_ORDER: Final = int(  # FIPS 186-5 via SP 800-186 section 3.2.1.4
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    16,
)
P384_PRIME: Final = 2**384 - 2**128 - 2**96 + 2**32 - 1  # the same section
P384_B: Final = int(  # the same section
    "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef",
    16,
)
_COORDINATE_BYTES: Final = 48
_UNCOMPRESSED: Final = b"\x04"  # RFC 5480 section 2.2
SPKI_PREFIX: Final = bytes.fromhex(
    "3076301006072a8648ce3d020106052b81040022036200"
)  # RFC 5480: ecPublicKey, secp384r1, 97 bytes
SPKI_BYTES: Final = len(SPKI_PREFIX) + 97  # RFC 5480 section 2.2: 0x04, x and y of 48 bytes each

# Only keys whose chain has been proven get as far as a signature check, so nobody else can push out
# one that is in use.
_MAX_LOADED_KEYS: Final = 1024  # about 2 kB each


@final
class SignatureBackend(StrEnum):
    """An implementation of P-384; it checks every signature, of documents and of certificates.

    `AWS_LC` (`awscrt`, the extra `aws-lc`) takes little more than half the time, but other threads
    wait meanwhile: for processes that verify one document at a time. `CRYPTOGRAPHY` (OpenSSL) lets
    other threads run: for many threads in one process.
    """

    AWS_LC = "aws-lc"
    CRYPTOGRAPHY = "cryptography"


_Check: TypeAlias = Callable[[bytes, bytes, bytes], bool]
"""Takes a key (SubjectPublicKeyInfo), a signature (DER, r and s in range) and the message."""

_choice: tuple[SignatureBackend, _Check] | None = None


def signature_backend() -> SignatureBackend:
    """Return what checks signatures in this process: AWS-LC if installed, unless told otherwise."""
    return _chosen()[0]


def use_signature_backend(backend: SignatureBackend) -> None:
    """Choose what checks signatures in this process. Call it at start, before the first `verify`.

    No verdict depends on it, only speed.

    Raises:
        PolicyError: `backend` is no `SignatureBackend`.
        MissingExtraError: Its package is not installed; install the extra `aws-lc`.

    """
    global _choice  # noqa: PLW0603 - one choice for each process
    if type(backend) is not SignatureBackend:
        raise PolicyError("signature_backend", "expected a SignatureBackend")
    try:
        _choice = backend, _BUILDERS[backend]()
    except ImportError:
        raise MissingExtraError(str(SignatureBackend.AWS_LC)) from None


def is_public_key(spki: bytes) -> bool:
    """Tell whether `spki` is a named-curve P-384 key, its point uncompressed and on the curve.

    The point is put into the equation here (SP 800-56A section 5.6.2.3.3; the cofactor is 1, so no
    more is to be shown), which takes a quarter of the time that loading the key takes. Whichever
    library uses the key loads it, and checks the point again.
    """
    if len(spki) != SPKI_BYTES or not spki.startswith(SPKI_PREFIX + _UNCOMPRESSED):  # V-55
        return False
    x = int.from_bytes(spki[-2 * _COORDINATE_BYTES : -_COORDINATE_BYTES], "big")
    y = int.from_bytes(spki[-_COORDINATE_BYTES:], "big")
    is_on_curve = (x * x * x - 3 * x + P384_B - y * y) % P384_PRIME == 0
    return max(x, y) < P384_PRIME and is_on_curve  # V-55


def is_good_signature(spki: bytes, signature: bytes, message: bytes) -> bool:
    """Tell whether the owner of `spki`, which `is_public_key` accepts, made these 96 bytes."""
    if len(signature) != SIGNATURE_BYTES:  # V-29
        return False
    r = int.from_bytes(signature[:48], "big")
    s = int.from_bytes(signature[48:], "big")
    if not are_in_range(r, s):  # V-77
        return False
    _, check = _chosen()
    return check(spki, encode_dss_signature(r, s), message)


def is_der_signature(signature: bytes) -> bool:
    """Tell whether `signature` is two integers in range, in DER (RFC 3279 section 2.2.3)."""
    try:
        r, s = decode_dss_signature(signature)
    except ValueError:  # V-59
        return False
    return are_in_range(r, s) and encode_dss_signature(r, s) == signature  # V-59


def is_good_der_signature(spki: bytes, signature: bytes, message: bytes) -> bool:
    """Tell the same of a signature in DER, as certificates have it."""
    _, check = _chosen()
    return is_der_signature(signature) and check(spki, signature, message)  # V-75


def are_in_range(r: int, s: int) -> bool:
    """Tell whether both halves of a signature are in 1 .. n-1 (FIPS 186-5 section 6.4.2)."""
    return 0 < r < P384_ORDER and 0 < s < P384_ORDER  # V-59, V-77


def _load(spki: bytes) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), spki[len(SPKI_PREFIX) :])


def _chosen() -> tuple[SignatureBackend, _Check]:
    """Return the choice of the application, or else AWS-LC if it is installed."""
    global _choice  # noqa: PLW0603 - as above
    if _choice is None:
        try:
            _choice = SignatureBackend.AWS_LC, _aws_lc()
        except ImportError:
            _choice = SignatureBackend.CRYPTOGRAPHY, _cryptography()
    return _choice


def _aws_lc() -> _Check:
    # An extra, and slow to import; it has annotations, but no py.typed.
    from awscrt.crypto import EC  # noqa: PLC0415 # pyright: ignore[reportMissingTypeStubs] - an extra

    load = lru_cache(_MAX_LOADED_KEYS)(EC.new_key_from_der_data)

    def check(spki: bytes, signature: bytes, message: bytes) -> bool:
        return load(spki).verify(sha384(message).digest(), signature) is True

    return check


def _cryptography() -> _Check:
    algorithm = ec.ECDSA(SHA384())  # made here because its making is a long import
    load = lru_cache(_MAX_LOADED_KEYS)(_load)

    def check(spki: bytes, signature: bytes, message: bytes) -> bool:
        try:
            load(spki).verify(signature, message, algorithm)
        except InvalidSignature:
            return False
        return True

    return check


_BUILDERS: Final[Mapping[SignatureBackend, Callable[[], _Check]]] = {
    SignatureBackend.AWS_LC: _aws_lc,
    SignatureBackend.CRYPTOGRAPHY: _cryptography,
}
