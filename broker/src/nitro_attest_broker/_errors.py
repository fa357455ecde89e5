"""KMS's errors, as its clients know them (AWS KMS API Reference, "Common Errors").

An error carries what the caller is told and, apart from it, the reason that goes to the audit log
alone: why a document was rejected is of use to an attacker.
"""

from enum import StrEnum
from typing import Final, final

ACCESS_DENIED: Final = (
    "User: {principal} is not authorized to perform: kms:{operation} on resource: {resource} "
    "because no resource-based policy allows the kms:{operation} action"
)
CIPHERTEXT_DENIED: Final = (
    "The ciphertext refers to a customer master key that does not exist, does not exist in this "
    "region, or you are not allowed to access."
)


@final
class Code(StrEnum):
    """The names of errors that this broker answers with."""

    ACCESS_DENIED = "AccessDeniedException"
    ALREADY_EXISTS = "AlreadyExistsException"
    DISABLED = "DisabledException"
    DRY_RUN = "DryRunOperationException"
    INCOMPLETE_SIGNATURE = "IncompleteSignatureException"
    INCORRECT_KEY = "IncorrectKeyException"
    INTERNAL = "KMSInternalException"
    INVALID_ALIAS_NAME = "InvalidAliasNameException"
    INVALID_ARN = "InvalidArnException"
    INVALID_CIPHERTEXT = "InvalidCiphertextException"
    INVALID_KEY_USAGE = "InvalidKeyUsageException"
    INVALID_MARKER = "InvalidMarkerException"
    INVALID_SIGNATURE = "InvalidSignatureException"
    INVALID_STATE = "KMSInvalidStateException"
    LIMIT_EXCEEDED = "LimitExceededException"
    MALFORMED_POLICY = "MalformedPolicyDocumentException"
    MISSING_TOKEN = "MissingAuthenticationTokenException"  # noqa: S105 - the name of an error
    NOT_FOUND = "NotFoundException"
    SERIALIZATION = "SerializationException"
    TAG = "TagException"
    THROTTLING = "ThrottlingException"
    TOO_LARGE = "RequestEntityTooLargeException"
    UNKNOWN_OPERATION = "UnknownOperationException"
    UNRECOGNIZED_CLIENT = "UnrecognizedClientException"
    UNSUPPORTED = "UnsupportedOperationException"
    VALIDATION = "ValidationException"

    @property
    def status(self) -> int:
        """The HTTP status: 400, except where KMS or HTTP says otherwise."""
        return _STATUS.get(self, 400)


_STATUS: Final = {Code.INTERNAL: 500, Code.TOO_LARGE: 413}


@final
class KmsError(Exception):
    """An error that a KMS client is answered with.

    `reason` is for the audit log: a short constant, never the sender's text.
    """

    def __init__(self, code: Code, message: str, *, reason: str) -> None:
        """Take the error's name, the text for the caller, and the reason for the audit log."""
        super().__init__(code, message, reason)
        self.code: Final = code
        self.message: Final = message
        self.reason: Final = reason

    def body(self) -> dict[str, str]:
        """Return the JSON object that is the body of the answer."""
        return {"__type": self.code.value, "message": self.message}


def validation(message: str) -> KmsError:
    """Return the error for a request whose members are not as KMS takes them."""
    return KmsError(Code.VALIDATION, message, reason="request.invalid")


def unsupported(message: str) -> KmsError:
    """Return the error for what KMS offers and this broker does not."""
    return KmsError(Code.UNSUPPORTED, message, reason="request.unsupported")


def internal(reason: str) -> KmsError:
    """Return the error for a fault of the broker, which says nothing about it."""
    return KmsError(
        Code.INTERNAL, "The request was rejected because of an internal error.", reason=reason
    )
