"""The pinned roots are AWS's, and an anchor is a certificate that was meant."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509

from nitro_attest import AWS_NITRO_ROOT_G1, AWS_US_GOV_NITRO_ROOT_G1, PolicyError, TrustAnchor
from support import certificates as forge

GOOD: dict[str, Any] = {
    "name": AWS_NITRO_ROOT_G1.name,
    "certificate": AWS_NITRO_ROOT_G1.certificate,
    "sha256": AWS_NITRO_ROOT_G1.sha256,
}


@pytest.mark.parametrize(
    ("anchor", "sha256", "common_name", "until"),
    [
        (
            AWS_NITRO_ROOT_G1,
            "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b",
            "CN=aws.nitro-enclaves,OU=AWS,O=Amazon,C=US",
            2049,
        ),
        (
            AWS_US_GOV_NITRO_ROOT_G1,
            "20bcd30a3e168ea03789e1c45912bc123c4de3c977b8a6e1c125c7929d668b3b",
            "CN=aws-us-gov.nitro-enclaves,OU=AWS,O=Amazon,C=US",
            2050,
        ),
    ],
    ids=["commercial", "GovCloud"],
)
def test_the_pinned_roots_are_the_published_ones(
    anchor: TrustAnchor, sha256: str, common_name: str, until: int
) -> None:
    """Digest, name and end of validity; each is signed by itself."""
    assert hashlib.sha256(anchor.certificate).hexdigest() == anchor.sha256 == sha256
    certificate = x509.load_der_x509_certificate(anchor.certificate)
    assert (
        certificate.subject.rfc4514_string() == certificate.issuer.rfc4514_string() == common_name
    )
    assert certificate.not_valid_after_utc.year == until
    certificate.verify_directly_issued_by(certificate)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", " "),
        ("name", None),
        ("name", "a\nb"),
        ("name", b"root"),
        ("certificate", AWS_US_GOV_NITRO_ROOT_G1.certificate),
        ("certificate", AWS_NITRO_ROOT_G1.certificate[:-1] + b"\0"),
        ("certificate", bytearray(AWS_NITRO_ROOT_G1.certificate)),
        ("certificate", AWS_NITRO_ROOT_G1.certificate.hex()),
        ("certificate", None),
        ("sha256", GOOD["sha256"].upper()),
        ("sha256", "8cf60e2b" + GOOD["sha256"][8:]),
        ("sha256", bytes.fromhex(GOOD["sha256"])),
        ("sha256", None),
    ],
)
def test_an_anchor_is_what_was_meant(field: str, value: object) -> None:
    """A certificate and a digest that do not belong together are rejected."""
    arguments: dict[str, Any] = {**GOOD, field: value}
    with pytest.raises(PolicyError) as error:
        TrustAnchor(**arguments)
    wrong = "sha256" if isinstance(value, bytes) and field == "certificate" else field
    assert error.value.field == f"TrustAnchor.{wrong}"


@pytest.mark.parametrize(
    "certificate", [b"", b"\x30\x00", AWS_NITRO_ROOT_G1.certificate + b"\0", forge.chain()[-1]]
)
def test_an_anchor_is_a_ca_certificate(certificate: bytes) -> None:
    """Garbage, trailing data and a leaf are none."""
    with pytest.raises(PolicyError) as error:
        forge.anchor(certificate)
    assert error.value.field == "TrustAnchor.certificate"


def test_a_root_of_aws_is_known_by_its_bytes() -> None:
    """Under whatever name; another root is none."""
    assert AWS_NITRO_ROOT_G1.is_root_of_aws
    assert AWS_US_GOV_NITRO_ROOT_G1.is_root_of_aws
    assert replace(AWS_NITRO_ROOT_G1, name="renamed").is_root_of_aws
    assert not forge.anchor(forge.chain()[0]).is_root_of_aws


@pytest.mark.parametrize("root", [AWS_NITRO_ROOT_G1, AWS_US_GOV_NITRO_ROOT_G1])
def test_the_name_of_a_root_of_aws_is_for_that_root_only(root: TrustAnchor) -> None:
    """Else a result under another root could read as if AWS had signed it."""
    with pytest.raises(PolicyError) as error:
        replace(forge.anchor(forge.chain()[0]), name=root.name)
    assert error.value.field == "TrustAnchor.name"


def test_a_written_anchor_evaluates_to_itself() -> None:
    """The pinned roots by their constant, any other by its constructor."""
    other = forge.anchor(forge.chain()[0])
    assert eval(repr(other)) == other  # noqa: S307 - our own text
    assert repr(AWS_NITRO_ROOT_G1) == "AWS_NITRO_ROOT_G1"
