"""Change single certificates of a fake chain and sign them again with the right key.

A position and a change of the part that is signed come in, a chain goes out whose signatures are
all good unless a key was changed; `has_bad_signature` says which, without the code under test. With
a wrong signature no later rule would be reached.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Final, final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import load_der_public_key

from nitro_attest import TrustAnchor
from nitro_attest.testing import ENCLAVE_MODULE_ID, FakeNitro
from support.mutators.der import element, split

SEED: Final = b"NEVER_TRUST evidence seed"
NOW: Final = datetime(2026, 1, 3, 12, 30, tzinfo=UTC)
LEAF_PLACE: Final = 4
ECDSA_WITH_SHA384: Final = bytes.fromhex("300a06082a8648ce3d040303")
ChangeFields = Callable[[list[bytes]], list[bytes]]
_KEY_FIELD: Final = 6  # of a TBSCertificate with a version
_DETERMINISTIC: Final = ec.ECDSA(SHA384(), deterministic_signing=True)


@final
@dataclass(frozen=True, slots=True)
class Altered:
    """A chain, root first and leaf last, and the key that signs for each certificate."""

    certificates: tuple[bytes, ...]
    keys: tuple[ec.EllipticCurvePrivateKey, ...]

    @property
    def cabundle(self) -> tuple[bytes, ...]:
        """Return all but the leaf."""
        return self.certificates[:-1]

    @property
    def leaf(self) -> bytes:
        """Return the last certificate."""
        return self.certificates[-1]


@cache
def fake_nitro() -> FakeNitro:
    """Return the fake whose chains are changed; it is the same on every run."""
    return FakeNitro(seed=SEED, now=NOW)


@cache
def fake_chain_at_now() -> Altered:
    """Return the unchanged chain of the fake's enclave at `NOW`."""
    chain = fake_nitro().chain(ENCLAVE_MODULE_ID, NOW)
    return Altered((*chain.cabundle, chain.certificate), (*chain.authority_keys, chain.leaf_key))


def signed_part(certificate: bytes) -> bytes:
    """Return the TBSCertificate with its tag and length."""
    ((_, content),) = split(certificate) or [(0, b"")]
    tag, first = (split(content) or [(0, b"")])[0]
    return element(tag, first)


def with_fields(part: bytes, changed: ChangeFields) -> bytes:
    """Change the fields of a signed part, each given with its tag and length."""
    fields = [element(*field) for field in (split((split(part) or [(0, b"")])[0][1]) or [])]
    return element(0x30, *changed(fields))


def sign_part(part: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """Make a certificate of a signed part; what the part says of its algorithm stays as it is."""
    signature = key.sign(part, _DETERMINISTIC)
    return element(0x30, part, ECDSA_WITH_SHA384, element(0x03, b"\x00", signature))


def change(chain: Altered, place: int, changed: Callable[[bytes], bytes]) -> Altered:
    """Change the signed part of one certificate and sign it with its issuer's key."""
    part = changed(signed_part(chain.certificates[place]))
    certificate = sign_part(part, chain.keys[max(place - 1, 0)])
    return Altered(
        (*chain.certificates[:place], certificate, *chain.certificates[place + 1 :]), chain.keys
    )


def anchor_of(chain: Altered) -> TrustAnchor:
    """Trust the chain's own root, as a test may.

    Raises:
        PolicyError: The root breaks a rule that a trust anchor is held to.

    """
    root = chain.certificates[0]
    return TrustAnchor(
        name="NEVER_TRUST", certificate=root, sha256=hashlib.sha256(root).hexdigest()
    )


def has_bad_signature(chain: Altered) -> bool:
    """Return whether the key in one certificate did not sign the next, by the plain primitive."""
    keys = [public_key(certificate) for certificate in chain.certificates]
    return not all(
        _is_signed(certificate, key)
        for key, certificate in zip([keys[0], *keys[:-1]], chain.certificates, strict=True)
    )


def public_key(certificate: bytes) -> bytes | None:
    """Return the SubjectPublicKeyInfo of a certificate, or None if there is none."""
    parts = split(certificate)
    outer = split(parts[0][1]) if parts else None
    fields = split(outer[0][1]) if outer else None
    return element(*fields[_KEY_FIELD]) if fields and len(fields) > _KEY_FIELD else None


def _is_signed(certificate: bytes, spki: bytes | None) -> bool:
    parts = split(certificate)
    outer = split(parts[0][1]) if parts else None
    if spki is None or outer is None or len(outer) != 3:
        return False
    try:
        key = load_der_public_key(spki)
    except Exception:  # noqa: BLE001 - whatever it is that cannot be loaded, it is no key that signs
        return False
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return False
    try:
        key.verify(outer[2][1][1:], element(*outer[0]), ec.ECDSA(SHA384()))
    except InvalidSignature:
        return False
    return True
