"""Verify AWS Nitro attestation documents.

`verify(doc, policy)` returns an `AttestationResult` or raises. It opens no socket, and reads no
file and no environment. A check can be skipped only by writing `NotChecked("why")`, and the result
lists every check that was skipped.

>>> from datetime import UTC, datetime
>>> from nitro_attest import AnyEnclave, FreshNonce, NotChecked, Policy, Present, verify
>>> from nitro_attest.testing import FakeNitro
>>> fake = FakeNitro(now=datetime(2026, 1, 3, tzinfo=UTC))
>>> policy = Policy(
...     measurements=(AnyEnclave("this example has no build to pin"),),
...     freshness=FreshNonce(),
...     public_key=Present(),
...     user_data=NotChecked("this service sends none"),
...     trust_anchor=fake.trust_anchor,  # leave this line out to trust AWS
... )
>>> nonce = bytes(range(32))
>>> doc = fake.enclave_document(nonce=nonce, public_key=b"key made in the enclave")
>>> result = verify(doc, policy, nonce=nonce, now=fake.now)
>>> result.claims.public_key
b'key made in the enclave'
>>> [waiver.subject for waiver in result.not_checked]
['measurements', 'user_data']
"""

from nitro_attest._core.anchors import AWS_NITRO_ROOT_G1, AWS_US_GOV_NITRO_ROOT_G1, TrustAnchor
from nitro_attest._core.document import Claims, DocumentKind, Pcrs, UnverifiedDocument
from nitro_attest._core.errors import (
    Failure,
    MalformedDocumentError,
    MissingExtraError,
    NitroAttestError,
    PolicyError,
    PolicyMismatchError,
    Reason,
    StaleDocumentError,
    UntrustedDocumentError,
    VerificationError,
)
from nitro_attest._core.es384 import SignatureBackend, signature_backend, use_signature_backend
from nitro_attest._core.measurements import (
    AnyEnclave,
    AnyNitroTpm,
    DebugEnclave,
    EnclaveMeasurements,
    Measurements,
    NitroTpmMeasurements,
    NotChecked,
    Sha384,
    Waiver,
    meaning_of,
)
from nitro_attest._core.policy import (
    Absent,
    Equals,
    FieldRule,
    Freshness,
    FreshNonce,
    Policy,
    Present,
    TimestampOnly,
)
from nitro_attest._core.result import AttestationResult
from nitro_attest._core.verification import read_unverified, verify

__version__ = "0.1.0"  # as in pyproject.toml; a test holds the two equal

__all__ = [
    "AWS_NITRO_ROOT_G1",
    "AWS_US_GOV_NITRO_ROOT_G1",
    "Absent",
    "AnyEnclave",
    "AnyNitroTpm",
    "AttestationResult",
    "Claims",
    "DebugEnclave",
    "DocumentKind",
    "EnclaveMeasurements",
    "Equals",
    "Failure",
    "FieldRule",
    "FreshNonce",
    "Freshness",
    "MalformedDocumentError",
    "Measurements",
    "MissingExtraError",
    "NitroAttestError",
    "NitroTpmMeasurements",
    "NotChecked",
    "Pcrs",
    "Policy",
    "PolicyError",
    "PolicyMismatchError",
    "Present",
    "Reason",
    "Sha384",
    "SignatureBackend",
    "StaleDocumentError",
    "TimestampOnly",
    "TrustAnchor",
    "UntrustedDocumentError",
    "UnverifiedDocument",
    "VerificationError",
    "Waiver",
    "meaning_of",
    "read_unverified",
    "signature_backend",
    "use_signature_backend",
    "verify",
]
