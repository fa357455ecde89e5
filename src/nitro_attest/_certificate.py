"""Read one certificate and hold it to AWS's profile (RFC 5280 section 4, AWS attestation process 3.2.3).

DER and a role come in, the few facts a chain is judged by go out. Checked here is all that one certificate shows by itself;
never its signature, its place in a chain, or a time.
"""

from datetime import datetime
from enum import Enum
from typing import Final, NamedTuple, final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from nitro_attest import _der, _ecdsa, _extensions
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

_COMMON_NAME: Final = bytes.fromhex("0603550403")  # X.520: 2.5.4.3
_TEXT_TAGS: Final = (0x0C, 0x13)  # RFC 5280 4.1.2.4: UTF8String or PrintableString


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
    outer_algorithm, _, serial, inner_algorithm, issuer, validity, subject, public_key, *extended = elements
    number = int.from_bytes(der[serial.content : serial.end], "big", signed=True)
    if serial.end - serial.content > _MAX_SERIAL_OCTETS or number <= 0:
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
    extensions = _extensions.read_extensions(der, extended[0] if extended else None, place)
    if role is Role.LEAF:
        path_length = None
        _extensions.check_leaf(extensions, place)
    else:
        path_length = _extensions.read_authority(extensions, place)
    return Certificate(
        der,
        issuer.encoded(der),
        subject.encoded(der),
        spki,
        not_before,
        not_after,
        path_length,
        *_extensions.read_key_identifiers(extensions, place),
    )


def common_name(certificate: Certificate, place: str) -> str:
    """Return the one common name of the subject, in ASCII.

    Raises:
        UntrustedDocumentError: `chain.subject` if there is none, more than one, or it is of another form.

    """
    subject = certificate.subject
    try:
        sets = _der.children(subject, _der.read_element(subject, 0, len(subject)))
        attributes = [_der.children(subject, part) for found in sets for part in _der.children(subject, found)]
        (name,) = (text for kind, text in attributes if kind.encoded(subject) == _COMMON_NAME)
        text = subject[name.content : name.end].decode("ascii")
    except (_der.DerError, ValueError) as exc:
        raise refused(Reason.CHAIN_SUBJECT, place, "one common name") from exc
    if name.tag not in _TEXT_TAGS:
        raise refused(Reason.CHAIN_SUBJECT, place, "a common name that is text")
    return text


def _split(der: bytes) -> list[_der.Element]:
    """Return the outer signature algorithm and the fields of the TBSCertificate (RFC 5280 section 4.1), seven or eight.

    Unique identifiers are refused: RFC 5280 4.1.2.8 forbids them, and no genuine certificate has one.
    """
    parts = _der.children(der, _der.read_element(der, 0, len(der)))
    if der[0] != _der.SEQUENCE or bytes(part.tag for part in parts) != _CERTIFICATE_TAGS:
        raise _der.DerError
    fields = _der.children(der, parts[0])
    tags = bytes(field.tag for field in fields)
    if tags not in {_TBS_TAGS, _TBS_TAGS + _EXTENSIONS_TAG} or fields[0].encoded(der) != _VERSION_3:
        raise _der.DerError
    if parts[2].end != len(der) or not der.startswith(_NO_UNUSED_BITS, parts[2].content):
        raise _der.DerError
    return [parts[1], *fields]


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
