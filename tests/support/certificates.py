"""A forge for chains and documents with any one fault.

Every certificate is a record of raw DER parts that a test may replace. All keys are made here from
fixed numbers and named NEVER_TRUST; nothing made here verifies under a root of AWS.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from nitro_attest import TrustAnchor

NOW = datetime(2026, 1, 3, 20, 41, 7, 402000, tzinfo=UTC)
MODULE_ID = "i-0fa4e0fa4e0fa4e0f-enc0fa4e0fa4e0fa4e0"
LEAF = 4
AUTHORITIES = ("NEVER.TRUST root", "regional", "zonal", "instance")

SEQUENCE, SET, INTEGER, BOOLEAN, OCTETS, BITS, OID, UTF8 = (
    0x30,
    0x31,
    0x02,
    0x01,
    0x04,
    0x03,
    0x06,
    0x0C,
)
PRINTABLE = 0x13
ECDSA_WITH_SHA384 = bytes.fromhex("300a06082a8648ce3d040303")
ECDSA_WITH_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
VERSION_3 = bytes.fromhex("a003020102")

Edit = Callable[["Spec"], "Spec"]


def der(tag: int, *parts: bytes) -> bytes:
    """Encode one DER element."""
    content = b"".join(parts)
    size = len(content)
    length = (
        bytes([size])
        if size < 0x80
        else bytes([0x81, size])
        if size < 0x100
        else b"\x82" + size.to_bytes(2, "big")
    )
    return bytes([tag]) + length + content


def integer(value: int) -> bytes:
    """Encode an INTEGER in its shortest form."""
    return der(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def twin(signature: bytes) -> bytes:
    """Return the other signature that is as good: (r, n - s)."""
    r, s = decode_dss_signature(signature)
    return der(SEQUENCE, integer(r), integer(ec.SECP384R1().group_order - s))


def name(common_name: str, string: int = UTF8) -> bytes:
    """Encode a subject of one common name."""
    return der(
        SEQUENCE,
        der(SET, der(SEQUENCE, bytes.fromhex("0603550403"), der(string, common_name.encode()))),
    )


def time(at: datetime) -> bytes:
    """Encode a validity date in the form its year demands."""
    if at.year < 2050:
        return der(0x17, at.strftime("%y%m%d%H%M%SZ").encode())
    return der(0x18, at.strftime("%Y%m%d%H%M%SZ").encode())


def extension(arc: int, value: bytes, *, critical: bool | None = None) -> bytes:
    """Encode an extension of the id-ce arc (2.5.29.arc)."""
    flag = b"" if critical is None else der(BOOLEAN, b"\xff" if critical else b"\x00")
    return der(SEQUENCE, der(OID, bytes([0x55, 0x1D, arc])), flag, der(OCTETS, value))


def basic_constraints(*parts: bytes, critical: bool | None = True) -> bytes:
    """Encode basicConstraints; pass `CA` and perhaps an INTEGER."""
    return extension(19, der(SEQUENCE, *parts), critical=critical)


def key_usage(bits: int, *, critical: bool | None = True) -> bytes:
    """Encode keyUsage from the first octet of its bits; the highest is digitalSignature."""
    unused = (bits & -bits).bit_length() - 1
    return extension(15, der(BITS, bytes([unused, bits])), critical=critical)


CA = der(BOOLEAN, b"\xff")
DIGITAL_SIGNATURE, NON_REPUDIATION, KEY_CERT_SIGN, CRL_SIGN = 0x80, 0x40, 0x04, 0x02
LEAF_USAGE = key_usage(DIGITAL_SIGNATURE | NON_REPUDIATION, critical=None)
AUTHORITY_USAGE = key_usage(DIGITAL_SIGNATURE | KEY_CERT_SIGN | CRL_SIGN)


@cache
def key(label: str) -> ec.EllipticCurvePrivateKey:
    """Make a P-384 key from its label alone: NEVER_TRUST it."""
    return ec.derive_private_key(
        int.from_bytes(hashlib.sha256(label.encode()).digest(), "big"), ec.SECP384R1()
    )


def public(private: ec.EllipticCurvePrivateKey) -> bytes:
    """Encode the SubjectPublicKeyInfo of a key."""
    return private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True, kw_only=True)
class Spec:
    """Hold the parts of one certificate as DER, and the key that signs it."""

    version: bytes = VERSION_3
    serial: bytes = integer(1)
    algorithm: bytes = ECDSA_WITH_SHA384
    issuer: bytes
    not_before: bytes
    not_after: bytes
    subject: bytes
    public_key: bytes
    after_key: bytes = b""
    extensions: tuple[bytes, ...]
    outer_algorithm: bytes = ECDSA_WITH_SHA384
    unused_bits: int = 0
    signer: ec.EllipticCurvePrivateKey
    signature: Callable[[bytes], bytes] = bytes  # as it was made

    def encode(self) -> bytes:
        """Assemble and sign the certificate."""
        validity = der(SEQUENCE, self.not_before, self.not_after)
        extensions = der(0xA3, der(SEQUENCE, *self.extensions)) if self.extensions else b""
        fields = (
            self.version,
            self.serial,
            self.algorithm,
            self.issuer,
            validity,
            self.subject,
            self.public_key,
        )
        tbs = der(SEQUENCE, *fields, self.after_key, extensions)
        made = self.signature(self.signer.sign(tbs, ec.ECDSA(SHA384(), deterministic_signing=True)))
        return der(SEQUENCE, tbs, self.outer_algorithm, der(BITS, bytes([self.unused_bits]), made))


def specs(module_id: str = MODULE_ID, now: datetime = NOW) -> list[Spec]:
    """Describe AWS's five certificates: root, regional, zonal, instance, leaf."""
    names = [name(common_name) for common_name in (*AUTHORITIES, f"{module_id}.us-east-1.aws")]
    keys = [key(f"NEVER_TRUST {place}") for place in range(5)]
    profile = [
        (timedelta(days=2000), timedelta(days=8000), (basic_constraints(CA), AUTHORITY_USAGE)),
        (
            timedelta(days=2),
            timedelta(days=18),
            (basic_constraints(CA, integer(2)), AUTHORITY_USAGE),
        ),
        (
            timedelta(days=1),
            timedelta(days=5),
            (basic_constraints(CA, integer(1)), AUTHORITY_USAGE),
        ),
        (
            timedelta(hours=1),
            timedelta(hours=23),
            (basic_constraints(CA, integer(0)), key_usage(KEY_CERT_SIGN)),
        ),
        (timedelta(minutes=1), timedelta(hours=2), (basic_constraints(), LEAF_USAGE)),
    ]
    return [
        Spec(
            issuer=names[max(place - 1, 0)],
            not_before=time(now - before),
            not_after=time(now + after),
            subject=names[place],
            public_key=public(keys[place]),
            extensions=extensions,
            signer=keys[max(place - 1, 0)],
        )
        for place, (before, after, extensions) in enumerate(profile)
    ]


def chain(
    edits: Mapping[int, Edit] | None = None, *, module_id: str = MODULE_ID, now: datetime = NOW
) -> list[bytes]:
    """Encode the five certificates, some of them edited; index 4 is the leaf."""
    edited = edits or {}
    return [
        edited.get(place, replace)(spec).encode()
        for place, spec in enumerate(specs(module_id, now))
    ]


def swap(**parts: object) -> Edit:
    """Make an edit that replaces parts of a certificate."""
    return lambda spec: replace(spec, **parts)  # type: ignore[arg-type]  # parts by name


def anchor(root: bytes) -> TrustAnchor:
    """Make the trust anchor for a chain's root."""
    return TrustAnchor(
        name="NEVER_TRUST root", certificate=root, sha256=hashlib.sha256(root).hexdigest()
    )


def payload(certificates: list[bytes], **fields: object) -> dict[str, object]:
    """Make an enclave's payload around a chain; `fields` replaces some or adds others."""
    return {
        "module_id": MODULE_ID,
        "digest": "SHA384",
        "timestamp": 1767472867402,
        "pcrs": {index: bytes([index + 1]) * 48 for index in range(16)},
        "certificate": certificates[-1],
        "cabundle": certificates[:-1],
        "public_key": None,
        "user_data": None,
        "nonce": None,
        **fields,
    }


def signature_of(message: bytes) -> bytes:
    """Sign any bytes with the leaf's key, as r || s."""
    r, s = decode_dss_signature(
        key(f"NEVER_TRUST {LEAF}").sign(message, ec.ECDSA(SHA384(), deterministic_signing=True))
    )
    return r.to_bytes(48, "big") + s.to_bytes(48, "big")


def signature(message_payload: bytes) -> bytes:
    """Sign a payload as COSE_Sign1 does."""
    return signature_of(
        cbor2.dumps(["Signature1", bytes.fromhex("a1013822"), b"", message_payload])
    )


def envelope(message_payload: bytes) -> bytes:
    """Put a payload into a signed envelope, untagged."""
    protected: dict[int, int] = {}
    return cbor2.dumps(
        [bytes.fromhex("a1013822"), protected, message_payload, signature(message_payload)]
    )


def document(fields: Mapping[str, object]) -> bytes:
    """Encode and sign a payload."""
    return envelope(cbor2.dumps(fields))
