"""The key broker's `FakeKms` with keys of its own, and boto3's clients for it."""

from base64 import b64decode
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, final

import boto3
from botocore.config import Config
from mypy_boto3_kms import KMSClient
from nitro_attest_broker.testing import FakeKms

from nitro_attest.kms import RecipientKeyPool, attested
from nitro_attest.testing import FakeNitro, FakeNsm

REGION: Final = "us-east-1"
_PREPARED: Final = ("CreateKey", "Encrypt")
Fields = dict[str, Any]


@final
@dataclass(frozen=True, kw_only=True)
class Seen:
    """A request as it came over the wire; `document` is None without a Recipient."""

    operation: str
    fields: Fields
    document: bytes | None


@final
class Kms:
    """A running FakeKms. The key `key_arn` is for the attested code alone, `open_arn` is not."""

    def __init__(self, fake: FakeKms) -> None:
        """Make the two keys."""
        self.fake: Final = fake
        self._owner: Final = kms_client(fake)
        self.key_arn: Final = self.create_key(Policy=fake.key_policy())
        self.open_arn: Final = self.create_key()

    def create_key(self, **members: Any) -> str:
        """Make a key, and return its ARN."""
        return self._owner.create_key(**members)["KeyMetadata"].get("Arn", "")

    def ciphertext(
        self, plaintext: bytes, context: Mapping[str, str] | None = None, *, key: str = ""
    ) -> bytes:
        """Encrypt under a key, that of the attested code if none is named."""
        answer = self._owner.encrypt(
            KeyId=key or self.key_arn, Plaintext=plaintext, EncryptionContext=context or {}
        )
        return answer["CiphertextBlob"]

    @property
    def seen(self) -> list[Seen]:
        """The requests so far, without those that prepare a test."""
        return [
            Seen(operation=request.operation, fields=request.members, document=_document(request))
            for request in self.fake.seen
            if request.operation not in _PREPARED
        ]

    def close(self) -> None:
        """Close the connections of the owner's client."""
        self._owner.close()


@contextmanager
def running_kms(fake_nitro: FakeNitro) -> Generator[Kms]:
    """Run a KMS that trusts `fake_nitro` until the block ends."""
    with FakeKms(fake_nitro, region=REGION) as fake:
        kms = Kms(fake)
        try:
            yield kms
        finally:
            kms.close()


def kms_client(fake: FakeKms, *, attempts: int = 3) -> KMSClient:
    """Make boto3's own client, untouched by the configuration of this machine."""
    options = fake.client_options
    session: Any = boto3.Session(
        options["aws_access_key_id"],
        options["aws_secret_access_key"],
        region_name=options["region_name"],
    )
    client: KMSClient = session.client(
        "kms",
        endpoint_url=options["endpoint_url"],
        config=Config(
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=16,
            proxies={},
        ),
    )
    return client


def mix_up(fake_nitro: FakeNitro, *, calls: int) -> tuple[list[bool], list[bytes]]:
    """Let 16 threads share clients, each call with a secret of its own.

    Return which calls had the right answer, and the documents that were sent.
    """
    nsm = FakeNsm(fake_nitro)
    with running_kms(fake_nitro) as kms, RecipientKeyPool(ahead=4) as pool:
        plain = kms_client(kms.fake, attempts=10)  # one call may meet the throttling of several
        attesting = (attested(plain, nsm), attested(plain, nsm, keys=pool))

        def is_right(number: int) -> bool:
            secret = b"secret %d" % number
            if number % 50 == 0:
                kms.fake.throttle(2)
            client = plain if number % 10 == 0 else attesting[number % 2]
            sealed = kms.ciphertext(secret, key=kms.open_arn)
            answer = client.decrypt(CiphertextBlob=sealed, KeyId=kms.open_arn)
            return answer["Plaintext"] == secret

        with ThreadPoolExecutor(16) as threads:
            right = list(threads.map(is_right, range(calls)))
        plain.close()
    return right, [seen.document for seen in kms.seen if seen.document is not None]


def _document(request: Any) -> bytes | None:
    recipient = request.members.get("Recipient")
    return None if recipient is None else b64decode(recipient["AttestationDocument"])
