"""The operations of KMS on a key, by what their requests carry and what they can give away.

Source: KMS developer guide, "AWS KMS permissions" and "Condition keys". ReEncrypt is two
permissions, ReEncryptFrom and ReEncryptTo. GenerateRandom, CreateKey and the List operations use no
key, so no key policy decides about them.
"""

from functools import lru_cache
from typing import Final

from nitro_attest import PolicyError
from nitro_attest.reference_values._kms.patterns import ascii_lower, matches
from nitro_attest.reference_values._kms.policy_document import Names

# Requests that can carry an attestation document (parameter Recipient).
TAKE_A_DOCUMENT: Final = (
    "Decrypt",
    "DeriveSharedSecret",
    "GenerateDataKey",
    "GenerateDataKeyPair",
)
TAKE_A_CONTEXT: Final = frozenset(
    {
        "Decrypt",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
        "GenerateDataKeyWithoutPlaintext",
        "ReEncryptFrom",
        "ReEncryptTo",
    }
)
# Paths to plaintext that no document can guard: under another key, or through a grantee.
UNGUARDED_PATHS: Final = ("CreateGrant", "ReEncryptFrom")
PATHS_TO_PLAINTEXT: Final = (*TAKE_A_DOCUMENT, *UNGUARDED_PATHS)
SPEAK_FOR_THE_KEY: Final = ("GenerateMac", "Sign")  # no plaintext, but proof to others; no document
ADMINISTRATION: Final = (
    "CancelKeyDeletion",
    "DeleteImportedKeyMaterial",
    "DisableKey",
    "DisableKeyRotation",
    "EnableKey",
    "EnableKeyRotation",
    "ImportKeyMaterial",
    "PutKeyPolicy",
    "ReplicateKey",
    "ScheduleKeyDeletion",
    "TagResource",
    "UntagResource",
    "UpdateKeyDescription",
    "UpdatePrimaryRegion",
)
OPERATIONS: Final = frozenset(
    {
        *PATHS_TO_PLAINTEXT,
        *TAKE_A_CONTEXT,
        *SPEAK_FOR_THE_KEY,
        *ADMINISTRATION,
        "CreateAlias",
        "DeleteAlias",
        "DescribeKey",
        "GetKeyPolicy",
        "GetKeyRotationStatus",
        "GetParametersForImport",
        "GetPublicKey",
        "ListGrants",
        "ListKeyPolicies",
        "ListKeyRotations",
        "ListResourceTags",
        "RevokeGrant",
        "RotateKeyOnDemand",
        "SynchronizeMultiRegionKey",
        "UpdateAlias",
        "Verify",
        "VerifyMac",
    }
)
_IN_POLICIES: Final = {operation: f"kms:{ascii_lower(operation)}" for operation in OPERATIONS}
_KEPT_ELEMENTS: Final = 1024  # more than the statements of the longest key policy


def check_operation(operation: str) -> str:
    """Return the operation if a key policy decides about it.

    Raises:
        PolicyError: It is not one of KMS's permissions on a key.

    """
    if operation in OPERATIONS:
        return operation
    raise PolicyError(
        "operation",
        f"expected a permission of KMS on a key, such as Decrypt or Sign{_hint(operation)}",
    )


def _hint(operation: str) -> str:
    """Return what was probably meant, to end a sentence with."""
    match operation:
        case "ReEncrypt":
            return "; ReEncrypt needs ReEncryptFrom on one key and ReEncryptTo on the other"
        case "GenerateRandom":
            return "; GenerateRandom uses no key, so no key policy decides about it"
        case _:
            name = ascii_lower(operation).removeprefix("kms:")
            meant = (found for found in sorted(OPERATIONS) if ascii_lower(found) == name)
            return "".join(f"; write {found}" for found in meant)


def covers(actions: Names, operation: str) -> bool:
    """Return whether an Action or NotAction element covers an operation; names have no case."""
    return (operation in _listed(actions.texts)) is (actions.element == "Action")


@lru_cache(maxsize=_KEPT_ELEMENTS)
def _listed(texts: tuple[str, ...]) -> frozenset[str]:
    """Return the operations that an element lists.

    All at once, so that each text is compiled once, however many operations are asked for: a key
    policy has room for thousands of texts.
    """
    return frozenset(
        operation
        for text in dict.fromkeys(map(ascii_lower, texts))
        for operation, wanted in _IN_POLICIES.items()
        if matches(text, wanted)
    )
