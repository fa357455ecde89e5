"""Issue certificates from recipes, each part of which may be wrong, and chains of them.

Recipes come in, DER goes out, always signed by the key the recipe names: a fault in one place is
the only fault there is. The base recipes are AWS's profile: root, regional, zonal, instance, leaf
(AWS attestation process 3.2.3).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import product
from typing import Final, final

from vectorgen.forge import der
from vectorgen.forge.keys import (
    NEVER_TRUST_INSTANCE,
    NEVER_TRUST_LEAF,
    NEVER_TRUST_REGIONAL,
    NEVER_TRUST_ROOT,
    NEVER_TRUST_ZONAL,
    Key,
)

BASIC_CONSTRAINTS: Final = "2.5.29.19"
KEY_USAGE: Final = "2.5.29.15"
SUBJECT_KEY_IDENTIFIER: Final = "2.5.29.14"
AUTHORITY_KEY_IDENTIFIER: Final = "2.5.29.35"
CRL_DISTRIBUTION_POINTS: Final = "2.5.29.31"

VERSION_3: Final = bytes.fromhex("a003020102")
ECDSA_WITH_SHA384: Final = der.sequence(der.oid("1.2.840.10045.4.3.3"))
CA_USES: Final = bytes.fromhex("03020186")  # digitalSignature, keyCertSign, cRLSign
CERT_SIGN: Final = bytes.fromhex("03020204")
LEAF_USES: Final = bytes.fromhex("030206c0")  # digitalSignature, nonRepudiation

HOUR: Final = datetime(2026, 1, 3, 12, tzinfo=UTC)
ENCLAVE_ID: Final = "i-0fa4e0fa4e0fa4e0f-enc0fa4e0fa4e0fa4e0"
NITRO_TPM_ID: Final = "i-0fa4e0fa4e0fa4e0f-tpm0000000000000000"
DOMAIN: Final = "us-east-1.NEVER_TRUST.nitro-enclaves"


@final
@dataclass(frozen=True, slots=True)
class Extension:
    """One extension: its identifier, the DER of its critical flag (empty for FALSE), its value."""

    oid: str
    critical: bytes
    value: bytes

    def encode(self) -> bytes:
        """Write the extension."""
        return der.sequence(
            der.oid(self.oid), self.critical, der.element(der.OCTET_STRING, self.value)
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Hold every part of a certificate; names, times and most others are DER."""

    key: Key
    signer: Key
    issuer: bytes
    subject: bytes
    not_before: bytes
    not_after: bytes
    extensions: tuple[Extension, ...]
    serial: bytes = der.integer(0x0FA4E0FA4E0FA4E0FA4E0FA4E0FA4E0)
    version: bytes = VERSION_3
    inner_algorithm: bytes = ECDSA_WITH_SHA384
    outer_algorithm: bytes = ECDSA_WITH_SHA384
    spki: bytes | None = None
    after_key: bytes = b""  # unique identifiers
    extension_block: bytes | None = None
    after_extensions: bytes = b""
    digest: str = "SHA384"
    signature_form: Callable[[int, int], bytes] = der.signature
    unused_bits: bytes = b"\0"
    after_signature: bytes = b""


def tbs(recipe: Recipe) -> bytes:
    """Write the TBSCertificate (RFC 5280 section 4.1)."""
    block = recipe.extension_block
    if block is None:
        block = der.element(
            0xA3, der.sequence(*(extension.encode() for extension in recipe.extensions))
        )
    return der.sequence(
        recipe.version,
        recipe.serial,
        recipe.inner_algorithm,
        recipe.issuer,
        der.sequence(recipe.not_before, recipe.not_after),
        recipe.subject,
        recipe.key.spki if recipe.spki is None else recipe.spki,
        recipe.after_key,
        block,
        recipe.after_extensions,
    )


@lru_cache(maxsize=4096)
def issue(recipe: Recipe) -> bytes:
    """Write and sign the certificate."""
    return certificate(
        recipe, recipe.signature_form(*recipe.signer.sign(tbs(recipe), recipe.digest))
    )


def certificate(recipe: Recipe, signature: bytes) -> bytes:
    """Write the certificate with any signature."""
    bits = der.element(der.BIT_STRING, recipe.unused_bits, signature)
    return der.sequence(tbs(recipe), recipe.outer_algorithm, bits, recipe.after_signature)


def basic_constraints(*content: bytes, critical: bytes = der.TRUE) -> Extension:
    """Write basicConstraints from the DER of its parts."""
    return Extension(BASIC_CONSTRAINTS, critical, der.sequence(*content))


def key_usage(bits: bytes, critical: bytes = der.TRUE) -> Extension:
    """Write keyUsage from the DER of its bits."""
    return Extension(KEY_USAGE, critical, bits)


def authority_key_identifier(identifier: bytes, *others: bytes) -> Extension:
    """Write the identifier of the issuer's key, followed by other parts."""
    return Extension(
        AUTHORITY_KEY_IDENTIFIER, b"", der.sequence(der.element(0x80, identifier), *others)
    )


def subject_key_identifier(identifier: bytes) -> Extension:
    """Write the identifier of the own key."""
    return Extension(SUBJECT_KEY_IDENTIFIER, b"", der.element(der.OCTET_STRING, identifier))


def with_extension(recipe: Recipe, extension: Extension) -> Recipe:
    """Put an extension instead of the one with its identifier, or behind the others."""
    if any(other.oid == extension.oid for other in recipe.extensions):
        swapped = tuple(
            extension if other.oid == extension.oid else other for other in recipe.extensions
        )
        return replace(recipe, extensions=swapped)
    return replace(recipe, extensions=(*recipe.extensions, extension))


def without_extensions(recipe: Recipe, *oids: str) -> Recipe:
    """Leave extensions out."""
    return replace(
        recipe, extensions=tuple(other for other in recipe.extensions if other.oid not in oids)
    )


def filled_up(recipe: Recipe, length: int) -> Recipe:
    """Add an extension that nobody knows, so that the certificate has exactly `length` bytes."""
    room = length - len(issue(recipe))
    for size, filler in product(
        range(room - 40, room), range(8)
    ):  # a signature's own length differs by an octet or two
        longer = with_extension(
            recipe, Extension("1.3.6.1.4.1.55555.1", b"", bytes([filler]) * size)
        )
        if len(issue(longer)) == length:
            return longer
    raise ValueError(length)


def _authority(
    path_length: int, prefix: str, key: Key, issuer: Recipe, valid: tuple[timedelta, timedelta]
) -> Recipe:
    """Write the recipe of an authority under `issuer`."""
    started, lifetime = valid
    extensions = [
        basic_constraints(der.TRUE, der.integer(path_length)),
        authority_key_identifier(issuer.key.identifier),
        subject_key_identifier(key.identifier),
    ]
    if path_length:
        url = der.element(0x86, b"http://never-trust.invalid/kit.crl")
        point = der.sequence(der.element(0xA0, der.element(0xA0, url)))
        extensions += [
            key_usage(CA_USES),
            Extension(CRL_DISTRIBUTION_POINTS, b"", der.sequence(point)),
        ]
    else:
        extensions.append(key_usage(CERT_SIGN))
    return Recipe(
        key=key,
        signer=issuer.key,
        issuer=issuer.subject,
        subject=der.name(f"{prefix}.{DOMAIN}"),
        not_before=der.time(HOUR - started),
        not_after=der.time(HOUR - started + lifetime),
        extensions=tuple(extensions),
    )


def leaf_of(module_id: str) -> Recipe:
    """Write the recipe of the leaf of a module."""
    return Recipe(
        key=NEVER_TRUST_LEAF,
        signer=NEVER_TRUST_INSTANCE,
        issuer=INSTANCE.subject,
        subject=der.name(f"{module_id}.us-east-1.aws"),
        not_before=der.time(LEAF_FROM),
        not_after=der.time(LEAF_UNTIL),
        extensions=(basic_constraints(), key_usage(LEAF_USES, critical=b"")),
    )


LEAF_FROM: Final = HOUR
LEAF_UNTIL: Final = HOUR + timedelta(hours=3, seconds=3)
ROOT: Final = Recipe(
    key=NEVER_TRUST_ROOT,
    signer=NEVER_TRUST_ROOT,
    issuer=der.name("NEVER_TRUST.nitro-enclaves"),
    subject=der.name("NEVER_TRUST.nitro-enclaves"),
    not_before=der.time(datetime(2019, 10, 28, 13, 28, 5, tzinfo=UTC)),
    not_after=der.time(datetime(2049, 10, 28, 14, 28, 5, tzinfo=UTC)),
    extensions=(
        basic_constraints(der.TRUE),
        subject_key_identifier(NEVER_TRUST_ROOT.identifier),
        key_usage(CA_USES),
    ),
)
REGIONAL: Final = _authority(
    2,
    "fa4e0fa4e0fa4e0f",
    NEVER_TRUST_REGIONAL,
    ROOT,
    (timedelta(days=2), timedelta(days=20, hours=1)),
)
ZONAL: Final = _authority(
    1, "4e0fa4e0fa4e0fa4.zonal", NEVER_TRUST_ZONAL, REGIONAL, (timedelta(days=1), timedelta(days=6))
)
INSTANCE: Final = _authority(
    0, "i-0fa4e0fa4e0fa4e0f", NEVER_TRUST_INSTANCE, ZONAL, (timedelta(hours=1), timedelta(hours=24))
)
LEAF: Final = leaf_of(ENCLAVE_ID)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The certificates that a document carries, the root meant, and the key that signs it."""

    anchor: bytes
    cabundle: tuple[bytes, ...]
    certificate: bytes
    key: Key


def hierarchy(
    *,
    root: Recipe = ROOT,
    regional: Recipe = REGIONAL,
    zonal: Recipe = ZONAL,
    instance: Recipe = INSTANCE,
    leaf: Recipe = LEAF,
) -> Chain:
    """Issue a chain in AWS's order; the anchor is its root."""
    return chain_of(root, regional, zonal, instance, leaf=leaf)


def chain_of(*authorities: Recipe, leaf: Recipe) -> Chain:
    """Issue a chain of any length, root first; the anchor is its root."""
    bundle = tuple(map(issue, authorities))
    return Chain(anchor=bundle[0], cabundle=bundle, certificate=issue(leaf), key=leaf.key)


def under(issuer: Recipe, recipe: Recipe) -> Recipe:
    """Put a recipe under another issuer: its name, its key, and its key's identifier if named."""
    moved = replace(recipe, issuer=issuer.subject, signer=issuer.key)
    if any(extension.oid == AUTHORITY_KEY_IDENTIFIER for extension in recipe.extensions):
        return with_extension(moved, authority_key_identifier(issuer.key.identifier))
    return moved


PLACES: Final = {
    "root": ROOT,
    "regional": REGIONAL,
    "zonal": ZONAL,
    "instance": INSTANCE,
    "leaf": LEAF,
}


def at(place: str, change: Callable[[Recipe], Recipe]) -> Chain:
    """Issue a chain with one recipe changed."""
    return hierarchy(**{**PLACES, place: change(PLACES[place])})
