"""KMS keys as this broker has them, and how each is kept as a record."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final, final

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from nitro_attest_broker._json import write_object
from nitro_attest_broker._records import Kind, Record
from nitro_attest_broker._sealing import KEY_BYTES

SYMMETRIC: Final = "SYMMETRIC_DEFAULT"
ENCRYPT_DECRYPT: Final = "ENCRYPT_DECRYPT"
KEY_AGREEMENT: Final = "KEY_AGREEMENT"
RSA_BITS: Final = {"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096}
CURVES: Final[Mapping[str, type[ec.EllipticCurve]]] = {
    "ECC_NIST_P256": ec.SECP256R1,
    "ECC_NIST_P384": ec.SECP384R1,
    "ECC_NIST_P521": ec.SECP521R1,
}
RSA_ALGORITHMS: Final = ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256")
MAX_ROTATIONS: Final = 25  # KMS quota on rotations on demand

ATTESTED_TAG: Final = "nitro-attest:attested"
FRESH_NONCE_TAG: Final = "nitro-attest:fresh-nonce"
RESERVED_TAG_PREFIX: Final = "nitro-attest:"
DAY: Final = 86_400  # s


def is_reserved_tag(name: str) -> bool:
    """Whether a tag is one of the broker's own, or could be taken for one: in capitals, say."""
    return name.strip().casefold().startswith(RESERVED_TAG_PREFIX)


@final
class KeyState(StrEnum):
    """The states of a key that this broker has."""

    ENABLED = "Enabled"
    DISABLED = "Disabled"
    PENDING_DELETION = "PendingDeletion"


@final
@dataclass(frozen=True, slots=True)
class Material:
    """One material of a symmetric key: its id, when it was made (Unix time, s), and why."""

    material_id: str
    created: int
    rotation: str  # "", "AUTOMATIC" or "ON_DEMAND"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One version of a KMS key.

    Its secrets are the materials of a symmetric key, oldest first, or one private key as PKCS #8.
    """

    key_id: str
    version: int
    state: KeyState
    spec: str
    usage: str
    description: str
    created: int
    policy: str
    tags: Mapping[str, str]
    materials: tuple[Material, ...]
    secrets: tuple[bytes, ...] = field(repr=False)
    rotation_days: int | None = None
    next_rotation: int | None = None
    deletion: int | None = None
    window_days: int | None = None

    @property
    def attested(self) -> bool:
        """Whether plaintext leaves this key only for an attested public key."""
        return self.tags.get(ATTESTED_TAG) == "true"

    @property
    def fresh_nonce(self) -> bool:
        """Whether documents for this key must carry a nonce of this broker."""
        return self.tags.get(FRESH_NONCE_TAG) == "true"

    @property
    def symmetric(self) -> bool:
        """Whether this is a key for AES-256-GCM."""
        return self.spec == SYMMETRIC

    @property
    def policy_digest(self) -> str:
        """SHA-256 of the key policy, in hexadecimal."""
        return sha256(self.policy.encode()).hexdigest()

    def changed(self, **changes: Any) -> "Key":  # noqa: ANN401 - the fields of this class
        """Return the next version of this key, with changes."""
        return replace(self, version=self.version + 1, **changes)

    def with_material(self, material: Material, secret: bytes) -> "Key":
        """Return this version with its first material."""
        return replace(self, materials=(material,), secrets=(secret,))

    def with_private_key(self, private_key: bytes) -> "Key":
        """Return this version with its private key."""
        return replace(self, secrets=(private_key,))

    def rotated(self, now: int, rotation: str) -> "Key":
        """Return the next version of a symmetric key, with one more material."""
        material, secret = new_material(now, rotation)
        due = None if self.rotation_days is None else now + self.rotation_days * DAY
        return self.changed(
            materials=(*self.materials, material),
            secrets=(*self.secrets, secret),
            next_rotation=due if rotation == "AUTOMATIC" else self.next_rotation,
        )

    def private_key(self) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
        """Return the private key of an asymmetric key."""
        loaded = load_der_private_key(self.secrets[0], password=None)
        if not isinstance(loaded, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise TypeError(type(loaded))  # never written by `new_secret`
        return loaded

    def public_key(self) -> bytes:
        """Return the public key of an asymmetric key, as SubjectPublicKeyInfo."""
        public = self.private_key().public_key()
        return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def to_record(self) -> Record:
        """Return the record; everything but the secrets is its content."""
        content = {
            "state": self.state.value,
            "spec": self.spec,
            "usage": self.usage,
            "description": self.description,
            "created": self.created,
            "policy": self.policy,
            "tags": dict(self.tags),
            "materials": [[m.material_id, m.created, m.rotation] for m in self.materials],
            "rotation_days": self.rotation_days,
            "next_rotation": self.next_rotation,
            "deletion": self.deletion,
            "window_days": self.window_days,
        }
        return Record(
            kind=Kind.KEY,
            name=self.key_id,
            version=self.version,
            parent="",
            content=write_object(content),
            secret=b"".join(self.secrets),
        )


def key_of(record: Record) -> Key:
    """Return the key of an authentic record, so one that `to_record` wrote."""
    content: dict[str, Any] = json.loads(record.content)
    symmetric = content["spec"] == SYMMETRIC
    size = KEY_BYTES if symmetric else len(record.secret)
    parts = range(0, len(record.secret), size)
    return Key(
        key_id=record.name,
        version=record.version,
        state=KeyState(content.pop("state")),
        materials=tuple(Material(*entry) for entry in content.pop("materials")),
        secrets=tuple(record.secret[start : start + size] for start in parts),
        **content,
    )


def new_material(now: int, rotation: str) -> tuple[Material, bytes]:
    """Draw the material of a symmetric key."""
    return Material(secrets.token_hex(32), now, rotation), secrets.token_bytes(KEY_BYTES)


def new_private_key(spec: str) -> bytes:
    """Make a private key for one of `RSA_BITS` or `CURVES`, as PKCS #8."""
    key = (
        rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS[spec])
        if spec in RSA_BITS
        else ec.generate_private_key(CURVES[spec]())
    )
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
