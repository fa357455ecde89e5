"""The policy of the keys: who administers, who encrypts, and which code gets plaintext."""

import json
from collections.abc import Mapping
from typing import Final

ACCOUNT: Final = "000000000000"
ADMINISTRATOR: Final = f"arn:aws:iam::{ACCOUNT}:user/administrator"
DEVELOPER: Final = f"arn:aws:iam::{ACCOUNT}:user/developer"
ENCLAVE: Final = f"arn:aws:iam::{ACCOUNT}:role/enclave"
CONTEXT: Final = {"purpose": "payments"}


def key_policy(pcrs: Mapping[int, bytes] | None) -> str:
    """Return the policy; before the image is built there are no PCRs, and nobody may decrypt."""
    context = {f"kms:EncryptionContext:{name}": value for name, value in CONTEXT.items()}
    statements: list[dict[str, object]] = [
        {
            "Sid": "Administer",
            "Principal": {"AWS": ADMINISTRATOR},
            "Action": ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:PutKeyPolicy"],
        },
        {
            "Sid": "Encrypt",
            "Principal": {"AWS": DEVELOPER},
            "Action": "kms:GenerateDataKeyPairWithoutPlaintext",
            "Condition": {"StringEquals": context},
        },
    ]
    if pcrs is not None:
        measured = {
            f"kms:RecipientAttestation:PCR{index}": value.hex() for index, value in pcrs.items()
        }
        statements.append(
            {
                "Sid": "Release to the image",
                "Principal": {"AWS": ENCLAVE},
                "Action": "kms:Decrypt",
                "Condition": {"StringEqualsIgnoreCase": measured, "StringEquals": context},
            }
        )
    common = {"Effect": "Allow", "Resource": "*"}
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{**common, **each} for each in statements]}
    )
