"""One certificate by itself: its form, version, serial, algorithms, key, times and signature (RFC 5280 section 4.1, RFC 5480)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from vectorgen.forge import der
from vectorgen.forge.certificates import (
    Recipe,
    at,
)
from vectorgen.kit import ACCEPT, Case, Row, enclave_case, family

TWO_READINGS = (
    "Two programs read two certificates: the one that was checked is not the one that is used."
)


OLD_VERSION = (
    "Certificates before version 3 carry no extensions: each of them would be a CA certificate."
)


WEAK = "The weakest algorithm that anybody accepts decides."


LOST = "If it is rejected, authentic documents are lost."


PLACES: Final = ("zonal", "leaf")


Change = Callable[[Recipe], Recipe]


def both(name: str, words: str, change: Change, expect: str | None = None) -> tuple[Row, ...]:
    """Make a fault once in a CA certificate and once in the leaf."""
    shown = {"zonal": "zonal certificate", "leaf": "leaf"}
    return tuple(
        Row(f"{name}-{place}", f"{words}|{shown[place]}", (place, change), expect)
        for place in PLACES
    )


@family(
    *both(
        "1",
        "version 1: no version, no extensions",
        lambda r: replace(r, version=b"", extension_block=b""),
    ),
    *both("1-with-extensions", "no version but extensions", lambda r: replace(r, version=b"")),
    *both(
        "1-explicit",
        "version 1 written out",
        lambda r: replace(r, version=bytes.fromhex("a003020100")),
    ),
    *both("2", "version 2", lambda r: replace(r, version=bytes.fromhex("a003020101"))),
    *both("4", "version 4", lambda r: replace(r, version=bytes.fromhex("a003020103"))),
    *both(
        "two-octets",
        "version 3 in two octets",
        lambda r: replace(r, version=bytes.fromhex("a00402020002")),
    ),
    *both(
        "trailing",
        "a zero byte after version 3",
        lambda r: replace(r, version=bytes.fromhex("a00402010200")),
    ),
    expect="chain.certificate",
    rule="V-52; RFC 5280 section 4.1.2.1",
    attacks="62, 63",
    effect=OLD_VERSION,
)
def version(given: tuple[str, Change]) -> Case:
    """The {1} has {0}."""
    return enclave_case(at(*given))


@family(
    *both("zero", "zero", lambda r: replace(r, serial=der.integer(0))),
    *both("negative", "negative", lambda r: replace(r, serial=der.integer(-1))),
    *both("empty", "an INTEGER without octets", lambda r: replace(r, serial=bytes.fromhex("0200"))),
    *both("22-octets", "22 octets long", lambda r: replace(r, serial=der.integer(1 << 168))),
    *both(
        "padded",
        "written with a zero octet too many",
        lambda r: replace(r, serial=bytes.fromhex("02020001")),
    ),
    *both("text", "a text", lambda r: replace(r, serial=der.utf8("1"))),
    expect="chain.certificate",
    rule="V-53; RFC 5280 section 4.1.2.2",
    attacks="62",
    effect=TWO_READINGS,
)
def serial(given: tuple[str, Change]) -> Case:
    """The serial number of the {1} is {0}."""
    return enclave_case(at(*given))


@family(
    *both(
        "21-octets",
        "21 octets long: 20 and a leading zero",
        lambda r: replace(r, serial=der.integer((1 << 160) - 1)),
    ),
    *both("one", "one", lambda r: replace(r, serial=der.integer(1))),
    expect=ACCEPT,
    rule="V-53; RFC 5280 section 4.1.2.2",
    attacks="59",
    effect=LOST,
)
def good_serial(given: tuple[str, Change]) -> Case:
    """The serial number of the {1} is {0}."""
    return enclave_case(at(*given))


def named_algorithm(dotted: str, *parameters: bytes) -> bytes:
    """Write an AlgorithmIdentifier."""
    return der.sequence(der.oid(dotted), *parameters)


SHA256_OID: Final = named_algorithm("1.2.840.10045.4.3.2")


SHA512_OID: Final = named_algorithm("1.2.840.10045.4.3.4")


RSA_OID: Final = named_algorithm("1.2.840.113549.1.1.12", der.NULL)


ED25519_OID: Final = named_algorithm("1.3.101.112")


WITH_NULL: Final = named_algorithm("1.2.840.10045.4.3.3", der.NULL)


def _named(algorithm: bytes) -> Change:
    return lambda recipe: replace(recipe, inner_algorithm=algorithm, outer_algorithm=algorithm)


@family(
    *both(
        "sha256",
        "is ecdsa-with-SHA256 throughout",
        lambda r: replace(_named(SHA256_OID)(r), digest="SHA256"),
    ),
    *both(
        "sha512",
        "is ecdsa-with-SHA512 throughout",
        lambda r: replace(_named(SHA512_OID)(r), digest="SHA512"),
    ),
    *both("sha1", "is named as ecdsa-with-SHA1", _named(named_algorithm("1.2.840.10045.4.1"))),
    *both("rsa", "is named as RSA with SHA-384", _named(RSA_OID)),
    *both("ed25519", "is named as Ed25519", _named(ED25519_OID)),
    *both("unknown", "is one that nobody knows", _named(named_algorithm("1.3.6.1.4.1.55555.1"))),
    *both("null-parameters", "has NULL as parameters", _named(WITH_NULL)),
    *both(
        "inner-sha256",
        "differs inside and outside: SHA-256 inside",
        lambda r: replace(r, inner_algorithm=SHA256_OID),
    ),
    *both(
        "outer-sha256",
        "differs inside and outside: SHA-256 outside",
        lambda r: replace(r, outer_algorithm=SHA256_OID),
    ),
    *both(
        "outer-null-parameters",
        "has parameters outside and none inside",
        lambda r: replace(r, outer_algorithm=WITH_NULL),
    ),
    *both(
        "inner-null-parameters",
        "has parameters inside and none outside",
        lambda r: replace(r, inner_algorithm=WITH_NULL),
    ),
    *both("empty", "is an empty SEQUENCE", _named(der.sequence())),
    expect="chain.algorithm",
    rule="V-54; RFC 5280 section 4.1.1.2, RFC 5758 section 3.2",
    attacks="62, 64",
    effect=WEAK,
)
def algorithm(given: tuple[str, Change]) -> Case:
    """The signature algorithm of the {1} {0}."""
    return enclave_case(at(*given))
