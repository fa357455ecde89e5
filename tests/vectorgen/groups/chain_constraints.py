"""basicConstraints and keyUsage (RFC 5280 sections 4.2.1.3 and 4.2.1.9)."""

from typing import Final

from vectorgen.forge import der
from vectorgen.forge.certificates import (
    BASIC_CONSTRAINTS,
    CA_USES,
    CERT_SIGN,
    KEY_USAGE,
    LEAF_USES,
    Extension,
    at,
    basic_constraints,
    key_usage,
)
from vectorgen.groups.chain_extensions import AUTHORITIES, Change, having, lacking, rows_in
from vectorgen.kit import ACCEPT, Case, enclave_case, family

CA_FOR_ALL = "Whoever gets into one machine issues certificates for others."
LOST = "If it is rejected, authentic documents are lost."


@family(
    *rows_in(AUTHORITIES, "without", "has no basicConstraints", lacking(BASIC_CONSTRAINTS)),
    *rows_in(
        AUTHORITIES,
        "empty",
        "has empty basicConstraints, which say that it is not a CA",
        having(basic_constraints()),
    ),
    expect="chain.not_a_ca",
    rule="V-63; RFC 5280 section 6.1.4 (k)",
    attacks="56",
    effect=CA_FOR_ALL,
)
def constraints(given: tuple[str, Change]) -> Case:
    """The {1} {0}."""
    return enclave_case(at(*given))


PATH_LENGTH: Final = {"regional": 2, "zonal": 1, "instance": 0}


@family(
    *(
        row
        for place in AUTHORITIES
        for row in rows_in((place,), "not-critical", "is not marked as critical",
                       having(basic_constraints(der.TRUE, der.integer(PATH_LENGTH[place]), critical=b"")))
    ),
    *rows_in(("zonal",), "negative-path-length", "has a negative path length", having(basic_constraints(der.TRUE, der.integer(-1)))),
    *rows_in(("zonal",), "huge-path-length", "has a path length of nine octets", having(basic_constraints(der.TRUE, der.integer(1 << 64)))),
    *rows_in(("zonal",), "path-length-without-octets", "has a path length without octets", having(basic_constraints(der.TRUE, b"\x02\x00"))),
    *rows_in(("zonal",), "padded-path-length", "has a path length in more octets than needed", having(basic_constraints(der.TRUE, b"\x02\x02\x00\x01"))),
    *rows_in(("zonal",), "path-length-without-ca", "has a path length and does not say that it is a CA", having(basic_constraints(der.integer(1)))),
    *rows_in(("zonal",), "boolean-01", "writes TRUE as 01", having(basic_constraints(b"\x01\x01\x01", der.integer(1)))),
    *rows_in(("zonal",), "boolean-two-octets", "writes TRUE in two octets", having(basic_constraints(b"\x01\x02\xff\xff", der.integer(1)))),
    *rows_in(("zonal",), "integer-for-boolean", "writes TRUE as an INTEGER", having(basic_constraints(der.integer(1), der.integer(1)))),
    *rows_in(("zonal",), "trailing", "has NULL after it", having(Extension(BASIC_CONSTRAINTS, der.TRUE, der.sequence(der.TRUE, der.integer(1)) + der.NULL))),
    *rows_in(("zonal",), "trailing-inside", "has NULL at its end", having(basic_constraints(der.TRUE, der.integer(1), der.NULL))),
    *rows_in(("zonal",), "set", "is a SET", having(Extension(BASIC_CONSTRAINTS, der.TRUE, der.element(0x31, der.TRUE, der.integer(1))))),
    *rows_in(("zonal", "leaf"), "no-content", "has no content", having(Extension(BASIC_CONSTRAINTS, der.TRUE, b""))),
    *rows_in(("leaf",), "without", "is missing", lacking(BASIC_CONSTRAINTS)),
    *rows_in(("leaf",), "ca", "says that it is a CA", having(basic_constraints(der.TRUE))),
    *rows_in(("leaf",), "not-critical", "is not marked as critical", having(basic_constraints(critical=b""))),
    *rows_in(("leaf",), "path-length", "has a path length", having(basic_constraints(der.integer(0)))),
    *rows_in(("leaf",), "ca-and-path-length", "says that it is a CA with path length 0", having(basic_constraints(der.TRUE, der.integer(0)))),
    *rows_in(("leaf",), "explicit-false", "writes out FALSE, which DER leaves out", having(basic_constraints(der.FALSE))),
    expect="chain.extension",
    rule="V-60, V-63, V-64; RFC 5280 section 4.2.1.9, ITU-T X.690 section 11", attacks="56, 57, 62",
    effect=CA_FOR_ALL,
)  # fmt: skip
def basic_constraints_that(given: tuple[str, Change]) -> Case:
    """The basicConstraints of the {1}: the extension {0}."""
    return enclave_case(at(*given))


@family(
    *rows_in((*AUTHORITIES, "leaf"), "without", "has no keyUsage", lacking(KEY_USAGE)),
    *rows_in(
        AUTHORITIES,
        "without-cert-sign",
        "may sign, but not certificates",
        having(key_usage(bytes.fromhex("03020780"))),
    ),
    *rows_in(
        AUTHORITIES,
        "crl-only",
        "may sign revocation lists only",
        having(key_usage(bytes.fromhex("03020102"))),
    ),
    *rows_in(
        ("leaf",),
        "cert-sign-too",
        "may sign certificates too",
        having(key_usage(bytes.fromhex("03020284"), critical=b"")),
    ),
    *rows_in(
        ("leaf",),
        "cert-sign-only",
        "may sign certificates only",
        having(key_usage(CERT_SIGN, critical=b"")),
    ),
    *rows_in(
        ("leaf",),
        "non-repudiation-only",
        "has nonRepudiation without digitalSignature",
        having(key_usage(bytes.fromhex("03020640"), critical=b"")),
    ),
    *rows_in(
        ("leaf",),
        "key-agreement-only",
        "may agree on keys only",
        having(key_usage(bytes.fromhex("03020308"), critical=b"")),
    ),
    expect="chain.key_usage",
    rule="V-65, V-66; RFC 5280 section 4.2.1.3",
    attacks="58",
    effect="A key that was given for one thing is used for another.",
)
def usage(given: tuple[str, Change]) -> Case:
    """The {1} {0}."""
    return enclave_case(at(*given))


@family(
    *rows_in(("leaf",), "critical", "marks its keyUsage as critical", having(key_usage(LEAF_USES))),
    *rows_in(
        ("leaf",),
        "digital-signature-alone",
        "has digitalSignature alone",
        having(key_usage(bytes.fromhex("03020780"), critical=b"")),
    ),
    *rows_in(
        ("leaf",),
        "further-uses",
        "has keyAgreement besides",
        having(key_usage(bytes.fromhex("030203c8"), critical=b"")),
    ),
    *rows_in(
        ("instance",),
        "all-of-the-root",
        "may sign revocation lists too",
        having(key_usage(CA_USES)),
    ),
    expect=ACCEPT,
    rule="V-65, V-66; RFC 5280 section 4.2.1.3",
    attacks="59",
    effect=LOST,
)
def good_usage(given: tuple[str, Change]) -> Case:
    """The {1} {0}."""
    return enclave_case(at(*given))
