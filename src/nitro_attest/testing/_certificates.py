"""Certificates in AWS's profile (AWS attestation process, 3.2.3), for names that nobody trusts.

No certificate here names a root of AWS or is signed by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID


@final
@dataclass(frozen=True, slots=True)
class FakeChain:
    """The certificates of one module, root first, in DER, and their keys in the same order."""

    cabundle: tuple[bytes, ...]
    certificate: bytes
    leaf_key: ec.EllipticCurvePrivateKey
    authority_keys: tuple[ec.EllipticCurvePrivateKey, ...]


@final
@dataclass(frozen=True, slots=True)
class Authority:
    """The name and the key of one certificate's subject."""

    name: x509.Name
    key: ec.EllipticCurvePrivateKey


def distinguished_name(common_name: str) -> x509.Name:
    """Make the name of a subject, whose organisation is NEVER_TRUST."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "NEVER_TRUST"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _key_usage(*uses: str) -> x509.KeyUsage:
    every = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{use: use in uses for use in every})


Extensions = Sequence[tuple[x509.ExtensionType, bool]]
_ROOT_USES: Final = _key_usage("digital_signature", "key_cert_sign", "crl_sign")
ROOT_EXTENSIONS: Final[Extensions] = (
    (x509.BasicConstraints(ca=True, path_length=None), True),
    (_ROOT_USES, True),
)
LEAF_EXTENSIONS: Final[Extensions] = (
    (x509.BasicConstraints(ca=False, path_length=None), True),
    (_key_usage("digital_signature", "content_commitment"), False),
)
_REVOCATION_LIST: Final = x509.CRLDistributionPoints(
    [
        x509.DistributionPoint(
            [x509.UniformResourceIdentifier("http://never-trust.invalid/fake.crl")],
            None,
            None,
            None,
        )
    ]
)


def authority_extensions(path_length: int, issuer: Authority, subject: Authority) -> Extensions:
    """Return what AWS writes into its regional (2), zonal (1) and instance (0) certificates."""
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=True, path_length=path_length), True),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), False),
        (x509.SubjectKeyIdentifier.from_public_key(subject.key.public_key()), False),
    ]
    if path_length == 0:
        return [*extensions, (_key_usage("key_cert_sign"), True)]
    return [*extensions, (_ROOT_USES, True), (_REVOCATION_LIST, False)]


def certify(
    subject: Authority,
    issuer: Authority,
    serial: int,
    valid: tuple[datetime, datetime],
    extensions: Extensions,
) -> bytes:
    """Issue one certificate, as DER; the same input gives the same bytes."""
    builder = x509.CertificateBuilder(
        issuer_name=issuer.name,
        subject_name=subject.name,
        public_key=subject.key.public_key(),
        serial_number=serial,
        not_valid_before=valid[0].replace(tzinfo=None),
        not_valid_after=valid[1].replace(tzinfo=None),
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer.key, SHA384(), ecdsa_deterministic=True).public_bytes(Encoding.DER)
