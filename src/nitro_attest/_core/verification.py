"""Verification of an attestation document: the steps in their order.

Nothing here opens a socket, reads a file or the environment, or writes a log. The one clock is the
system's, read once, unless the caller gives a time.
"""

import hashlib
from datetime import UTC, datetime
from typing import Final, cast

from nitro_attest._core.appraisal import Authenticated, appraise, screen
from nitro_attest._core.chain import DEFAULT_CACHE, check_chain
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
    """Verify the attestation document `doc` and appraise it under `policy`.

    `nonce` is the one this relying party issued, 16 to 1024 bytes: `FreshNonce` needs it,
    `TimestampOnly` does not take it. `now` is an aware datetime for certificates and freshness
    alike, by default that of the system's clock; the document's own time is never used.

    Raises:
        PolicyError: An argument is wrong; the document was not read.
        MalformedDocumentError: `cose.*`, `cbor.*`, `document.*`: not an attestation document.
        UntrustedDocumentError: `chain.*`, `signature.invalid`: not signed under the trust anchor.
        StaleDocumentError: `freshness.*`: not made for this nonce, or not now.
        PolicyMismatchError: `policy.*`: other code, key or data than the policy allows.

    """
    # 1. The caller's values, copied so that nothing can change them any more.
    received = _exact_bytes(doc, "doc")
    expected_nonce = _expected_nonce(policy, nonce)
    at = datetime.now(UTC) if now is None else _in_utc(now)
    # 2. The envelope: COSE_Sign1 in AWS's one encoding.
    envelope = read_envelope(received)
    # 3. The payload: AWS's fields, types and sizes.
    unverified = read_payload(envelope.payload)
    # 4. What no signature could save: the other kind of document, fields that are not allowed.
    screen(unverified, policy)
    # 5. The chain: from the leaf to the root that the policy names, valid now.
    leaf = check_chain(
        unverified,
        policy.trust_anchor,
        now=at,
        max_clock_skew=policy.freshness.max_clock_skew,
        cache=DEFAULT_CACHE,
    )
    # 6. The signature, by the leaf's key, over the payload as received.
    check_signature(envelope, leaf.public_key)
    # 7. The appraisal: freshness, measurements, public key and user data.
    authenticated = Authenticated(
        document=unverified,
        valid_until=leaf.valid_until,
        replay_key=hashlib.sha256(envelope.payload).digest(),
        nonce=expected_nonce,
        now=at,
    )
    return appraise(authenticated, policy)


def read_unverified(doc: bytes) -> UnverifiedDocument:
    """Read a document for inspection and logs. This proves nothing: anyone can write one.

    Raises:
        PolicyError: `doc` is not bytes.
        MalformedDocumentError: `cose.*`, `cbor.*`, `document.*`.

    """
    return read_payload(read_envelope(_exact_bytes(doc, "doc")).payload)


def _exact_bytes(value: object, field: str) -> bytes:
    """Copy any buffer to exact `bytes`, which no subclass and no other thread can change."""
    if type(value) is bytes:
        return value
    if isinstance(value, str):  # V-14
        raise PolicyError(field, "expected bytes, not text: decode base64 or hex digits first")
    try:
        view = memoryview(cast("bytes", value)).cast("B")
    except (TypeError, ValueError, BufferError) as exc:  # V-14
        raise PolicyError(field, "expected bytes") from exc
    return view[: MAX_DOCUMENT_BYTES + 1].tobytes()  # enough to be rejected as too large


def _expected_nonce(policy: object, nonce: object) -> bytes | None:
    """Return the nonce that the policy requires: the call has the value, the policy the rule."""
    if type(policy) is not Policy:  # V-15
        raise PolicyError("policy", "expected a Policy")
    field = "nonce"
    if type(policy.freshness) is not FreshNonce:
        if nonce is not None:  # V-16
            raise PolicyError(field, "TimestampOnly checks no nonce; use FreshNonce to check it")
        return None
    if nonce is None:  # V-16
        raise PolicyError(field, "FreshNonce needs the nonce that was issued")
    expected = _exact_bytes(nonce, field)
    if not MIN_NONCE_BYTES <= len(expected) <= MAX_FIELD_BYTES:  # V-17
        found = f"not {len(expected)}"
        raise PolicyError(field, f"expected {MIN_NONCE_BYTES} to {MAX_FIELD_BYTES} bytes, {found}")
    return expected


def _in_utc(now: object) -> datetime:
    """Return a plain datetime in UTC. Its time zone is the caller's code, and is asked once."""
    field, aware = "now", "expected an aware datetime, such as datetime.now(UTC)"
    if not isinstance(now, datetime):  # V-18
        raise PolicyError(field, aware)
    try:
        offset = datetime.utcoffset(now)
    except Exception as exc:  # V-18
        raise PolicyError(field, "expected a time zone that knows its offset") from exc
    if offset is None:  # V-18
        raise PolicyError(field, aware)
    try:
        return datetime.combine(datetime.date(now), datetime.time(now), UTC) - offset
    except OverflowError as exc:  # V-18
        raise PolicyError(field, "expected a time from year 1 to 9999 in UTC") from exc
