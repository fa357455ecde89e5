"""Answer one question: whether an ES384 signature is good (RFC 9053 section 2.1, FIPS 186-5).

A P-384 key as DER SubjectPublicKeyInfo, a 96-byte `r || s` and the signed bytes come in, yes or no goes out. This is
the one seam behind which another implementation of P-384 can be put. High s is accepted: half of AWS's signatures have
it.
"""

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384

SIGNATURE_BYTES: Final = 96  # RFC 9053 section 2.1: r and s of 48 bytes each
P384_ORDER: Final = int(  # FIPS 186-5 via SP 800-186 section 3.2.1.4
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973", 16
)
SPKI_PREFIX: Final = bytes.fromhex(
    "3076301006072a8648ce3d020106052b81040022036200"
)  # RFC 5480: ecPublicKey, secp384r1, 97 bytes
SPKI_BYTES: Final = len(SPKI_PREFIX) + 97  # RFC 5480 section 2.2: 0x04, x and y of 48 bytes each

_ALGORITHM: Final = ec.ECDSA(SHA384())


def is_public_key(spki: bytes) -> bool:
    """Say whether `spki` is exactly a named-curve P-384 key with an uncompressed point that lies on the curve."""
    if len(spki) != SPKI_BYTES or not spki.startswith(SPKI_PREFIX) or spki[len(SPKI_PREFIX)] != 0x04:  # noqa: PLR2004 - SEC 1 2.3.3
        return False
    try:
        _load(spki)
    except ValueError:  # the point is not on the curve, or a coordinate is not below p
        return False
    return True


def is_good_signature(spki: bytes, signature: bytes, message: bytes) -> bool:
    """Say whether `signature` over `message` was made by the owner of `spki`, a key that `is_public_key` approved."""
    if len(signature) != SIGNATURE_BYTES:
        return False
    r = int.from_bytes(signature[:48], "big")
    s = int.from_bytes(signature[48:], "big")
    if not are_in_range(r, s):
        return False
    try:
        _load(spki).verify(encode_dss_signature(r, s), message, _ALGORITHM)
    except InvalidSignature:
        return False
    return True


def are_in_range(r: int, s: int) -> bool:
    """Say whether both halves of a signature are in 1 .. n-1 (FIPS 186-5 section 6.4.2)."""
    return 0 < r < P384_ORDER and 0 < s < P384_ORDER


def _load(spki: bytes) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), spki[len(SPKI_PREFIX) :])
