"""Keys of the kit: known to everybody, so never to be trusted.

A name that begins with NEVER_TRUST comes in, a P-384 key goes out: the private scalar is
SHA-384(name) modulo (n - 1), plus 1. Signatures are deterministic (RFC 6979), or made with a nonce
scalar that the caller gives (FIPS 186-5 section 6.4.1).
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Final, final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ORDER: Final = ec.SECP384R1().group_order
FIELD_PRIME: Final = 2**384 - 2**128 - 2**96 + 2**32 - 1  # SP 800-186 section 3.2.1.4
SPKI_PREFIX: Final = bytes.fromhex("3076301006072a8648ce3d020106052b81040022036200")
HALF: Final = 48
HASHES: Final = {"SHA256": SHA256(), "SHA384": SHA384(), "SHA512": SHA512()}


@final
@dataclass(frozen=True)
class Key:
    """Hold a P-384 private key."""

    scalar: int

    @cached_property
    def private(self) -> ec.EllipticCurvePrivateKey:
        """Return the key as an object that signs."""
        return ec.derive_private_key(self.scalar, ec.SECP384R1())

    @cached_property
    def point(self) -> bytes:
        """Return the 97 bytes of the uncompressed point."""
        return self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @property
    def spki(self) -> bytes:
        """Return the SubjectPublicKeyInfo, a named curve and an uncompressed point."""
        return SPKI_PREFIX + self.point

    @property
    def identifier(self) -> bytes:
        """Return the key identifier of RFC 5280 section 4.2.1.2, method 1."""
        return hashlib.sha1(self.point, usedforsecurity=False).digest()

    def sign(self, message: bytes, digest: str = "SHA384") -> tuple[int, int]:
        """Sign deterministically; the hash is SHA-384 unless another one is the fault."""
        scheme = ec.ECDSA(HASHES[digest], deterministic_signing=True)
        return decode_dss_signature(self.private.sign(message, scheme))

    def sign_with(self, message: bytes, nonce_scalar: int) -> tuple[int, int]:
        """Sign with a given nonce scalar, to reach rare values of r and s."""
        r = point_x(nonce_scalar) % ORDER
        return r, pow(nonce_scalar, -1, ORDER) * (digest_number(message) + r * self.scalar) % ORDER


def named_key(name: str) -> Key:
    """Derive the key of a name."""
    if not name.startswith("NEVER_TRUST_"):
        raise ValueError(name)
    return Key(int.from_bytes(hashlib.sha384(name.encode()).digest(), "big") % (ORDER - 1) + 1)


def digest_number(message: bytes) -> int:
    """Return the SHA-384 digest as ECDSA uses it."""
    return int.from_bytes(hashlib.sha384(message).digest(), "big")


def point_x(scalar: int) -> int:
    """Return the x coordinate of a multiple of the generator."""
    return int.from_bytes(Key(scalar).point[1 : 1 + HALF], "big")


def raw(r: int, s: int) -> bytes:
    """Write a signature as COSE does: r and s of 48 bytes each (RFC 9053 section 2.1)."""
    return r.to_bytes(HALF, "big") + s.to_bytes(HALF, "big")


NEVER_TRUST_ROOT: Final = named_key("NEVER_TRUST_ROOT")
NEVER_TRUST_REGIONAL: Final = named_key("NEVER_TRUST_REGIONAL")
NEVER_TRUST_ZONAL: Final = named_key("NEVER_TRUST_ZONAL")
NEVER_TRUST_INSTANCE: Final = named_key("NEVER_TRUST_INSTANCE")
NEVER_TRUST_LEAF: Final = named_key("NEVER_TRUST_LEAF")
NEVER_TRUST_STRANGER: Final = named_key("NEVER_TRUST_STRANGER")
