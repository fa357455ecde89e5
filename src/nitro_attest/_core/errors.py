"""Why a document or a policy was refused, as types and closed reason codes.

Comes in: nothing. Goes out: the exceptions every other module raises. Never: text made by a
document, or text to be parsed; a caller decides on the exception's class and on `Reason`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, final

__all__ = [
    "Failure",
    "MalformedDocumentError",
    "MissingExtraError",
    "NitroAttestError",
    "PolicyError",
    "PolicyMismatchError",
    "Reason",
    "StaleDocumentError",
    "UntrustedDocumentError",
    "VerificationError",
]

MAX_SHOWN_BYTES: Final = (
    64  # a SHA-384 PCR is 48 bytes; longer values are cut, so that logs stay bounded
)


@final
class Reason(StrEnum):
    """Say why a document was refused; the part before the dot names the step that refused it.

    The set is closed and part of the API: adding a reason is a minor release, renaming one a major
    release.
    """

    COSE_TOO_LARGE = "cose.too_large"
    COSE_STRUCTURE = "cose.structure"
    COSE_PROTECTED_HEADER = "cose.protected_header"
    COSE_UNPROTECTED_HEADER = "cose.unprotected_header"
    COSE_PAYLOAD = "cose.payload"
    COSE_SIGNATURE_LENGTH = "cose.signature_length"

    CBOR_MALFORMED = "cbor.malformed"
    CBOR_TAG = "cbor.tag"
    CBOR_DUPLICATE_KEY = "cbor.duplicate_key"
    CBOR_TOO_DEEP = "cbor.too_deep"

    DOCUMENT_KIND = "document.kind"
    DOCUMENT_FIELD_MISSING = "document.field_missing"
    DOCUMENT_FIELD_UNKNOWN = "document.field_unknown"
    DOCUMENT_FIELD_TYPE = "document.field_type"
    DOCUMENT_MODULE_ID = "document.module_id"
    DOCUMENT_DIGEST = "document.digest"
    DOCUMENT_TIMESTAMP = "document.timestamp"
    DOCUMENT_PCR_COUNT = "document.pcr_count"
    DOCUMENT_PCR_INDEX = "document.pcr_index"
    DOCUMENT_PCR_LENGTH = "document.pcr_length"
    DOCUMENT_CERTIFICATE = "document.certificate"
    DOCUMENT_CABUNDLE = "document.cabundle"
    DOCUMENT_PUBLIC_KEY = "document.public_key"
    DOCUMENT_USER_DATA = "document.user_data"
    DOCUMENT_NONCE = "document.nonce"

    CHAIN_UNKNOWN_ROOT = "chain.unknown_root"
    CHAIN_CERTIFICATE = "chain.certificate"
    CHAIN_ISSUER = "chain.issuer"
    CHAIN_SIGNATURE = "chain.signature"
    CHAIN_ALGORITHM = "chain.algorithm"
    CHAIN_KEY = "chain.key"
    CHAIN_NOT_A_CA = "chain.not_a_ca"
    CHAIN_PATH_LENGTH = "chain.path_length"
    CHAIN_KEY_USAGE = "chain.key_usage"
    CHAIN_EXTENSION = "chain.extension"
    CHAIN_SUBJECT = "chain.subject"
    CHAIN_NOT_YET_VALID = "chain.not_yet_valid"
    CHAIN_EXPIRED = "chain.expired"

    SIGNATURE_INVALID = "signature.invalid"

    FRESHNESS_NONCE_ABSENT = "freshness.nonce_absent"
    FRESHNESS_NONCE_MISMATCH = "freshness.nonce_mismatch"
    FRESHNESS_TOO_OLD = "freshness.too_old"
    FRESHNESS_FROM_THE_FUTURE = "freshness.from_the_future"
    # The next five are raised only by `nitro_attest.nonces`.
    FRESHNESS_NONCE_MISSING = "freshness.nonce_missing"
    FRESHNESS_NONCE_SHORT = "freshness.nonce_short"
    FRESHNESS_NONCE_UNKNOWN = "freshness.nonce_unknown"
    FRESHNESS_NONCE_USED = "freshness.nonce_used"
    FRESHNESS_NONCE_EXPIRED = "freshness.nonce_expired"

    POLICY_DEBUG_ENCLAVE = "policy.debug_enclave"
    POLICY_PCR_ABSENT = "policy.pcr_absent"
    POLICY_PCR_MISMATCH = "policy.pcr_mismatch"
    POLICY_PUBLIC_KEY = "policy.public_key"
    POLICY_USER_DATA = "policy.user_data"


@final
@dataclass(frozen=True, slots=True)
class Failure:
    """Hold one reason, what it is about, and (where they help) the value expected and the value found.

    `expected` and `actual` are short: hex digits, numbers, ISO 8601 times or fixed words. They
    never hold raw bytes of the document, and never the nonce that was expected.
    """

    reason: Reason
    subject: str
    expected: str | None = None
    actual: str | None = None

    def __str__(self) -> str:
        """Write the failure on one line."""
        text = f"{self.reason}: {self.subject}"
        if self.expected is not None:
            text += f", expected {self.expected}"
        if self.actual is not None:
            text += f", found {self.actual}"
        return text


class NitroAttestError(Exception):
    """Be the base of every exception this package raises."""


@final
class PolicyError(NitroAttestError, ValueError):
    """Say that the relying party's own input is wrong; no document can cause this.

    `field` names the argument or the policy field (`"nonce"`, `"EnclaveMeasurements.pcr0_image"`),
    `problem` says what was expected of it.
    """

    def __init__(self, field: str, problem: str) -> None:
        """Keep both parts as `args`, so that the exception survives pickle and copy."""
        super().__init__(field, problem)
        self.field = field
        self.problem = problem

    def __str__(self) -> str:
        """Write the error on one line."""
        return f"{self.field}: {self.problem}"


@final
class MissingExtraError(NitroAttestError, ImportError):
    """The packages of an optional part are not installed; the message is the pip line that installs them.

    `extra` names the extra, such as `"redis"`.
    """

    def __init__(self, extra: str) -> None:
        """Keep the extra as `args`, so that the exception survives pickle and copy."""
        super().__init__(extra)
        self.extra = extra

    def __str__(self) -> str:
        """Write what to install on one line."""
        return f"this part needs the extra {self.extra!r}: pip install 'nitro-attest[{self.extra}]'"


class VerificationError(NitroAttestError):
    """Say that the document was refused; only a document can cause this.

    `failures` is never empty. The appraisal against a policy reports every mismatch; earlier steps
    report the first fault.
    """

    def __init__(self, *failures: Failure) -> None:
        """Keep the failures as `args`, so that the exception survives pickle and copy."""
        super().__init__(*failures)
        self.failures = failures

    @property
    def reason(self) -> Reason:
        """Return the reason of the first failure."""
        return self.failures[0].reason

    def __str__(self) -> str:
        """Write the failures on one line."""
        return "; ".join(str(failure) for failure in self.failures)


@final
class MalformedDocumentError(VerificationError):
    """Refuse bytes that are not an attestation document: `cose.*`, `cbor.*`, `document.*`. Answer 400."""


@final
class UntrustedDocumentError(VerificationError):
    """Refuse a document that AWS hardware did not sign: `chain.*`, `signature.invalid`. Answer 403 and raise an alarm."""


@final
class StaleDocumentError(VerificationError):
    """Refuse a genuine document that is not fresh: `freshness.*`. Ask again with a new nonce."""


@final
class PolicyMismatchError(VerificationError):
    """Refuse a genuine, fresh document of code the policy does not allow: `policy.*`. Answer 403 and raise an alarm."""


_EXCEPTION_OF_FAMILY: Final[dict[str, type[VerificationError]]] = {
    "cose": MalformedDocumentError,
    "cbor": MalformedDocumentError,
    "document": MalformedDocumentError,
    "chain": UntrustedDocumentError,
    "signature": UntrustedDocumentError,
    "freshness": StaleDocumentError,
    "policy": PolicyMismatchError,
}


def rejection(*failures: Failure) -> VerificationError:
    """Make the exception that belongs to the first failure's reason."""
    family, _, _ = failures[0].reason.partition(".")
    return _EXCEPTION_OF_FAMILY[family](*failures)


def rejected(
    reason: Reason, subject: str, expected: str | None = None, actual: str | None = None
) -> VerificationError:
    """Make the exception for a single failure."""
    return rejection(Failure(reason, subject, expected, actual))


def shown(value: bytes | None) -> str:
    """Write bytes for a `Failure`: hex digits, cut after 64 bytes with the whole length named."""
    if value is None:
        return "absent"
    if len(value) <= MAX_SHOWN_BYTES:
        return value.hex() or "empty"
    return f"{value[:MAX_SHOWN_BYTES].hex()}... ({len(value)} bytes)"
