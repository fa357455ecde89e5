"""Extensions: basicConstraints, keyUsage, what must be understood, what narrows, how they are written (RFC 5280 section 4.2)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from vectorgen.forge import der
from vectorgen.forge.certificates import (
    AUTHORITY_KEY_IDENTIFIER,
    BASIC_CONSTRAINTS,
    CRL_DISTRIBUTION_POINTS,
    KEY_USAGE,
    LEAF_USES,
    SUBJECT_KEY_IDENTIFIER,
    Extension,
    Recipe,
    at,
    authority_key_identifier,
    basic_constraints,
    subject_key_identifier,
    with_extension,
    without_extensions,
)
from vectorgen.forge.keys import (
    NEVER_TRUST_INSTANCE,
    NEVER_TRUST_LEAF,
    NEVER_TRUST_REGIONAL,
    NEVER_TRUST_ZONAL,
)
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


NOT_UNDERSTOOD = "A restriction that its issuer has set is passed over."


TWO_READINGS = (
    "Two programs read two certificates: the one that was checked is not the one that is used."
)


LOST = "If it is rejected, authentic documents are lost."


def rows_in(
    places: tuple[str, ...], name: str, words: str, change: Change, expect: str | None = None
) -> tuple[Row, ...]:
    """Make a row for each place."""
    return tuple(
        Row(f"{name}-{place}", f"{words}|{SHOWN[place]}", (place, change), expect)
        for place in places
    )


def having(extension: Extension) -> Change:
    """Add an extension, or replace the one of its kind."""
    return lambda recipe: with_extension(recipe, extension)


def lacking(oid: str) -> Change:
    """Leave an extension out."""
    return lambda recipe: without_extensions(recipe, oid)


def _and_again(oid: str) -> Change:
    """Write an extension a second time."""
    return lambda recipe: replace(
        recipe,
        extensions=(
            *recipe.extensions,
            *(other for other in recipe.extensions if other.oid == oid),
        ),
    )


EVERYWHERE: Final = (*AUTHORITIES, "leaf")


@family(
    *rows_in(EVERYWHERE, "unknown", "an extension that nobody knows", having(Extension(UNKNOWN, der.TRUE, der.NULL))),
    *rows_in(("leaf",), "subject-alternative-name", "a subjectAltName", having(Extension("2.5.29.17", der.TRUE, der.sequence(der.element(0x82, b"never-trust.invalid"))))),
    *rows_in(("leaf",), "certificate-policies", "certificatePolicies", having(Extension("2.5.29.32", der.TRUE, der.sequence(der.sequence(der.oid("2.5.29.32.0")))))),
    *rows_in(("zonal",), "key-identifier", "its subjectKeyIdentifier", having(replace(subject_key_identifier(NEVER_TRUST_ZONAL.identifier), critical=der.TRUE))),
    *rows_in(("zonal",), "authority-key-identifier", "its authorityKeyIdentifier", having(replace(authority_key_identifier(NEVER_TRUST_REGIONAL.identifier), critical=der.TRUE))),
    expect="chain.extension",
    rule="V-61; RFC 5280 section 4.2", attacks="60",
    effect=NOT_UNDERSTOOD,
)  # fmt: skip
def critical(given: tuple[str, Change]) -> Case:
    """The {1} marks as critical {0}."""
    return enclave_case(at(*given))


@family(
    *rows_in(
        EVERYWHERE,
        "unknown",
        "an extension that nobody knows",
        having(Extension(UNKNOWN, b"", der.NULL)),
    ),
    *rows_in(
        ("leaf",),
        "unknown-no-der",
        "an extension that nobody knows, whose value is no DER",
        having(Extension(UNKNOWN, b"", b"\xff")),
    ),
    expect=ACCEPT,
    rule="V-61; RFC 5280 section 4.2",
    attacks="60",
    effect="If it is rejected, documents are lost on the day AWS adds an extension.",
)
def not_critical(given: tuple[str, Change]) -> Case:
    """The {1} has {0}, not marked as critical."""
    return enclave_case(at(*given))


DNS: Final = der.sequence(der.element(0x82, b"never-trust.invalid"))


NAME_CONSTRAINTS: Final = der.sequence(der.element(0xA0, DNS))


POLICY_CONSTRAINTS: Final = der.sequence(der.element(0x80, b"\0"))


POLICY_MAPPINGS: Final = der.sequence(
    der.sequence(der.oid("1.3.6.1.4.1.55555.2"), der.oid("1.3.6.1.4.1.55555.3"))
)


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
        for row in rows_in(("zonal",), f"{name}-{mark}", f"{words}, {mark.replace('-', ' ')}", having(Extension(oid, flag, value)))
    ),
    *rows_in(("leaf",), "extended-key-usage-not-critical", "extendedKeyUsage, not critical", having(Extension("2.5.29.37", b"", SERVER_AUTH))),
    *rows_in(("leaf",), "name-constraints-not-critical", "nameConstraints, not critical", having(Extension("2.5.29.30", b"", NAME_CONSTRAINTS))),
    expect="chain.extension",
    rule="V-62; RFC 5280 sections 4.2.1.10 to 4.2.1.14", attacks="61",
    effect=NOT_UNDERSTOOD,
)  # fmt: skip
def narrowed_by(given: tuple[str, Change]) -> Case:
    """The {1} has {0}."""
    return enclave_case(at(*given))


def _raw_extension(recipe: Recipe, oid: str, encoded: bytes) -> Recipe:
    """Replace one extension by any bytes."""
    parts = [
        encoded if extension.oid == oid else extension.encode() for extension in recipe.extensions
    ]
    return replace(recipe, extension_block=der.element(0xA3, der.sequence(*parts)))


def _usage_as(*parts: bytes, tag: int = der.OCTET_STRING, bits: bytes = LEAF_USES) -> Change:
    encoded = der.sequence(der.oid(KEY_USAGE), *parts[:1], der.element(tag, bits), *parts[1:])
    return lambda recipe: _raw_extension(recipe, KEY_USAGE, encoded)


@family(
    *rows_in(EVERYWHERE, "key-usage-twice", "has its keyUsage twice", _and_again(KEY_USAGE)),
    *rows_in(EVERYWHERE, "basic-constraints-twice", "has its basicConstraints twice", _and_again(BASIC_CONSTRAINTS)),
    *rows_in(("leaf",), "unknown-twice", "has an unknown extension twice", lambda r: _and_again(UNKNOWN)(having(Extension(UNKNOWN, b"", der.NULL))(r))),
    *rows_in(("zonal",), "differing-constraints", "has two basicConstraints, the first of which is good", lambda r: replace(r, extensions=(*r.extensions, basic_constraints()))),
    *rows_in(("leaf",), "critical-01", "writes TRUE as 01 in the critical flag of its keyUsage", _usage_as(b"\x01\x01\x01"), "chain.certificate"),
    *rows_in(("leaf",), "critical-false", "writes out FALSE as the critical flag of its keyUsage, which DER leaves out", _usage_as(der.FALSE), "chain.certificate"),
    *rows_in(("leaf",), "critical-integer", "has an INTEGER as the critical flag of its keyUsage", _usage_as(der.integer(1)), "chain.certificate"),
    *rows_in(("leaf",), "value-bit-string", "has its keyUsage in a BIT STRING instead of an OCTET STRING", _usage_as(b"", tag=der.BIT_STRING), "chain.certificate"),
    *rows_in(("leaf",), "fourth-part", "has NULL at the end of its keyUsage extension", _usage_as(b"", der.NULL), "chain.certificate"),
    *rows_in(("leaf",), "usage-trailing", "has NULL after the bits of its keyUsage", _usage_as(b"", bits=LEAF_USES + der.NULL)),
    *rows_in(("leaf",), "usage-octet-string", "has an OCTET STRING as the bits of its keyUsage", _usage_as(b"", bits=b"\x04" + LEAF_USES[1:])),
    *rows_in(("leaf",), "usage-no-content", "has a keyUsage without content", _usage_as(b"", bits=b"")),
    *rows_in(("leaf",), "usage-unused-bits-9", "has a keyUsage with nine unused bits", _usage_as(b"", bits=bytes.fromhex("030209c0"))),
    *rows_in(("leaf",), "usage-unused-bits-set", "has a keyUsage whose unused bits are set", _usage_as(b"", bits=bytes.fromhex("030206ff"))),
    *rows_in(("leaf",), "empty-list", "has an empty list of extensions", lambda r: replace(r, extension_block=der.element(0xA3, der.sequence()))),
    *rows_in(("leaf",), "list-trailing", "has NULL after its list of extensions", lambda r: replace(r, extension_block=der.element(0xA3, der.sequence(*(e.encode() for e in r.extensions)), der.NULL)), "chain.certificate"),
    *rows_in(("leaf",), "no-extensions", "has version 3 and no extensions", lambda r: replace(r, extension_block=b"")),
    *rows_in(("zonal",), "authority-key-identifier-trailing", "has NULL after its authorityKeyIdentifier", having(Extension(AUTHORITY_KEY_IDENTIFIER, b"", der.sequence(der.element(0x80, NEVER_TRUST_REGIONAL.identifier)) + der.NULL))),
    *rows_in(("zonal",), "authority-key-identifier-empty", "has an authorityKeyIdentifier that names nothing", having(Extension(AUTHORITY_KEY_IDENTIFIER, b"", der.sequence()))),
    *rows_in(("zonal",), "authority-key-identifier-serial", "names its issuer's key by name and serial number too", having(authority_key_identifier(NEVER_TRUST_REGIONAL.identifier, der.element(0xA1, der.element(0xA4, der.name("NEVER_TRUST.nitro-enclaves"))), der.element(0x82, b"\x01")))),
    *rows_in(("zonal",), "subject-key-identifier-trailing", "has NULL after its subjectKeyIdentifier", having(Extension(SUBJECT_KEY_IDENTIFIER, b"", der.element(der.OCTET_STRING, NEVER_TRUST_ZONAL.identifier) + der.NULL))),
    expect="chain.extension",
    rule="V-52, V-60, V-67; RFC 5280 section 4.2, ITU-T X.690 section 11", attacks="62",
    effect=TWO_READINGS,
)  # fmt: skip
def extension(given: tuple[str, Change]) -> Case:
    """The {1} {0}."""
    return enclave_case(at(*given))


@family(
    *rows_in(
        AUTHORITIES,
        "no-authority-key-identifier",
        "has no authorityKeyIdentifier",
        lacking(AUTHORITY_KEY_IDENTIFIER),
    ),
    *rows_in(
        AUTHORITIES,
        "no-subject-key-identifier",
        "has no subjectKeyIdentifier",
        lacking(SUBJECT_KEY_IDENTIFIER),
    ),
    *rows_in(
        ("regional", "zonal"),
        "no-crl-distribution-points",
        "has no cRLDistributionPoints",
        lacking(CRL_DISTRIBUTION_POINTS),
    ),
    *rows_in(
        ("leaf",),
        "authority-key-identifier",
        "has an authorityKeyIdentifier",
        having(authority_key_identifier(NEVER_TRUST_INSTANCE.identifier)),
    ),
    *rows_in(
        ("leaf",),
        "subject-key-identifier",
        "has a subjectKeyIdentifier",
        having(subject_key_identifier(NEVER_TRUST_LEAF.identifier)),
    ),
    *rows_in(
        ("leaf",),
        "order",
        "has its extensions in another order",
        lambda r: replace(r, extensions=r.extensions[::-1]),
    ),
    expect=ACCEPT,
    rule="V-60; RFC 5280 section 4.2.1",
    attacks="59",
    effect=LOST,
)
def good_extensions(given: tuple[str, Change]) -> Case:
    """The {1} {0}."""
    return enclave_case(at(*given))


@vector(
    expect=ACCEPT,
    rule="V-60; RFC 5280 section 4.2.1.13",
    attacks="59, 71",
    effect="AWS says that revocation lists must not be asked for; a verifier that fetches one talks to the network.",
)
def unreachable_revocation_list() -> Case:
    """The instance's certificate has a cRLDistributionPoints whose address does not exist, as the two above it have."""
    point = der.sequence(
        der.element(
            0xA0, der.element(0xA0, der.element(0x86, b"http://never-trust.invalid/instance.crl"))
        )
    )
    return enclave_case(
        at("instance", having(Extension(CRL_DISTRIBUTION_POINTS, b"", der.sequence(point))))
    )


@vector(
    expect=ACCEPT,
    rule="V-60; RFC 5280 section 4.2.1.13",
    attacks="59, 104",
    effect="A name inside an extension that nobody reads makes the verifier fail, or warn in the log.",
)
def long_name_in_a_revocation_list() -> Case:
    """The zonal certificate's cRLDistributionPoints holds a name of more than 64 characters, which nobody needs to read."""
    name = der.element(0xA4, der.name("n" * 65))
    point = der.sequence(der.element(0xA0, der.element(0xA0, name)))
    return enclave_case(
        at("zonal", having(Extension(CRL_DISTRIBUTION_POINTS, b"", der.sequence(point))))
    )
