"""The exceptions of this package, and the closed list of reasons for rejecting a document.

Callers decide on the exception's class and on `Reason`, never on a text. No text here was written
by the sender of a document, and every text is bounded.
"""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Final, final

MAX_SHOWN_BYTES: Final = 64  # of any value, so that logs stay bounded; a SHA-384 PCR is 48 bytes
MAX_SHOWN_TEXT: Final = 200  # characters: 64 bytes as hex digits and a few words


@final
class Reason(StrEnum):
    """Why a document was rejected; the part before the dot names the step that rejected it.

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
    # of the nonce stores, raised by `nitro_attest.nonces` only
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
    """One reason, what it is about and, where they help, the value expected and the value found.

    The texts are hex digits, numbers, ISO 8601 times or words of this package, at most 200
    characters each. They never hold raw bytes of the document or the nonce that was expected.
    """

    reason: Reason
    subject: str
    expected: str | None = None
    actual: str | None = None

    def __post_init__(self) -> None:
        """Cut what is too long: a policy's label may have any length."""
        for name in ("subject", "expected", "actual"):
            text = getattr(self, name)
            if text is not None and len(text) > MAX_SHOWN_TEXT:
                object.__setattr__(self, name, f"{text[: MAX_SHOWN_TEXT - 3]}...")

    def __str__(self) -> str:
        """Write the failure on one line."""
        text = f"{self.reason}: {self.subject}"
        if self.expected is not None:
            text += f", expected {self.expected}"
        if self.actual is not None:
            text += f", found {self.actual}"
        return text


class NitroAttestError(Exception):
    """The base of every exception this package raises."""


@final
class PolicyError(NitroAttestError, ValueError):
    """A mistake in the relying party's own input; no document can cause it.

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
    """The packages of an optional part are not installed; the message is the pip line to run.

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
    """A document was rejected; only a document can cause this.

    `failures` has 1 to 64 entries. The appraisal against a policy reports every mismatch, earlier
    steps the first fault.
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

    def to_dict(self) -> dict[str, object]:
        """Return the error as JSON types: the name of its class, its reason and its failures."""
        return {
            "error": type(self).__name__,
            "reason": str(self.reason),
            "failures": [asdict(f) | {"reason": str(f.reason)} for f in self.failures],
        }


@final
class MalformedDocumentError(VerificationError):
    """The bytes are not an attestation document: `cose.*`, `cbor.*`, `document.*`. Answer 400."""


@final
class UntrustedDocumentError(VerificationError):
    """The document does not chain to the trust anchor: `chain.*`, `signature.invalid`.

    Answer 403 and raise an alarm.
    """


@final
class StaleDocumentError(VerificationError):
    """The document is authentic but not fresh: `freshness.*`. Ask again with a new nonce."""


@final
class PolicyMismatchError(VerificationError):
    """The document is authentic and fresh, but the policy does not allow it: `policy.*`.

    Answer 403 and raise an alarm.
    """


_ERROR_OF_FAMILY: Final[dict[str, type[VerificationError]]] = {
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
    return _ERROR_OF_FAMILY[family](*failures)


def rejected(
    reason: Reason, subject: str, expected: str | None = None, actual: str | None = None
) -> VerificationError:
    """Make the exception for a single failure."""
    return rejection(Failure(reason, subject, expected, actual))


def shown(value: bytes | None) -> str:
    """Write bytes for a `Failure`: as hex digits, cut after 64 bytes with the length named."""
    if value is None:
        return "absent"
    if len(value) <= MAX_SHOWN_BYTES:
        return value.hex() or "empty"
    return f"{value[:MAX_SHOWN_BYTES].hex()}... ({len(value)} bytes)"
