"""Extensions: basicConstraints, keyUsage, what must be understood, what narrows, how they are written (RFC 5280 section 4.2)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from vectorgen.forge import der
from vectorgen.forge.certificates import (
    AUTHORITY_KEY_IDENTIFIER,
    BASIC_CONSTRAINTS,
    CA_USES,
    CERT_SIGN,
    CRL_DISTRIBUTION_POINTS,
    KEY_USAGE,
    LEAF_USES,
    SUBJECT_KEY_IDENTIFIER,
    Extension,
    Recipe,
    at,
    authority_key_identifier,
    basic_constraints,
    key_usage,
    subject_key_identifier,
    with_extension,
    without_extensions,
)
from vectorgen.forge.keys import NEVER_TRUST_INSTANCE, NEVER_TRUST_LEAF, NEVER_TRUST_REGIONAL, NEVER_TRUST_ZONAL
from vectorgen.kit import ACCEPT, Case, Row, enclave_case, family, vector

Change = Callable[[Recipe], Recipe]
SHOWN: Final = {
    "regional": "regional certificate",
    "zonal": "zonal certificate",
    "instance": "instance's certificate",
    "leaf": "leaf",
}
AUTHORITIES: Final = ("regional", "zonal", "instance")
UNKNOWN: Final = "1.3.6.1.4.1.55555.1"

CA_FOR_ALL = "Whoever gets into one machine issues certificates for others."
NOT_UNDERSTOOD = "A restriction that its issuer has set is passed over."
TWO_READINGS = "Two programs read two certificates: the one that was checked is not the one that is used."
LOST = "Refused, genuine documents are lost."


def _in(places: tuple[str, ...], name: str, words: str, change: Change, expect: str | None = None) -> tuple[Row, ...]:
    """Make a row for each place."""
    return tuple(Row(f"{name}-{place}", f"{words}|{SHOWN[place]}", (place, change), expect) for place in places)


def _with(extension: Extension) -> Change:
    return lambda recipe: with_extension(recipe, extension)


def _without(oid: str) -> Change:
    return lambda recipe: without_extensions(recipe, oid)


def _and_again(oid: str) -> Change:
    """Write an extension a second time."""
    return lambda recipe: replace(
        recipe, extensions=(*recipe.extensions, *(other for other in recipe.extensions if other.oid == oid))
    )


@family(
    *_in(AUTHORITIES, "without", "has no basicConstraints", _without(BASIC_CONSTRAINTS)),
    *_in(AUTHORITIES, "empty", "has empty basicConstraints, which say that it is no authority", _with(basic_constraints())),
    expect="chain.not_a_ca",
    rule="attacks 56; RFC 5280 section 6.1.4 (k)",
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
        for row in _in((place,), "not-critical", "is not marked as critical",
                       _with(basic_constraints(der.TRUE, der.integer(PATH_LENGTH[place]), critical=b"")))
    ),
    *_in(("zonal",), "negative-path-length", "has a negative path length", _with(basic_constraints(der.TRUE, der.integer(-1)))),
    *_in(("zonal",), "huge-path-length", "has a path length of nine octets", _with(basic_constraints(der.TRUE, der.integer(1 << 64)))),
    *_in(("zonal",), "path-length-without-octets", "has a path length without octets", _with(basic_constraints(der.TRUE, b"\x02\x00"))),
    *_in(("zonal",), "padded-path-length", "has a path length in more octets than needed", _with(basic_constraints(der.TRUE, b"\x02\x02\x00\x01"))),
    *_in(("zonal",), "path-length-without-ca", "has a path length and does not say that it is an authority", _with(basic_constraints(der.integer(1)))),
    *_in(("zonal",), "boolean-01", "writes TRUE as 01", _with(basic_constraints(b"\x01\x01\x01", der.integer(1)))),
    *_in(("zonal",), "boolean-two-octets", "writes TRUE in two octets", _with(basic_constraints(b"\x01\x02\xff\xff", der.integer(1)))),
    *_in(("zonal",), "integer-for-boolean", "writes TRUE as an INTEGER", _with(basic_constraints(der.integer(1), der.integer(1)))),
    *_in(("zonal",), "trailing", "has NULL behind it", _with(Extension(BASIC_CONSTRAINTS, der.TRUE, der.sequence(der.TRUE, der.integer(1)) + der.NULL))),
    *_in(("zonal",), "trailing-inside", "has NULL at its end", _with(basic_constraints(der.TRUE, der.integer(1), der.NULL))),
    *_in(("zonal",), "set", "is a SET", _with(Extension(BASIC_CONSTRAINTS, der.TRUE, der.element(0x31, der.TRUE, der.integer(1))))),
    *_in(("zonal", "leaf"), "no-content", "has no content", _with(Extension(BASIC_CONSTRAINTS, der.TRUE, b""))),
    *_in(("leaf",), "without", "is missing", _without(BASIC_CONSTRAINTS)),
    *_in(("leaf",), "ca", "says that it is an authority", _with(basic_constraints(der.TRUE))),
    *_in(("leaf",), "not-critical", "is not marked as critical", _with(basic_constraints(critical=b""))),
    *_in(("leaf",), "path-length", "has a path length", _with(basic_constraints(der.integer(0)))),
    *_in(("leaf",), "ca-and-path-length", "says that it is an authority with path length 0", _with(basic_constraints(der.TRUE, der.integer(0)))),
    *_in(("leaf",), "explicit-false", "writes out FALSE, which DER leaves out", _with(basic_constraints(der.FALSE))),
    expect="chain.extension",
    rule="attacks 56, 57, 62; RFC 5280 section 4.2.1.9, ITU-T X.690 section 11",
    effect=CA_FOR_ALL,
)  # fmt: skip
def basic_constraints_that(given: tuple[str, Change]) -> Case:
    """The basicConstraints of the {1}: the extension {0}."""
    return enclave_case(at(*given))


@family(
    *_in((*AUTHORITIES, "leaf"), "without", "has no keyUsage", _without(KEY_USAGE)),
    *_in(AUTHORITIES, "without-cert-sign", "may sign, but not certificates", _with(key_usage(bytes.fromhex("03020780")))),
    *_in(AUTHORITIES, "crl-only", "may sign revocation lists only", _with(key_usage(bytes.fromhex("03020102")))),
    *_in(("leaf",), "cert-sign-too", "may sign certificates too", _with(key_usage(bytes.fromhex("03020284"), critical=b""))),
    *_in(("leaf",), "cert-sign-only", "may sign certificates only", _with(key_usage(CERT_SIGN, critical=b""))),
    *_in(
        ("leaf",),
        "non-repudiation-only",
        "has nonRepudiation without digitalSignature",
        _with(key_usage(bytes.fromhex("03020640"), critical=b"")),
    ),
    *_in(("leaf",), "key-agreement-only", "may agree on keys only", _with(key_usage(bytes.fromhex("03020308"), critical=b""))),
    expect="chain.key_usage",
    rule="attacks 58; RFC 5280 section 4.2.1.3",
    effect="A key that was given for one thing is used for another.",
)
def usage(given: tuple[str, Change]) -> Case:
    """The {1} {0}."""
    return enclave_case(at(*given))


@family(
    *_in(("leaf",), "critical", "marks its keyUsage as critical", _with(key_usage(LEAF_USES))),
    *_in(
        ("leaf",),
        "digital-signature-alone",
        "has digitalSignature alone",
        _with(key_usage(bytes.fromhex("03020780"), critical=b"")),
    ),
    *_in(("leaf",), "further-uses", "has keyAgreement besides", _with(key_usage(bytes.fromhex("030203c8"), critical=b""))),
    *_in(("instance",), "all-of-the-root", "may sign revocation lists too", _with(key_usage(CA_USES))),
    expect=ACCEPT,
    rule="attacks 59; RFC 5280 section 4.2.1.3",
    effect=LOST,
)
def good_usage(given: tuple[str, Change]) -> Case:
    """The {1} {0}."""
    return enclave_case(at(*given))


EVERYWHERE: Final = (*AUTHORITIES, "leaf")
MINE: Final = {
    "regional": NEVER_TRUST_REGIONAL,
    "zonal": NEVER_TRUST_ZONAL,
    "instance": NEVER_TRUST_INSTANCE,
    "leaf": NEVER_TRUST_LEAF,
}


@family(
    *_in(EVERYWHERE, "unknown", "an extension that nobody knows", _with(Extension(UNKNOWN, der.TRUE, der.NULL))),
    *_in(("leaf",), "subject-alternative-name", "a subjectAltName", _with(Extension("2.5.29.17", der.TRUE, der.sequence(der.element(0x82, b"never-trust.invalid"))))),
    *_in(("leaf",), "certificate-policies", "certificatePolicies", _with(Extension("2.5.29.32", der.TRUE, der.sequence(der.sequence(der.oid("2.5.29.32.0")))))),
    *_in(("zonal",), "key-identifier", "its subjectKeyIdentifier", _with(replace(subject_key_identifier(NEVER_TRUST_ZONAL.identifier), critical=der.TRUE))),
    *_in(("zonal",), "authority-key-identifier", "its authorityKeyIdentifier", _with(replace(authority_key_identifier(NEVER_TRUST_REGIONAL.identifier), critical=der.TRUE))),
    expect="chain.extension",
    rule="attacks 60; RFC 5280 section 4.2",
    effect=NOT_UNDERSTOOD,
)  # fmt: skip
def critical(given: tuple[str, Change]) -> Case:
    """The {1} marks as critical {0}."""
    return enclave_case(at(*given))


@family(
    *_in(EVERYWHERE, "unknown", "an extension that nobody knows", _with(Extension(UNKNOWN, b"", der.NULL))),
    expect=ACCEPT,
    rule="attacks 60; RFC 5280 section 4.2",
    effect="Refused, documents are lost on the day AWS adds an extension.",
)
def not_critical(given: tuple[str, Change]) -> Case:
    """The {1} has {0}, not marked as critical."""
    return enclave_case(at(*given))


DNS: Final = der.sequence(der.element(0x82, b"never-trust.invalid"))
NAME_CONSTRAINTS: Final = der.sequence(der.element(0xA0, DNS))
POLICY_CONSTRAINTS: Final = der.sequence(der.element(0x80, b"\0"))
POLICY_MAPPINGS: Final = der.sequence(der.sequence(der.oid("1.3.6.1.4.1.55555.2"), der.oid("1.3.6.1.4.1.55555.3")))
SERVER_AUTH: Final = der.sequence(der.oid("1.3.6.1.5.5.7.3.1"))
NARROWING: Final = (
    ("name-constraints", "nameConstraints", "2.5.29.30", NAME_CONSTRAINTS),
    ("policy-constraints", "policyConstraints", "2.5.29.36", POLICY_CONSTRAINTS),
    ("policy-mappings", "policyMappings", "2.5.29.33", POLICY_MAPPINGS),
    ("inhibit-any-policy", "inhibitAnyPolicy", "2.5.29.54", der.integer(0)),
    ("extended-key-usage", "extendedKeyUsage", "2.5.29.37", SERVER_AUTH),
)


@family(
    *(
        row
        for name, words, oid, value in NARROWING
        for mark, flag in (("critical", der.TRUE), ("not-critical", b""))
        for row in _in(("zonal",), f"{name}-{mark}", f"{words}, {mark.replace('-', ' ')}", _with(Extension(oid, flag, value)))
    ),
    *_in(("leaf",), "extended-key-usage-not-critical", "extendedKeyUsage, not critical", _with(Extension("2.5.29.37", b"", SERVER_AUTH))),
    *_in(("leaf",), "name-constraints-not-critical", "nameConstraints, not critical", _with(Extension("2.5.29.30", b"", NAME_CONSTRAINTS))),
    expect="chain.extension",
    rule="attacks 61; RFC 5280 sections 4.2.1.10 to 4.2.1.14",
    effect=NOT_UNDERSTOOD,
)  # fmt: skip
def narrowed_by(given: tuple[str, Change]) -> Case:
    """The {1} has {0}."""
    return enclave_case(at(*given))


def _raw_extension(recipe: Recipe, oid: str, encoded: bytes) -> Recipe:
    """Replace one extension by any bytes."""
    parts = [encoded if extension.oid == oid else extension.encode() for extension in recipe.extensions]
    return replace(recipe, extension_block=der.element(0xA3, der.sequence(*parts)))


def _usage_as(*parts: bytes, tag: int = der.OCTET_STRING, bits: bytes = LEAF_USES) -> Change:
    encoded = der.sequence(der.oid(KEY_USAGE), *parts[:1], der.element(tag, bits), *parts[1:])
    return lambda recipe: _raw_extension(recipe, KEY_USAGE, encoded)


@family(
    *_in(EVERYWHERE, "key-usage-twice", "has its keyUsage twice", _and_again(KEY_USAGE)),
    *_in(EVERYWHERE, "basic-constraints-twice", "has its basicConstraints twice", _and_again(BASIC_CONSTRAINTS)),
    *_in(("leaf",), "unknown-twice", "has an unknown extension twice", lambda r: _and_again(UNKNOWN)(_with(Extension(UNKNOWN, b"", der.NULL))(r))),
    *_in(("zonal",), "differing-constraints", "has two basicConstraints, the first of which is good", lambda r: replace(r, extensions=(*r.extensions, basic_constraints()))),
    *_in(("leaf",), "critical-01", "writes TRUE as 01 in the critical flag of its keyUsage", _usage_as(b"\x01\x01\x01"), "chain.certificate"),
    *_in(("leaf",), "critical-false", "writes out FALSE as the critical flag of its keyUsage, which DER leaves out", _usage_as(der.FALSE), "chain.certificate"),
    *_in(("leaf",), "critical-integer", "has an INTEGER as the critical flag of its keyUsage", _usage_as(der.integer(1)), "chain.certificate"),
    *_in(("leaf",), "value-bit-string", "has its keyUsage in a BIT STRING instead of an OCTET STRING", _usage_as(b"", tag=der.BIT_STRING), "chain.certificate"),
    *_in(("leaf",), "fourth-part", "has NULL at the end of its keyUsage extension", _usage_as(b"", der.NULL), "chain.certificate"),
    *_in(("leaf",), "usage-trailing", "has NULL behind the bits of its keyUsage", _usage_as(b"", bits=LEAF_USES + der.NULL)),
    *_in(("leaf",), "usage-octet-string", "has an OCTET STRING as the bits of its keyUsage", _usage_as(b"", bits=b"\x04" + LEAF_USES[1:])),
    *_in(("leaf",), "usage-no-content", "has a keyUsage without content", _usage_as(b"", bits=b"")),
    *_in(("leaf",), "usage-unused-bits-9", "has a keyUsage with nine unused bits", _usage_as(b"", bits=bytes.fromhex("030209c0"))),
    *_in(("leaf",), "usage-unused-bits-set", "has a keyUsage whose unused bits are set", _usage_as(b"", bits=bytes.fromhex("030206ff"))),
    *_in(("leaf",), "empty-list", "has an empty list of extensions", lambda r: replace(r, extension_block=der.element(0xA3, der.sequence()))),
    *_in(("leaf",), "list-trailing", "has NULL behind its list of extensions", lambda r: replace(r, extension_block=der.element(0xA3, der.sequence(*(e.encode() for e in r.extensions)), der.NULL)), "chain.certificate"),
    *_in(("leaf",), "no-extensions", "has version 3 and no extensions", lambda r: replace(r, extension_block=b"")),
    *_in(("zonal",), "authority-key-identifier-trailing", "has NULL behind its authorityKeyIdentifier", _with(Extension(AUTHORITY_KEY_IDENTIFIER, b"", der.sequence(der.element(0x80, NEVER_TRUST_REGIONAL.identifier)) + der.NULL))),
    *_in(("zonal",), "authority-key-identifier-empty", "has an authorityKeyIdentifier that names nothing", _with(Extension(AUTHORITY_KEY_IDENTIFIER, b"", der.sequence()))),
    *_in(("zonal",), "authority-key-identifier-serial", "names its issuer's key by name and serial number too", _with(authority_key_identifier(NEVER_TRUST_REGIONAL.identifier, der.element(0xA1, der.element(0xA4, der.name("NEVER_TRUST.nitro-enclaves"))), der.element(0x82, b"\x01")))),
    *_in(("zonal",), "subject-key-identifier-trailing", "has NULL behind its subjectKeyIdentifier", _with(Extension(SUBJECT_KEY_IDENTIFIER, b"", der.element(der.OCTET_STRING, NEVER_TRUST_ZONAL.identifier) + der.NULL))),
    expect="chain.extension",
    rule="attacks 62; RFC 5280 section 4.2, ITU-T X.690 section 11",
    effect=TWO_READINGS,
)  # fmt: skip
def extension(given: tuple[str, Change]) -> Case:
    """The {1} {0}."""
    return enclave_case(at(*given))


@family(
    *_in(AUTHORITIES, "no-authority-key-identifier", "has no authorityKeyIdentifier", _without(AUTHORITY_KEY_IDENTIFIER)),
    *_in(AUTHORITIES, "no-subject-key-identifier", "has no subjectKeyIdentifier", _without(SUBJECT_KEY_IDENTIFIER)),
    *_in(
        ("regional", "zonal"), "no-crl-distribution-points", "has no cRLDistributionPoints", _without(CRL_DISTRIBUTION_POINTS)
    ),
    *_in(
        ("leaf",),
        "authority-key-identifier",
        "has an authorityKeyIdentifier",
        _with(authority_key_identifier(NEVER_TRUST_INSTANCE.identifier)),
    ),
    *_in(
        ("leaf",),
        "subject-key-identifier",
        "has a subjectKeyIdentifier",
        _with(subject_key_identifier(NEVER_TRUST_LEAF.identifier)),
    ),
    *_in(("leaf",), "order", "has its extensions in another order", lambda r: replace(r, extensions=r.extensions[::-1])),
    expect=ACCEPT,
    rule="attacks 59; RFC 5280 section 4.2.1",
    effect=LOST,
)
def good_extensions(given: tuple[str, Change]) -> Case:
    """The {1} {0}."""
    return enclave_case(at(*given))


@vector(
    expect=ACCEPT,
    rule="attacks 59, 71; RFC 5280 section 4.2.1.13",
    effect="AWS says that revocation lists must not be asked for; a verifier that fetches one talks to the network.",
)
def unreachable_revocation_list() -> Case:
    """The instance's certificate has a cRLDistributionPoints whose address does not exist, as the two above it have."""
    point = der.sequence(der.element(0xA0, der.element(0xA0, der.element(0x86, b"http://never-trust.invalid/instance.crl"))))
    return enclave_case(at("instance", _with(Extension(CRL_DISTRIBUTION_POINTS, b"", der.sequence(point)))))


@vector(
    expect=ACCEPT,
    rule="attacks 59, 104; RFC 5280 section 4.2.1.13",
    effect="A name inside an extension that nobody reads makes the verifier fail, or warn in the log.",
)
def long_name_in_a_revocation_list() -> Case:
    """The zonal certificate's cRLDistributionPoints holds a name of more than 64 characters, which nobody needs to read."""
    name = der.element(0xA4, der.name("n" * 65))
    point = der.sequence(der.element(0xA0, der.element(0xA0, name)))
    return enclave_case(at("zonal", _with(Extension(CRL_DISTRIBUTION_POINTS, b"", der.sequence(point)))))
