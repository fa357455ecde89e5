"""The PCRs that follow from a role, an instance or a signing certificate.

The source is "PCRs" in the Nitro Enclaves user guide. Similar input (an instance profile, a hash of
the certificate) is an error: it would give a PCR that no document has.
"""

import hashlib
import re
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from nitro_attest import PolicyError, Sha384

__all__ = ["extend", "iam_role", "instance_id", "signing_certificate"]

MAX_CERTIFICATE_BYTES: Final = (
    65_536  # ours: an RSA-4096 certificate with a long name has about 3,000
)

# IAM: a partition, no region, a 12-digit account, a path of printable ASCII and a name of up to 64
# characters.
_ROLE: Final = re.compile(
    r"arn:aws(?:-[a-z]+)*:iam::[0-9]{12}:role/(?:[!-~]{1,510}/)?[A-Za-z0-9_+=,.@-]{1,64}"
)
_MAX_ROLE: Final = 700  # ours: the longest that the pattern can need is about 640
_INSTANCE: Final = re.compile(r"i-(?:[0-9a-f]{8}|[0-9a-f]{17})")  # EC2: 17 digits, 8 before 2016
_PEM: Final = b"-----BEGIN"


def extend(current: Sha384, data: bytes) -> Sha384:
    """Return the value of a PCR after `data` extends `current`: SHA-384 over both.

    Raises:
        PolicyError: `current` is not a `Sha384`, or `data` is not bytes or is empty.

    """
    if type(current) is not Sha384:
        raise PolicyError("extend.current", "expected a Sha384; a PCR begins as Sha384.ZERO")
    if type(data) is not bytes or not data:
        raise PolicyError("extend.data", "expected bytes that are not empty")
    return Sha384(hashlib.sha384(current.value + data).digest())


def iam_role(arn: str) -> Sha384:
    """Return PCR3 of an enclave whose parent instance has the IAM role `arn`, path included.

    Raises:
        PolicyError: `arn` is not the ARN of an IAM role.

    """
    if type(arn) is str and ":instance-profile/" in arn:
        raise PolicyError(
            "iam_role.arn",
            "expected the ARN of the role, not of the instance profile that holds it",
        )
    if type(arn) is str and ":assumed-role/" in arn:
        raise PolicyError(
            "iam_role.arn",
            "expected the ARN of the role (arn:aws:iam::...:role/...), not of a session under it",
        )
    if type(arn) is not str or len(arn) > _MAX_ROLE or _ROLE.fullmatch(arn) is None:
        raise PolicyError(
            "iam_role.arn",
            "expected the ARN of an IAM role, such as arn:aws:iam::123456789012:role/name",
        )
    return extend(Sha384.ZERO, arn.encode("ascii"))


def instance_id(instance: str) -> Sha384:
    """Return PCR4 of an enclave on the EC2 instance `instance`.

    This is the PCR4 of an enclave only; on an instance with NitroTPM PCR4 is the boot manager.

    Raises:
        PolicyError: `instance` is not the id of an EC2 instance.

    """
    if type(instance) is not str or _INSTANCE.fullmatch(instance) is None:
        raise PolicyError(
            "instance_id.instance",
            "expected the id of an EC2 instance: i- and 17 lower-case hex digits",
        )
    return extend(Sha384.ZERO, instance.encode("ascii"))


def signing_certificate(certificate: bytes) -> Sha384:
    """Return PCR8 of an enclave image that was signed under `certificate`, given as PEM or DER.

    Raises:
        PolicyError: `certificate` is not exactly one X.509 certificate.

    """
    field = "signing_certificate.certificate"
    if type(certificate) is not bytes or len(certificate) > MAX_CERTIFICATE_BYTES:
        raise PolicyError(
            field, f"expected a certificate as PEM or DER, at most {MAX_CERTIFICATE_BYTES} bytes"
        )
    der = _read_der(certificate, field)
    return extend(Sha384.ZERO, hashlib.sha384(der).digest())


def _read_der(certificate: bytes, field: str) -> bytes:
    """Return the DER of the only certificate, exactly as the input has it."""
    try:
        if _PEM in certificate:
            found = x509.load_pem_x509_certificates(certificate)
        else:
            found = [x509.load_der_x509_certificate(certificate)]
    except (ValueError, x509.InvalidVersion) as exc:
        raise PolicyError(
            field, "expected an X.509 certificate as PEM or DER, not its hash and not its key"
        ) from exc
    if len(found) != 1:
        raise PolicyError(field, f"expected one certificate, the one that signed, not {len(found)}")
    return found[0].public_bytes(Encoding.DER)
