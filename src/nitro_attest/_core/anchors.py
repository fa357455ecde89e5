"""Trust anchors, and the pinned roots of the AWS Nitro Attestation PKI, one for each AWS partition.

The bytes are those of the PEM files that the Nitro Enclaves user guide and the GovCloud user guide
link to. No root ever comes from a document, a file, the environment or the network.
"""

import hashlib
from base64 import b64decode
from dataclasses import dataclass
from typing import Final, final

from nitro_attest._core.certificate import read_certificate
from nitro_attest._core.errors import PolicyError, VerificationError
from nitro_attest._core.profile import Role, check_profile

# The names and the SHA-256 of AWS's roots. The first is published by AWS, the second computed from
# the PEM that AWS publishes.
_ROOTS_OF_AWS: Final = {
    "aws.nitro-enclaves G1": "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b",
    "aws-us-gov.nitro-enclaves G1": (
        "20bcd30a3e168ea03789e1c45912bc123c4de3c977b8a6e1c125c7929d668b3b"
    ),
}


@final
@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TrustAnchor:
    """A root certificate that a chain may begin with.

    `certificate` is its DER, `sha256` the SHA-256 of that DER in 64 lower-case hex digits, as the
    owner of the partition publishes it. Whoever has the root's key decides which machines are
    trusted: make one of these yourself only for a partition whose root AWS has published and this
    package does not have, or for tests.

    Raises:
        PolicyError: The digest is not that of the certificate; the certificate is not a P-384 CA
            certificate; the name is that of a root of AWS, and the certificate is not.

    """

    name: str
    certificate: bytes
    sha256: str

    def __post_init__(self) -> None:
        """Reject an anchor whose bytes are not the intended ones."""
        name = self.name
        if type(name) is not str or not name.isprintable() or not name.strip():  # V-10
            raise PolicyError("TrustAnchor.name", "expected printable text that is not empty")
        if type(self.certificate) is not bytes:  # V-13
            expected = "expected the DER of one certificate as bytes"
            raise PolicyError("TrustAnchor.certificate", expected)
        if self.sha256 != hashlib.sha256(self.certificate).hexdigest():  # V-13
            expected = "expected the SHA-256 of the certificate's DER in 64 lower-case hex digits"
            raise PolicyError("TrustAnchor.sha256", expected)
        if self.sha256 != _ROOTS_OF_AWS.get(self.name, self.sha256):  # V-13
            raise PolicyError("TrustAnchor.name", "this is the name of another root, one of AWS's")
        try:
            check_profile(read_certificate(self.certificate, self.name), Role.CA, self.name)  # V-13
        except VerificationError as exc:
            expected = f"expected a P-384 CA certificate ({exc.reason})"
            raise PolicyError("TrustAnchor.certificate", expected) from exc

    @property
    def is_root_of_aws(self) -> bool:
        """Tell whether this is one of the roots of AWS above, whatever its name."""
        return self.sha256 in _ROOTS_OF_AWS.values()  # V-92

    def __repr__(self) -> str:
        """Write the constructor call; a root that this package has is written as its constant."""
        if self in _CONSTANTS:
            return _CONSTANTS[self]
        parts = (f"{name}={getattr(self, name)!r}" for name in ("name", "certificate", "sha256"))
        return f"TrustAnchor({', '.join(parts)})"


AWS_NITRO_ROOT_G1: Final = TrustAnchor(
    name="aws.nitro-enclaves G1",
    certificate=b64decode(
        "MIICETCCAZagAwIBAgIRAPkxdWgbkK/hHUbMtOTn+FYwCgYIKoZIzj0EAwMwSTELMAkGA1UEBhMCVVMxDzANBgNVBAoMBkFtYXpv"
        "bjEMMAoGA1UECwwDQVdTMRswGQYDVQQDDBJhd3Mubml0cm8tZW5jbGF2ZXMwHhcNMTkxMDI4MTMyODA1WhcNNDkxMDI4MTQyODA1"
        "WjBJMQswCQYDVQQGEwJVUzEPMA0GA1UECgwGQW1hem9uMQwwCgYDVQQLDANBV1MxGzAZBgNVBAMMEmF3cy5uaXRyby1lbmNsYXZl"
        "czB2MBAGByqGSM49AgEGBSuBBAAiA2IABPwCVOumCMHzaHDimtqQvkY4MpJzbolL//Zy2YlES1BR5TSksfbb48C8WBoyt7F2Bw7e"
        "EtaaP+ohG2bnUs990d0JX28TcPQXCEPZ3BABIeTPYwEoCWZEh8l5YoQwTcU/9KNCMEAwDwYDVR0TAQH/BAUwAwEB/zAdBgNVHQ4E"
        "FgQUkCW1DdkFR+eWw5b6cp3PmanfS5YwDgYDVR0PAQH/BAQDAgGGMAoGCCqGSM49BAMDA2kAMGYCMQCjfy+Rocm9Xue4YnwWmNJV"
        "A44fA0P5W2OpYow9OYCVRaEevL8uO1XYru5xtMPWrfMCMQCi85sWBbJwKKXdS6BptQFuZbT73o/gBh1qUxl/nNr12UO8Yfwr6wPL"
        "b+6NIwLz3/Y="
    ),
    sha256=_ROOTS_OF_AWS["aws.nitro-enclaves G1"],
)
"""The root of the commercial partition, valid from 2019-10-28 to 2049-10-28."""

AWS_US_GOV_NITRO_ROOT_G1: Final = TrustAnchor(
    name="aws-us-gov.nitro-enclaves G1",
    certificate=b64decode(
        "MIICIDCCAaWgAwIBAgIQP+wUYfyWFFRko9PR00zhZzAKBggqhkjOPQQDAzBQMQswCQYDVQQGEwJVUzEPMA0GA1UECgwGQW1hem9u"
        "MQwwCgYDVQQLDANBV1MxIjAgBgNVBAMMGWF3cy11cy1nb3Yubml0cm8tZW5jbGF2ZXMwIBcNMjAwOTEwMTIwMzQ2WhgPMjA1MDA5"
        "MTAxMzAzNDZaMFAxCzAJBgNVBAYTAlVTMQ8wDQYDVQQKDAZBbWF6b24xDDAKBgNVBAsMA0FXUzEiMCAGA1UEAwwZYXdzLXVzLWdv"
        "di5uaXRyby1lbmNsYXZlczB2MBAGByqGSM49AgEGBSuBBAAiA2IABCzkRJcZVx7Sg2yXXkl0Nqj9o1ECZNAh0L8/90ATZXAaS1rx"
        "A1ti1F3wE86PGsh2UiQIYXiMu81l5kO7775gPuLsgYcGMO/J0t08BHI8s3+JmjxTlA+/UyAqEmj7fD5CbKNCMEAwDwYDVR0TAQH/"
        "BAUwAwEB/zAdBgNVHQ4EFgQUUKIzFk2FAlhihuQexsqOxZ5ZjF0wDgYDVR0PAQH/BAQDAgGGMAoGCCqGSM49BAMDA2kAMGYCMQD9"
        "bO9epcf5kMSdsHcyNJXs4bo07wvTIOwnxN41t5eESDyXtUei++RebAbI9Viap2gCMQC7PVZ6Kpg0+N9k+DDpksoJv7gx6YwCqKsm"
        "TfU/WigyQlpyJUrWapqk0afDA4lef14="
    ),
    sha256=_ROOTS_OF_AWS["aws-us-gov.nitro-enclaves G1"],
)
"""The root of the AWS GovCloud (US) partition. Never trusted unless a policy names it."""

_CONSTANTS: Final = {
    AWS_NITRO_ROOT_G1: "AWS_NITRO_ROOT_G1",
    AWS_US_GOV_NITRO_ROOT_G1: "AWS_US_GOV_NITRO_ROOT_G1",
}
