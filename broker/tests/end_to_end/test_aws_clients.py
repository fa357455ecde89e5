"""The AWS CLI and the AWS Encryption SDK, unchanged, against the broker.

Each is installed in an environment of its own, named by AWS_CLI and ENCRYPTION_SDK_PYTHON.
"""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from nitro_attest.recipient import RecipientKey
from nitro_attest.testing import FakeNitro

from nitro_attest_broker.testing import FakeKms
from support.answers import REQUIRED

pytestmark = pytest.mark.servers
SOURCES = Path(__file__).resolve().parents[3]
SDK = """
import sys, boto3
import aws_encryption_sdk
from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptographic_material_providers.mpl.models import CreateAwsKmsKeyringInput
from nitro_attest.kms import attested
from nitro_attest.testing import FakeNitro, FakeNsm
from nitro_attest_broker.testing import FakeKms

nitro = FakeNitro()
with FakeKms(nitro) as fake:
    kms = boto3.client("kms", **fake.client_options)
    tags = [{"TagKey": "nitro-attest:attested", "TagValue": "true"}]
    arn = kms.create_key(Policy=fake.key_policy(), Tags=tags)["KeyMetadata"]["Arn"]
    provider = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())
    keyring = provider.create_aws_kms_keyring(
        input=CreateAwsKmsKeyringInput(kms_key_id=arn, kms_client=attested(kms, FakeNsm(nitro)))
    )
    sdk = aws_encryption_sdk.EncryptionSDKClient()
    sealed, _ = sdk.encrypt(source=b"text", keyring=keyring, encryption_context={"a": "b"})
    opened, _ = sdk.decrypt(source=sealed, keyring=keyring)
    assert opened == b"text"
    operations = [(request.operation, "Recipient" in request.members) for request in fake.seen]
    assert ("GenerateDataKey", True) in operations and ("Decrypt", True) in operations
    plain = provider.create_aws_kms_keyring(
        input=CreateAwsKmsKeyringInput(kms_key_id=arn, kms_client=kms)
    )
    try:
        sdk.decrypt(source=sealed, keyring=plain)
    except Exception as error:
        assert "AccessDenied" in repr(error) or "not authorized" in repr(error), repr(error)
        print("opened with attestation, denied without")
"""


def needed(name: str, default: str) -> str:
    """Return a program, or skip; with CI=true its absence is a failure."""
    found = os.environ.get(name) or shutil.which(default)
    if found and Path(found).exists():
        return found
    message = f"set {name} to {default} in an environment of its own"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def test_the_aws_cli_works_unchanged(  # noqa: PLR0915 - one command a line
    fake_kms: FakeKms, fake_nitro: FakeNitro, tmp_path: Path
) -> None:
    program = needed("AWS_CLI", "aws")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_ENDPOINT_URL_KMS": fake_kms.endpoint_url,
        "AWS_ACCESS_KEY_ID": fake_kms.access_key_id,
        "AWS_SECRET_ACCESS_KEY": fake_kms.secret_access_key,
        "AWS_DEFAULT_REGION": fake_kms.region,
        "AWS_PAGER": "",
    }

    def aws(operation: str, *arguments: str) -> dict[str, Any]:
        """Run one command; its answer has the members that must be there."""
        command = "".join(f"-{c.lower()}" if c.isupper() else c for c in operation).lstrip("-")
        done = subprocess.run(  # noqa: S603 - our own command
            [program, "kms", command, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout or "{}")
        assert answer.keys() >= REQUIRED[operation] - {"Truncated"}
        return answer

    def blob(name: str, data: bytes) -> str:
        path = tmp_path / name
        path.write_bytes(data)
        return f"fileb://{path}"

    key = aws("CreateKey", "--description", "by hand")["KeyMetadata"]["Arn"]
    other = aws("CreateKey", "--description", "another")["KeyMetadata"]["Arn"]
    aws("DescribeKey", "--key-id", key)
    aws("ListKeys")
    sealed = aws(
        "Encrypt", "--key-id", key, "--plaintext", blob("p", b"text"), "--encryption-context", "a=b"
    )
    ciphertext = blob("c", base64.b64decode(sealed["CiphertextBlob"]))
    opened = aws("Decrypt", "--ciphertext-blob", ciphertext, "--encryption-context", "a=b")
    assert base64.b64decode(opened["Plaintext"]) == b"text"
    aws(
        "ReEncrypt",
        "--ciphertext-blob",
        ciphertext,
        "--source-encryption-context",
        "a=b",
        "--destination-key-id",
        other,
    )
    aws("GenerateDataKey", "--key-id", key, "--key-spec", "AES_256")
    aws("GenerateDataKeyWithoutPlaintext", "--key-id", key, "--key-spec", "AES_256")
    pair = ("--key-id", key, "--key-pair-spec", "ECC_NIST_P256")
    aws("GenerateDataKeyPair", *pair)
    aws("GenerateDataKeyPairWithoutPlaintext", *pair)
    aws("GenerateRandom", "--number-of-bytes", "8")
    agreement = aws("CreateKey", "--key-spec", "ECC_NIST_P256", "--key-usage", "KEY_AGREEMENT")
    arn = agreement["KeyMetadata"]["Arn"]
    public = blob("k", base64.b64decode(aws("GetPublicKey", "--key-id", arn)["PublicKey"]))
    aws(
        "DeriveSharedSecret",
        "--key-id",
        arn,
        "--key-agreement-algorithm",
        "ECDH",
        "--public-key",
        public,
    )
    aws("CreateAlias", "--alias-name", "alias/a", "--target-key-id", key)
    aws("UpdateAlias", "--alias-name", "alias/a", "--target-key-id", other)
    aws("ListAliases")
    aws("DeleteAlias", "--alias-name", "alias/a")
    aws("GetKeyPolicy", "--key-id", key, "--policy-name", "default")
    aws("ListKeyPolicies", "--key-id", key)
    aws("TagResource", "--key-id", key, "--tags", "TagKey=a,TagValue=b")
    aws("ListResourceTags", "--key-id", key)
    aws("UntagResource", "--key-id", key, "--tag-keys", "a")
    aws("UpdateKeyDescription", "--key-id", key, "--description", "new")
    aws("EnableKeyRotation", "--key-id", key)
    aws("GetKeyRotationStatus", "--key-id", key)
    aws("RotateKeyOnDemand", "--key-id", key)
    aws("ListKeyRotations", "--key-id", key)
    aws("DisableKeyRotation", "--key-id", key)
    aws("DisableKey", "--key-id", key)
    aws("EnableKey", "--key-id", key)
    aws(
        "PutKeyPolicy",
        "--key-id",
        key,
        "--policy-name",
        "default",
        "--policy",
        fake_kms.key_policy(),
    )
    recipient = RecipientKey.generate()
    doc = fake_nitro.enclave_document(public_key=recipient.public_key)
    given = f"KeyEncryptionAlgorithm=RSAES_OAEP_SHA_256,AttestationDocument@={blob('d', doc)}"
    answer = aws(
        "Decrypt",
        "--ciphertext-blob",
        ciphertext,
        "--encryption-context",
        "a=b",
        "--recipient",
        given,
    )
    assert recipient.open(base64.b64decode(answer["CiphertextForRecipient"])) == b"text"
    aws("ScheduleKeyDeletion", "--key-id", key)
    aws("CancelKeyDeletion", "--key-id", key)


def test_the_encryption_sdk_works_through_attested(tmp_path: Path) -> None:
    python = needed("ENCRYPTION_SDK_PYTHON", "python-with-aws-encryption-sdk")
    script = tmp_path / "sdk.py"
    script.write_text(SDK)
    done = subprocess.run(  # noqa: S603 - our own command
        [python, str(script)],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{SOURCES / 'src'}:{SOURCES / 'broker' / 'src'}",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "opened with attestation, denied without\n", done.stderr
