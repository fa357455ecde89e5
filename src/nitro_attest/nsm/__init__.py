"""The attester's side: ask the Nitro Secure Module or NitroTPM for attestation documents.

`Nsm` speaks to `/dev/nsm` inside an enclave, `NitroTpm` runs AWS's `nitro-tpm-attest` on an EC2
instance, and `nitro_attest.testing.FakeNsm` takes their place where there is neither. All three are
an `AttestationSource`. The protocol is that of aws-nitro-enclaves-nsm-api; its bytes are listed in
docs/reference/nsm-protocol.md. Importing this package works on every platform.
"""

from nitro_attest.nsm._device import Nsm
from nitro_attest.nsm._errors import (
    AttestationSourceError,
    NitroTpmError,
    NitroTpmFailure,
    NsmError,
    NsmErrorCode,
    NsmUnavailableError,
)
from nitro_attest.nsm._nitro_tpm import NitroTpm
from nitro_attest.nsm._results import NsmDescription, PcrDescription, PcrDigest
from nitro_attest.nsm._source import AttestationSource, SecureModule

__all__ = [
    "AttestationSource",
    "AttestationSourceError",
    "NitroTpm",
    "NitroTpmError",
    "NitroTpmFailure",
    "Nsm",
    "NsmDescription",
    "NsmError",
    "NsmErrorCode",
    "NsmUnavailableError",
    "PcrDescription",
    "PcrDigest",
    "SecureModule",
]
