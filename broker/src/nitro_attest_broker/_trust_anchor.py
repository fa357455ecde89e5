"""A root certificate from a file, in place of AWS's: for tests and demonstrations alone."""

import hashlib
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate
from nitro_attest import PolicyError, TrustAnchor

_MAX_BYTES = 16_384


class TrustAnchorError(Exception):
    """A file does not hold a root certificate."""


def read_trust_anchor(path: Path) -> TrustAnchor:
    """Return the one certificate of a PEM file as a trust anchor, named after its file.

    Raises:
        TrustAnchorError: The file cannot be read or holds no certificate.

    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES)
        der = load_pem_x509_certificate(data).public_bytes(Encoding.DER)
        return TrustAnchor(
            name=f"{path.name} (not AWS)", certificate=der, sha256=hashlib.sha256(der).hexdigest()
        )
    except OSError as exc:
        raise TrustAnchorError(f"{path}: {exc.strerror}") from None
    except (ValueError, PolicyError):
        raise TrustAnchorError(f"{path}: expected one root certificate as PEM") from None
