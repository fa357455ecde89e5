"""A chain is AWS's certificates in order, each by its profile, signed link by link, valid now."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from nitro_attest import Failure, Reason, UntrustedDocumentError
from nitro_attest._core.chain import ChainCache
from support import certificates as forge
from support.certificates import (
    BITS,
    BOOLEAN,
    CA,
    CRL_SIGN,
    DIGITAL_SIGNATURE,
    INTEGER,
    KEY_CERT_SIGN,
    LEAF,
    LEAF_USAGE,
    MODULE_ID,
    NOW,
    OCTETS,
    OID,
    SEQUENCE,
    Edit,
    Spec,
    basic_constraints,
    der,
    extension,
    integer,
    key_usage,
    swap,
)
from support.walks import NO_SKEW, check

REGIONAL, ZONAL, INSTANCE = 1, 2, 3
ORDER = ec.SECP384R1().group_order
GOOD = forge.chain()


def _reason(
    certificates: list[bytes],
    *,
    now: datetime = NOW,
    module_id: str = MODULE_ID,
    skew: timedelta = NO_SKEW,
) -> Reason:
    with pytest.raises(UntrustedDocumentError) as rejection:
        check(certificates, now=now, module_id=module_id, skew=skew)
    return rejection.value.reason


def _edited(place: int, edit: Edit) -> list[bytes]:
    return forge.chain({place: edit})


def _with_extensions(*extensions: bytes) -> Edit:
    return swap(extensions=extensions)


def _also(*extensions: bytes) -> Edit:
    return lambda spec: replace(spec, extensions=(*spec.extensions, *extensions))


def test_a_good_chain_gives_the_leafs_key() -> None:
    """The key is the leaf's SubjectPublicKeyInfo, the end of validity the earliest notAfter."""
    leaf = check(GOOD)
    assert leaf.public_key == forge.public(forge.key(f"NEVER_TRUST {LEAF}"))
    assert leaf.valid_until == NOW.replace(microsecond=0) + timedelta(hours=2)


def test_another_root_is_unknown_whatever_its_name() -> None:
    """The same name with another key, or the same key with another signature, is another root."""
    anchor = forge.anchor(GOOD[0])
    own_key = forge.key("NEVER_TRUST attacker")
    attacker = forge.chain(
        {0: swap(public_key=forge.public(own_key), signer=own_key), 1: swap(signer=own_key)}
    )
    twin = forge.chain({0: swap(signature=forge.twin)})
    for certificates in (attacker, twin, [GOOD[1], GOOD[0], *GOOD[2:]], GOOD[1:]):
        with pytest.raises(UntrustedDocumentError) as rejection:
            check(certificates, anchor=anchor)
        assert rejection.value.reason is Reason.CHAIN_UNKNOWN_ROOT


@pytest.mark.parametrize("place", range(1, 5))
def test_the_twin_of_a_signature_is_as_good(place: int) -> None:
    """(r, n - s) is accepted on every certificate but the pinned root."""
    check(_edited(place, swap(signature=forge.twin)))


def test_order_and_number_are_exact() -> None:
    """Reordered, repeated, missing or extra authorities leave a link that does not fit."""
    root, regional, zonal, instance, leaf = GOOD
    stranger = _edited(ZONAL, swap(subject=forge.name("stranger")))[ZONAL]
    for certificates in (
        [root, zonal, regional, instance, leaf],
        [root, root, regional, zonal, instance, leaf],
        [root, regional, regional, zonal, instance, leaf],
        [root, regional, zonal, leaf],
        [root, zonal, instance, leaf],
        [root, regional, zonal, instance, root, leaf],
        [root, regional, zonal, instance, stranger, leaf],
        [root, regional, stranger, instance, leaf],
    ):
        assert _reason(certificates) is Reason.CHAIN_ISSUER


def test_subjects_are_distinct() -> None:
    """The subject of another certificate would make the path ambiguous, though every link fits."""
    same = forge.name("zonal")
    specs = forge.specs()
    self_issued = replace(specs[INSTANCE], subject=same)
    leaf = replace(specs[LEAF], issuer=same)
    encoded = [spec.encode() for spec in (*specs[:3], self_issued, leaf)]
    assert _reason(encoded) is Reason.CHAIN_ISSUER


@pytest.mark.parametrize("place", range(1, 5))
def test_names_are_byte_equal(place: int) -> None:
    """The same text in another string type is another name."""
    printable = forge.name(forge.AUTHORITIES[place - 1], forge.PRINTABLE)
    assert _reason(_edited(place, swap(issuer=printable))) is Reason.CHAIN_ISSUER


@pytest.mark.parametrize("place", range(5))
def test_names_are_not_empty(place: int) -> None:
    """Neither issuer nor subject is an empty sequence; no anchor like that can be made."""
    empty = der(SEQUENCE)
    for edit in (swap(subject=empty), swap(issuer=empty)):
        if place:
            assert _reason(_edited(place, edit)) is Reason.CHAIN_SUBJECT


def test_the_leaf_names_the_module() -> None:
    """Its one common name begins with the module_id and a dot."""
    assert (
        _reason(GOOD, module_id="i-0fa4e0fa4e0fa4e0f-enc0fa4e0fa4e0fa4e1") is Reason.CHAIN_SUBJECT
    )
    assert _reason(GOOD, module_id=MODULE_ID[:-1]) is Reason.CHAIN_SUBJECT
    check(_edited(LEAF, swap(subject=forge.name(f"{MODULE_ID}.cn-north-1.somewhere"))))
    attribute = forge.name(f"{MODULE_ID}.x")[2:]
    for subject in (
        forge.name(MODULE_ID),
        forge.name(f"x{MODULE_ID}.us-east-1.aws"),
        der(SEQUENCE, attribute, attribute),
        der(SEQUENCE, attribute.replace(b"\x55\x04\x03", b"\x55\x04\x0b")),
        der(SEQUENCE, attribute.replace(b"i-0f", b"\xff\xff\xff\xff")),
        der(SEQUENCE, der(0x31, der(SEQUENCE, bytes.fromhex("0603550403"), der(BITS, b"\0bits")))),
    ):
        assert _reason(_edited(LEAF, swap(subject=subject))) is Reason.CHAIN_SUBJECT


def test_names_are_not_interpreted() -> None:
    """A country of seven letters, which makes other readers warn; only the bytes count here."""
    country = der(
        forge.SET, der(SEQUENCE, bytes.fromhex("0603550406"), der(forge.PRINTABLE, b"Germany"))
    )
    long = f"{MODULE_ID}.{'x' * 200}"
    subject = der(SEQUENCE, country, forge.name(long)[3:])
    assert check(_edited(LEAF, swap(subject=subject)))


@pytest.mark.parametrize("place", range(1, 5))
def test_every_signature_counts(place: int) -> None:
    """One certificate signed by a key that is not the one before it."""
    assert (
        _reason(_edited(place, swap(signer=forge.key("NEVER_TRUST attacker"))))
        is Reason.CHAIN_SIGNATURE
    )


NO_SIGNATURES: list[Callable[[bytes], bytes]] = [
    lambda _: b"",
    lambda s: s + b"\0",
    lambda s: s[:-1],
    lambda _: der(SEQUENCE, integer(0), integer(1)),
    lambda _: der(SEQUENCE, integer(1), integer(0)),
    lambda _: der(SEQUENCE, integer(ORDER), integer(1)),
    lambda _: der(SEQUENCE, integer(1), integer(ORDER)),
    lambda _: der(SEQUENCE, integer(-1), integer(1)),
    lambda _: der(SEQUENCE, der(INTEGER, b"\0\x01"), integer(1)),
    lambda _: der(SEQUENCE, integer(1), integer(1), integer(1)),
    lambda _: b"\x30\x81\x06" + integer(1) + integer(1),
    lambda _: b"\x11" * 96,
]


@pytest.mark.parametrize("signature", NO_SIGNATURES)
def test_what_can_be_no_signature_is_rejected_unchecked(
    signature: Callable[[bytes], bytes],
) -> None:
    """Two integers in 1 .. n-1, in DER, and nothing else."""
    assert _reason(_edited(ZONAL, swap(signature=signature))) is Reason.CHAIN_SIGNATURE


@pytest.mark.parametrize("place", range(1, 5))
@pytest.mark.parametrize(
    "edit",
    [
        swap(version=b""),
        swap(version=bytes.fromhex("a003020100")),
        swap(version=bytes.fromhex("a003020101")),
        swap(version=bytes.fromhex("a003020103")),
        swap(version=bytes.fromhex("a00402020002")),
        swap(version=bytes.fromhex("a006020102020102")),
        swap(serial=integer(0)),
        swap(serial=integer(-1)),
        swap(serial=der(INTEGER)),
        swap(serial=der(INTEGER, b"\0\x01")),
        swap(serial=integer(1 << 175)),
        swap(unused_bits=1),
        swap(after_key=der(0x81, b"\0\x01")),
        swap(after_key=der(0x82, b"\0\x01")),
        swap(after_key=der(0x05)),
        swap(not_before=der(0x17, b"260103204107+0000")),
        swap(not_before=der(0x17, b"2601032041Z")),
        swap(not_before=der(0x17, b"260230204107Z")),
        swap(not_before=der(0x17, b"260103204107")),
        swap(not_before=der(0x18, b"20260103204107Z")),
        swap(not_before=der(0x18, b"20260103204107.5Z")),
        swap(not_after=der(0x18, b"20490103204107Z")),
        swap(not_after=der(0x18, b"99990103204107")),
        swap(not_before=b""),
        _also(extension(99, b"\x05\x00", critical=False)),  # the default, written out
    ],
)
def test_the_certificate_itself_is_well_formed(place: int, edit: Edit) -> None:
    """Version 3, a positive serial, whole octets, no unique identifiers, dates in one form."""
    assert _reason(_edited(place, edit)) is Reason.CHAIN_CERTIFICATE


@pytest.mark.parametrize(
    "certificate",
    [b"\0", b"0", b"\x30\x00", b"\x30\x80\0\0", b"\x05\x00", b"-----BEGIN CERTIFICATE-----"],
)
def test_what_is_no_certificate_is_rejected(certificate: bytes) -> None:
    """Garbage in either place."""
    assert _reason([*GOOD[:4], certificate]) is Reason.CHAIN_CERTIFICATE
    assert _reason([*GOOD[:2], certificate, *GOOD[3:]]) is Reason.CHAIN_CERTIFICATE


def test_serials_of_21_octets_and_dates_from_2050_are_read() -> None:
    """Genuine serials are that long, and the GovCloud root ends in 2050."""
    check(_edited(LEAF, swap(serial=integer((1 << 160) - 1))))
    check(_edited(LEAF, swap(serial=integer(1 << 160))))
    check(_edited(REGIONAL, swap(not_after=forge.time(datetime(2050, 1, 1, tzinfo=UTC)))))
    check(_edited(REGIONAL, swap(not_after=forge.time(datetime(2049, 12, 31, tzinfo=UTC)))))


@pytest.mark.parametrize("place", range(1, 5))
@pytest.mark.parametrize(
    "edit",
    [
        swap(algorithm=forge.ECDSA_WITH_SHA256),
        swap(outer_algorithm=forge.ECDSA_WITH_SHA256),
        swap(algorithm=forge.ECDSA_WITH_SHA256, outer_algorithm=forge.ECDSA_WITH_SHA256),
        swap(algorithm=bytes.fromhex("300c06082a8648ce3d0403030500")),
        swap(
            algorithm=bytes.fromhex("300c06082a8648ce3d0403030500"),
            outer_algorithm=bytes.fromhex("300c06082a8648ce3d0403030500"),
        ),
        swap(
            algorithm=bytes.fromhex("300506032b6570"),
            outer_algorithm=bytes.fromhex("300506032b6570"),
        ),
    ],
)
def test_the_algorithm_is_ecdsa_with_sha384_inside_and_outside(place: int, edit: Edit) -> None:
    """No other algorithm, no parameters, no disagreement."""
    assert _reason(_edited(place, edit)) is Reason.CHAIN_ALGORITHM


def _key_faults() -> list[bytes]:
    private = forge.key("NEVER_TRUST odd key")
    spki = forge.public(private)
    compressed = private.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    p256 = ec.derive_private_key(7, ec.SECP256R1()).public_key()
    return [
        p256.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        der(SEQUENCE, spki[2:20], der(BITS, b"\0", compressed)),
        der(SEQUENCE, spki[2:20], der(BITS, b"\x01", spki[23:])),
        spki[:-1] + bytes([spki[-1] ^ 1]),
        spki[:23] + b"\x06" + spki[24:],
        der(SEQUENCE, spki[2:], b"\x05\x00"),
        der(SEQUENCE, bytes.fromhex("300506032b6570032100") + bytes(32)),
    ]


@pytest.mark.parametrize("place", range(1, 5))
@pytest.mark.parametrize("spki", _key_faults())
def test_the_key_is_a_named_uncompressed_p384_key(place: int, spki: bytes) -> None:
    """Exactly the 120 bytes of such a key, and a point on the curve."""
    assert _reason(_edited(place, swap(public_key=spki))) is Reason.CHAIN_KEY


@pytest.mark.parametrize("place", [REGIONAL, ZONAL, INSTANCE])
@pytest.mark.parametrize(
    "edit",
    [
        _with_extensions(basic_constraints(), key_usage(KEY_CERT_SIGN)),
        _with_extensions(key_usage(KEY_CERT_SIGN)),
        _with_extensions(),
    ],
)
def test_an_authority_is_a_ca(place: int, edit: Edit) -> None:
    """Without basicConstraints, or with cA false, it may not issue."""
    assert _reason(_edited(place, edit)) is Reason.CHAIN_NOT_A_CA


@pytest.mark.parametrize("place", [REGIONAL, ZONAL, INSTANCE])
@pytest.mark.parametrize(
    "edit",
    [
        _with_extensions(basic_constraints(CA), key_usage(DIGITAL_SIGNATURE | CRL_SIGN)),
        _with_extensions(basic_constraints(CA)),
    ],
)
def test_an_authority_may_sign_certificates(place: int, edit: Edit) -> None:
    """The extension keyUsage is there and holds keyCertSign."""
    assert _reason(_edited(place, edit)) is Reason.CHAIN_KEY_USAGE


@pytest.mark.parametrize(
    "extensions",
    [
        (basic_constraints(),),
        (basic_constraints(), key_usage(0x40)),
        (basic_constraints(), key_usage(DIGITAL_SIGNATURE | KEY_CERT_SIGN)),
    ],
)
def test_a_leaf_may_sign_data_and_no_certificates(extensions: tuple[bytes, ...]) -> None:
    """The extension keyUsage is there, holds digitalSignature and not keyCertSign."""
    assert _reason(_edited(LEAF, _with_extensions(*extensions))) is Reason.CHAIN_KEY_USAGE


@pytest.mark.parametrize(
    "extensions",
    [
        (LEAF_USAGE,),
        (),
        (basic_constraints(CA), LEAF_USAGE),
        (basic_constraints(CA, integer(0)), LEAF_USAGE),
        (basic_constraints(integer(0)), LEAF_USAGE),
        (basic_constraints(critical=None), LEAF_USAGE),
    ],
)
def test_a_leaf_is_no_ca(extensions: tuple[bytes, ...]) -> None:
    """Critical basicConstraints without cA and without a path length."""
    assert _reason(_edited(LEAF, _with_extensions(*extensions))) is Reason.CHAIN_EXTENSION


@pytest.mark.parametrize(
    ("place", "length"),
    [(REGIONAL, 1), (REGIONAL, 0), (ZONAL, 0)],
    ids=["regional 1", "regional 0", "zonal 0"],
)
def test_path_lengths_are_kept(place: int, length: int) -> None:
    """An authority has no more authorities under it than it allows."""
    extensions = _with_extensions(basic_constraints(CA, integer(length)), forge.AUTHORITY_USAGE)
    assert _reason(_edited(place, extensions)) is Reason.CHAIN_PATH_LENGTH


def test_the_instance_issues_no_authority() -> None:
    """Path length 0: the host's certificate may issue leaves only."""
    specs = forge.specs()
    rogue_key = forge.key("NEVER_TRUST rogue")
    rogue = replace(
        specs[INSTANCE],
        subject=forge.name("rogue"),
        issuer=specs[INSTANCE].subject,
        public_key=forge.public(rogue_key),
        signer=forge.key("NEVER_TRUST 3"),
    )
    leaf = replace(specs[LEAF], issuer=rogue.subject, signer=rogue_key)
    loose = [
        replace(spec, extensions=(basic_constraints(CA), forge.AUTHORITY_USAGE))
        for spec in specs[REGIONAL : ZONAL + 1]
    ]
    encoded = [spec.encode() for spec in (specs[0], *loose, specs[INSTANCE], rogue, leaf)]
    assert _reason(encoded) is Reason.CHAIN_PATH_LENGTH
    free = replace(specs[INSTANCE], extensions=(basic_constraints(CA), key_usage(KEY_CERT_SIGN)))
    check([spec.encode() for spec in (specs[0], *loose, free, rogue, leaf)])


KEY_IDENTIFIER, ISSUER_KEY_IDENTIFIER = 14, 35
OWN = extension(KEY_IDENTIFIER, der(OCTETS, b"own key"))
OF_OWN = extension(ISSUER_KEY_IDENTIFIER, der(SEQUENCE, der(0x80, b"own key")))
OF_OTHER = extension(ISSUER_KEY_IDENTIFIER, der(SEQUENCE, der(0x80, b"other key")))


def test_key_identifiers_agree_where_both_are_there() -> None:
    """One alone is no contradiction; two that differ name another issuer."""
    check(forge.chain({ZONAL: _also(OWN)}))
    check(forge.chain({INSTANCE: _also(OF_OTHER)}))
    check(forge.chain({ZONAL: _also(OWN), INSTANCE: _also(OF_OWN)}))
    check(forge.chain({INSTANCE: _also(OWN), LEAF: _also(OF_OWN)}))
    assert (
        _reason(forge.chain({ZONAL: _also(OWN), INSTANCE: _also(OF_OTHER)})) is Reason.CHAIN_ISSUER
    )
    assert (
        _reason(forge.chain({INSTANCE: _also(OWN), LEAF: _also(OF_OTHER)})) is Reason.CHAIN_ISSUER
    )


NAME_IN_IDENTIFIER = der(0xA1, der(0xA4, forge.name("zonal")))
ODD_EXTENSIONS: dict[str, Edit] = {
    "basicConstraints not critical": lambda spec: _swap_first(
        spec, basic_constraints(CA, integer(0), critical=None)
    ),
    "huge path length": lambda spec: _swap_first(spec, basic_constraints(CA, integer(1 << 80))),
    "negative path length": lambda spec: _swap_first(spec, basic_constraints(CA, integer(-1))),
    "trailing bytes in an extension": lambda spec: _swap_first(
        spec, extension(19, der(SEQUENCE, CA, integer(0)) + b"\0", critical=True)
    ),
    "odd BOOLEAN": lambda spec: _swap_first(
        spec, basic_constraints(der(BOOLEAN, b"\x01"), integer(0))
    ),
    "default written out": lambda spec: _swap_first(spec, basic_constraints(der(BOOLEAN, b"\0"))),
    "unknown critical extension": _also(extension(99, b"\x05\x00", critical=True)),
    "critical subjectKeyIdentifier": _also(extension(14, der(OCTETS, b"id"), critical=True)),
    "critical authorityKeyIdentifier": _also(
        extension(35, der(SEQUENCE, der(0x80, b"id")), critical=True),
    ),
    "critical revocation list": _also(
        extension(31, der(SEQUENCE, der(SEQUENCE, der(0xA0))), critical=True)
    ),
    "name constraints": _also(
        extension(
            30, der(SEQUENCE, der(0xA0, der(SEQUENCE, der(0x82, b"example.com")))), critical=True
        )
    ),
    "name constraints not critical": _also(
        extension(30, der(SEQUENCE, der(0xA0, der(SEQUENCE, der(0x82, b"example.com")))))
    ),
    "policy constraints": _also(extension(36, der(SEQUENCE, der(0x80, b"\0")))),
    "policy mappings": _also(
        extension(33, der(SEQUENCE, der(SEQUENCE, der(OID, b"\x2a\x03"), der(OID, b"\x2a\x03"))))
    ),
    "inhibit any policy": _also(extension(54, integer(0))),
    "extended key usage": _also(
        extension(37, der(SEQUENCE, der(OID, bytes.fromhex("2b06010505070301"))))
    ),
    "any extended key usage": _also(
        extension(37, der(SEQUENCE, der(OID, bytes.fromhex("551d2500"))))
    ),
    "an extension twice": _also(key_usage(KEY_CERT_SIGN | DIGITAL_SIGNATURE)),
    "an unknown extension twice": _also(extension(99, b"\x05\x00"), extension(99, b"\x05\x00")),
    "issuer's key by name": _also(
        extension(35, der(SEQUENCE, NAME_IN_IDENTIFIER, der(0x82, b"\x01")))
    ),
    "issuer's key by identifier and name": _also(
        extension(35, der(SEQUENCE, der(0x80, b"id"), NAME_IN_IDENTIFIER, der(0x82, b"\x01")))
    ),
    "issuer's key unnamed": _also(extension(35, der(SEQUENCE))),
    "revocation list that is no list": _also(extension(31, der(OCTETS, b"list"))),
    "alternative name with a tail": _also(extension(17, der(SEQUENCE) + b"\0")),
    "access that is malformed": _also(
        der(SEQUENCE, der(OID, bytes.fromhex("2b06010505070101")), der(OCTETS, b"\x30\x01"))
    ),
    "key usage without bits": lambda spec: replace(
        spec, extensions=(spec.extensions[0], extension(15, der(BITS, b"\0"), critical=True))
    ),
    "key usage that is empty": lambda spec: replace(
        spec, extensions=(spec.extensions[0], extension(15, der(BITS), critical=True))
    ),
    "key usage with zeros at its end": lambda spec: replace(
        spec, extensions=(spec.extensions[0], extension(15, der(BITS, b"\0\x04"), critical=True))
    ),
    "key usage of another type": lambda spec: replace(
        spec,
        extensions=(spec.extensions[0], extension(15, der(OCTETS, b"\x02\x04"), critical=True)),
    ),
    "own key of another type": _also(extension(14, der(BITS, b"\0id"))),
    "own key with a tail": _also(extension(14, der(OCTETS, b"id") + b"\0")),
    "path length of another type": lambda spec: _swap_first(
        spec, basic_constraints(CA, der(OCTETS, b"\0"))
    ),
    "path length not shortest": lambda spec: _swap_first(
        spec, basic_constraints(CA, der(INTEGER, b"\0\x01"))
    ),
    "path length of nine octets": lambda spec: _swap_first(
        spec, basic_constraints(CA, integer(1 << 64))
    ),
    "path length that is empty": lambda spec: _swap_first(
        spec, basic_constraints(CA, der(INTEGER))
    ),
    "basicConstraints with a third part": lambda spec: _swap_first(
        spec, basic_constraints(CA, integer(0), integer(0))
    ),
    "basicConstraints of another type": lambda spec: _swap_first(
        spec, extension(19, der(OCTETS, CA), critical=True)
    ),
    "basicConstraints cut short": lambda spec: _swap_first(
        spec, extension(19, b"\x30\x03\x01\x01", critical=True)
    ),
    "alternative name that is malformed": _also(extension(17, b"\x30\x05")),
}


def _swap_first(spec: Spec, made: bytes) -> Spec:
    return replace(spec, extensions=(made, *spec.extensions[1:]))


@pytest.mark.parametrize("edit", ODD_EXTENSIONS.values(), ids=ODD_EXTENSIONS.keys())
def test_extensions_that_are_rejected(edit: Edit) -> None:
    """Malformed, repeated, critical and not understood, or narrowing."""
    assert _reason(_edited(INSTANCE, edit)) is Reason.CHAIN_EXTENSION


@pytest.mark.parametrize("place", range(1, 5))
def test_extensions_that_change_nothing(place: int) -> None:
    """An unknown one that is not critical, revocation lists, key identifiers, alternative names."""
    distribution = der(
        SEQUENCE, der(SEQUENCE, der(0xA0, der(0xA0, der(0x86, b"http://never-trust.invalid/"))))
    )
    edit = _also(
        extension(99, b"of a form that nobody knows"),
        extension(31, distribution),
        OWN,
        extension(17, der(SEQUENCE, der(0x82, b"example.com"))),
        der(
            SEQUENCE,
            der(OID, bytes.fromhex("2b06010505070118")),
            der(OCTETS, der(SEQUENCE, integer(99))),
        ),
        extension(32, der(SEQUENCE, der(0x16, b"no policies"))),
    )
    check(_edited(place, edit))


@pytest.mark.parametrize("place", range(5))
def test_validity_includes_both_ends_to_the_second(place: int) -> None:
    """The first and the last second count, a fraction does not, one second outside is too much."""
    start, end = (
        NOW.replace(microsecond=0) - timedelta(seconds=1),
        NOW.replace(microsecond=0) + timedelta(seconds=1),
    )
    certificates = _edited(place, swap(not_before=forge.time(start), not_after=forge.time(end)))
    for now in (start, end, end + timedelta(microseconds=999_999)):
        check(certificates, now=now)
    assert (
        _reason(certificates, now=start - timedelta(microseconds=1)) is Reason.CHAIN_NOT_YET_VALID
    )
    assert _reason(certificates, now=end + timedelta(seconds=1)) is Reason.CHAIN_EXPIRED


def test_the_end_of_validity_is_the_earliest() -> None:
    """Whichever certificate ends first ends the result."""
    end = NOW.replace(microsecond=0) + timedelta(minutes=10)
    assert check(_edited(REGIONAL, swap(not_after=forge.time(end)))).valid_until == end


def test_bundles_of_two_and_of_eight() -> None:
    """The shortest and the longest bundle that a document may carry."""
    specs = forge.specs()
    short = [
        specs[0],
        replace(specs[1], extensions=(basic_constraints(CA, integer(0)), key_usage(KEY_CERT_SIGN))),
    ]
    leaf = replace(specs[LEAF], issuer=specs[1].subject, signer=forge.key("NEVER_TRUST 1"))
    check([spec.encode() for spec in (*short, leaf)])
    long, signer = [specs[0]], forge.key("NEVER_TRUST 0")
    for number in range(7):
        own = forge.key(f"NEVER_TRUST long {number}")
        long.append(
            replace(
                specs[1],
                subject=forge.name(f"authority {number}"),
                issuer=long[-1].subject,
                public_key=forge.public(own),
                extensions=(basic_constraints(CA, integer(6 - number)), key_usage(KEY_CERT_SIGN)),
                signer=signer,
            )
        )
        signer = own
    leaf = replace(specs[LEAF], issuer=long[-1].subject, signer=signer)
    assert len(long) == 8
    check([spec.encode() for spec in (*long, leaf)])


SECOND = NOW.replace(microsecond=0)


def _failure(certificates: list[bytes], *, skew: timedelta = NO_SKEW) -> Failure:
    with pytest.raises(UntrustedDocumentError) as rejection:
        check(certificates, skew=skew)
    (failure,) = rejection.value.failures
    return failure


def test_the_one_certificate_that_is_not_valid_is_named() -> None:
    """One that begins or ends in this very second is valid, and not the one to name."""
    hour = timedelta(hours=1)
    begins, ends = swap(not_before=forge.time(SECOND)), swap(not_after=forge.time(SECOND))
    expired = swap(not_before=forge.time(NOW - hour), not_after=forge.time(NOW - hour))
    early = swap(not_before=forge.time(NOW + hour))
    for certificates, reason in (
        (forge.chain({REGIONAL: begins, LEAF: expired}), Reason.CHAIN_EXPIRED),
        (forge.chain({REGIONAL: ends, LEAF: early}), Reason.CHAIN_NOT_YET_VALID),
    ):
        failure = _failure(certificates)
        assert (failure.reason, failure.subject) == (reason, "certificate")


def test_what_ended_before_it_began_has_expired() -> None:
    """In the second in which it would begin it is over."""
    end = SECOND - timedelta(seconds=1)
    edit = swap(not_before=forge.time(SECOND), not_after=forge.time(end))
    assert _failure(_edited(LEAF, edit)).reason is Reason.CHAIN_EXPIRED


@pytest.mark.parametrize("place", range(5))
def test_a_slow_clock_is_forgiven_up_to_the_skew(place: int) -> None:
    """AWS makes the leaf just before the document: 30 s ahead is valid, 31 s is not."""
    skew = timedelta(seconds=30)
    for seconds, reason in ((30, None), (31, Reason.CHAIN_NOT_YET_VALID)):
        ahead = swap(not_before=forge.time(SECOND + timedelta(seconds=seconds)))
        if reason is None:
            check(_edited(place, ahead), skew=skew)
        else:
            assert _failure(_edited(place, ahead), skew=skew).reason is reason
            assert _reason(_edited(place, ahead)) is reason


@pytest.mark.parametrize("place", range(5))
def test_no_skew_widens_the_end(place: int) -> None:
    """A second after the last one is too late, however much the clock may be wrong."""
    end = swap(not_after=forge.time(SECOND - timedelta(seconds=1)))
    for skew in (NO_SKEW, timedelta(minutes=5), timedelta.max):
        assert _failure(_edited(place, end), skew=skew).reason is Reason.CHAIN_EXPIRED


@pytest.mark.parametrize(
    ("year", "skew"),
    [(1, timedelta(minutes=5)), (9999, timedelta(minutes=5)), (9999, timedelta.max)],
)
def test_no_time_is_out_of_range(year: int, skew: timedelta) -> None:
    """The ends of `datetime` and of `timedelta` overflow nothing."""
    with pytest.raises(UntrustedDocumentError):
        check(GOOD, now=datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC), skew=skew)


def _instance_named(common_name: str) -> list[bytes]:
    subject = forge.name(common_name)
    return forge.chain({INSTANCE: swap(subject=subject), LEAF: swap(issuer=subject)})


@pytest.mark.parametrize(
    "common_name",
    [
        "i-0fa4e0fa4e0fa4e0f.us-east-1.aws.nitro-enclaves",
        "i-0fa4e0fa4e0fa4e0f.",
        "instance",
        "x.i-0000000000000000.us-east-1.aws",
        "I-00000000000000000.us-east-1.aws",
    ],
)
def test_an_instance_speaks_for_itself(common_name: str) -> None:
    """Its common name begins with the instance id of the module_id, or names no instance."""
    check(_instance_named(common_name))


@pytest.mark.parametrize(
    "common_name",
    [
        "i-00000000000000000.us-east-1.aws.nitro-enclaves",
        "i-0fa4e0fa4e0fa4e0f",
        "i-0fa4e0fa4e0fa4e0f0.us-east-1.aws.nitro-enclaves",
        "i-0fa4e0fa4e0fa4e0f-enc0000000000000001.us-east-1.aws",
        "i-",
    ],
)
def test_an_instance_does_not_speak_for_another(common_name: str) -> None:
    """A stolen instance key names no module of another instance."""
    failure = _failure(_instance_named(common_name))
    assert (failure.reason, failure.subject) == (Reason.CHAIN_SUBJECT, "cabundle[3]")


def test_what_the_library_cannot_parse_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever our own reader says, and before any signature is checked."""
    raised: list[Exception] = []

    def fail(_: bytes) -> x509.Certificate:
        raise raised[0]

    monkeypatch.setattr(x509, "load_der_x509_certificate", fail)
    faults: tuple[Exception, ...] = (ValueError("no certificate"), x509.InvalidVersion("v", 3))
    for one in faults:
        raised[:] = [one]
        assert _failure(GOOD) == Failure(Reason.CHAIN_CERTIFICATE, "cabundle[0]")
        with pytest.raises(UntrustedDocumentError) as rejection:
            _check_below_a_known_root()
        assert rejection.value.failures == (Failure(Reason.CHAIN_CERTIFICATE, "cabundle[1]"),)


def _loaded(_: bytes) -> None:
    """Load anything."""


def _check_below_a_known_root() -> None:
    """Give a cache that has read the root already."""
    with pytest.MonkeyPatch.context() as real:
        real.setattr(x509, "load_der_x509_certificate", _loaded)
        cache = ChainCache()
        cache.under(GOOD[0])
    check(GOOD, cache=cache)
