"""One certificate by itself: its form, version, serial, algorithms, key, times and signature (RFC 5280 section 4.1, RFC 5480)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from vectorgen.forge import der
from vectorgen.forge.certificates import (
    LEAF,
    Extension,
    Recipe,
    at,
    issue,
    with_extension,
)
from vectorgen.forge.documents import CHAIN
from vectorgen.forge.keys import FIELD_PRIME, NEVER_TRUST_INSTANCE, NEVER_TRUST_LEAF, ORDER, raw
from vectorgen.kit import ACCEPT, Case, Row, enclave_case, family, vector

TWO_READINGS = "Two programs read two certificates: the one that was checked is not the one that is used."
OLD_VERSION = "Certificates before version 3 carry no extensions: every one of them is an authority."
WEAK = "The weakest algorithm that anybody accepts decides."
WEAK_KEY = "With parameters or points of an attacker's choice, the private key to a public one is easily found (CVE-2020-0601)."
TIMES = "Two programs read two times: for one of them the certificate never ends."
LOST = "Refused, genuine documents are lost."
PLACES: Final = ("zonal", "leaf")

Change = Callable[[Recipe], Recipe]


def _both(name: str, words: str, change: Change, expect: str | None = None) -> tuple[Row, ...]:
    """Make a fault once in an authority and once in the leaf."""
    shown = {"zonal": "zonal certificate", "leaf": "leaf"}
    return tuple(Row(f"{name}-{place}", f"{words}|{shown[place]}", (place, change), expect) for place in PLACES)


@family(
    *_both("1", "version 1: no version, no extensions", lambda r: replace(r, version=b"", extension_block=b"")),
    *_both("1-with-extensions", "no version but extensions", lambda r: replace(r, version=b"")),
    *_both("1-explicit", "version 1 written out", lambda r: replace(r, version=bytes.fromhex("a003020100"))),
    *_both("2", "version 2", lambda r: replace(r, version=bytes.fromhex("a003020101"))),
    *_both("4", "version 4", lambda r: replace(r, version=bytes.fromhex("a003020103"))),
    *_both("two-octets", "version 3 in two octets", lambda r: replace(r, version=bytes.fromhex("a00402020002"))),
    *_both("trailing", "a zero byte behind version 3", lambda r: replace(r, version=bytes.fromhex("a00402010200"))),
    expect="chain.certificate",
    rule="attacks 62, 63; RFC 5280 section 4.1.2.1",
    effect=OLD_VERSION,
)
def version(given: tuple[str, Change]) -> Case:
    """The {1} has {0}."""
    return enclave_case(at(*given))


@family(
    *_both("zero", "zero", lambda r: replace(r, serial=der.integer(0))),
    *_both("negative", "negative", lambda r: replace(r, serial=der.integer(-1))),
    *_both("empty", "an INTEGER without octets", lambda r: replace(r, serial=bytes.fromhex("0200"))),
    *_both("22-octets", "22 octets long", lambda r: replace(r, serial=der.integer(1 << 168))),
    *_both("padded", "written with a zero octet too many", lambda r: replace(r, serial=bytes.fromhex("02020001"))),
    *_both("text", "a text", lambda r: replace(r, serial=der.utf8("1"))),
    expect="chain.certificate",
    rule="attacks 62; RFC 5280 section 4.1.2.2",
    effect=TWO_READINGS,
)
def serial(given: tuple[str, Change]) -> Case:
    """The serial number of the {1} is {0}."""
    return enclave_case(at(*given))


@family(
    *_both("21-octets", "21 octets long: 20 and a leading zero", lambda r: replace(r, serial=der.integer((1 << 160) - 1))),
    *_both("one", "one", lambda r: replace(r, serial=der.integer(1))),
    expect=ACCEPT,
    rule="attacks 59; RFC 5280 section 4.1.2.2",
    effect=LOST,
)
def good_serial(given: tuple[str, Change]) -> Case:
    """The serial number of the {1} is {0}."""
    return enclave_case(at(*given))


def _algorithm(dotted: str, *parameters: bytes) -> bytes:
    return der.sequence(der.oid(dotted), *parameters)


SHA256_OID: Final = _algorithm("1.2.840.10045.4.3.2")
SHA512_OID: Final = _algorithm("1.2.840.10045.4.3.4")
RSA_OID: Final = _algorithm("1.2.840.113549.1.1.12", der.NULL)
ED25519_OID: Final = _algorithm("1.3.101.112")
WITH_NULL: Final = _algorithm("1.2.840.10045.4.3.3", der.NULL)


def _named(algorithm: bytes) -> Change:
    return lambda recipe: replace(recipe, inner_algorithm=algorithm, outer_algorithm=algorithm)


@family(
    *_both("sha256", "is ecdsa-with-SHA256 throughout", lambda r: replace(_named(SHA256_OID)(r), digest="SHA256")),
    *_both("sha512", "is ecdsa-with-SHA512 throughout", lambda r: replace(_named(SHA512_OID)(r), digest="SHA512")),
    *_both("sha1", "is named as ecdsa-with-SHA1", _named(_algorithm("1.2.840.10045.4.1"))),
    *_both("rsa", "is named as RSA with SHA-384", _named(RSA_OID)),
    *_both("ed25519", "is named as Ed25519", _named(ED25519_OID)),
    *_both("unknown", "is one that nobody knows", _named(_algorithm("1.3.6.1.4.1.55555.1"))),
    *_both("null-parameters", "has NULL as parameters", _named(WITH_NULL)),
    *_both("inner-sha256", "is another one inside than outside", lambda r: replace(r, inner_algorithm=SHA256_OID)),
    *_both("outer-sha256", "is another one outside than inside", lambda r: replace(r, outer_algorithm=SHA256_OID)),
    *_both("outer-null-parameters", "has parameters outside and none inside", lambda r: replace(r, outer_algorithm=WITH_NULL)),
    *_both("inner-null-parameters", "has parameters inside and none outside", lambda r: replace(r, inner_algorithm=WITH_NULL)),
    *_both("empty", "is an empty SEQUENCE", _named(der.sequence())),
    expect="chain.algorithm",
    rule="attacks 62, 64; RFC 5280 section 4.1.1.2, RFC 5758 section 3.2",
    effect=WEAK,
)
def algorithm(given: tuple[str, Change]) -> Case:
    """The signature algorithm of the {1} {0}."""
    return enclave_case(at(*given))


EC: Final = "1.2.840.10045.2.1"
SECP384R1: Final = der.oid("1.3.132.0.34")
POINT: Final = NEVER_TRUST_LEAF.point
ISSUER: Final = NEVER_TRUST_INSTANCE.point
X, Y = POINT[1:49], POINT[49:]
PARITY: Final = bytes([2 + (Y[-1] & 1)])
CURVE_B: Final = int("b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef", 16)
GENERATOR: Final = bytes.fromhex(
    "04aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7"
    "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f"
)


def _spki(point: bytes, parameters: bytes = SECP384R1, *, kind: str = EC, unused: bytes = b"\0", tail: bytes = b"") -> bytes:
    return der.sequence(der.sequence(der.oid(kind), parameters), der.element(der.BIT_STRING, unused, point), tail)


def _explicit_parameters(generator: bytes = GENERATOR) -> bytes:
    """Write out the parameters of P-384 (RFC 3279 section 2.3.5)."""
    field = der.sequence(der.oid("1.2.840.10045.1.1"), der.integer(FIELD_PRIME))
    a = der.element(der.OCTET_STRING, (FIELD_PRIME - 3).to_bytes(48, "big"))
    b = der.element(der.OCTET_STRING, CURVE_B.to_bytes(48, "big"))
    base = der.element(der.OCTET_STRING, generator)
    return der.sequence(der.integer(1), field, der.sequence(a, b), base, der.integer(ORDER), der.integer(1))


def _low_point() -> tuple[int, int]:
    """Find a point whose x is so small that x + p still has 48 bytes."""
    x = 0
    while True:
        square = (x**3 - 3 * x + CURVE_B) % FIELD_PRIME
        y = pow(square, (FIELD_PRIME + 1) // 4, FIELD_PRIME)
        if y * y % FIELD_PRIME == square:
            return x, y
        x += 1


LOW_X, LOW_Y = _low_point()
NOT_REDUCED: Final = b"\x04" + raw(LOW_X + FIELD_PRIME, LOW_Y)


@family(
    Row("p256", "is of P-256", _spki(b"\x04" + X[:32] + Y[:32], der.oid("1.2.840.10045.3.1.7"))),
    Row("p521", "is of P-521", _spki(b"\x04" + bytes(18) + X + bytes(18) + Y, der.oid("1.3.132.0.35"))),
    Row("brainpool", "is of brainpoolP384r1", _spki(POINT, der.oid("1.3.36.3.3.2.8.1.1.11"))),
    Row("ec-dh", "is for Diffie-Hellman only", _spki(POINT, kind="1.3.132.1.12")),
    Row("ed25519", "is of Ed25519", der.sequence(der.sequence(der.oid("1.3.101.112")), der.element(der.BIT_STRING, b"\0", X[:32]))),
    Row("rsa", "is an RSA key", der.sequence(_algorithm("1.2.840.113549.1.1.1", der.NULL), der.element(der.BIT_STRING, b"\0", der.sequence(der.integer(1 << 2047 | 1), der.integer(65537))))),
    Row("explicit-parameters", "has the parameters of P-384 written out", _spki(POINT, _explicit_parameters())),
    Row("own-generator", "has written-out parameters whose generator is the key itself, so that the private key is 1", _spki(POINT, _explicit_parameters(POINT))),
    Row("implicit-curve", "has NULL as curve", _spki(POINT, der.NULL)),
    Row("no-curve", "names no curve", _spki(POINT, b"")),
    Row("compressed", "is a compressed point", _spki(PARITY + X)),
    Row("hybrid", "is a hybrid point", _spki(bytes([PARITY[0] + 4]) + X + Y)),
    Row("infinity", "is the point at infinity", _spki(b"\0")),
    Row("origin", "is the point (0, 0), which is not on the curve", _spki(b"\x04" + bytes(96))),
    Row("off-curve", "is a point that is not on the curve", _spki(POINT[:-1] + bytes([POINT[-1] ^ 1]))),
    Row("coordinate-above-p", "is a point with x + p in the place of x", _spki(NOT_REDUCED)),
    Row("coordinate-largest", "is a point with coordinates of ff bytes", _spki(b"\x04" + b"\xff" * 96)),
    Row("short-point", "lacks its last byte", _spki(POINT[:-1])),
    Row("long-point", "has a zero byte behind its point", _spki(POINT + b"\0")),
    Row("other-point-form", "is a point of the unknown form 5", _spki(b"\x05" + X + Y)),
    Row("unused-bits", "is a BIT STRING with an unused bit", _spki(POINT, unused=b"\x01")),
    Row("trailing", "is followed by NULL", _spki(POINT, tail=der.NULL)),
    Row("trailing-in-algorithm", "has NULL behind its curve", _spki(POINT, SECP384R1 + der.NULL)),
    expect="chain.key",
    rule="attacks 62, 65; RFC 5480 section 2, SEC 1 section 2.3.4",
    effect=WEAK_KEY,
    refs=("CVE-2020-0601",),
)  # fmt: skip
def key(spki: bytes) -> Case:
    """The public key of the leaf {}."""
    return enclave_case(at("leaf", lambda recipe: replace(recipe, spki=spki)))


@family(
    Row("p256", "of P-256", _spki(b"\x04" + ISSUER[1:33] + ISSUER[49:81], der.oid("1.2.840.10045.3.1.7"))),
    Row("explicit-parameters", "with the parameters of P-384 written out", _spki(ISSUER, _explicit_parameters())),
    Row("compressed", "as a compressed point", _spki(bytes([2 + (ISSUER[-1] & 1)]) + ISSUER[1:49])),
    Row("hybrid", "as a hybrid point", _spki(bytes([6 + (ISSUER[-1] & 1)]) + ISSUER[1:])),
    Row("trailing", "followed by NULL", _spki(ISSUER, tail=der.NULL)),
    expect="chain.key",
    rule="attacks 62, 65; RFC 5480 section 2",
    effect=WEAK_KEY,
)  # fmt: skip
def key_of_the_instance(spki: bytes) -> Case:
    """The instance's public key is written {}; the leaf is signed with it."""
    return enclave_case(at("instance", lambda recipe: replace(recipe, spki=spki)))


def _time(text: str, tag: int = der.UTC_TIME) -> bytes:
    return der.element(tag, text.encode())


def _ends(not_after: bytes) -> Change:
    return lambda recipe: replace(recipe, not_after=not_after)


@family(
    *_both("no-seconds", "a UTCTime without seconds", _ends(_time("2601042100Z"))),
    *_both("no-z", "a UTCTime without Z", _ends(_time("260104210000"))),
    *_both("offset", "a UTCTime with an offset", _ends(_time("260104210000+0000"))),
    *_both("other-offset", "a UTCTime with the offset of another zone", _ends(_time("260104210000-0800"))),
    *_both("generalized-2026", "a GeneralizedTime in 2026", _ends(_time("20260104210000Z", der.GENERALIZED_TIME))),
    *_both(
        "generalized-fraction", "a GeneralizedTime with a fraction", _ends(_time("20500104210000.5Z", der.GENERALIZED_TIME))
    ),
    *_both("generalized-no-z", "a GeneralizedTime without Z", _ends(_time("20500104210000", der.GENERALIZED_TIME))),
    *_both("february-30", "the 30th of February", _ends(_time("260230210000Z"))),
    *_both("month-13", "in the 13th month", _ends(_time("261304210000Z"))),
    *_both("hour-24", "in the 24th hour", _ends(_time("260104240000Z"))),
    *_both("second-60", "in a leap second that never was", _ends(_time("260104210060Z"))),
    *_both("letters", "not made of digits", _ends(_time("26010421000xZ"))),
    *_both("blank", "a UTCTime with a blank in the place of a digit", _ends(_time("26010 210000Z"))),
    *_both("text", "a text", _ends(der.utf8("260104210000Z"))),
    *_both("empty", "empty", _ends(_time(""))),
    *_both("absent", "missing", _ends(b"")),
    *_both("twice", "there twice", lambda r: replace(r, not_after=r.not_after * 2)),
    expect="chain.certificate",
    rule="attacks 70; RFC 5280 section 4.1.2.5",
    effect=TIMES,
)
def not_after(given: tuple[str, Change]) -> Case:
    """The end of the validity of the {1} is {0}."""
    return enclave_case(at(*given))


@family(
    *_both("utc-year-50", "in the year 50 of UTCTime, which is 1950", _ends(_time("500104210000Z"))),
    *_both("utc-year-99", "in the year 99 of UTCTime, which is 1999", _ends(_time("990104210000Z"))),
    expect="chain.expired",
    rule="attacks 70; RFC 5280 section 4.1.2.5.1",
    effect=TIMES,
)
def ended(given: tuple[str, Change]) -> Case:
    """The end of the validity of the {1} is {0}."""
    return enclave_case(at(*given))


@family(
    *_both("generalized-2050", "in 2050, as GeneralizedTime", _ends(_time("20500101000000Z", der.GENERALIZED_TIME))),
    *_both("utc-2049", "in the last second of 2049, as UTCTime", _ends(_time("491231235959Z"))),
    *_both("never", "the one that means never", _ends(_time("99991231235959Z", der.GENERALIZED_TIME))),
    expect=ACCEPT,
    rule="attacks 70; RFC 5280 section 4.1.2.5",
    effect="Refused, the chain of a partition whose root ends after 2049 is lost.",
)
def good_not_after(given: tuple[str, Change]) -> Case:
    """The end of the validity of the {1} is {0}."""
    return enclave_case(at(*given))


@family(
    *_both("generalized", "a GeneralizedTime", lambda r: replace(r, not_before=_time("20260101000000Z", der.GENERALIZED_TIME))),
    *_both("no-z", "a UTCTime without Z", lambda r: replace(r, not_before=_time("260101000000"))),
    expect="chain.certificate",
    rule="attacks 70; RFC 5280 section 4.1.2.5",
    effect=TIMES,
)
def not_before(given: tuple[str, Change]) -> Case:
    """The start of the validity of the {1}, in 2026, is {0}."""
    return enclave_case(at(*given))


def _form(write: Callable[[int, int], bytes]) -> Change:
    """Write the signature in another form."""
    return lambda recipe: replace(recipe, signature_form=write)


def _padded_integer(value: int) -> bytes:
    content = der.integer(value)[2:]
    return der.element(0x02, b"\0", content)


def _negative_integer(value: int) -> bytes:
    return der.element(0x02, value.to_bytes(48, "big").lstrip(b"\0"))


def _high(r: int, s: int) -> tuple[int, int]:
    """Choose the twin whose s has its highest bit set."""
    return r, max(s, ORDER - s)


@family(
    *_both("r-padded", "has a zero octet too many before r", _form(lambda x, y: der.sequence(_padded_integer(x), der.integer(y)))),
    *_both("s-padded", "has a zero octet too many before s", _form(lambda x, y: der.sequence(der.integer(x), _padded_integer(y)))),
    *_both("s-negative", "has a high s without its leading zero, a negative number", _form(lambda x, y: der.sequence(der.integer(x), _negative_integer(_high(x, y)[1])))),
    *_both("trailing-inside", "has NULL behind s", _form(lambda x, y: der.sequence(der.integer(x), der.integer(y), der.NULL))),
    *_both("trailing-behind", "has NULL behind its SEQUENCE", _form(lambda x, y: der.signature(x, y) + der.NULL)),
    *_both("long-length", "has a length of more octets than needed", _form(lambda x, y: b"\x30\x81" + der.signature(x, y)[1:])),
    *_both("indefinite", "has an indefinite length", _form(lambda x, y: b"\x30\x80" + der.signature(x, y)[2:] + bytes(2))),
    *_both("set", "is a SET", _form(lambda x, y: b"\x31" + der.signature(x, y)[1:])),
    *_both("raw", "is r and s without DER, as in COSE", _form(raw)),
    *_both("empty", "is empty", _form(lambda _x, _y: b"")),
    *_both("r-alone", "is a SEQUENCE of r alone", _form(lambda x, _y: der.sequence(der.integer(x)))),
    *_both("r-zero", "has r = 0", _form(lambda _x, y: der.signature(0, y))),
    *_both("s-zero", "has s = 0", _form(lambda x, _y: der.signature(x, 0))),
    *_both("r-order", "has r = n", _form(lambda _x, y: der.signature(ORDER, y))),
    *_both("s-order", "has s = n", _form(lambda x, _y: der.signature(x, ORDER))),
    *_both("r-plus-order", "has r + n in the place of r", _form(lambda x, y: der.signature(x + ORDER, y))),
    *_both("s-plus-order", "has s + n in the place of s", _form(lambda x, y: der.signature(x, y + ORDER))),
    *_both("s-minus-order", "has s - n, a negative number, in the place of s", _form(lambda x, y: der.signature(x, y - ORDER))),
    *_both("one-bit", "has one bit of s flipped", _form(lambda x, y: der.signature(x, y ^ 1))),
    expect="chain.signature",
    rule="attacks 13, 67; RFC 5480 appendix A, FIPS 186-5 section 6.4.2",
    effect="One certificate has many forms, and lists of bytes miss all but one; or no key at all is needed to sign.",
)  # fmt: skip
def signature(given: tuple[str, Change]) -> Case:
    """The signature of the {1} {0}."""
    return enclave_case(at(*given))


UNIQUE: Final = bytes.fromhex("00aa")


@family(
    *_both("unused-bits", "has a signature with unused bits", lambda r: replace(r, unused_bits=b"\x01")),
    *_both("fourth-part", "has NULL behind its signature", lambda r: replace(r, after_signature=der.NULL)),
    *_both("after-extensions", "has NULL behind its extensions", lambda r: replace(r, after_extensions=der.NULL)),
    *_both("issuer-unique-id", "has an issuerUniqueID", lambda r: replace(r, after_key=der.element(0x81, UNIQUE))),
    *_both("subject-unique-id", "has a subjectUniqueID", lambda r: replace(r, after_key=der.element(0x82, UNIQUE))),
    expect="chain.certificate",
    rule="attacks 62; RFC 5280 sections 4.1 and 4.1.2.8",
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
    Row("indefinite-length", "the leaf with an outer indefinite length", b"\x30\x80" + CHAIN.certificate[4:] + bytes(2)),
    Row("long-length", "the leaf with a length of three octets", b"\x30\x83\x00" + CHAIN.certificate[2:]),
    Row("set", "the leaf as a SET", b"\x31" + CHAIN.certificate[1:]),
    Row("two-in-one", "a SEQUENCE of two leaves", der.sequence(CHAIN.certificate, der.sequence())),
    expect="chain.certificate",
    rule="attacks 45, 62; RFC 5280 section 4.1",
    effect="An error nobody handles takes the service down.",
)
def not_a_certificate(value: bytes) -> Case:
    """In the place of the leaf there is {}."""
    return enclave_case(certificate=value)


def _sized(length: int) -> bytes:
    """Issue a leaf of exactly `length` bytes, filled up by an extension nobody knows."""
    for size in range(length):
        padded = with_extension(LEAF, Extension("1.3.6.1.4.1.55555.1", b"", bytes(size)))
        if len(issue(padded)) == length:
            return issue(padded)
    raise ValueError(length)


@vector(expect=ACCEPT, rule="attacks 45; AWS attestation process 3.1", effect=LOST)
def leaf_of_1024_bytes() -> Case:
    """The leaf has the 1,024 bytes that AWS allows, filled up by an extension that is not critical."""
    return enclave_case(certificate=_sized(1024))


@vector(
    expect="document.certificate",
    rule="attacks 45; AWS attestation process 3.1",
    effect="Work grows with what a stranger sends.",
)
def leaf_of_1025_bytes() -> Case:
    """The leaf is good and has one byte more than AWS allows."""
    return enclave_case(certificate=_sized(1025))


@vector(expect="chain.certificate", rule="attacks 62; ITU-T X.690 section 10.1", effect=TWO_READINGS)
def instance_with_a_long_length() -> Case:
    """The instance's certificate is the good one, its outer length written in one octet more than needed."""
    good = CHAIN.cabundle[-1]
    return enclave_case(replace(CHAIN, cabundle=(*CHAIN.cabundle[:-1], b"\x30\x83\x00" + good[2:])))
