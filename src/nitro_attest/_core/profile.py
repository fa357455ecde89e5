"""Read the extensions of one certificate and hold them to AWS's profile (RFC 5280 section 4.2).

The DER of a certificate's extensions comes in; what they say about issuing, keys and paths goes
out. Read here byte by byte, since the readers of `cryptography` meet hostile extensions with many
kinds of exceptions and with warnings.
Never: an extension twice, one that is critical and not understood, or one that narrows and is not
    evaluated.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple, final

from nitro_attest._core import der as _der
from nitro_attest._core.errors import Reason, rejected

_SUBJECT_KEY_IDENTIFIER: Final = bytes.fromhex("551d0e")  # RFC 5280 4.2.1.2: 2.5.29.14
_KEY_USAGE: Final = bytes.fromhex("551d0f")  # 4.2.1.3: 2.5.29.15
_BASIC_CONSTRAINTS: Final = bytes.fromhex("551d13")  # 4.2.1.9: 2.5.29.19
_AUTHORITY_KEY_IDENTIFIER: Final = bytes.fromhex("551d23")  # 4.2.1.1: 2.5.29.35
_UNDERSTOOD: Final = frozenset(
    {_BASIC_CONSTRAINTS, _KEY_USAGE}
)  # 4.2: what is critical must be understood
# Each narrows what a certificate may be used for in a way AWS's profile has no use for: refused,
# not half understood.
_REFUSED: Final = frozenset(
    {
        bytes.fromhex("551d1e"),  # 4.2.1.10: nameConstraints
        bytes.fromhex("551d21"),  # 4.2.1.5: policyMappings
        bytes.fromhex("551d24"),  # 4.2.1.11: policyConstraints
        bytes.fromhex("551d25"),  # 4.2.1.12: extKeyUsage
        bytes.fromhex("551d36"),  # 4.2.1.14: inhibitAnyPolicy
    }
)
# Not evaluated, but path validation reads the first two as well and would refuse a bad name in them
# as if it were a bad signature: only names in plain ASCII are let through to it. Genuine
# certificates have the third alone.
_ALTERNATIVE_NAMES: Final = bytes.fromhex("551d11")  # 4.2.1.6: subjectAltName
_INFORMATION_ACCESS: Final = bytes.fromhex("2b06010505070101")  # 4.2.2.1: authorityInfoAccess
_DISTRIBUTION_POINTS: Final = bytes.fromhex("551d1f")  # 4.2.1.13: cRLDistributionPoints
_PLAIN_NAMES: Final = frozenset(
    {0x81, 0x82, 0x86}
)  # 4.2.1.6: rfc822Name, dNSName, uniformResourceIdentifier
_ACCESS_METHODS: Final = bytes.fromhex("06082b060105050730")  # 4.2.2.1: id-ad and one more octet
_LISTS: Final = frozenset({_ALTERNATIVE_NAMES, _INFORMATION_ACCESS, _DISTRIBUTION_POINTS})
_LONG_ARC: Final = 0x80  # X.690 8.19.2: with this bit set an arc goes on in the next octet

_INTEGER, _BIT_STRING, _OCTET_STRING, _FIRST_CHOICE = 0x02, 0x03, 0x04, 0x80
_TRUE: Final = bytes.fromhex("0101ff")  # X.690 11.1
_MAX_PATH_LENGTH_OCTETS: Final = 8  # any real one fits in one
_DIGITAL_SIGNATURE: Final = 0x80  # 4.2.1.3: bit 0
_KEY_CERT_SIGN: Final = 0x04  # 4.2.1.3: bit 5


@final
class Extension(NamedTuple):
    """Hold one extension: whether it is critical, and its value's DER."""

    critical: bool
    value: bytes


Extensions = Mapping[bytes, Extension]
"""The extensions of a certificate by the content of their OID."""


def read_extensions(encoded: bytes | None, place: str) -> Extensions:
    """Read what the `[3]` element of a certificate holds that `cryptography` has parsed, or nothing if it has none.

    Raises:
        UntrustedDocumentError: `chain.extension`.

    """
    found: dict[bytes, Extension] = {}
    if encoded is None:
        return found
    try:
        for _, entry, _ in _der.children(_der.only_child(encoded, _der.SEQUENCE)):
            (_, name, _), *flag, (_, value, _) = _der.children(entry)
            critical = bool(flag)
            if name in found or name in _REFUSED or (critical and name not in _UNDERSTOOD):
                raise rejected(
                    Reason.CHAIN_EXTENSION,
                    f"{place}: extension {name.hex()}",
                    "none that is not understood",
                )
            if name in _LISTS:
                _check_list(name, value)
            found[name] = Extension(critical, value)
    except _der.DerError as exc:
        raise rejected(Reason.CHAIN_EXTENSION, place) from exc
    return found


def _check_list(kind: bytes, value: bytes) -> None:
    """Hold an extension that is a list to its form, as far as others read it."""
    for name in _der.children(_der.only_child(value, _der.SEQUENCE)):
        if kind == _ALTERNATIVE_NAMES:
            _check_plain(name)
        elif kind == _INFORMATION_ACCESS:
            match _der.children(name[1]):
                case [(_, _, method), location] if (
                    method[:-1] == _ACCESS_METHODS and method[-1] < _LONG_ARC
                ):
                    _check_plain(location)
                case _:
                    raise _der.DerError


def _check_plain(name: _der.Element) -> None:
    tag, text, _ = name
    if tag not in _PLAIN_NAMES or not text.isascii():
        raise _der.DerError


def read_authority(extensions: Extensions, place: str) -> int | None:
    """Hold an authority to basicConstraints and keyUsage, and return its path length.

    Raises:
        UntrustedDocumentError: `chain.not_a_ca`, `chain.extension`, `chain.key_usage`.

    """
    is_authority, path_length = _basic_constraints(extensions, place)
    if not is_authority:
        raise rejected(Reason.CHAIN_NOT_A_CA, place)
    if not extensions[_BASIC_CONSTRAINTS].critical:
        raise rejected(Reason.CHAIN_EXTENSION, f"{place}: basicConstraints", "critical")
    if not _key_usage(extensions, place) & _KEY_CERT_SIGN:
        raise rejected(Reason.CHAIN_KEY_USAGE, place, "keyCertSign")
    return path_length


def check_leaf(extensions: Extensions, place: str) -> None:
    """Hold a leaf to basicConstraints and keyUsage.

    Raises:
        UntrustedDocumentError: `chain.extension`, `chain.key_usage`.

    """
    is_authority, _ = _basic_constraints(extensions, place)
    if (
        is_authority
        or _BASIC_CONSTRAINTS not in extensions
        or not extensions[_BASIC_CONSTRAINTS].critical
    ):
        raise rejected(Reason.CHAIN_EXTENSION, f"{place}: basicConstraints", "critical, not a CA")
    if _key_usage(extensions, place) & (_DIGITAL_SIGNATURE | _KEY_CERT_SIGN) != _DIGITAL_SIGNATURE:
        raise rejected(Reason.CHAIN_KEY_USAGE, place, "digitalSignature without keyCertSign")


def read_key_identifiers(extensions: Extensions, place: str) -> tuple[bytes | None, bytes | None]:
    """Return the identifiers of the own and of the issuer's key; an issuer may be named by its key's identifier only.

    Raises:
        UntrustedDocumentError: `chain.extension`.

    """
    try:
        own = _only(extensions, _SUBJECT_KEY_IDENTIFIER, _OCTET_STRING)
        issuers = _only(extensions, _AUTHORITY_KEY_IDENTIFIER, _der.SEQUENCE)
        if issuers is None:
            return own, None
        return own, _der.only_child(issuers, _FIRST_CHOICE)
    except _der.DerError as exc:
        raise rejected(Reason.CHAIN_EXTENSION, f"{place}: key identifiers") from exc


def _basic_constraints(extensions: Extensions, place: str) -> tuple[bool, int | None]:
    """Return whether the certificate is an authority, and its path length; False and None without the extension."""
    if _BASIC_CONSTRAINTS not in extensions:
        return False, None
    value = extensions[_BASIC_CONSTRAINTS].value
    try:
        match _der.children(_der.only_child(value, _der.SEQUENCE)):
            case []:
                return False, None
            case [(_, _, encoded)] if encoded == _TRUE:
                return True, None
            case [(_, _, encoded), (tag, number, _)] if (
                encoded == _TRUE and tag == _INTEGER and _is_length(number)
            ):
                return True, int.from_bytes(number, "big")
            case _:
                pass
    except _der.DerError as exc:
        raise rejected(Reason.CHAIN_EXTENSION, f"{place}: basicConstraints") from exc
    raise rejected(Reason.CHAIN_EXTENSION, f"{place}: basicConstraints")


def _is_length(number: bytes) -> bool:
    """Say whether the content of an INTEGER is not negative, in its shortest form, and not absurd (X.690 8.3.2)."""
    padded = len(number) > 1 and number[0] == 0 and number[1] <= 0x7F
    return 0 < len(number) <= _MAX_PATH_LENGTH_OCTETS and number[0] <= 0x7F and not padded


def _key_usage(extensions: Extensions, place: str) -> int:
    """Return the first octet of the bits, digitalSignature first; 0 without the extension."""
    if _KEY_USAGE not in extensions:
        return 0
    try:
        unused, *octets = _der.only_child(extensions[_KEY_USAGE].value, _BIT_STRING)
        if (
            octets and unused == (octets[-1] & -octets[-1]).bit_length() - 1
        ):  # X.690 11.2.2: it ends with its last set bit
            return octets[0]
    except (_der.DerError, ValueError) as exc:
        raise rejected(Reason.CHAIN_EXTENSION, f"{place}: keyUsage") from exc
    raise rejected(Reason.CHAIN_EXTENSION, f"{place}: keyUsage")


def _only(extensions: Extensions, name: bytes, tag: int) -> bytes | None:
    return _der.only_child(extensions[name].value, tag) if name in extensions else None
