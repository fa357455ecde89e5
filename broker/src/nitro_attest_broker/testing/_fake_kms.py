"""The broker in memory, on a loopback port, for as long as a `with` block."""

import json
import secrets
import socket
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypedDict, final

import uvicorn
from nitro_attest import DocumentKind
from nitro_attest.nonces import MemoryNonces
from nitro_attest.testing import FakeNitro, pcrs_of
from sqlalchemy import select

from nitro_attest_broker._access_keys import AccessKey, new_access_key
from nitro_attest_broker._app import App
from nitro_attest_broker._call import Broker
from nitro_attest_broker._head_file import HeadFile
from nitro_attest_broker._master_key import MasterKey
from nitro_attest_broker._opening import create, is_new, open_ledger
from nitro_attest_broker._release import Documents
from nitro_attest_broker._schema import AUDIT
from nitro_attest_broker._service import Service
from nitro_attest_broker._settings import Settings
from nitro_attest_broker._store import IN_MEMORY, Store
from nitro_attest_broker.testing._faults import (
    Around,
    Change,
    FaultyNetwork,
    Refuse,
    SeenRequest,
    with_plaintext,
    with_wrong_key,
)

_STALE: Final = timedelta(hours=1)
_ADMINISTRATION: Final = (
    "kms:CreateAlias",
    "kms:Describe*",
    "kms:Enable*",
    "kms:List*",
    "kms:Put*",
    "kms:Update*",
    "kms:Disable*",
    "kms:Get*",
    "kms:Delete*",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:ScheduleKeyDeletion",
    "kms:CancelKeyDeletion",
    "kms:RotateKeyOnDemand",
    "kms:Encrypt",
    "kms:ReEncryptTo",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:GenerateDataKeyPairWithoutPlaintext",
)
_WITH_DOCUMENT: Final = (
    "kms:Decrypt",
    "kms:DeriveSharedSecret",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyPair",
)


class ClientOptions(TypedDict):
    """The arguments for `boto3.client("kms", ...)`."""

    endpoint_url: str
    region_name: str
    aws_access_key_id: str
    aws_secret_access_key: str


@final
class FakeKms:
    """A KMS that enforces attestation: documents of `fake_nitro`, decided by key policies.

    Use it in a `with` statement. `endpoint_url` is plain HTTP on 127.0.0.1. Its one principal may
    create keys and call GenerateRandom; `add_principal` makes others. Documents must be dated
    within five minutes of `fake_nitro.now`, which is the date of the documents it makes.

    `deny`, `throttle`, `stale`, `wrong_key`, `plaintext` and `change_answer` order a fault for the
    next request, or the next few. `seen` lists the requests, `audit_log()` the decisions.
    """

    def __init__(
        self,
        fake_nitro: FakeNitro,
        *,
        account: str = "111122223333",
        region: str = "us-east-1",
    ) -> None:
        """Make the broker's state; the port is bound when the block begins."""
        self.account: Final = account
        self.region: Final = region
        self.principal: Final = f"arn:aws:iam::{account}:role/test"
        self.endpoint_url = ""
        self._fake_nitro: Final = fake_nitro
        self._late = timedelta(0)
        self._closing: Final = ExitStack()
        self._store: Final = Store(IN_MEMORY)
        self._network, self.broker = self._make()
        access_key = self.add_principal(self.principal)
        self.access_key_id: Final = access_key.access_key_id
        self.secret_access_key: Final = access_key.secret

    def __enter__(self) -> Self:
        """Bind a free port and answer on it."""
        listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._closing.callback(listening.close)
        self.endpoint_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        config = uvicorn.Config(
            self._network,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],), name="FakeKms")
        thread.start()

        def stop() -> None:
            server.should_exit = True
            thread.join()

        self._closing.callback(stop)
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop answering, and forget every key."""
        self._closing.close()

    @property
    def seen(self) -> list[SeenRequest]:
        """The requests so far, in their order."""
        return self._network.seen

    @property
    def client_options(self) -> ClientOptions:
        """The arguments for `boto3.client("kms", ...)`."""
        return {
            "endpoint_url": self.endpoint_url,
            "region_name": self.region,
            "aws_access_key_id": self.access_key_id,
            "aws_secret_access_key": self.secret_access_key,
        }

    def add_principal(self, principal: str) -> AccessKey:
        """Make an access key for the ARN of a user or a role of this account.

        Raises:
            PrincipalError: It is no such ARN.

        """
        now = datetime.now(UTC)
        access_key = new_access_key(principal, account=self.account, now=int(now.timestamp()))
        self.broker.ledger.commit(
            {"event": "access_key_created", "time": now.isoformat(), "principal": principal},
            changes=(access_key.to_record(),),
        )
        return access_key

    def key_policy(
        self,
        *,
        pcrs: Mapping[int, bytes] | None = None,
        kind: DocumentKind = DocumentKind.ENCLAVE,
        principal: str | None = None,
    ) -> str:
        """Return a policy: the principal administers, and gets plaintext in the code of `pcrs`.

        Without `pcrs`, that is the code of `fake_nitro`'s documents.
        """
        if pcrs is None:
            measured = (
                self._fake_nitro.enclave_measurements()
                if kind is DocumentKind.ENCLAVE
                else self._fake_nitro.nitro_tpm_measurements()
            )
            pcrs = pcrs_of(measured)
        name = "PCR" if kind is DocumentKind.ENCLAVE else "NitroTPMPCR"
        condition = {
            f"kms:RecipientAttestation:{name}{index}": value.hex() for index, value in pcrs.items()
        }
        who = {"AWS": principal or self.principal}
        statements: list[dict[str, Any]] = [
            {"Sid": "Administer", "Action": list(_ADMINISTRATION)},
            {
                "Sid": "Release to attested code",
                "Action": list(_WITH_DOCUMENT),
                "Condition": {"StringEqualsIgnoreCase": condition},
            },
        ]
        return json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Principal": who, "Resource": "*", **statement}
                    for statement in statements
                ],
            }
        )

    def issue_nonce(self) -> bytes:
        """Return a nonce for a key with the tag `nitro-attest:fresh-nonce`, as GET /nonce does."""
        return self.broker.nonces.issue()

    def audit_log(self) -> list[dict[str, Any]]:
        """Return the lines of the audit log so far."""
        with self._store.reading() as connection:
            entries = connection.execute(select(AUDIT.c.entry).order_by(AUDIT.c.sequence)).scalars()
            return [json.loads(entry) for entry in entries]

    # --- faults ---

    def deny(self, requests: int = 1) -> None:
        """Answer the next requests with AccessDeniedException."""
        self._order(requests, Refuse("AccessDeniedException", "denied, as the test ordered"))

    def throttle(self, requests: int = 1) -> None:
        """Answer the next requests with ThrottlingException."""
        self._order(requests, Refuse("ThrottlingException", "Rate exceeded"))

    def stale(self, requests: int = 1) -> None:
        """Look at the documents of the next requests an hour later."""

        def later() -> None:
            self._late = _STALE

        def in_time() -> None:
            self._late = timedelta(0)

        self._order(requests, Around(later, in_time))

    def wrong_key(self, requests: int = 1) -> None:
        """Replace the envelopes of the next answers by ones for another key."""
        self._order(requests, Change(with_wrong_key))

    def plaintext(self, requests: int = 1) -> None:
        """Answer the next requests with a Plaintext, as a KMS that ignores Recipient does."""
        self._order(requests, Change(with_plaintext))

    def change_answer(
        self, change: Callable[[dict[str, Any]], dict[str, Any]], requests: int = 1
    ) -> None:
        """Pass the next answers, as JSON has them, through a function."""
        self._order(requests, Change(change))

    def _order(self, requests: int, fault: Refuse | Change | Around) -> None:
        self._network.faults.extend([fault] * requests)

    def _make(self) -> tuple[FaultyNetwork, Broker]:
        folder = tempfile.TemporaryDirectory(prefix="fake-kms-")
        self._closing.callback(folder.cleanup)
        self._closing.callback(self._store.close)
        master = MasterKey([secrets.token_bytes(32)])
        head_file = HeadFile(Path(folder.name) / "head.json")
        is_new(self._store)
        create(self._store, master, head_file, {"event": "initialised"})
        broker = Broker(
            settings=Settings(
                account=self.account,
                region=self.region,
                administrators=(self.principal,),
                random_principals=(self.principal,),
                trust_anchor=self._fake_nitro.trust_anchor,
            ),
            ledger=open_ledger(self._store, master, head_file),
            documents=Documents(
                trust_anchor=self._fake_nitro.trust_anchor,
                max_age=timedelta(minutes=5),
                clock=lambda: self._fake_nitro.now + self._late,
            ),
            nonces=MemoryNonces(ttl=timedelta(minutes=5), max_outstanding=10_000),
            clock=lambda: datetime.now(UTC),
        )
        return FaultyNetwork(App(Service(broker)).asgi), broker
