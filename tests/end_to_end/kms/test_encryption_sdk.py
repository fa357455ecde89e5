"""AWS's own Encryption SDK, unchanged, encrypts and decrypts through an attested client.

Needs `aws-encryption-sdk[MPL]` 4.x, which is too large (100 MB) for the ordinary environment.
"""

import importlib
import importlib.util
import os
from collections.abc import Generator
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from nitro_attest import read_unverified
from nitro_attest.kms import attested
from nitro_attest.testing import FakeNitro, FakeNsm
from support.kms import Kms, kms_client, running_kms

pytestmark = pytest.mark.servers

NOW: Final = datetime(2026, 1, 3, 20, 41, 7, tzinfo=UTC)
FAKE: Final = FakeNitro(seed=b"NEVER_TRUST a seed of a test", now=NOW)
SECRET: Final = b"the database password" * 1000
CONTEXT: Final = {"purpose": "test"}
MPL: Final = "aws_cryptographic_material_providers"


@pytest.fixture(scope="module")
def sdk() -> Any:
    """Import the SDK; without it the tests are skipped, except in CI."""
    for name in ("aws_encryption_sdk", MPL):
        if importlib.util.find_spec(name) is None:
            if os.environ.get("CI") == "true":
                pytest.fail(f"{name} is not installed: pip install 'aws-encryption-sdk[MPL]>=4,<5'")
            pytest.skip(f"{name} is not installed")
    return importlib.import_module("aws_encryption_sdk")


@pytest.fixture
def kms() -> Generator[Kms]:
    """Run a KMS for one test."""
    with running_kms(FAKE) as running:
        yield running


def keyring(kms: Kms) -> Any:
    """Make the keyring of the SDK's own examples, over an attested client."""
    providers: Any = importlib.import_module(f"{MPL}.mpl")
    config: Any = importlib.import_module(f"{MPL}.mpl.config")
    models: Any = importlib.import_module(f"{MPL}.mpl.models")
    library = providers.AwsCryptographicMaterialProviders(config=config.MaterialProvidersConfig())
    return library.create_aws_kms_keyring(
        input=models.CreateAwsKmsKeyringInput(
            kms_key_id=kms.key_arn, kms_client=attested(kms_client(kms.fake), FakeNsm(FAKE))
        )
    )


def test_the_sdk_encrypts_and_decrypts_and_every_secret_is_attested(sdk: Any, kms: Kms) -> None:
    """The data key never crosses the network in the clear, in either direction."""
    client, ring = sdk.EncryptionSDKClient(), keyring(kms)
    message, _ = client.encrypt(source=SECRET, keyring=ring, encryption_context=CONTEXT)
    assert SECRET not in message
    plaintext, header = client.decrypt(source=message, keyring=keyring(kms))
    assert plaintext == SECRET
    assert CONTEXT.items() <= header.encryption_context.items()
    assert [seen.operation for seen in kms.seen] == ["GenerateDataKey", "Decrypt"]
    documents = [seen.document for seen in kms.seen if seen.document is not None]
    assert len({read_unverified(document).public_key for document in documents}) == 2


def test_the_sdk_gets_nothing_from_an_answer_in_the_clear(sdk: Any, kms: Kms) -> None:
    """What the parent instance could put in the place of KMS's answer is rejected."""
    client, ring = sdk.EncryptionSDKClient(), keyring(kms)
    message, _ = client.encrypt(source=SECRET, keyring=ring, encryption_context=CONTEXT)
    kms.fake.plaintext()
    with pytest.raises(Exception, match=r"answer\.plaintext"):
        client.decrypt(source=message, keyring=ring)
