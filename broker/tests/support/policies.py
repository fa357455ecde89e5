"""Key policies for tests."""

import json
from collections.abc import Mapping

from nitro_attest import DocumentKind
from nitro_attest.testing import pcrs_of

from support.broker_kit import ADMINISTRATOR, ENCLAVE, Kit

ADMINISTRATION = [
    "kms:CreateAlias",
    "kms:UpdateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:EnableKey*",
    "kms:DisableKey*",
    "kms:GetKey*",
    "kms:GetPublicKey",
    "kms:ListKey*",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:UpdateKeyDescription",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:ScheduleKeyDeletion",
    "kms:CancelKeyDeletion",
    "kms:RotateKeyOnDemand",
    "kms:Encrypt",
    "kms:ReEncryptTo",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:GenerateDataKeyPairWithoutPlaintext",
]
RELEASING = [
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyPair",
    "kms:DeriveSharedSecret",
]


def policy(*statements: Mapping[str, object]) -> str:
    """Return a policy of these statements, about every key."""
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Resource": "*", **s} for s in statements]}
    )


def allow(principal: str, actions: str | list[str], **more: object) -> dict[str, object]:
    """Return an Allow."""
    return {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": actions, **more}


def open_policy(*principals: str) -> str:
    """Allow everything to some principals, without a document."""
    return policy(*(allow(principal, "kms:*") for principal in principals))


def attested_policy(
    kit: Kit,
    *,
    pcrs: Mapping[int, bytes] | None = None,
    kind: DocumentKind = DocumentKind.ENCLAVE,
    condition: Mapping[str, object] | None = None,
) -> str:
    """Let the administrator administer, and release to the enclave's role in the right code."""
    tpm = kind is DocumentKind.NITRO_TPM
    measured = kit.nitro.nitro_tpm_measurements() if tpm else kit.nitro.enclave_measurements()
    name = "NitroTPMPCR" if tpm else "PCR"
    wanted = pcrs_of(measured) if pcrs is None else pcrs
    values = {f"kms:RecipientAttestation:{name}{i}": v.hex() for i, v in wanted.items()}
    return policy(
        allow(ADMINISTRATOR, ADMINISTRATION, Sid="Administer"),
        allow(
            ENCLAVE,
            RELEASING,
            Sid="Release",
            Condition={"StringEqualsIgnoreCase": values, **(condition or {})},
        ),
    )
