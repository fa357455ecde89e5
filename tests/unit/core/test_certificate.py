"""A certificate is read into its fields, each in its one form, and what is malformed is named."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from nitro_attest import Failure, Reason, UntrustedDocumentError
from nitro_attest._core.certificate import (
    BASIC_CONSTRAINTS,
    KEY_USAGE,
    Certificate,
    Extension,
    read_certificate,
)
from support import certificates as forge
from support.certificates import (
    BITS,
    CA,
    INTEGER,
    LEAF,
    OCTETS,
    OID,
    SEQUENCE,
    SET,
    basic_constraints,
    der,
    extension,
    integer,
    key_usage,
    swap,
)

PLACE = "a certificate"
INSTANCE = 3
GOOD = forge.chain()
INFORMATION_ACCESS = bytes.fromhex("2b06010505070101")
CA_ISSUERS = der(OID, bytes.fromhex("2b06010505073002"))
OTHER_TAG = der(OCTETS, bytes.fromhex("2b06010505073002"))
NAME = der(0x86, b"http://never-trust.invalid/")
COMMON_NAME, ORGANIZATION = der(OID, b"\x55\x04\x03"), der(OID, b"\x55\x04\x0a")


def _read(**parts: object) -> Certificate:
    return read_certificate(forge.chain({INSTANCE: swap(**parts)})[INSTANCE], PLACE)


def _failure(**parts: object) -> Failure:
    with pytest.raises(UntrustedDocumentError) as rejection:
        _read(**parts)
    (failure,) = rejection.value.failures
    return failure


def _having(*extensions: bytes) -> Certificate:
    return _read(extensions=extensions)


def _text(value: bytes, kind: bytes = COMMON_NAME, tag: int = forge.UTF8) -> bytes:
    return der(SEQUENCE, kind, der(tag, value))


def _name(*parts: bytes) -> bytes:
    return der(SEQUENCE, *(der(SET, part) for part in parts))


def test_every_field_is_read() -> None:
    """The instance's certificate of the forge, field by field."""
    spec = forge.specs()[INSTANCE]
    read = read_certificate(GOOD[INSTANCE], PLACE)
    assert GOOD[INSTANCE][4:].startswith(read.signed)
    assert GOOD[INSTANCE].endswith(b"\0" + read.signature)
    assert (read.algorithm, read.outer_algorithm) == (spec.algorithm, spec.outer_algorithm)
    assert (read.serial, read.public_key) == (1, spec.public_key)
    assert (read.issuer, read.subject) == (spec.issuer, spec.subject)
    assert (read.common_name, read.is_ca, read.path_length) == ("instance", True, 0)
    assert read.not_before == datetime(2026, 1, 3, 19, 41, 7, tzinfo=UTC)
    assert read.not_after == datetime(2026, 1, 4, 19, 41, 7, tzinfo=UTC)
    assert [entry.oid for entry in read.extensions] == [BASIC_CONSTRAINTS.oid, KEY_USAGE.oid]
    assert (read.key_usage, read.key_identifier, read.issuer_key_identifier) == (4, None, None)


def test_what_is_absent_is_none() -> None:
    """Without extensions nothing is known of them."""
    read = _having()
    assert (read.extensions, read.is_ca, read.path_length, read.key_usage) == ((), None, None, None)
    assert not read.is_critical(KEY_USAGE)


def test_critical_is_said_of_a_kind() -> None:
    """The flag of the extension of that kind counts."""
    read = _having(basic_constraints(), key_usage(4, critical=None))
    assert read.is_critical(BASIC_CONSTRAINTS)
    assert not read.is_critical(KEY_USAGE)
    (_, second) = read.extensions
    assert second == Extension(oid=KEY_USAGE.oid, critical=False, value=der(BITS, b"\x02\x04"))


@pytest.mark.parametrize(
    ("encoded", "moment"),
    [
        (der(0x17, b"500101000000Z"), datetime(1950, 1, 1, tzinfo=UTC)),
        (der(0x17, b"991231235959Z"), datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (der(0x17, b"000229000000Z"), datetime(2000, 2, 29, tzinfo=UTC)),
        (der(0x17, b"491231235959Z"), datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (der(0x18, b"20500101000000Z"), datetime(2050, 1, 1, tzinfo=UTC)),
        (der(0x18, b"99991231235959Z"), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_times_are_read_in_their_one_form(encoded: bytes, moment: datetime) -> None:
    """UTCTime for 1950 to 2049, GeneralizedTime from 2050 on."""
    assert _read(not_before=encoded).not_before == moment
    assert _read(not_after=encoded).not_after == moment


@pytest.mark.parametrize(
    "encoded",
    [
        der(0x18, b"20491231235959Z"),
        der(0x18, b"00000101000000Z"),
        der(0x18, b"19500101000000Z"),
        der(0x17, b"20500101000000Z"),
        der(0x18, b"500101000000Z"),
        der(0x17, b"250229000000Z"),
        der(0x17, b"260103240000Z"),
        der(0x17, b"260103204160Z"),
        der(0x17, b"260103204107z"),
        der(0x17, b" 60103204107Z"),
        der(0x17, b"+60103204107Z"),
        der(0x17, b"260103204107Z\n"),
        der(0x17, "26010320410\u0667Z".encode()),
        der(0x17),
        der(0x13, b"260103204107Z"),
        b"",
        forge.time(forge.NOW) * 2,
    ],
)
def test_times_of_another_form_are_rejected(encoded: bytes) -> None:
    """Another year for the form, no day of the calendar, other digits, another type or number."""
    for field in ("not_before", "not_after"):
        assert _failure(**{field: encoded}) == Failure(Reason.CHAIN_CERTIFICATE, PLACE)


def test_names_are_read() -> None:
    """Several attributes, also several in one set, in the order of their encodings."""
    both = sorted([_text(b"one"), _text(b"two", ORGANIZATION)])
    assert _read(subject=_name(b"".join(both))).common_name == "one"
    assert _read(subject=_name(*both)).common_name == "one"
    assert _read(subject=_name(_text(b"x", tag=forge.PRINTABLE))).common_name == "x"


@pytest.mark.parametrize(
    "subject",
    [
        _name(),
        _name(_text(b"two", ORGANIZATION)),
        _name(_text(b"one"), _text(b"one")),
        _name(_text("é".encode())),
        _name(_text(b"x", tag=0x14)),
        _name(_text(b"x", tag=0x16)),
    ],
)
def test_a_common_name_is_the_only_one_and_text(subject: bytes) -> None:
    """Otherwise there is none to compare."""
    assert _read(subject=subject).common_name is None


@pytest.mark.parametrize(
    "subject",
    [
        der(SET, der(SET, _text(b"x"))),
        der(SEQUENCE, _text(b"x")),
        der(SEQUENCE, der(SET)),
        _name(b"".join(sorted([_text(b"a"), _text(b"b")], reverse=True))),
        _name(der(SET, COMMON_NAME, der(forge.UTF8, b"x"))),
        _name(der(SEQUENCE, COMMON_NAME)),
        _name(der(SEQUENCE, COMMON_NAME, der(forge.UTF8, b"x"), der(forge.UTF8, b"x"))),
        _name(_text(b"x", der(OCTETS, b"\x55\x04\x03"))),
        _name(_text(b"x", der(OID, b"\x55\x80\x03"))),
        _name(_text(b"x", der(OID))),
        _name(_text(b"x@y", tag=forge.PRINTABLE)),
        _name(b"\x30\x05\x06\x03\x55\x04\x03"),
    ],
)
def test_names_of_another_form_are_rejected(subject: bytes) -> None:
    """No sets, an empty one, one out of order, or attributes that are no pairs of OID and value."""
    assert _failure(subject=subject) == Failure(Reason.CHAIN_CERTIFICATE, PLACE)
    assert _failure(issuer=subject) == Failure(Reason.CHAIN_CERTIFICATE, PLACE)


def test_the_number_of_attributes_is_bounded() -> None:
    """Sixteen, however they are put into sets."""
    attributes = [_text(bytes([0x61 + number]), ORGANIZATION) for number in range(17)]
    one, two = b"".join(attributes[:8]), b"".join(attributes[8:16])
    assert _read(subject=_name(one, two)).common_name is None
    for subject in (_name(one, two, attributes[16]), _name(*attributes)):
        assert _failure(subject=subject) == Failure(Reason.CHAIN_CERTIFICATE, PLACE)


@pytest.mark.parametrize("tag", [0x04, 0x02, 0x1C, 0x1E, 0x30, 0x80])
def test_attributes_are_text(tag: int) -> None:
    """UTF8, printable, teletex or IA5 strings."""
    failure = _failure(subject=_name(_text(b"text", ORGANIZATION, tag)))
    assert failure == Failure(Reason.CHAIN_SUBJECT, PLACE, "names of text")


EXTENSION = (der(OID, b"\x55\x1d\x63"), der(OCTETS, b"\x05\x00"))
TRUE = der(forge.BOOLEAN, b"\xff")


@pytest.mark.parametrize(
    "encoded",
    [
        der(SEQUENCE),
        der(SEQUENCE, EXTENSION[0]),
        der(SEQUENCE, EXTENSION[1]),
        der(SEQUENCE, *reversed(EXTENSION)),
        der(SEQUENCE, *EXTENSION, TRUE),
        der(SEQUENCE, EXTENSION[0], TRUE, TRUE, EXTENSION[1]),
        der(SEQUENCE, EXTENSION[0], der(forge.BOOLEAN, b"\x01"), EXTENSION[1]),
        der(SEQUENCE, EXTENSION[0], der(forge.BOOLEAN, b"\x00"), EXTENSION[1]),
        der(SEQUENCE, EXTENSION[0], der(INTEGER, b"\xff"), EXTENSION[1]),
        der(SEQUENCE, EXTENSION[0], der(BITS, b"\0")),
        der(SEQUENCE, *EXTENSION, der(5)),
        der(SEQUENCE, der(OID, b"\x55\x80"), EXTENSION[1]),
        der(SET, *EXTENSION),
        b"\x30\x05\x06\x03\x55\x1d\x63\x04",
    ],
)
def test_extensions_of_another_form_are_rejected(encoded: bytes) -> None:
    """An OID, at most one BOOLEAN that is ff, an OCTET STRING, and nothing else."""
    assert _failure(extensions=(encoded,)) == Failure(Reason.CHAIN_CERTIFICATE, PLACE)


def test_a_list_of_extensions_is_not_empty() -> None:
    """RFC 5280 4.1: SEQUENCE SIZE (1..MAX)."""
    failure = _failure(extensions=(), after_key=der(0xA3, der(SEQUENCE)))
    assert failure == Failure(Reason.CHAIN_EXTENSION, f"{PLACE}: extensions", "at least one")


@pytest.mark.parametrize("length", [0, 1, 0x7F, 0x80, (1 << 63) - 1])
def test_path_lengths_are_read(length: int) -> None:
    """From 0 to the largest in eight octets."""
    read = _having(basic_constraints(CA, integer(length)))
    assert (read.is_ca, read.path_length) == (True, length)


@pytest.mark.parametrize(
    "value",
    [
        *("", "05 00", "30", "30 01", "30 03 01 01", "30 03 01 01 01", "30 03 01 01 00"),
        *("30 03 02 01 00", "30 06 01 01 ff 02 01 80", "30 06 01 01 ff 02 01 ff"),
        *("30 05 01 01 ff 02 00", "30 07 01 01 ff 02 02 00 00", "30 07 01 01 ff 02 02 00 7f"),
        *("30 03 01 01 ff 00", "30 06 01 01 ff 02 01 00 00", "31 03 01 01 ff", "04 03 01 01 ff"),
        *("30 81 03 01 01 ff", "30 06 02 01 00 01 01 ff", "30 06 01 01 ff 04 01 00"),
        "30 09 01 01 ff 02 01 00 02 01 00",
    ],
)
def test_constraints_of_another_form_are_rejected(value: str) -> None:
    """Another type, order or number of parts, a FALSE that is written out, a longer path length."""
    failure = _failure(extensions=(extension(19, bytes.fromhex(value)),))
    assert failure == Failure(Reason.CHAIN_EXTENSION, f"{PLACE}: basicConstraints")


def test_path_lengths_have_an_end() -> None:
    """More than eight octets are as good as malformed."""
    failure = _failure(extensions=(basic_constraints(CA, integer(1 << 63)),))
    assert failure == Failure(Reason.CHAIN_EXTENSION, f"{PLACE}: basicConstraints")


@pytest.mark.parametrize(
    ("bits", "first"),
    [("02 04", 4), ("07 80", 0x80), ("00 01", 1), ("07 86 80", 0x86), ("07 00 80", 0)],
)
def test_key_usages_are_read(bits: str, first: int) -> None:
    """One or two octets, which end with the last bit that is set."""
    assert _having(extension(15, der(BITS, bytes.fromhex(bits)))).key_usage == first


@pytest.mark.parametrize(
    "value", ["05 00", "03", "03 00", "03 01 00", "03 02 00 04", "03 02 00 00", "03 02 02 04 00"]
)
def test_key_usages_of_another_form_are_rejected(value: str) -> None:
    """Another type, no bits, zeros at the end, or more after it."""
    failure = _failure(extensions=(extension(15, bytes.fromhex(value)),))
    assert failure == Failure(Reason.CHAIN_EXTENSION, f"{PLACE}: keyUsage")


def test_key_identifiers_are_read() -> None:
    """An OCTET STRING, and the first choice of a SEQUENCE."""
    read = _having(
        extension(14, der(OCTETS, b"own")), extension(35, der(SEQUENCE, der(0x80, b"issuer's")))
    )
    assert (read.key_identifier, read.issuer_key_identifier) == (b"own", b"issuer's")


@pytest.mark.parametrize(
    "value",
    [
        der(OCTETS, b"id"),
        der(SEQUENCE),
        der(SEQUENCE, der(0x81, b"id")),
        der(SEQUENCE, der(0x80, b"id"), der(0x82, b"\x01")),
        der(SEQUENCE, der(0x80, b"id")) + b"\0",
    ],
)
def test_issuer_key_identifiers_hold_nothing_else(value: bytes) -> None:
    """No issuer's name, no serial number."""
    failure = _failure(extensions=(extension(35, value),))
    assert failure == Failure(Reason.CHAIN_EXTENSION, f"{PLACE}: authorityKeyIdentifier")


def _access(*parts: bytes) -> bytes:
    value = der(SEQUENCE, *parts)
    return der(SEQUENCE, der(OID, INFORMATION_ACCESS), der(OCTETS, value))


@pytest.mark.parametrize("tag", [0x81, 0x82, 0x86])
def test_plain_names_are_read_over(tag: int) -> None:
    """A mail address, a host name and an address, as alternative names and as places to ask."""
    plain = der(tag, b"never-trust.invalid")
    assert _having(extension(17, der(SEQUENCE, plain, plain)))
    assert _having(_access(der(SEQUENCE, CA_ISSUERS, plain)))
    assert _having(_access())
    assert _having(extension(31, der(SEQUENCE, der(SEQUENCE))))


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (lambda: extension(17, der(SEQUENCE, der(0x82, b"never\xfftrust"))), "subjectAltName"),
        (lambda: extension(17, der(SEQUENCE, NAME, der(0x88, b"\x2a"))), "subjectAltName"),
        (lambda: extension(17, NAME), "subjectAltName"),
        (lambda: _access(der(SET, CA_ISSUERS, NAME)), "authorityInfoAccess"),
        (lambda: _access(der(SEQUENCE, CA_ISSUERS)), "authorityInfoAccess"),
        (lambda: _access(der(SEQUENCE, CA_ISSUERS, NAME, NAME)), "authorityInfoAccess"),
        (lambda: _access(der(SEQUENCE, NAME, NAME)), "authorityInfoAccess"),
        (lambda: _access(der(SEQUENCE, der(OID, b"\x80"), NAME)), "authorityInfoAccess"),
        (lambda: _access(der(SEQUENCE, OTHER_TAG, NAME)), "authorityInfoAccess"),
        (lambda: _access(der(SEQUENCE, der(OID, b"\x2a\x03"), NAME)), "authorityInfoAccess"),
        (lambda: _access(der(SEQUENCE, CA_ISSUERS, der(0x87, b"1234"))), "authorityInfoAccess"),
        (lambda: _access(der(SEQUENCE, CA_ISSUERS, der(0x86, b"\xff"))), "authorityInfoAccess"),
        (lambda: extension(31, der(OCTETS, b"list")), "cRLDistributionPoints"),
        (lambda: extension(31, der(SEQUENCE, b"\x30")), "cRLDistributionPoints"),
    ],
)
def test_lists_that_others_cannot_read_are_rejected(made: Callable[[], bytes], kind: str) -> None:
    """Another kind of name, octets that are no ASCII, no method, or no list."""
    failure = _failure(extensions=(made(),))
    assert failure == Failure(Reason.CHAIN_EXTENSION, f"{PLACE}: {kind}")


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        GOOD[LEAF][:-1],
        GOOD[LEAF] + b"\0",
        der(SEQUENCE, GOOD[LEAF]),
        der(SEQUENCE, *[der(SEQUENCE)] * 2, der(BITS)),
        der(SEQUENCE, *[der(SEQUENCE)] * 2, der(BITS, b"\0"), der(5)),
    ],
)
def test_what_is_no_certificate_is_rejected(encoded: bytes) -> None:
    """Nothing, a byte more or less, or other parts."""
    with pytest.raises(UntrustedDocumentError) as rejection:
        read_certificate(encoded, PLACE)
    assert rejection.value.failures == (Failure(Reason.CHAIN_CERTIFICATE, PLACE),)


@pytest.mark.parametrize("version", ["", "a003020100", "a003020101", "a003020103", "a00402020002"])
def test_only_version_3_is_read(version: str) -> None:
    """Our own reader rejects the others, before the second one reads the certificate."""
    failure = _failure(version=bytes.fromhex(version))
    assert failure == Failure(Reason.CHAIN_CERTIFICATE, PLACE)


def test_a_signature_is_whole_octets() -> None:
    """No bit of its last octet is unused."""
    assert _failure(unused_bits=1) == Failure(Reason.CHAIN_CERTIFICATE, PLACE)


def test_a_serial_number_is_read_whatever_its_size() -> None:
    """Its size is the profile's rule."""
    assert _read(serial=integer(1 << 200)).serial == 1 << 200
    assert _read(serial=integer(0)).serial == 0
