"""AWS's certificate profile (attestation process 3.2.3; RFC 5280 section 4): a flat list of rules.

Everything that one certificate shows by itself is checked here; not its signature, its place in a
chain, or a time. `docs/spec/verification.md` explains each rule by the number at its line.
"""

from enum import Enum
from typing import Final, final

from nitro_attest._core import es384
from nitro_attest._core.certificate import BASIC_CONSTRAINTS, KEY_USAGE, Certificate
from nitro_attest._core.errors import Reason, rejected

_ECDSA_WITH_SHA384: Final = bytes.fromhex("300a06082a8648ce3d040303")  # RFC 5758 3.2
_SERIALS: Final = 1 << 167  # 21 octets: RFC 5280 4.1.2.2 says 20, and AWS writes 20 random ones
_EMPTY_NAME: Final = b"\x30\x00"
_UNDERSTOOD: Final = frozenset({BASIC_CONSTRAINTS.oid, KEY_USAGE.oid})
# Each narrows what a certificate may be used for, in a way that AWS does not use and that is not
# evaluated here.
_NARROWING: Final = frozenset(
    {
        bytes.fromhex("551d1e"),  # V-62: RFC 5280 4.2.1.10, nameConstraints
        bytes.fromhex("551d21"),  # V-62: 4.2.1.5, policyMappings
        bytes.fromhex("551d24"),  # V-62: 4.2.1.11, policyConstraints
        bytes.fromhex("551d25"),  # V-62: 4.2.1.12, extKeyUsage
        bytes.fromhex("551d36"),  # V-62: 4.2.1.14, inhibitAnyPolicy
    }
)
_DIGITAL_SIGNATURE, _KEY_CERT_SIGN = 0x80, 0x04  # 4.2.1.3: bits 0 and 5


@final
class Role(Enum):
    """What a certificate is in its chain for."""

    CA = "CA certificate"
    LEAF = "leaf certificate"


def check_profile(certificate: Certificate, role: Role, place: str) -> None:
    """Check one certificate against the profile of its role; `place` names it in a rejection.

    Raises:
        UntrustedDocumentError: `chain.certificate`, `chain.algorithm`, `chain.key`,
            `chain.subject`, `chain.signature` (not two integers in range), `chain.extension`,
            `chain.not_a_ca`, `chain.key_usage`.

    """
    _check_fields(certificate, place)
    _check_extensions(certificate, place)
    if role is Role.CA:
        _check_ca(certificate, place)
    else:
        _check_leaf(certificate, place)


def _check_fields(certificate: Certificate, place: str) -> None:
    if not 0 < certificate.serial < _SERIALS:  # V-53
        raise rejected(Reason.CHAIN_CERTIFICATE, f"{place}: serial number", "at most 21 octets")
    if certificate.algorithm != _ECDSA_WITH_SHA384:  # V-54
        raise rejected(Reason.CHAIN_ALGORITHM, place, "ecdsa-with-SHA384")
    if certificate.outer_algorithm != _ECDSA_WITH_SHA384:  # V-54
        raise rejected(Reason.CHAIN_ALGORITHM, place, "ecdsa-with-SHA384")
    if not es384.is_public_key(certificate.public_key):  # V-55
        raise rejected(Reason.CHAIN_KEY, place, "a named-curve P-384 key")
    if _EMPTY_NAME in (certificate.issuer, certificate.subject):  # V-56
        raise rejected(Reason.CHAIN_SUBJECT, place, "names that are not empty")
    if not es384.is_der_signature(certificate.signature):  # V-59
        raise rejected(Reason.CHAIN_SIGNATURE, place, "two integers in 1 to n-1, in DER")


def _check_extensions(certificate: Certificate, place: str) -> None:
    oids = [extension.oid for extension in certificate.extensions]
    if len(set(oids)) != len(oids):  # V-60
        raise rejected(Reason.CHAIN_EXTENSION, place, "no extension twice")
    critical = {extension.oid for extension in certificate.extensions if extension.critical}
    for oid in critical - _UNDERSTOOD:  # V-61
        subject = f"{place}: extension {oid.hex()}"
        raise rejected(Reason.CHAIN_EXTENSION, subject, "none that is not understood")
    for oid in _NARROWING.intersection(oids):  # V-62
        subject = f"{place}: extension {oid.hex()}"
        raise rejected(Reason.CHAIN_EXTENSION, subject, "none that is not understood")


def _check_ca(certificate: Certificate, place: str) -> None:
    if not certificate.is_ca:  # V-63
        raise rejected(Reason.CHAIN_NOT_A_CA, place)
    if not certificate.is_critical(BASIC_CONSTRAINTS):  # V-63
        raise rejected(Reason.CHAIN_EXTENSION, f"{place}: basicConstraints", "critical")
    if not (certificate.key_usage or 0) & _KEY_CERT_SIGN:  # V-65
        raise rejected(Reason.CHAIN_KEY_USAGE, place, "keyCertSign")


def _check_leaf(certificate: Certificate, place: str) -> None:
    if certificate.is_ca is not False:  # V-64
        raise rejected(Reason.CHAIN_EXTENSION, f"{place}: basicConstraints", "critical, not a CA")
    if not certificate.is_critical(BASIC_CONSTRAINTS):  # V-64
        raise rejected(Reason.CHAIN_EXTENSION, f"{place}: basicConstraints", "critical, not a CA")
    uses = certificate.key_usage or 0
    if not uses & _DIGITAL_SIGNATURE:  # V-66
        raise rejected(Reason.CHAIN_KEY_USAGE, place, "digitalSignature without keyCertSign")
    if uses & _KEY_CERT_SIGN:  # V-66
        raise rejected(Reason.CHAIN_KEY_USAGE, place, "digitalSignature without keyCertSign")
