"""One certificate by itself: its key and its signature (RFC 5480, SEC 1, FIPS 186-5)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from vectorgen.forge import cbor, der
from vectorgen.forge.certificates import (
    at,
)
from vectorgen.forge.documents import enclave, envelope, sig_structure
from vectorgen.forge.keys import (
    FIELD_PRIME,
    NEVER_TRUST_INSTANCE,
    NEVER_TRUST_LEAF,
    ORDER,
    digest_number,
    point_x,
    raw,
)
from vectorgen.groups.chain_certificates import Change, both, named_algorithm
from vectorgen.kit import Case, Row, enclave_case, family, vector

WEAK_KEY = "With parameters or points of an attacker's choice, the private key to a public one is easily found (CVE-2020-0601)."


EC: Final = "1.2.840.10045.2.1"


SECP384R1: Final = der.oid("1.3.132.0.34")


POINT: Final = NEVER_TRUST_LEAF.point


ISSUER: Final = NEVER_TRUST_INSTANCE.point


X, Y = POINT[1:49], POINT[49:]


PARITY: Final = bytes([2 + (Y[-1] & 1)])


CURVE_B: Final = int(
    "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef",
    16,
)


GENERATOR: Final = bytes.fromhex(
    "04aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7"
    "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f"
)


def _spki(
    point: bytes,
    parameters: bytes = SECP384R1,
    *,
    kind: str = EC,
    unused: bytes = b"\0",
    tail: bytes = b"",
) -> bytes:
    return der.sequence(
        der.sequence(der.oid(kind), parameters), der.element(der.BIT_STRING, unused, point), tail
    )


def _explicit_parameters(generator: bytes = GENERATOR) -> bytes:
    """Write out the parameters of P-384 (RFC 3279 section 2.3.5)."""
    field = der.sequence(der.oid("1.2.840.10045.1.1"), der.integer(FIELD_PRIME))
    a = der.element(der.OCTET_STRING, (FIELD_PRIME - 3).to_bytes(48, "big"))
    b = der.element(der.OCTET_STRING, CURVE_B.to_bytes(48, "big"))
    base = der.element(der.OCTET_STRING, generator)
    return der.sequence(
        der.integer(1), field, der.sequence(a, b), base, der.integer(ORDER), der.integer(1)
    )


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
    Row("rsa", "is an RSA key", der.sequence(named_algorithm("1.2.840.113549.1.1.1", der.NULL), der.element(der.BIT_STRING, b"\0", der.sequence(der.integer(1 << 2047 | 1), der.integer(65537))))),
    Row("explicit-parameters", "has the parameters of P-384 written out", _spki(POINT, _explicit_parameters())),
    Row("implicit-curve", "has NULL as curve", _spki(POINT, der.NULL)),
    Row("no-curve", "names no curve", _spki(POINT, b"")),
    Row("compressed", "is a compressed point", _spki(PARITY + X)),
    Row("hybrid", "is a hybrid point", _spki(bytes([PARITY[0] + 4]) + X + Y)),
    Row("infinity", "is the point at infinity", _spki(b"\0")),
    Row("origin", "is the point (0, 0), which is not on the curve", _spki(b"\x04" + bytes(96))),
    Row("off-curve", "is a point that is not on the curve", _spki(POINT[:-1] + bytes([POINT[-1] ^ 1]))),
    Row("coordinate-above-p", "is a point with x + p instead of x", _spki(NOT_REDUCED)),
    Row("coordinate-largest", "is a point with coordinates of ff bytes", _spki(b"\x04" + b"\xff" * 96)),
    Row("short-point", "lacks its last byte", _spki(POINT[:-1])),
    Row("long-point", "has a zero byte after its point", _spki(POINT + b"\0")),
    Row("other-point-form", "is a point of the unknown form 5", _spki(b"\x05" + X + Y)),
    Row("unused-bits", "is a BIT STRING with an unused bit", _spki(POINT, unused=b"\x01")),
    Row("trailing", "is followed by NULL", _spki(POINT, tail=der.NULL)),
    Row("trailing-in-algorithm", "has NULL after its curve", _spki(POINT, SECP384R1 + der.NULL)),
    expect="chain.key",
    rule="V-55; RFC 5480 section 2, SEC 1 section 2.3.4", attacks="62, 65",
    effect=WEAK_KEY,
    refs=("CVE-2020-0601",),
)  # fmt: skip
def key(spki: bytes) -> Case:
    """The public key of the leaf {}."""
    return enclave_case(at("leaf", lambda recipe: replace(recipe, spki=spki)))


@family(
    Row("p256", "as one of P-256", _spki(b"\x04" + ISSUER[1:33] + ISSUER[49:81], der.oid("1.2.840.10045.3.1.7"))),
    Row("explicit-parameters", "with the parameters of P-384 written out", _spki(ISSUER, _explicit_parameters())),
    Row("compressed", "as a compressed point", _spki(bytes([2 + (ISSUER[-1] & 1)]) + ISSUER[1:49])),
    Row("hybrid", "as a hybrid point", _spki(bytes([6 + (ISSUER[-1] & 1)]) + ISSUER[1:])),
    Row("trailing", "followed by NULL", _spki(ISSUER, tail=der.NULL)),
    expect="chain.key",
    rule="V-55; RFC 5480 section 2", attacks="62, 65",
    effect=WEAK_KEY,
)  # fmt: skip
def key_of_the_instance(spki: bytes) -> Case:
    """The instance's public key is written {}; the leaf is signed with it."""
    return enclave_case(at("instance", lambda recipe: replace(recipe, spki=spki)))


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
    *both("r-padded", "has a zero octet too many before r", _form(lambda x, y: der.sequence(_padded_integer(x), der.integer(y)))),
    *both("s-padded", "has a zero octet too many before s", _form(lambda x, y: der.sequence(der.integer(x), _padded_integer(y)))),
    *both("s-negative", "has a high s without its leading zero, a negative number", _form(lambda x, y: der.sequence(der.integer(x), _negative_integer(_high(x, y)[1])))),
    *both("trailing-inside", "has NULL after s", _form(lambda x, y: der.sequence(der.integer(x), der.integer(y), der.NULL))),
    *both("trailing-behind", "has NULL after its SEQUENCE", _form(lambda x, y: der.signature(x, y) + der.NULL)),
    *both("long-length", "has a length of more octets than needed", _form(lambda x, y: b"\x30\x81" + der.signature(x, y)[1:])),
    *both("indefinite", "has an indefinite length", _form(lambda x, y: b"\x30\x80" + der.signature(x, y)[2:] + bytes(2))),
    *both("set", "is a SET", _form(lambda x, y: b"\x31" + der.signature(x, y)[1:])),
    *both("raw", "is r and s without DER, as in COSE", _form(raw)),
    *both("empty", "is empty", _form(lambda _x, _y: b"")),
    *both("r-alone", "is a SEQUENCE of r alone", _form(lambda x, _y: der.sequence(der.integer(x)))),
    *both("r-zero", "has r = 0", _form(lambda _x, y: der.signature(0, y))),
    *both("s-zero", "has s = 0", _form(lambda x, _y: der.signature(x, 0))),
    *both("r-order", "has r = n", _form(lambda _x, y: der.signature(ORDER, y))),
    *both("s-order", "has s = n", _form(lambda x, _y: der.signature(x, ORDER))),
    *both("r-plus-order", "has r + n instead of r", _form(lambda x, y: der.signature(x + ORDER, y))),
    *both("s-plus-order", "has s + n instead of s", _form(lambda x, y: der.signature(x, y + ORDER))),
    *both("s-minus-order", "has s - n, a negative number, instead of s", _form(lambda x, y: der.signature(x, y - ORDER))),
    *both("one-bit", "has one bit of s flipped", _form(lambda x, y: der.signature(x, y ^ 1))),
    expect="chain.signature",
    rule="V-59; RFC 5480 appendix A, FIPS 186-5 section 6.4.2", attacks="13, 67",
    effect="One certificate has many forms, and lists of bytes miss all but one; or no key at all is needed to sign.",
)  # fmt: skip
def signature(given: tuple[str, Change]) -> Case:
    """The signature of the {1} {0}."""
    return enclave_case(at(*given))


@vector(
    expect="chain.key",
    rule="V-55; RFC 5480 section 2.1.1",
    attacks="65",
    effect=WEAK_KEY,
    refs=("CVE-2020-0601",),
)
def key_with_its_own_generator() -> Case:
    """The leaf's key has written-out parameters whose generator is the key itself, so that 1 is its private key; with it the document is signed."""
    chain = at(
        "leaf", lambda recipe: replace(recipe, spki=_spki(POINT, _explicit_parameters(POINT)))
    )
    payload = cbor.encode(cbor.Open(enclave(chain)))
    nonce_scalar = 5
    r = point_x(nonce_scalar * NEVER_TRUST_LEAF.scalar % ORDER) % ORDER
    s = pow(nonce_scalar, -1, ORDER) * (digest_number(sig_structure(payload)) + r) % ORDER
    return Case(doc=envelope(payload, signature=raw(r, s)).encode())
