"""Read one certificate and hold it to AWS's profile (RFC 5280 section 4, AWS attestation process 3.2.3).

DER and a role come in, the few facts a chain is judged by go out. Checked here is all that one
certificate shows by itself; never its signature, its place in a chain, or a time.
"""

from datetime import datetime
from enum import Enum
from typing import Final, NamedTuple, final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from nitro_attest._core import der as _der
from nitro_attest._core import es384, profile
from nitro_attest._core.errors import Reason, rejected

_VERSION_3: Final = bytes.fromhex("a003020102")  # RFC 5280 4.1.2.1: [0] INTEGER 2
_ECDSA_WITH_SHA384: Final = bytes.fromhex(
    "300a06082a8648ce3d040303"
)  # RFC 5758 section 3.2: no parameters
_CERTIFICATE_TAGS: Final = bytes.fromhex("303003")  # TBSCertificate, algorithm, signature
_NO_UNUSED_BITS: Final = b"\x00"  # X.690 8.6.2.2: a signature is whole octets
_TBS_TAGS: Final = bytes.fromhex(
    "a0023030303030"
)  # version, serial, algorithm, issuer, validity, subject, public key
_EXTENSIONS_TAG: Final = b"\xa3"
_UTC_TIME: Final = (0x17, 13)  # RFC 5280 4.1.2.5.1: YYMMDDHHMMSSZ
_GENERALIZED_TIME: Final = (0x18, 15)  # RFC 5280 4.1.2.5.2: YYYYMMDDHHMMSSZ
_FIRST_GENERALIZED_YEAR: Final = 2050
_MAX_SERIAL_OCTETS: Final = (
    21  # RFC 5280 4.1.2.2 says 20; genuine serials of 20 random octets need a leading zero
)
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


@final
class _Parts(NamedTuple):
    """Hold the fields of a certificate: the contents of two, and the whole encoding of those that are compared."""

    serial: bytes
    algorithm: bytes
    outer_algorithm: bytes
    issuer: bytes
    validity: bytes
    subject: bytes
    public_key: bytes
    extensions: bytes | None
    signature: bytes


def read_certificate(der: bytes, role: Role, place: str) -> Certificate:
    """Read `der` and hold it to the profile of its role; `place` names it in a refusal (`"cabundle[1]"`).

    Raises:
        UntrustedDocumentError: `chain.certificate`, `chain.algorithm`, `chain.key`,
            `chain.subject`, `chain.signature` (not two integers in range), `chain.extension`,
            `chain.not_a_ca`, `chain.key_usage`.

    """
    try:
        parts = _split(der)
    except _der.DerError as exc:
        raise rejected(Reason.CHAIN_CERTIFICATE, place) from exc
    if (
        len(parts.serial) > _MAX_SERIAL_OCTETS
        or int.from_bytes(parts.serial, "big", signed=True) <= 0
    ):
        raise rejected(Reason.CHAIN_CERTIFICATE, f"{place}: serial number")
    if not parts.algorithm == parts.outer_algorithm == _ECDSA_WITH_SHA384:
        raise rejected(Reason.CHAIN_ALGORITHM, place, "ecdsa-with-SHA384")
    if not es384.is_public_key(parts.public_key):
        raise rejected(Reason.CHAIN_KEY, place, "a named-curve P-384 key")
    if _EMPTY_NAME in {parts.issuer, parts.subject}:
        raise rejected(Reason.CHAIN_SUBJECT, place, "names that are not empty")
    parsed = _parse(der, place)
    not_before, not_after = _read_times(parts.validity, parsed, place)
    _check_signature_form(parts.signature, place)
    extensions = profile.read_extensions(parts.extensions, place)
    if role is Role.LEAF:
        path_length = None
        profile.check_leaf(extensions, place)
    else:
        path_length = profile.read_authority(extensions, place)
    key_identifier, issuer_key_identifier = profile.read_key_identifiers(extensions, place)
    return Certificate(
        der,
        parts.issuer,
        parts.subject,
        parts.public_key,
        not_before,
        not_after,
        path_length,
        key_identifier,
        issuer_key_identifier,
    )


def common_name(certificate: Certificate, place: str) -> str:
    """Return the one common name of the subject, in ASCII.

    Raises:
        UntrustedDocumentError: `chain.subject` if there is none, more than one, or it is of another
            form.

    """
    try:
        sets = _der.children(_der.only_child(certificate.subject, _der.SEQUENCE))
        attributes = [
            _der.children(attribute)
            for _, members, _ in sets
            for _, attribute, _ in _der.children(members)
        ]
        ((tag, name, _),) = (value for (_, _, kind), value in attributes if kind == _COMMON_NAME)
        text = name.decode("ascii")
    except (_der.DerError, ValueError) as exc:
        raise rejected(Reason.CHAIN_SUBJECT, place, "one common name") from exc
    if tag not in _TEXT_TAGS:
        raise rejected(Reason.CHAIN_SUBJECT, place, "a common name that is text")
    return text


def _split(der: bytes) -> _Parts:
    """Take a certificate apart (RFC 5280 section 4.1).

    Unique identifiers are refused: RFC 5280 4.1.2.8 forbids them, and no genuine certificate has
    one.
    """
    (_, tbs, _), (_, _, outer_algorithm), (_, signature, _) = _run(
        _der.only_child(der, _der.SEQUENCE), _CERTIFICATE_TAGS
    )
    (_, _, version), *fields = _run(tbs, _TBS_TAGS, _TBS_TAGS + _EXTENSIONS_TAG)
    if version != _VERSION_3 or not signature.startswith(_NO_UNUSED_BITS):
        raise _der.DerError
    (
        (_, serial, _),
        (_, _, algorithm),
        (_, _, issuer),
        (_, validity, _),
        (_, _, subject),
        (_, _, public_key),
        *more,
    ) = fields
    extensions = more[0][1] if more else None
    return _Parts(
        serial,
        algorithm,
        outer_algorithm,
        issuer,
        validity,
        subject,
        public_key,
        extensions,
        signature.removeprefix(_NO_UNUSED_BITS),
    )


def _run(data: bytes, *tags: bytes) -> list[_der.Element]:
    """Return the elements that fill `data`, which must have these tags in this order."""
    found = _der.children(data)
    if bytes([tag for tag, _, _ in found]) not in tags:
        raise _der.DerError
    return found


def _parse(der: bytes, place: str) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(der)
    except (ValueError, x509.InvalidVersion) as exc:
        raise rejected(Reason.CHAIN_CERTIFICATE, place) from exc


def _read_times(validity: bytes, parsed: x509.Certificate, place: str) -> tuple[datetime, datetime]:
    """Hold both times to their one form: UTCTime up to 2049, GeneralizedTime from 2050 on, to the second, in UTC."""
    try:
        times = (parsed.not_valid_before_utc, parsed.not_valid_after_utc)
    except (
        ValueError
    ) as exc:  # the year 0, which GeneralizedTime can write and `datetime` cannot hold
        raise rejected(Reason.CHAIN_CERTIFICATE, f"{place}: validity") from exc
    for (tag, digits, _), time in zip(_der.children(validity), times, strict=True):
        form = _UTC_TIME if time.year < _FIRST_GENERALIZED_YEAR else _GENERALIZED_TIME
        if (tag, len(digits)) != form:
            raise rejected(Reason.CHAIN_CERTIFICATE, f"{place}: validity")
    return times


def _check_signature_form(signature: bytes, place: str) -> None:
    """Refuse what can be no signature before any signature is checked: two positive integers below n, in DER."""
    try:
        r, s = decode_dss_signature(signature)
    except ValueError as exc:
        raise rejected(Reason.CHAIN_SIGNATURE, place) from exc
    if not es384.are_in_range(r, s):
        raise rejected(Reason.CHAIN_SIGNATURE, place)
