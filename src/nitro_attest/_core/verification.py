"""Verify an attestation document: the steps in their order, and nothing else.

A document, a policy and the values of this call come in; a result goes out, or one typed exception.
Never: a socket, a file, the environment, a log, or a clock other than the system's one, read once.
"""

import hashlib
from datetime import UTC, datetime
from typing import Final, cast

from nitro_attest._core.appraisal import Authenticated, appraise, screen
from nitro_attest._core.chain import check_chain
from nitro_attest._core.document import MAX_FIELD_BYTES, UnverifiedDocument
from nitro_attest._core.envelope import MAX_DOCUMENT_BYTES, check_signature, read_envelope
from nitro_attest._core.errors import PolicyError
from nitro_attest._core.payload import read_payload
from nitro_attest._core.policy import FreshNonce, Policy
from nitro_attest._core.result import AttestationResult

MIN_NONCE_BYTES: Final = 16  # 128 bits: below that a nonce can be guessed or repeats by chance


def verify(
    doc: bytes, policy: Policy, *, nonce: bytes | None = None, now: datetime | None = None
) -> AttestationResult:
    """Decide whether the attestation document `doc` may be believed under `policy`.

    `nonce` is what this relying party issued, 16 to 1024 bytes: required by `FreshNonce`, refused
    by `TimestampOnly`. `now` is an aware datetime for certificates and freshness alike; the default
    is the system's clock. The document's own time never counts.

    Raises:
        PolicyError: An argument is wrong; the document was not looked at.
        MalformedDocumentError: `cose.*`, `cbor.*`, `document.*`: not an attestation document.
        UntrustedDocumentError: `chain.*`, `signature.invalid`: AWS's hardware did not sign it.
        StaleDocumentError: `freshness.*`: not made for this nonce, or not now.
        PolicyMismatchError: `policy.*`: another code, key or data than the policy allows.

    """
    # 1. The relying party's own values, copied so that nothing can change them any more.
    received = _copy(doc, "doc")
    expected_nonce = _check_call(policy, nonce)
    at = _check_time(now)
    # 2. The envelope: COSE_Sign1 in AWS's one encoding.
    envelope = read_envelope(received)
    # 3. The payload: AWS's fields, types and sizes.
    unverified = read_payload(envelope.payload)
    # 4. What no signature could save: the other kind of document, fields that are not allowed.
    screen(unverified, policy)
    # 5. The chain: from the leaf to the root that the policy names, valid now.
    leaf = check_chain(
        unverified.certificate, unverified.cabundle, policy.trust_anchor, at, unverified.module_id
    )
    # 6. The signature, by the leaf's key, over the payload as received.
    check_signature(envelope, leaf.public_key)
    # 7. The appraisal: freshness, measurements, public key and user data.
    authenticated = Authenticated(
        document=unverified,
        anchor=policy.trust_anchor,
        valid_until=leaf.valid_until,
        replay_key=hashlib.sha256(envelope.payload).digest(),
        nonce=expected_nonce,
        now=at,
    )
    return appraise(authenticated, policy)


def read_unverified(doc: bytes) -> UnverifiedDocument:
    """Read a document for inspection and logs. This proves nothing: anyone can write such a document.

    Raises:
        PolicyError: `doc` is not bytes.
        MalformedDocumentError: `cose.*`, `cbor.*`, `document.*`.

    """
    return read_payload(read_envelope(_copy(doc, "doc")).payload)


def _copy(value: object, field: str) -> bytes:
    """Return a buffer's bytes as exact `bytes`, so that neither a subclass nor a buffer that changes can lie."""
    if type(value) is bytes:
        return value
    if isinstance(value, str):
        raise PolicyError(field, "expected bytes, not text: decode base64 or hex digits first")
    try:
        view = memoryview(cast("bytes", value)).cast("B")
    except (TypeError, ValueError, BufferError) as exc:
        raise PolicyError(field, "expected bytes") from exc
    return view[: MAX_DOCUMENT_BYTES + 1].tobytes()  # enough to be refused as too large


def _check_call(policy: object, nonce: object) -> bytes | None:
    """Hold the nonce to the policy: the call holds the value, the policy the rule, and the call can't weaken it."""
    if type(policy) is not Policy:
        raise PolicyError("policy", "expected a Policy")
    field = "nonce"
    if type(policy.freshness) is not FreshNonce:
        if nonce is not None:
            raise PolicyError(
                field, "TimestampOnly checks no nonce; say FreshNonce to have it checked"
            )
        return None
    if nonce is None:
        raise PolicyError(field, "FreshNonce needs the nonce that was issued")
    expected = _copy(nonce, field)
    if not MIN_NONCE_BYTES <= len(expected) <= MAX_FIELD_BYTES:
        raise PolicyError(
            field, f"expected {MIN_NONCE_BYTES} to {MAX_FIELD_BYTES} bytes, not {len(expected)}"
        )
    return expected


def _check_time(now: object) -> datetime:
    if now is None:
        return datetime.now(UTC)
    field = "now"
    if not isinstance(now, datetime) or now.utcoffset() is None:
        raise PolicyError(field, "expected an aware datetime, such as datetime.now(UTC)")
    try:
        return now.astimezone(UTC)
    except OverflowError as exc:
        raise PolicyError(field, "expected a time from year 1 to 9999 in UTC") from exc
