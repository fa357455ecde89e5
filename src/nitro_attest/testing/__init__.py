"""Test a relying party's own service: a fake Nitro, and the faults that the service must refuse.

A seed and a time come in, documents go out that look like AWS's, good ones and ones with a known
fault. Never: a document that verifies under a root of AWS. Every certificate here leads to a root
named NEVER_TRUST whose key was made for one `FakeNitro`; there is no way to give it another root,
and none of AWS's keys is known to anybody but AWS. The pytest plugin `nitro_attest.testing.pytest_plugin` offers
both as the fixtures `fake_nitro` and `nitro_fault`.
"""

from nitro_attest.testing._certificates import FakeChain
from nitro_attest.testing._fake import (
    ENCLAVE_MODULE_ID,
    INSTANCE_ID,
    NITRO_TPM_MODULE_ID,
    EnvelopeTag,
    FakeNitro,
    PayloadMap,
    encode_payload,
    pcrs_of,
)
from nitro_attest.testing._fake_nsm import FakeNsm
from nitro_attest.testing._faults import FAULTS, Faults, FaultyDocument

__all__ = [
    "ENCLAVE_MODULE_ID",
    "FAULTS",
    "INSTANCE_ID",
    "NITRO_TPM_MODULE_ID",
    "EnvelopeTag",
    "FakeChain",
    "FakeNitro",
    "FakeNsm",
    "Faults",
    "FaultyDocument",
    "PayloadMap",
    "encode_payload",
    "pcrs_of",
]
