"""Whether an attestation document is accepted, and what is encrypted to the key in it.

`nitro_attest.verify` decides about the document: signed under the trust anchor, fresh, and with a
public key. Which code may have what is then the key policy's decision, on the verified PCRs. The
caller is told that it was denied; why goes to the audit log.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, final

from nitro_attest import (
    AnyEnclave,
    AnyNitroTpm,
    AttestationResult,
    DocumentKind,
    FreshNonce,
    MalformedDocumentError,
    NotChecked,
    Policy,
    PolicyError,
    Present,
    TimestampOnly,
    TrustAnchor,
    VerificationError,
    read_unverified,
    verify,
)
from nitro_attest.recipient import RecipientKeyError, encrypt, require_rsa_key

_KEY_POLICY_DECIDES: Final = "the key policy decides which code may have what"
_LEAST_NONCE: Final = 16  # bytes; `verify` takes none that is shorter


@final
class DocumentRejectedError(Exception):
    """A document was not accepted; `reason` is for the audit log."""

    def __init__(self, reason: str) -> None:
        """Take the reason."""
        super().__init__(reason)
        self.reason: Final = reason


@final
class DocumentMalformedError(Exception):
    """The bytes are no attestation document; `reason` is for the audit log."""

    def __init__(self, reason: str) -> None:
        """Take the reason."""
        super().__init__(reason)
        self.reason: Final = reason


@final
@dataclass(frozen=True, slots=True)
class Attested:
    """A document that was verified; `public_key` is an RSA key to encrypt to.

    `nonce` is to be redeemed before anything is released, if it is not None.
    """

    result: AttestationResult
    public_key: bytes
    nonce: bytes | None
    trust_anchor: str

    def audited(self) -> dict[str, object]:
        """Return what the audit log says about the document; an unredeemed nonce is not in it."""
        return {
            "kind": str(self.result.claims.kind),
            "module_id": self.result.claims.module_id,
            "replay_key": self.result.replay_key.hex(),
            "trust_anchor": self.trust_anchor,
            "waivers": [f"{w.subject}: {w.because}" for w in self.result.not_checked],
        }

    def encrypt(self, plaintext: bytes) -> str:
        """Return CiphertextForRecipient: the plaintext for the attested key alone, in base64."""
        return base64.b64encode(encrypt(plaintext, self.public_key)).decode()


@final
class Documents:
    """The broker's two policies for documents of each kind, and its clock for them."""

    def __init__(
        self, *, trust_anchor: TrustAnchor, max_age: timedelta, clock: Callable[[], datetime]
    ) -> None:
        """Make the policies, once."""
        self._clock: Final = clock
        self._trust_anchor: Final = trust_anchor.name
        by_timestamp = TimestampOnly(
            because="the caller signs the request and the key has no tag for nonces",
            max_age=max_age,
        )
        by_nonce = FreshNonce(max_age=max_age)
        self._policies: Final = {
            (kind, nonce): Policy(
                measurements=(measurements,),
                freshness=by_nonce if nonce else by_timestamp,
                public_key=Present(),
                user_data=NotChecked("KMS does not look at it; the encryption context is signed"),
                trust_anchor=trust_anchor,
            )
            for kind, measurements in (
                (DocumentKind.ENCLAVE, AnyEnclave(_KEY_POLICY_DECIDES)),
                (DocumentKind.NITRO_TPM, AnyNitroTpm(_KEY_POLICY_DECIDES)),
            )
            for nonce in (False, True)
        }

    def accept(self, doc: bytes, *, fresh_nonce: bool) -> Attested:
        """Return what a document proves; with `fresh_nonce` its nonce is still to be redeemed.

        Raises:
            DocumentMalformedError: It is no attestation document.
            DocumentRejectedError: It is one that proves nothing here.

        """
        try:
            unverified = read_unverified(doc)
            nonce = unverified.nonce if fresh_nonce else None
            if fresh_nonce and (nonce is None or len(nonce) < _LEAST_NONCE):
                raise DocumentRejectedError("document.freshness.nonce_missing")
            policy = self._policies[unverified.kind, fresh_nonce]
            result = verify(doc, policy, nonce=nonce, now=self._clock())
        except MalformedDocumentError as exc:
            raise DocumentMalformedError(f"document.{exc.reason}") from None
        except VerificationError as exc:
            raise DocumentRejectedError(f"document.{exc.reason}") from None
        return Attested(result, _rsa_key(result.claims.public_key), nonce, self._trust_anchor)


def _rsa_key(public_key: bytes | None) -> bytes:
    try:
        require_rsa_key(public_key or b"")
    except (RecipientKeyError, PolicyError) as exc:
        reason = exc.reason if isinstance(exc, RecipientKeyError) else "key.type"
        raise DocumentRejectedError(f"document.public_{reason}") from None
    return public_key or b""
