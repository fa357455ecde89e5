"""The operations of KMS that this broker answers, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, final

from nitro_attest_broker._call import Call, Outcome
from nitro_attest_broker._operations import (
    aliases,
    data_keys,
    encryption,
    key_states,
    keys,
    policies,
    refused,
    rotation,
    shared_secrets,
    tags,
)


@final
@dataclass(frozen=True, slots=True)
class Operation:
    """How an operation is answered, and whether it changes state: then no request is replayed."""

    answer: Callable[[Call], Outcome]
    changes_state: bool = False


_READING: Final[Mapping[str, Callable[[Call], Outcome]]] = {
    "Decrypt": encryption.decrypt,
    "DeriveSharedSecret": shared_secrets.derive_shared_secret,
    "DescribeKey": keys.describe_key,
    "Encrypt": encryption.encrypt,
    "GenerateDataKey": data_keys.generate_data_key,
    "GenerateDataKeyPair": data_keys.generate_data_key_pair,
    "GenerateDataKeyPairWithoutPlaintext": data_keys.generate_data_key_pair_without_plaintext,
    "GenerateDataKeyWithoutPlaintext": data_keys.generate_data_key_without_plaintext,
    "GenerateRandom": data_keys.generate_random,
    "GetKeyPolicy": policies.get_key_policy,
    "GetKeyRotationStatus": rotation.get_key_rotation_status,
    "GetPublicKey": shared_secrets.get_public_key,
    "ListAliases": aliases.list_aliases,
    "ListKeyPolicies": policies.list_key_policies,
    "ListKeyRotations": rotation.list_key_rotations,
    "ListKeys": keys.list_keys,
    "ListResourceTags": tags.list_resource_tags,
    "ReEncrypt": encryption.re_encrypt,
    "CreateGrant": refused.no_grants,
    "ListGrants": refused.no_grants,
    "ListRetirableGrants": refused.no_grants,
    "RetireGrant": refused.no_grants,
    "RevokeGrant": refused.no_grants,
}
_CHANGING: Final[Mapping[str, Callable[[Call], Outcome]]] = {
    "CancelKeyDeletion": key_states.cancel_key_deletion,
    "CreateAlias": aliases.create_alias,
    "CreateKey": keys.create_key,
    "DeleteAlias": aliases.delete_alias,
    "DisableKey": key_states.disable_key,
    "DisableKeyRotation": rotation.disable_key_rotation,
    "EnableKey": key_states.enable_key,
    "EnableKeyRotation": rotation.enable_key_rotation,
    "PutKeyPolicy": policies.put_key_policy,
    "RotateKeyOnDemand": rotation.rotate_key_on_demand,
    "ScheduleKeyDeletion": key_states.schedule_key_deletion,
    "TagResource": tags.tag_resource,
    "UntagResource": tags.untag_resource,
    "UpdateAlias": aliases.update_alias,
    "UpdateKeyDescription": keys.update_key_description,
}

OPERATIONS: Final[Mapping[str, Operation]] = {
    **{name: Operation(answer) for name, answer in _READING.items()},
    **{name: Operation(answer, changes_state=True) for name, answer in _CHANGING.items()},
}
