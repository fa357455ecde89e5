"""Each rule of the profile rejects on its own, and names what it rejects."""

from collections.abc import Mapping

import pytest

from nitro_attest import Failure, Reason, UntrustedDocumentError
from nitro_attest._core.certificate import BASIC_CONSTRAINTS, KEY_USAGE, Extension, read_certificate
from nitro_attest._core.profile import Role, check_profile
from support import certificates as forge
from support.certificates import LEAF

PLACE = "a certificate"
CA, LEAF_CERTIFICATE = (read_certificate(forge.chain()[place], PLACE) for place in (3, LEAF))


def _extensions(*entries: tuple[str, bool]) -> tuple[Extension, ...]:
    return tuple(
        Extension(oid=bytes.fromhex(oid), critical=critical, value=b"") for oid, critical in entries
    )


CONSTRAINTS, USAGE = BASIC_CONSTRAINTS.oid.hex(), KEY_USAGE.oid.hex()
FAULTS: list[tuple[Mapping[str, object], Reason]] = [
    ({"serial": 0}, Reason.CHAIN_CERTIFICATE),
    ({"serial": 1 << 167}, Reason.CHAIN_CERTIFICATE),
    ({"algorithm": b""}, Reason.CHAIN_ALGORITHM),
    ({"outer_algorithm": b""}, Reason.CHAIN_ALGORITHM),
    ({"public_key": CA.public_key[:-1] + b"\0"}, Reason.CHAIN_KEY),
    ({"issuer": b"\x30\x00"}, Reason.CHAIN_SUBJECT),
    ({"subject": b"\x30\x00"}, Reason.CHAIN_SUBJECT),
    ({"signature": CA.signature + b"\0"}, Reason.CHAIN_SIGNATURE),
    ({"extensions": _extensions((CONSTRAINTS, True), (USAGE, True)) * 2}, Reason.CHAIN_EXTENSION),
    (
        {"extensions": (*CA.extensions, *_extensions(("551d0e", True)))},
        Reason.CHAIN_EXTENSION,
    ),
    *(
        ({"extensions": (*CA.extensions, *_extensions((oid, False)))}, Reason.CHAIN_EXTENSION)
        for oid in ("551d1e", "551d21", "551d24", "551d25", "551d36")
    ),
]


def _reason(fields: dict[str, object], role: Role) -> Reason:
    certificate = CA if role is Role.CA else LEAF_CERTIFICATE
    with pytest.raises(UntrustedDocumentError) as rejection:
        check_profile(certificate._replace(**fields), role, PLACE)  # type: ignore[arg-type]  # by name
    return rejection.value.reason


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(("fields", "reason"), FAULTS)
def test_each_rule_is_for_both_roles(fields: dict[str, object], reason: Reason, role: Role) -> None:
    """One fault, and everything else as it should be."""
    assert _reason(fields, role) is reason


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"is_ca": None}, Reason.CHAIN_NOT_A_CA),
        ({"is_ca": False}, Reason.CHAIN_NOT_A_CA),
        ({"extensions": _extensions((CONSTRAINTS, False))}, Reason.CHAIN_EXTENSION),
        ({"key_usage": None}, Reason.CHAIN_KEY_USAGE),
        ({"key_usage": 0xFB}, Reason.CHAIN_KEY_USAGE),
    ],
)
def test_a_ca_certificate_may_issue(fields: dict[str, object], reason: Reason) -> None:
    """By critical basicConstraints and by keyCertSign."""
    assert _reason(fields, Role.CA) is reason


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"is_ca": None}, Reason.CHAIN_EXTENSION),
        ({"is_ca": True}, Reason.CHAIN_EXTENSION),
        ({"extensions": _extensions((CONSTRAINTS, False))}, Reason.CHAIN_EXTENSION),
        ({"key_usage": None}, Reason.CHAIN_KEY_USAGE),
        ({"key_usage": 0x7B}, Reason.CHAIN_KEY_USAGE),
        ({"key_usage": 0x84}, Reason.CHAIN_KEY_USAGE),
    ],
)
def test_a_leaf_may_sign_data_only(fields: dict[str, object], reason: Reason) -> None:
    """Critical basicConstraints without cA, digitalSignature without keyCertSign."""
    assert _reason(fields, Role.LEAF) is reason


@pytest.mark.parametrize(
    "fields", [{"is_ca": None}, {"extensions": _extensions((CONSTRAINTS, False))}]
)
def test_what_a_leaf_must_not_be_is_said(fields: dict[str, object]) -> None:
    """By the extension that says it."""
    with pytest.raises(UntrustedDocumentError) as rejection:
        check_profile(LEAF_CERTIFICATE._replace(**fields), Role.LEAF, PLACE)  # type: ignore[arg-type]  # by name
    subject = f"{PLACE}: basicConstraints"
    failure = Failure(Reason.CHAIN_EXTENSION, subject, "critical, not a CA")
    assert rejection.value.failures == (failure,)


@pytest.mark.parametrize("uses", [None, 0x84])
def test_what_a_leaf_may_be_used_for_is_said(uses: int | None) -> None:
    """For data alone."""
    with pytest.raises(UntrustedDocumentError) as rejection:
        check_profile(LEAF_CERTIFICATE._replace(key_usage=uses), Role.LEAF, PLACE)
    expected = "digitalSignature without keyCertSign"
    assert rejection.value.failures == (Failure(Reason.CHAIN_KEY_USAGE, PLACE, expected),)


def test_what_aws_issues_is_accepted() -> None:
    """The largest serial number, other uses, and an extension that is not critical."""
    more = _extensions(("551d0e", False))
    for certificate, role, uses in ((CA, Role.CA, 0xFF), (LEAF_CERTIFICATE, Role.LEAF, 0xFB)):
        extensions = (*certificate.extensions, *more)
        check_profile(
            certificate._replace(serial=(1 << 167) - 1, key_usage=uses, extensions=extensions),
            role,
            PLACE,
        )


def test_what_is_not_understood_is_named() -> None:
    """By the place and the OID."""
    extensions = (*CA.extensions, *_extensions(("2a03", True)))
    with pytest.raises(UntrustedDocumentError) as rejection:
        check_profile(CA._replace(extensions=extensions), Role.CA, PLACE)
    expected = "none that is not understood"
    assert rejection.value.failures == (
        Failure(Reason.CHAIN_EXTENSION, f"{PLACE}: extension 2a03", expected),
    )
