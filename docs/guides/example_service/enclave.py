"""Get the database password from KMS: this runs inside the enclave."""

from typing import Any

import boto3

from nitro_attest.kms import attested
from nitro_attest.nsm import AttestationSource, Nsm

KEY = "arn:aws:kms:us-east-1:111122223333:key/0fa4e0fa-4e0f-4e0f-4e0f-a4e0fa4e0fa4"
CONTEXT = {"purpose": "database password"}


def database_password(client: Any, source: AttestationSource, ciphertext: bytes) -> bytes:
    """Decrypt with the one key, and in the one context, that this image was built to trust."""
    kms = attested(client, source)
    answer = kms.decrypt(KeyId=KEY, EncryptionContext=CONTEXT, CiphertextBlob=ciphertext)
    password: bytes = answer["Plaintext"]
    return password


def main(ciphertext: bytes) -> bytes:
    """Do it with the enclave's own module."""
    with Nsm() as nsm:
        return database_password(boto3.client("kms"), nsm, ciphertext)  # pyright: ignore[reportUnknownMemberType] - boto3's stubs type only the services that are installed
