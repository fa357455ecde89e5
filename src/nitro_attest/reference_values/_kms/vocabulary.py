"""The condition keys and operators that exist, to find those that do not.

Source: KMS developer guide, "AWS KMS condition keys"; IAM user guide, "AWS global condition context
keys" and "Condition operators".
"""

from difflib import get_close_matches
from typing import Final

from nitro_attest.reference_values._kms.patterns import ascii_lower
from nitro_attest.reference_values._kms.request import ATTESTATION, read_pcr_key

_KMS_KEYS: Final = (
    "kms:BypassPolicyLockoutSafetyCheck",
    "kms:CallerAccount",
    "kms:CustomerMasterKeySpec",
    "kms:CustomerMasterKeyUsage",
    "kms:DataKeyPairSpec",
    "kms:EncryptionAlgorithm",
    "kms:EncryptionContextKeys",
    "kms:ExpirationModel",
    "kms:GrantConstraintType",
    "kms:GrantIsForAWSResource",
    "kms:GrantOperations",
    "kms:GranteePrincipal",
    "kms:KeyAgreementAlgorithm",
    "kms:KeyOrigin",
    "kms:KeySpec",
    "kms:KeyUsage",
    "kms:MacAlgorithm",
    "kms:MessageType",
    "kms:MultiRegion",
    "kms:MultiRegionKeyType",
    "kms:PrimaryRegion",
    "kms:ReEncryptOnSameKey",
    "kms:ReplicaRegion",
    "kms:RequestAlias",
    "kms:ResourceAliases",
    "kms:RetiringPrincipal",
    "kms:RotationPeriodInDays",
    "kms:ScheduleKeyDeletionPendingWindowInDays",
    "kms:SigningAlgorithm",
    "kms:ValidTo",
    "kms:ViaService",
    "kms:WrappingAlgorithm",
    "kms:WrappingKeySpec",
)
_GLOBAL_KEYS: Final = (
    "aws:CalledVia",
    "aws:CalledViaFirst",
    "aws:CalledViaLast",
    "aws:CurrentTime",
    "aws:Ec2InstanceSourcePrivateIPv4",
    "aws:Ec2InstanceSourceVpc",
    "aws:EpochTime",
    "aws:FederatedProvider",
    "aws:MultiFactorAuthAge",
    "aws:MultiFactorAuthPresent",
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "aws:PrincipalIsAWSService",
    "aws:PrincipalOrgID",
    "aws:PrincipalOrgPaths",
    "aws:PrincipalServiceName",
    "aws:PrincipalServiceNamesList",
    "aws:PrincipalType",
    "aws:Referer",
    "aws:RequestedRegion",
    "aws:ResourceAccount",
    "aws:ResourceOrgID",
    "aws:ResourceOrgPaths",
    "aws:SecureTransport",
    "aws:SourceAccount",
    "aws:SourceArn",
    "aws:SourceIdentity",
    "aws:SourceIp",
    "aws:SourceOrgID",
    "aws:SourceOrgPaths",
    "aws:SourceVpc",
    "aws:SourceVpcArn",
    "aws:SourceVpce",
    "aws:TagKeys",
    "aws:TokenIssueTime",
    "aws:UserAgent",
    "aws:userid",
    "aws:username",
    "aws:ViaAWSService",
    "aws:VpcSourceIp",
    "aws:VpceAccount",
    "aws:VpceOrgID",
    "aws:VpceOrgPaths",
)
_PCR_KEYS: Final = (
    "kms:RecipientAttestation:ImageSha384",
    *(f"kms:RecipientAttestation:PCR{index}" for index in range(32)),
    *(f"kms:RecipientAttestation:NitroTPMPCR{index}" for index in range(24)),
)
_PREFIXES: Final = (
    "kms:encryptioncontext:",
    "aws:principaltag/",
    "aws:requesttag/",
    "aws:resourcetag/",
)
_ALL_KEYS: Final = (*_KMS_KEYS, *_GLOBAL_KEYS, *_PCR_KEYS)
_EXACT: Final = frozenset(ascii_lower(key) for key in (*_KMS_KEYS, *_GLOBAL_KEYS))
_OPERATORS: Final = (
    *("StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"),
    *("StringLike", "StringNotLike", "NumericEquals", "NumericNotEquals", "NumericLessThan"),
    *("NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals", "DateEquals"),
    *("DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan"),
    *("DateGreaterThanEquals", "Bool", "BinaryEquals", "IpAddress", "NotIpAddress", "ArnEquals"),
    *("ArnNotEquals", "ArnLike", "ArnNotLike"),
)
_ALL_OPERATORS: Final = frozenset(
    {
        "Null",
        *(
            f"{quantifier}{operator}{suffix}"
            for quantifier in ("", "ForAnyValue:", "ForAllValues:")
            for operator in _OPERATORS
            for suffix in ("", "IfExists")
        ),
    }
)


def is_known_key(key: str) -> bool:
    """Return whether a condition key exists; keys of tags and contexts exist under any name."""
    name = ascii_lower(key)
    if name.startswith(ATTESTATION):
        return read_pcr_key(name) is not None
    return name in _EXACT or name.startswith(_PREFIXES)


def is_known_operator(operator: str) -> bool:
    """Return whether a condition operator exists, with its case as IAM writes it."""
    return operator in _ALL_OPERATORS


def nearest_key(key: str) -> str:
    """Return the condition key that was probably meant, or a placeholder."""
    found = get_close_matches(key[:100], _ALL_KEYS, n=1)
    return found[0] if found else "<a condition key of KMS>"


def nearest_operator(operator: str) -> str:
    """Return the operator that was probably meant, or a placeholder."""
    found = get_close_matches(operator[:60], sorted(_ALL_OPERATORS), n=1)
    return found[0] if found else "<a condition operator>"
