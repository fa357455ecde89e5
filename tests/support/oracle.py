"""Ask `cryptography.x509.verification` whether a leaf chains to a root.

It searches a path through whatever it is given; the one it finds must be the one that was given.
"""

import warnings
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)

_CA: Final = ExtensionPolicy.webpki_defaults_ca()
_LEAF: Final = (  # AWS's leaves have neither the names nor the key identifiers of the web
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.CRITICAL, None)
    .require_present(x509.KeyUsage, Criticality.AGNOSTIC, None)
)


def cryptography_accepts(
    certificate: bytes, cabundle: tuple[bytes, ...], root: bytes, at: datetime
) -> bool:
    """Tell whether the library finds exactly this path to the root."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about serial numbers and the like: not its verdict
            anchor, leaf = map(x509.load_der_x509_certificate, (root, certificate))
            others = [x509.load_der_x509_certificate(der) for der in cabundle if der != root]
            verifier = (
                PolicyBuilder()
                .store(Store([anchor]))
                .time(at.replace(microsecond=0, tzinfo=None))
                .max_chain_depth(len(others))
                .extension_policies(ca_policy=_CA, ee_policy=_LEAF)
                .build_client_verifier()
            )
            path = verifier.verify(leaf, others).chain
    except (VerificationError, ValueError, TypeError, x509.InvalidVersion):
        return False
    return path == [leaf, *reversed(others), anchor]
