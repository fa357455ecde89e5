"""What KMS answers, by its own service model and by a table of what is always there.

No output shape of KMS has required members, so the table says which must be there.
"""

from typing import Any, Final

from botocore.client import BaseClient
from botocore.validate import ParamValidator

MATERIAL: Final = {"KeyMaterialId"}
REQUIRED: Final[dict[str, set[str]]] = {
    "CancelKeyDeletion": {"KeyId"},
    "CreateAlias": set(),
    "CreateKey": {"KeyMetadata"},
    "Decrypt": {"KeyId", "EncryptionAlgorithm"},
    "DeleteAlias": set(),
    "DeriveSharedSecret": {"KeyId", "KeyAgreementAlgorithm", "KeyOrigin"},
    "DescribeKey": {"KeyMetadata"},
    "DisableKey": set(),
    "DisableKeyRotation": set(),
    "EnableKey": set(),
    "EnableKeyRotation": set(),
    "Encrypt": {"CiphertextBlob", "KeyId", "EncryptionAlgorithm"},
    "GenerateDataKey": {"CiphertextBlob", "KeyId"},
    "GenerateDataKeyPair": {"PrivateKeyCiphertextBlob", "PublicKey", "KeyId", "KeyPairSpec"},
    "GenerateDataKeyPairWithoutPlaintext": {
        "PrivateKeyCiphertextBlob",
        "PublicKey",
        "KeyId",
        "KeyPairSpec",
        *MATERIAL,
    },
    "GenerateDataKeyWithoutPlaintext": {"CiphertextBlob", "KeyId", *MATERIAL},
    "GenerateRandom": set(),
    "GetKeyPolicy": {"Policy", "PolicyName"},
    "GetKeyRotationStatus": {"KeyId", "KeyRotationEnabled"},
    "GetPublicKey": {"KeyId", "PublicKey", "KeySpec", "CustomerMasterKeySpec", "KeyUsage"},
    "ListAliases": {"Aliases", "Truncated"},
    "ListKeyPolicies": {"PolicyNames", "Truncated"},
    "ListKeyRotations": {"Rotations", "Truncated"},
    "ListKeys": {"Keys", "Truncated"},
    "ListResourceTags": {"Tags", "Truncated"},
    "PutKeyPolicy": set(),
    "ReEncrypt": {
        "CiphertextBlob",
        "SourceKeyId",
        "KeyId",
        "SourceEncryptionAlgorithm",
        "DestinationEncryptionAlgorithm",
    },
    "RotateKeyOnDemand": {"KeyId"},
    "ScheduleKeyDeletion": {"KeyId", "DeletionDate", "KeyState", "PendingWindowInDays"},
    "TagResource": set(),
    "UntagResource": set(),
    "UpdateAlias": set(),
    "UpdateKeyDescription": set(),
}
# With a Recipient, CiphertextForRecipient stands in the place of this member.
PLAINTEXT_OF: Final = {
    "Decrypt": "Plaintext",
    "GenerateDataKey": "Plaintext",
    "GenerateDataKeyPair": "PrivateKeyPlaintext",
    "GenerateRandom": "Plaintext",
    "DeriveSharedSecret": "SharedSecret",
}
METADATA: Final = {
    "AWSAccountId",
    "KeyId",
    "Arn",
    "CreationDate",
    "Enabled",
    "Description",
    "KeyUsage",
    "KeyState",
    "Origin",
    "KeyManager",
    "CustomerMasterKeySpec",
    "KeySpec",
    "MultiRegion",
}


def checked(client: BaseClient, operation: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without its metadata, after holding it against the model and the table."""
    assert len(answer["ResponseMetadata"]["RequestId"]) == 36
    assert answer["ResponseMetadata"]["HTTPHeaders"]["content-type"] == "application/x-amz-json-1.1"
    members = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
    shape = client.meta.service_model.operation_model(operation).output_shape
    if shape is None:
        assert members == {}
    else:
        report = ParamValidator().validate(members, shape)
        assert not report.has_errors(), report.generate_report()
        assert members.keys() <= shape.members.keys()
    assert members.keys() >= REQUIRED[operation]
    if "KeyMetadata" in members:
        assert members["KeyMetadata"].keys() >= METADATA
    if operation in PLAINTEXT_OF:
        plain = PLAINTEXT_OF[operation] in members
        assert plain != ("CiphertextForRecipient" in members)
    return members
