"""PCR values computed from a role, an instance and a certificate.

They are compared with captured documents and with the formulas.
"""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from nitro_attest import DocumentKind, PolicyError, Sha384, read_unverified
from nitro_attest.reference_values import pcr

REAL = Path(__file__).parents[2] / "vectors" / "real"
ENCLAVES = sorted(REAL.glob("enclave-*.cbor"))
ROLE = "arn:aws:iam::123456789012:role/service-role/payments-host"
INSTANCE = "i-0123456789abcdef0"
KEY = ec.derive_private_key(0x1234, ec.SECP384R1())  # a test's key, never to be trusted
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "NEVER_TRUST signing")])


def make_certificate() -> x509.Certificate:
    """Return a self-signed certificate such as nitro-cli takes for signing an image."""
    return x509.CertificateBuilder(
        issuer_name=NAME,
        subject_name=NAME,
        public_key=KEY.public_key(),
        serial_number=1,
        not_valid_before=datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None),
        not_valid_after=datetime(2036, 1, 1, tzinfo=UTC).replace(tzinfo=None),
    ).sign(KEY, SHA384(), ecdsa_deterministic=True)


CERTIFICATE = make_certificate()
DER = CERTIFICATE.public_bytes(Encoding.DER)
PEM = CERTIFICATE.public_bytes(Encoding.PEM)


@pytest.mark.parametrize("path", ENCLAVES, ids=lambda path: path.stem)
def test_instance_id_gives_pcr4_of_every_genuine_enclave_document(path: Path) -> None:
    """AWS computed PCR4 from the instance id that stands in module_id."""
    document = read_unverified(path.read_bytes())
    assert document.kind is DocumentKind.ENCLAVE
    assert pcr.instance_id(document.instance_id).value == document.pcrs[4]


def test_there_are_genuine_enclave_documents_to_hold_it_against() -> None:
    """The test above would say nothing without documents."""
    assert len(ENCLAVES) == 5


def test_iam_role_hashes_the_arn_behind_a_zero_pcr() -> None:
    """PCR3 is SHA-384 over 48 zero bytes and the ARN."""
    assert pcr.iam_role(ROLE).value == hashlib.sha384(bytes(48) + ROLE.encode()).digest()


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws-us-gov:iam::123456789012:role/host",
        "arn:aws-cn:iam::123456789012:role/host",
        "arn:aws-iso-b:iam::123456789012:role/a/b/c/host_+=,.@-",
    ],
)
def test_iam_role_takes_roles_of_other_partitions_and_with_paths(arn: str) -> None:
    """The partition and the path are part of what is hashed."""
    assert pcr.iam_role(arn).value == hashlib.sha384(bytes(48) + arn.encode()).digest()


@pytest.mark.parametrize(
    "certificate", [DER, PEM, b"Bag Attributes\n" + PEM], ids=["DER", "PEM", "PEM with a heading"]
)
def test_signing_certificate_hashes_the_hash_of_the_der(certificate: bytes) -> None:
    """PCR8 is SHA-384 of 48 zero bytes and the SHA-384 of the certificate's DER."""
    assert (
        pcr.signing_certificate(certificate).value
        == hashlib.sha384(bytes(48) + hashlib.sha384(DER).digest()).digest()
    )


def test_extend_hashes_both_values() -> None:
    """A second extension begins with the result of the first."""
    first = pcr.extend(Sha384.ZERO, b"one")
    assert pcr.extend(first, b"two").value == hashlib.sha384(first.value + b"two").digest()


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "payments-host",
        "arn:aws:iam::123456789012:instance-profile/payments-host",
        "arn:aws:sts::123456789012:assumed-role/payments-host/i-0123456789abcdef0",
        "arn:aws:iam::123456789012:user/alice",
        "arn:aws:iam::12345678901:role/host",
        "arn:aws:iam::123456789012:role/",
        "arn:aws:iam::123456789012:role/" + "a" * 65,
        "arn:aws:iam::123456789012:role/" + "a/" * 400 + "host",
        "arn:aws:iam::123456789012:role/host ",
        "arn:aws:iam::123456789012:role/host\n",
        "ARN:aws:iam::123456789012:role/host",
        None,
        b"arn:aws:iam::123456789012:role/host",
    ],
)
def test_iam_role_refuses_what_is_no_role(arn: object) -> None:
    """A PCR3 of anything else would never match."""
    with pytest.raises(PolicyError) as caught:
        pcr.iam_role(arn)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - what must fail
    assert caught.value.field == "iam_role.arn"


@pytest.mark.parametrize(
    "instance",
    [
        "",
        "i-",
        "i-0123456789ABCDEF0",
        "i-0123456789abcdef",
        INSTANCE + "-enc0123456789abcdef",
        " " + INSTANCE,
        None,
        7,
    ],
)
def test_instance_id_refuses_what_is_no_instance(instance: object) -> None:
    """A module_id, upper case or a missing digit is a mistake, not another instance."""
    with pytest.raises(PolicyError) as caught:
        pcr.instance_id(instance)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - what must fail
    assert caught.value.field == "instance_id.instance"


def test_instance_id_takes_the_short_form() -> None:
    """Instances from before 2016 have eight digits."""
    assert pcr.instance_id("i-01234567").value == hashlib.sha384(bytes(48) + b"i-01234567").digest()


@pytest.mark.parametrize(
    "certificate",
    [
        b"",
        hashlib.sha384(DER).digest(),
        hashlib.sha384(DER).hexdigest().encode(),
        DER[:-1],
        DER + b"\0",
        PEM + PEM,
        b"-----BEGIN CERTIFICATE-----\n",
        b"\x04" + bytes(96),
        bytes(100_000_000),
        PEM.decode(),
        None,
    ],
    ids=[
        "empty",
        "hash",
        "hex hash",
        "cut",
        "trailing",
        "two",
        "broken PEM",
        "key",
        "huge",
        "text",
        "None",
    ],
)
def test_signing_certificate_refuses_what_is_no_single_certificate(certificate: object) -> None:
    """Most of all the certificate's hash, which other tools print."""
    with pytest.raises(PolicyError) as caught:
        pcr.signing_certificate(certificate)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - what must fail
    assert caught.value.field == "signing_certificate.certificate"


@pytest.mark.parametrize(
    ("current", "data"), [(bytes(48), b"x"), (None, b"x"), (Sha384.ZERO, b""), (Sha384.ZERO, "x")]
)
def test_extend_refuses_other_types(current: object, data: object) -> None:
    """Text, empty data and raw bytes as the current value are refused."""
    with pytest.raises(PolicyError):
        pcr.extend(current, data)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - what must fail
