"""The errors of the attester's side.

The codes of the Nitro Secure Module (NSM) are those of aws-nitro-enclaves-nsm-api, `ErrorCode`.
"""

from enum import StrEnum
from typing import final

from nitro_attest import NitroAttestError


@final
class NsmErrorCode(StrEnum):
    """The nine error codes of the NSM, spelled as the device spells them."""

    SUCCESS = "Success"
    INVALID_ARGUMENT = "InvalidArgument"
    INVALID_INDEX = "InvalidIndex"
    INVALID_RESPONSE = "InvalidResponse"
    READ_ONLY_INDEX = "ReadOnlyIndex"
    INVALID_OPERATION = "InvalidOperation"
    BUFFER_TOO_SMALL = "BufferTooSmall"
    INPUT_TOO_LARGE = "InputTooLarge"
    INTERNAL_ERROR = "InternalError"


class AttestationSourceError(NitroAttestError):
    """No attestation document, or no other answer, from an `AttestationSource`."""


class NsmError(AttestationSourceError):
    """A request that the NSM, its driver or this client could not carry out.

    `code` is the code that the device answered. Where no code came from the device, it is the one
    that AWS's own client would report: `INPUT_TOO_LARGE` for a request of more than 4,096 bytes,
    `INTERNAL_ERROR` for any other failure of the driver. An argument of the wrong type or range is
    `INVALID_ARGUMENT`, and an answer that can't be read, or that answers another request, is
    `INVALID_RESPONSE`. `detail` says what was expected and what was found.
    """

    def __init__(self, code: NsmErrorCode, detail: str) -> None:
        """Keep both parts as `args`, so that the exception survives pickle and copy."""
        super().__init__(code, detail)
        self.code = code
        self.detail = detail

    def __str__(self) -> str:
        """Write the error on one line."""
        return f"{self.code}: {self.detail}"


@final
class NsmUnavailableError(NsmError):
    """No NSM to ask: no device file, no permission to open it, no Linux, or a closed `Nsm`."""


@final
class NitroTpmFailure(StrEnum):
    """What went wrong with `nitro-tpm-attest`."""

    INVALID_ARGUMENT = "invalid argument"
    NOT_STARTED = "not started"
    TIMED_OUT = "timed out"
    FAILED = "failed"
    INVALID_OUTPUT = "invalid output"
    TEMPORARY_FILES = "temporary files"


@final
class NitroTpmError(AttestationSourceError):
    """A document that `nitro-tpm-attest` did not deliver.

    `failure` says why, `detail` what was expected and what was found.
    """

    def __init__(self, failure: NitroTpmFailure, detail: str) -> None:
        """Keep both parts as `args`, so that the exception survives pickle and copy."""
        super().__init__(failure, detail)
        self.failure = failure
        self.detail = detail

    def __str__(self) -> str:
        """Write the error on one line."""
        return f"{self.failure}: {self.detail}"
