"""Read a DER certificate into named fields (RFC 5280 section 4), and nothing else.

What the fields may be is decided by `profile` and `chain`. Names and extensions are read here byte
by byte: the readers of `cryptography` meet hostile ones with many kinds of exceptions and warnings.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple, TypeVar, final

from nitro_attest._core import der
from nitro_attest._core.der import DerError, Element, require
from nitro_attest._core.errors import Reason, rejected

_CERTIFICATE_TAGS: Final = bytes.fromhex("303003")  # TBSCertificate, algorithm, signature
# 4.1: version, serial, algorithm, issuer, validity, subject, public key; then the extensions, with
# no unique identifier before them (4.1.2.8).
_SIGNED_TAGS: Final = bytes.fromhex("a0023030303030")
_SIGNED_TAGS_WITH_EXTENSIONS: Final = _SIGNED_TAGS + b"\xa3"
_VERSION_3: Final = bytes.fromhex("a003020102")  # 4.1.2.1: [0] INTEGER 2
_WHOLE_OCTETS: Final = b"\x00"  # X.690 8.6.2.2: no unused bits

_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_FIRST_GENERALIZED_YEAR: Final = 2050
_FIRST_DIGIT_OF_1950: Final = b"5"  # 4.1.2.5.1: from 50 on the two digits mean 19YY
_SECONDS: Final = re.compile(rb"([0-9]{4})" + rb"([0-9]{2})" * 5 + rb"Z")

_COMMON_NAME_TAGS: Final = (0x0C, 0x13)
_COMMON_NAME: Final = bytes.fromhex("550403")  # X.520: 2.5.4.3
_UTF8_STRING, _PRINTABLE_STRING, _TELETEX_STRING, _IA5_STRING = 0x0C, 0x13, 0x14, 0x16
_STRINGS: Final = (_UTF8_STRING, _PRINTABLE_STRING, _TELETEX_STRING, _IA5_STRING)
_PRINTABLE: Final = re.compile(rb"[A-Za-z0-9 '()+,./:=?-]*")  # X.680 41.4

# 4.2.1.6: rfc822Name, dNSName, uniformResourceIdentifier
_PLAIN_NAMES: Final = frozenset({0x81, 0x82, 0x86})
_ACCESS_METHODS: Final = bytes.fromhex("2b060105050730")  # 4.2.2.1: id-ad, and one more octet
_KEY_IDENTIFIER: Final = 0x80  # 4.2.1.1: [0]
_TRUE: Final = bytes.fromhex("0101ff")  # X.690 11.1
# 4.1: OID and OCTET STRING, with the BOOLEAN between them only if it is TRUE
_EXTENSION_TAGS, _CRITICAL_TAGS = b"\x06\x04", b"\x06\x01\x04"
_PATH_LENGTHS: Final = 1 << 63  # eight octets, as many as `cryptography` reads
_PAIR: Final = 2
_T = TypeVar("_T")
# Parts repeat in every certificate (`C=US, O=Amazon`, the same basicConstraints and keyUsage): to
# read them once saves a tenth of an unknown chain.
_remember: Final = lru_cache(maxsize=256)


@final
class Kind(NamedTuple):
    """A kind of extension: its name in RFC 5280 and the content of its OID."""

    name: str
    oid: bytes


SUBJECT_KEY_IDENTIFIER: Final = Kind("subjectKeyIdentifier", bytes.fromhex("551d0e"))  # 4.2.1.2
KEY_USAGE: Final = Kind("keyUsage", bytes.fromhex("551d0f"))  # 4.2.1.3
SUBJECT_ALT_NAME: Final = Kind("subjectAltName", bytes.fromhex("551d11"))  # 4.2.1.6
BASIC_CONSTRAINTS: Final = Kind("basicConstraints", bytes.fromhex("551d13"))  # 4.2.1.9
CRL_DISTRIBUTION_POINTS: Final = Kind("cRLDistributionPoints", bytes.fromhex("551d1f"))  # 4.2.1.13
AUTHORITY_KEY_IDENTIFIER: Final = Kind("authorityKeyIdentifier", bytes.fromhex("551d23"))  # 4.2.1.1
AUTHORITY_INFO_ACCESS: Final = Kind(  # 4.2.2.1
    "authorityInfoAccess", bytes.fromhex("2b06010505070101")
)


@final
class Extension(NamedTuple):
    """One extension: the content of its OID, whether it is critical, and the DER of its value."""

    oid: bytes
    critical: bool
    value: bytes


@final
class Attribute(NamedTuple):
    """One attribute of a name: the content of its OID, and the tag and content of its value."""

    oid: bytes
    tag: int
    text: bytes


@final
class Certificate(NamedTuple):
    """The fields of one certificate; nothing is proven of them.

    `signed` is the TBSCertificate. It, the algorithms, names and the key are whole DER elements.
    `common_name` is the subject's only one if that is ASCII text. `is_ca`, `path_length`,
    `key_usage` (its first octet, digitalSignature first) and the key identifiers are None where the
    certificate does not have them.
    """

    signed: bytes
    signature: bytes
    serial: int
    algorithm: bytes
    outer_algorithm: bytes
    issuer: bytes
    subject: bytes
    common_name: str | None
    not_before: datetime
    not_after: datetime
    public_key: bytes
    extensions: tuple[Extension, ...]
    is_ca: bool | None
    path_length: int | None
    key_usage: int | None
    key_identifier: bytes | None
    issuer_key_identifier: bytes | None

    def is_critical(self, kind: Kind) -> bool:
        """Tell whether there is an extension of this kind that is critical."""
        return any(entry.critical for entry in self.extensions if entry.oid == kind.oid)


def read_certificate(encoded: bytes, place: str) -> Certificate:
    """Read one certificate; `place` names it in a rejection (`"cabundle[1]"`).

    Raises:
        UntrustedDocumentError: `chain.certificate`; `chain.subject` for a name that is not text;
            `chain.extension` for an empty list of extensions or a malformed value of one.

    """
    try:
        signed, outer_algorithm, bits = der.read_these(
            der.read_one(encoded, der.SEQUENCE), _CERTIFICATE_TAGS
        )
        version, serial, algorithm, issuer, validity, subject, public_key, *block = der.read_these(
            signed.content, _SIGNED_TAGS, _SIGNED_TAGS_WITH_EXTENSIONS
        )
        require(version.encoded == _VERSION_3)  # V-52
        require(bits.content.startswith(_WHOLE_OCTETS))  # V-52
        serial_number = der.read_unsigned(serial.content)
        not_before, not_after = _read_validity(validity.content)
        extensions = _read_extensions(block[0].content) if block else ()
        issuer_name, subject_name = _read_name(issuer.encoded), _read_name(subject.encoded)
    except DerError as exc:
        raise rejected(Reason.CHAIN_CERTIFICATE, place) from exc
    if not all(attribute.tag in _STRINGS for attribute in issuer_name + subject_name):  # V-56
        raise rejected(Reason.CHAIN_SUBJECT, place, "names of text")
    if block and not extensions:  # V-60
        raise rejected(Reason.CHAIN_EXTENSION, f"{place}: extensions", "at least one")
    values = _Values(place, {extension.oid: extension.value for extension in extensions})
    values.read(SUBJECT_ALT_NAME, _check_plain_names)  # V-60
    values.read(AUTHORITY_INFO_ACCESS, _check_access)  # V-60
    values.read(CRL_DISTRIBUTION_POINTS, _check_list)  # V-60
    is_ca, path_length = values.read(BASIC_CONSTRAINTS, _read_constraints) or (None, None)
    return Certificate(
        signed=signed.encoded,
        signature=bits.content.removeprefix(_WHOLE_OCTETS),
        serial=serial_number,
        algorithm=algorithm.encoded,
        outer_algorithm=outer_algorithm.encoded,
        issuer=issuer.encoded,
        subject=subject.encoded,
        common_name=_common_name(subject_name),
        not_before=not_before,
        not_after=not_after,
        public_key=public_key.encoded,
        extensions=extensions,
        is_ca=is_ca,
        path_length=path_length,
        key_usage=values.read(KEY_USAGE, _read_key_usage),
        key_identifier=values.read(SUBJECT_KEY_IDENTIFIER, _read_key_identifier),
        issuer_key_identifier=values.read(AUTHORITY_KEY_IDENTIFIER, _read_issuer_key_identifier),
    )


def _read_validity(content: bytes) -> tuple[datetime, datetime]:
    times = [_read_time(time) for time in der.read_all(content)]
    require(len(times) == _PAIR)  # V-58
    return times[0], times[1]


def _read_time(time: Element) -> datetime:
    """Read a time in UTC: UTCTime up to 2049, GeneralizedTime from 2050 on (4.1.2.5)."""
    digits = time.content
    if time.tag == _UTC_TIME:
        digits = (b"19" if digits >= _FIRST_DIGIT_OF_1950 else b"20") + digits
    found = _SECONDS.fullmatch(digits)
    if found is None:  # V-58
        raise DerError
    try:
        year, month, day, hour, minute, second = map(int, found.groups())
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as exc:  # V-58: no day of the calendar, or the year 0
        raise DerError from exc
    right_tag = _UTC_TIME if moment.year < _FIRST_GENERALIZED_YEAR else _GENERALIZED_TIME
    require(time.tag == right_tag)  # V-58
    return moment


def _read_extensions(content: bytes) -> tuple[Extension, ...]:
    entries = der.read_all(der.read_one(content, der.SEQUENCE))
    return tuple([_read_extension(entry.encoded) for entry in entries])


@_remember
def _read_extension(encoded: bytes) -> Extension:
    content = der.read_one(encoded, der.SEQUENCE)
    oid, *critical, value = der.read_these(content, _EXTENSION_TAGS, _CRITICAL_TAGS)
    require(der.is_object_identifier(oid))  # V-52
    require(not critical or critical[0].encoded == _TRUE)  # V-52: X.690 11.1 and 11.5
    return Extension(oid=oid.content, critical=bool(critical), value=value.content)


@_remember
def _read_name(encoded: bytes) -> tuple[Attribute, ...]:
    """Read a name: a SEQUENCE of SETs of attributes, none of them empty (4.1.2.4)."""
    found: list[Attribute] = []
    for relative in der.read_all(der.read_one(encoded, der.SEQUENCE)):
        found += _read_relative_name(relative.encoded)
        require(len(found) <= der.MAX_RUN)  # V-52
    return tuple(found)


@_remember
def _read_relative_name(encoded: bytes) -> tuple[Attribute, ...]:
    members = der.read_all(der.read_one(encoded, der.SET))
    encodings = [member.encoded for member in members]
    require(len(members) > 0)  # V-52
    require(encodings == sorted(encodings))  # V-52: X.690 11.6
    return tuple(map(_read_attribute, members))


def _read_attribute(member: Element) -> Attribute:
    parts = der.read_all(member.content)
    require(member.tag == der.SEQUENCE and len(parts) == _PAIR)  # V-52
    kind, text = parts
    require(der.is_object_identifier(kind))  # V-52
    if text.tag == _PRINTABLE_STRING:
        require(_PRINTABLE.fullmatch(text.content) is not None)  # V-52
    return Attribute(oid=kind.content, tag=text.tag, text=text.content)


def _common_name(subject: Sequence[Attribute]) -> str | None:
    names = [attribute for attribute in subject if attribute.oid == _COMMON_NAME]
    if len(names) != 1 or names[0].tag not in _COMMON_NAME_TAGS or not names[0].text.isascii():
        return None
    return names[0].text.decode()


@final
class _Values(NamedTuple):
    """The values of a certificate's extensions by OID, and its place for a rejection."""

    place: str
    of: Mapping[bytes, bytes]

    def read(self, kind: Kind, read: Callable[[bytes], _T]) -> _T | None:
        """Return what `read` finds in the extension of this kind, or None without it."""
        value = self.of.get(kind.oid)
        if value is None:
            return None
        try:
            return read(value)
        except DerError as exc:
            raise rejected(Reason.CHAIN_EXTENSION, f"{self.place}: {kind.name}") from exc


@_remember
def _read_constraints(value: bytes) -> tuple[bool, int | None]:
    """Return cA and pathLenConstraint: cA is written only if TRUE, the length only with it."""
    content = der.read_one(value, der.SEQUENCE)
    if content in (b"", _TRUE):
        return content == _TRUE, None
    path_length = der.read_unsigned(der.read_one(content.removeprefix(_TRUE), der.INTEGER))
    require(content.startswith(_TRUE))  # V-60
    require(path_length < _PATH_LENGTHS)  # V-60
    return True, path_length


@_remember
def _read_key_usage(value: bytes) -> int:
    """Return the first octet of the bits."""
    unused, *octets = der.read_one(value, der.BIT_STRING) or b"\xff"
    require(len(octets) > 0)  # V-60
    require(unused == (octets[-1] & -octets[-1]).bit_length() - 1)  # V-60: X.690 11.2.2
    return octets[0]


def _read_key_identifier(value: bytes) -> bytes:
    return der.read_one(value, der.OCTET_STRING)


def _read_issuer_key_identifier(value: bytes) -> bytes:
    parts = der.read_all(der.read_one(value, der.SEQUENCE))
    require([part.tag for part in parts] == [_KEY_IDENTIFIER])  # V-67
    return parts[0].content


def _check_plain_names(value: bytes) -> None:
    for name in der.read_all(der.read_one(value, der.SEQUENCE)):
        _check_plain(name)  # V-60


def _check_access(value: bytes) -> None:
    for entry in der.read_all(der.read_one(value, der.SEQUENCE)):
        parts = der.read_all(entry.content)
        require(entry.tag == der.SEQUENCE and len(parts) == _PAIR)  # V-60
        method, location = parts
        require(der.is_object_identifier(method))  # V-60
        require(method.content[:-1] == _ACCESS_METHODS)  # V-60
        _check_plain(location)  # V-60


def _check_plain(name: Element) -> None:
    require(name.tag in _PLAIN_NAMES and name.content.isascii())  # V-60


def _check_list(value: bytes) -> None:
    der.read_all(der.read_one(value, der.SEQUENCE))  # V-60
