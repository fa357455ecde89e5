"""Hold the pinned roots of the AWS Nitro Attestation PKI, one for each AWS partition.

The bytes come from AWS (the PEM files that the Nitro Enclaves user guide and the GovCloud user
guide link to). Never: a root from a document, a file, the environment or the network.
"""

import hashlib
from base64 import b64decode
from dataclasses import dataclass
from typing import Final, final

from nitro_attest._core.certificate import Role, read_certificate
from nitro_attest._core.errors import PolicyError, VerificationError

__all__ = ["AWS_NITRO_ROOT_G1", "AWS_US_GOV_NITRO_ROOT_G1", "TrustAnchor"]


@final
@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TrustAnchor:
    """Name one root certificate that a chain may begin with.

    `certificate` is its DER, `sha256` the SHA-256 of that DER in 64 lower-case hex digits, as the
    partition's owner publishes it. Whoever holds the root's key decides which machines are
    believed: make one of these yourself only for a partition whose root AWS has published and this
    package does not carry, or for tests.

    Raises:
        PolicyError: The digest is not that of the certificate, or the certificate is no P-384
            certificate authority.

    """

    name: str
    certificate: bytes
    sha256: str

    def __post_init__(self) -> None:
        """Refuse an anchor whose bytes are not the ones that were meant."""
        if type(self.name) is not str or not self.name.isprintable() or not self.name:
            raise PolicyError("TrustAnchor.name", "expected printable text that is not empty")
        if type(self.certificate) is not bytes:
            raise PolicyError(
                "TrustAnchor.certificate", "expected the DER of one certificate as bytes"
            )
        if self.sha256 != hashlib.sha256(self.certificate).hexdigest():
            raise PolicyError(
                "TrustAnchor.sha256",
                "expected the SHA-256 of the certificate's DER in 64 lower-case hex digits",
            )
        try:
            read_certificate(self.certificate, Role.AUTHORITY, self.name)
        except VerificationError as exc:
            raise PolicyError(
                "TrustAnchor.certificate", f"expected a P-384 certificate authority ({exc.reason})"
            ) from exc

    def __repr__(self) -> str:
        """Write the constructor call; a root this package carries is written as its name."""
        for constant, anchor in _PINNED.items():
            if self == anchor:
                return constant
        return f"TrustAnchor(name={self.name!r}, certificate={self.certificate!r}, sha256={self.sha256!r})"


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
    sha256="641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b",  # published by AWS
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
    # computed from the PEM published by AWS
    sha256="20bcd30a3e168ea03789e1c45912bc123c4de3c977b8a6e1c125c7929d668b3b",
)
"""The root of the AWS GovCloud (US) partition. Never trusted unless a policy names it."""

_PINNED: Final = {
    "AWS_NITRO_ROOT_G1": AWS_NITRO_ROOT_G1,
    "AWS_US_GOV_NITRO_ROOT_G1": AWS_US_GOV_NITRO_ROOT_G1,
}
