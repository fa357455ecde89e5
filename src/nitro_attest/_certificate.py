"""Read one certificate and hold it to AWS's profile (RFC 5280 section 4, AWS attestation process 3.2.3).

DER and a role come in, the few facts a chain is judged by go out. Checked here is all that one certificate shows by itself;
never its signature, its place in a chain, or a time.
"""

from datetime import datetime
from enum import Enum
from typing import Final, NamedTuple, TypeVar, final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import ExtensionOID, NameOID

from nitro_attest import _der, _ecdsa
from nitro_attest.errors import Reason, refused

_VERSION_3: Final = bytes.fromhex("a003020102")  # RFC 5280 4.1.2.1: [0] INTEGER 2
_ECDSA_WITH_SHA384: Final = bytes.fromhex("300a06082a8648ce3d040303")  # RFC 5758 section 3.2: no parameters
_CERTIFICATE_TAGS: Final = bytes.fromhex("303003")  # TBSCertificate, algorithm, signature
_NO_UNUSED_BITS: Final = b"\x00"  # X.690 8.6.2.2: a signature is whole octets
_TBS_TAGS: Final = bytes.fromhex("a0023030303030")  # version, serial, algorithm, issuer, validity, subject, public key
_EXTENSIONS_TAG: Final = b"\xa3"
_UTC_TIME: Final = (0x17, 13)  # RFC 5280 4.1.2.5.1: YYMMDDHHMMSSZ
_GENERALIZED_TIME: Final = (0x18, 15)  # RFC 5280 4.1.2.5.2: YYYYMMDDHHMMSSZ
_FIRST_GENERALIZED_YEAR: Final = 2050
_MAX_SERIAL_OCTETS: Final = 21  # RFC 5280 4.1.2.2 says 20; genuine serials of 20 random octets need a leading zero
_EMPTY_NAME: Final = b"\x30\x00"

# RFC 5280 section 4.2: an extension that is critical must be understood; these two are.
_UNDERSTOOD: Final = frozenset({ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE})
# Each narrows what a certificate may be used for in a way AWS's profile has no use for: refused rather than half understood.
_REFUSED: Final = frozenset(
    {
        ExtensionOID.NAME_CONSTRAINTS,
        ExtensionOID.POLICY_CONSTRAINTS,
        ExtensionOID.POLICY_MAPPINGS,
        ExtensionOID.INHIBIT_ANY_POLICY,
        ExtensionOID.EXTENDED_KEY_USAGE,
    }
)

# What `cryptography` answers to names and extensions it can't read. It warns of some it can, such as a common name of more than
# 64 characters; where the relying party makes warnings errors, that is a refusal like any other.
_UNREADABLE_NAME: Final = (ValueError, TypeError, UserWarning)
_UNREADABLE_EXTENSIONS: Final = (  # KeyError: a TLS feature without a name
    *_UNREADABLE_NAME,
    KeyError,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)

_ExtensionT = TypeVar("_ExtensionT", bound=x509.ExtensionType)


@final
class Role(Enum):
    """Say what a certificate is in its chain for."""

    AUTHORITY = "authority"
    LEAF = "leaf"


@final
class Certificate(NamedTuple):
    """Hold what a chain is judged by: plain values, fit to be remembered. Names and the key are the certificate's own DER."""

    der: bytes
    issuer: bytes
    subject: bytes
    public_key: bytes
    not_before: datetime
    not_after: datetime
    path_length: int | None
    key_identifier: bytes | None
    issuer_key_identifier: bytes | None


def read_certificate(der: bytes, role: Role, place: str) -> Certificate:
    """Read `der` and hold it to the profile of its role; `place` names it in a refusal (`"cabundle[1]"`).

    Raises:
        UntrustedDocumentError: `chain.certificate`, `chain.algorithm`, `chain.key`, `chain.subject`, `chain.signature` (not
            two integers in range), `chain.extension`, `chain.not_a_ca`, `chain.key_usage`.

    """
    try:
        elements = _split(der)
    except _der.DerError as exc:
        raise refused(Reason.CHAIN_CERTIFICATE, place) from exc
    _, serial, inner_algorithm, issuer, validity, subject, public_key, outer_algorithm = elements
    if (
        not 1 <= serial.end - serial.content <= _MAX_SERIAL_OCTETS
        or not int.from_bytes(der[serial.content : serial.end], "big", signed=True) > 0
    ):
        raise refused(Reason.CHAIN_CERTIFICATE, f"{place}: serial number")
    if not inner_algorithm.encoded(der) == outer_algorithm.encoded(der) == _ECDSA_WITH_SHA384:
        raise refused(Reason.CHAIN_ALGORITHM, place, "ecdsa-with-SHA384")
    spki = public_key.encoded(der)
    if not _ecdsa.is_public_key(spki):
        raise refused(Reason.CHAIN_KEY, place, "a named-curve P-384 key")
    if _EMPTY_NAME in {issuer.encoded(der), subject.encoded(der)}:
        raise refused(Reason.CHAIN_SUBJECT, place, "names that are not empty")
    parsed = _parse(der, place)
    not_before, not_after = _read_times(der, validity, parsed, place)
    _check_signature_form(parsed, place)
    extensions = _read_extensions(parsed, place)
    path_length = _check_constraints(extensions, role, place)
    _check_key_usage(extensions, role, place)
    return Certificate(
        der,
        issuer.encoded(der),
        subject.encoded(der),
        spki,
        not_before,
        not_after,
        path_length,
        *_key_identifiers(extensions, place),
    )


def common_name(certificate: Certificate, place: str) -> str:
    """Return the one common name of the subject.

    Raises:
        UntrustedDocumentError: `chain.subject` if there is none, more than one, or the subject can't be read.

    """
    try:
        subject = x509.load_der_x509_certificate(certificate.der).subject
        names = [attribute.value for attribute in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    except _UNREADABLE_NAME as exc:
        raise refused(Reason.CHAIN_SUBJECT, place) from exc
    if len(names) != 1 or not isinstance(names[0], str):
        raise refused(Reason.CHAIN_SUBJECT, place, "one common name")
    return names[0]


def _split(der: bytes) -> list[_der.Element]:
    """Return the seven leading fields of the TBSCertificate and the outer signature algorithm (RFC 5280 section 4.1).

    Unique identifiers are refused: RFC 5280 4.1.2.8 forbids them, and no genuine certificate has one.
    """
    outer = _der.read_element(der, 0, len(der))
    if outer.tag != _der.SEQUENCE or outer.end != len(der):
        raise _der.DerError
    parts = _der.children(der, outer)
    if bytes(part.tag for part in parts) != _CERTIFICATE_TAGS or not der.startswith(_NO_UNUSED_BITS, parts[2].content):
        raise _der.DerError
    fields = _der.children(der, parts[0])
    tags = bytes(field.tag for field in fields)
    if tags not in {_TBS_TAGS, _TBS_TAGS + _EXTENSIONS_TAG} or fields[0].encoded(der) != _VERSION_3:
        raise _der.DerError
    return [*fields[: len(_TBS_TAGS)], parts[1]]


def _parse(der: bytes, place: str) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(der)
    except (ValueError, x509.InvalidVersion) as exc:
        raise refused(Reason.CHAIN_CERTIFICATE, place) from exc


def _read_times(der: bytes, validity: _der.Element, parsed: x509.Certificate, place: str) -> tuple[datetime, datetime]:
    """Hold both times to their one form: UTCTime up to 2049, GeneralizedTime from 2050 on, to the second, in UTC."""
    try:
        times = (parsed.not_valid_before_utc, parsed.not_valid_after_utc)
    except ValueError as exc:  # the year 0, which GeneralizedTime can write and `datetime` cannot hold
        raise refused(Reason.CHAIN_CERTIFICATE, f"{place}: validity") from exc
    for element, time in zip(_der.children(der, validity), times, strict=True):
        form = _UTC_TIME if time.year < _FIRST_GENERALIZED_YEAR else _GENERALIZED_TIME
        if (element.tag, element.end - element.content) != form:
            raise refused(Reason.CHAIN_CERTIFICATE, f"{place}: validity")
    return times


def _check_signature_form(parsed: x509.Certificate, place: str) -> None:
    """Refuse what can be no signature before any signature is checked: two positive integers below n, in DER."""
    try:
        r, s = decode_dss_signature(parsed.signature)
    except ValueError as exc:
        raise refused(Reason.CHAIN_SIGNATURE, place) from exc
    if not _ecdsa.are_in_range(r, s):
        raise refused(Reason.CHAIN_SIGNATURE, place)


def _read_extensions(parsed: x509.Certificate, place: str) -> x509.Extensions:
    try:
        extensions = parsed.extensions
    except _UNREADABLE_EXTENSIONS as exc:
        raise refused(Reason.CHAIN_EXTENSION, place) from exc
    for extension in extensions:
        if extension.oid in _REFUSED or (extension.critical and extension.oid not in _UNDERSTOOD):
            raise refused(Reason.CHAIN_EXTENSION, f"{place}: {extension.oid.dotted_string}")
    return extensions


def _find(extensions: x509.Extensions, kind: type[_ExtensionT]) -> x509.Extension[_ExtensionT] | None:
    try:
        return extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None


def _check_constraints(extensions: x509.Extensions, role: Role, place: str) -> int | None:
    found = _find(extensions, x509.BasicConstraints)
    if role is Role.LEAF:
        if found is None or found.value.ca or not found.critical:
            raise refused(Reason.CHAIN_EXTENSION, f"{place}: basicConstraints", "critical, not a CA")
        return None
    if found is None or not found.value.ca:
        raise refused(Reason.CHAIN_NOT_A_CA, place)
    if not found.critical:
        raise refused(Reason.CHAIN_EXTENSION, f"{place}: basicConstraints", "critical")
    return found.value.path_length


def _check_key_usage(extensions: x509.Extensions, role: Role, place: str) -> None:
    found = _find(extensions, x509.KeyUsage)
    if role is Role.LEAF:
        if found is None or not found.value.digital_signature or found.value.key_cert_sign:
            raise refused(Reason.CHAIN_KEY_USAGE, place, "digitalSignature without keyCertSign")
    elif found is None or not found.value.key_cert_sign:
        raise refused(Reason.CHAIN_KEY_USAGE, place, "keyCertSign")


def _key_identifiers(extensions: x509.Extensions, place: str) -> tuple[bytes | None, bytes | None]:
    """Return the identifiers of the own and of the issuer's key; an issuer may be named by its key's identifier only."""
    own = _find(extensions, x509.SubjectKeyIdentifier)
    issuers = _find(extensions, x509.AuthorityKeyIdentifier)
    if issuers is not None and (
        issuers.value.key_identifier is None
        or issuers.value.authority_cert_issuer is not None
        or issuers.value.authority_cert_serial_number is not None
    ):
        raise refused(Reason.CHAIN_EXTENSION, f"{place}: authorityKeyIdentifier", "a key identifier alone")
    return (own.value.digest if own else None), (issuers.value.key_identifier if issuers else None)
