"""The errors of this package: a key that can't be used, an envelope that can't be opened."""

from enum import StrEnum
from typing import Final, final

from nitro_attest import NitroAttestError

# One text for every bad envelope: a text for each fault would help whoever tries envelopes out.
_NOT_OPENED: Final = (
    "expected an envelope that was encrypted to this key, found one that is damaged, of another "
    "form, or for another key"
)


@final
class RecipientKeyReason(StrEnum):
    """What is wrong with an attested public key.

    The set is closed and part of the API: adding a reason is a minor release, renaming one a major
    release.
    """

    ABSENT = "key.absent"
    ENCODING = "key.encoding"
    TRAILING_DATA = "key.trailing_data"
    PKCS1 = "key.pkcs1"
    NOT_RSA = "key.not_rsa"
    RSA_PSS = "key.rsa_pss"
    TOO_SHORT = "key.too_short"
    TOO_LONG = "key.too_long"
    MODULUS = "key.modulus"
    EXPONENT = "key.exponent"


@final
class RecipientKeyError(NitroAttestError):
    """An attested public key that nothing can be encrypted to.

    The key comes from the other side, so this is no `PolicyError`: a service answers 403 and keeps
    running. `reason` is a `RecipientKeyReason`; `problem` says what was expected and what was
    found, in sizes and fixed words, never in bytes of the key.
    """

    def __init__(self, reason: RecipientKeyReason, problem: str) -> None:
        """Keep both parts as `args`, so that the exception survives pickle and copy."""
        super().__init__(reason, problem)
        self.reason = reason
        self.problem = problem

    def __str__(self) -> str:
        """Write the error on one line."""
        return f"{self.reason}: {self.problem}"


class RecipientError(NitroAttestError):
    """An envelope that the key doesn't open.

    The text is the same for every bad envelope, and no other exception is chained to it.
    """

    def __init__(self, problem: str = _NOT_OPENED) -> None:
        """Keep the text as `args`, so that the exception survives pickle and copy."""
        super().__init__(problem)


@final
class SpentKeyError(RecipientError):
    """A second attempt to open with a `RecipientKey`, which opens one envelope."""
