"""One certificate by itself: how its times and its outer parts are written (RFC 5280 sections 4.1 and 4.1.2.5)."""

from dataclasses import replace
from typing import Final

from vectorgen.forge import der
from vectorgen.forge.certificates import (
    at,
    filled_up,
)
from vectorgen.forge.documents import CHAIN
from vectorgen.forge.keys import NEVER_TRUST_LEAF
from vectorgen.groups.chain_certificates import Change, both
from vectorgen.kit import ACCEPT, Case, Row, enclave_case, family, vector

LOST = "If it is rejected, authentic documents are lost."
TIMES = "Two programs read two times: for one of them the certificate never ends."
TWO_READINGS = (
    "Two programs read two certificates: the one that was checked is not the one that is used."
)


def _time(text: str, tag: int = der.UTC_TIME) -> bytes:
    return der.element(tag, text.encode())


def _ends(not_after: bytes) -> Change:
    return lambda recipe: replace(recipe, not_after=not_after)


@family(
    *both("no-seconds", "a UTCTime without seconds", _ends(_time("2601042100Z"))),
    *both("no-z", "a UTCTime without Z", _ends(_time("260104210000"))),
    *both("offset", "a UTCTime with an offset", _ends(_time("260104210000+0000"))),
    *both(
        "other-offset",
        "a UTCTime with the offset of another zone",
        _ends(_time("260104210000-0800")),
    ),
    *both(
        "generalized-2026",
        "a GeneralizedTime in 2026",
        _ends(_time("20260104210000Z", der.GENERALIZED_TIME)),
    ),
    *both(
        "generalized-fraction",
        "a GeneralizedTime with a fraction",
        _ends(_time("20500104210000.5Z", der.GENERALIZED_TIME)),
    ),
    *both(
        "generalized-no-z",
        "a GeneralizedTime without Z",
        _ends(_time("20500104210000", der.GENERALIZED_TIME)),
    ),
    *both("february-30", "the 30th of February", _ends(_time("260230210000Z"))),
    *both("month-13", "in the 13th month", _ends(_time("261304210000Z"))),
    *both("hour-24", "in the 24th hour", _ends(_time("260104240000Z"))),
    *both("second-60", "in a leap second that never was", _ends(_time("260104210060Z"))),
    *both("letters", "not made of digits", _ends(_time("26010421000xZ"))),
    *both("blank", "a UTCTime with a blank instead of a digit", _ends(_time("26010 210000Z"))),
    *both("text", "a text", _ends(der.utf8("260104210000Z"))),
    *both("empty", "empty", _ends(_time(""))),
    *both("absent", "missing", _ends(b"")),
    *both("twice", "there twice", lambda r: replace(r, not_after=r.not_after * 2)),
    expect="chain.certificate",
    rule="V-58; RFC 5280 section 4.1.2.5",
    attacks="70",
    effect=TIMES,
)
def not_after(given: tuple[str, Change]) -> Case:
    """The end of the validity of the {1} is {0}."""
    return enclave_case(at(*given))


@family(
    *both("utc-year-50", "in the year 50 of UTCTime, which is 1950", _ends(_time("500104210000Z"))),
    *both("utc-year-99", "in the year 99 of UTCTime, which is 1999", _ends(_time("990104210000Z"))),
    expect="chain.expired",
    rule="V-58, V-74; RFC 5280 section 4.1.2.5.1",
    attacks="70",
    effect=TIMES,
)
def ended(given: tuple[str, Change]) -> Case:
    """The end of the validity of the {1} is {0}."""
    return enclave_case(at(*given))


@family(
    *both(
        "generalized-2050",
        "in 2050, as GeneralizedTime",
        _ends(_time("20500101000000Z", der.GENERALIZED_TIME)),
    ),
    *both("utc-2049", "in the last second of 2049, as UTCTime", _ends(_time("491231235959Z"))),
    *both(
        "never", "the one that means never", _ends(_time("99991231235959Z", der.GENERALIZED_TIME))
    ),
    expect=ACCEPT,
    rule="V-58; RFC 5280 section 4.1.2.5",
    attacks="70",
    effect="If it is rejected, the chain of a partition whose root ends after 2049 is lost.",
)
def good_not_after(given: tuple[str, Change]) -> Case:
    """The end of the validity of the {1} is {0}."""
    return enclave_case(at(*given))


@family(
    *both(
        "generalized",
        "in 2026, as GeneralizedTime",
        lambda r: replace(r, not_before=_time("20260101000000Z", der.GENERALIZED_TIME)),
    ),
    *both("no-z", "a UTCTime without Z", lambda r: replace(r, not_before=_time("260101000000"))),
    *both(
        "year-0",
        "in the year 0",
        lambda r: replace(r, not_before=_time("00000101000000Z", der.GENERALIZED_TIME)),
    ),
    *both(
        "year-1949",
        "in 1949, as GeneralizedTime",
        lambda r: replace(r, not_before=_time("19490101000000Z", der.GENERALIZED_TIME)),
    ),
    expect="chain.certificate",
    rule="V-58; RFC 5280 section 4.1.2.5",
    attacks="70",
    effect=TIMES,
)
def not_before(given: tuple[str, Change]) -> Case:
    """The start of the validity of the {1} is {0}."""
    return enclave_case(at(*given))


UNIQUE: Final = bytes.fromhex("00aa")


@family(
    *both(
        "unused-bits", "has a signature with unused bits", lambda r: replace(r, unused_bits=b"\x01")
    ),
    *both(
        "fourth-part",
        "has NULL after its signature",
        lambda r: replace(r, after_signature=der.NULL),
    ),
    *both(
        "after-extensions",
        "has NULL after its extensions",
        lambda r: replace(r, after_extensions=der.NULL),
    ),
    *both(
        "issuer-unique-id",
        "has an issuerUniqueID",
        lambda r: replace(r, after_key=der.element(0x81, UNIQUE)),
    ),
    *both(
        "subject-unique-id",
        "has a subjectUniqueID",
        lambda r: replace(r, after_key=der.element(0x82, UNIQUE)),
    ),
    expect="chain.certificate",
    rule="V-52; RFC 5280 sections 4.1 and 4.1.2.8",
    attacks="62",
    effect=TWO_READINGS,
)
def part(given: tuple[str, Change]) -> Case:
    """The {1} {0}."""
    return enclave_case(at(*given))


@family(
    Row("one-byte", "one byte", b"\x30"),
    Row("text", "a text", b"-----BEGIN CERTIFICATE-----"),
    Row("empty-sequence", "an empty SEQUENCE", der.sequence()),
    Row("null", "NULL", der.NULL),
    Row("three-nulls", "a SEQUENCE of three NULLs", der.sequence(der.NULL, der.NULL, der.NULL)),
    Row("truncated", "the leaf without its last byte", CHAIN.certificate[:-1]),
    Row("key-alone", "the leaf's public key", NEVER_TRUST_LEAF.spki),
    Row("tbs-alone", "the signed part of the leaf alone", CHAIN.certificate[4 : 4 + 400]),
    Row(
        "indefinite-length",
        "the leaf with an outer indefinite length",
        b"\x30\x80" + CHAIN.certificate[4:] + bytes(2),
    ),
    Row(
        "long-length",
        "the leaf with a length of three octets",
        b"\x30\x83\x00" + CHAIN.certificate[2:],
    ),
    Row("set", "the leaf as a SET", b"\x31" + CHAIN.certificate[1:]),
    Row("two-in-one", "a SEQUENCE of two leaves", der.sequence(CHAIN.certificate, der.sequence())),
    expect="chain.certificate",
    rule="V-52; RFC 5280 section 4.1",
    attacks="45, 62",
    effect="An error nobody handles takes the service down.",
)
def not_a_certificate(value: bytes) -> Case:
    """Instead of the leaf there is {}."""
    return enclave_case(certificate=value)


@family(
    Row("zonal", "zonal certificate", "zonal"),
    Row("leaf", "leaf", "leaf"),
    expect=ACCEPT,
    rule="V-43, V-45; AWS attestation process 3.1",
    attacks="44, 45",
    effect=LOST,
)
def of_1024_bytes(place: str) -> Case:
    """The {} has the 1,024 bytes that AWS allows, filled up by an extension that is not critical."""
    return enclave_case(at(place, lambda recipe: filled_up(recipe, 1024)))


@family(
    Row("zonal", "zonal certificate", "zonal", "document.cabundle"),
    Row("leaf", "leaf", "leaf", "document.certificate"),
    expect="document.certificate",
    rule="V-43, V-45; AWS attestation process 3.1",
    attacks="44, 45",
    effect="Work grows with what a stranger sends.",
)
def of_1025_bytes(place: str) -> Case:
    """The {} is good and has one byte more than AWS allows."""
    return enclave_case(at(place, lambda recipe: filled_up(recipe, 1025)))


@vector(
    expect="chain.certificate",
    rule="V-52; ITU-T X.690 section 10.1",
    attacks="62",
    effect=TWO_READINGS,
)
def instance_with_a_long_length() -> Case:
    """The instance's certificate is the good one, its outer length written in one octet more than needed."""
    good = CHAIN.cabundle[-1]
    return enclave_case(replace(CHAIN, cabundle=(*CHAIN.cabundle[:-1], b"\x30\x83\x00" + good[2:])))
