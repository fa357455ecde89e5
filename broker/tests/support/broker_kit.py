"""A broker in memory that tests talk to without a network, and requests, signed or wrong."""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from nitro_attest.nonces import MemoryNonces, NonceStore
from nitro_attest.reference_values.kms import Transport
from nitro_attest.testing import FakeNitro
from sqlalchemy import select

from nitro_attest_broker._access_keys import AccessKey, new_access_key
from nitro_attest_broker._call import Broker
from nitro_attest_broker._head_file import HeadFile
from nitro_attest_broker._master_key import MasterKey
from nitro_attest_broker._opening import create, is_new, open_ledger
from nitro_attest_broker._release import Documents
from nitro_attest_broker._schema import AUDIT
from nitro_attest_broker._service import Service
from nitro_attest_broker._settings import Settings
from nitro_attest_broker._sigv4 import Received
from nitro_attest_broker._store import IN_MEMORY, Store

NOW: Final = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
ACCOUNT: Final = "111122223333"
REGION: Final = "us-east-1"
ADMINISTRATOR: Final = f"arn:aws:iam::{ACCOUNT}:role/administrator"
ENCLAVE: Final = f"arn:aws:iam::{ACCOUNT}:role/enclave"
RECIPIENT: Final = "RSAES_OAEP_SHA_256"
AUDIT_FOLDER: Final = "broker"


@dataclass(kw_only=True)
class Kit:
    """A broker, its clock, its parts, and access keys of an administrator and of an enclave."""

    nitro: FakeNitro
    store: Store
    master: MasterKey
    head_file: HeadFile
    broker: Broker
    service: Service
    administrator: AccessKey
    enclave: AccessKey
    clock: "Clock"
    secrets_seen: list[bytes] = field(default_factory=list[bytes])

    def call(
        self, operation: str, members: Mapping[str, object], *, key: AccessKey | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Sign and send one call; return status and answer."""
        received = self.signed(operation, members, key=key)
        return self.send(received)

    def send(self, received: Received) -> tuple[int, dict[str, Any]]:
        """Send a request as it is."""
        answer = self.service.answer(received)
        return answer.status, json.loads(answer.body or b"{}")

    def ok(
        self, operation: str, members: Mapping[str, object], *, key: AccessKey | None = None
    ) -> dict[str, Any]:
        """Call, and expect an answer."""
        status, answer = self.call(operation, members, key=key)
        assert status == 200, answer
        return answer

    def refused(
        self, operation: str, members: Mapping[str, object], *, key: AccessKey | None = None
    ) -> tuple[str, str]:
        """Call, and expect an error: its code, and the reason in the audit log."""
        status, answer = self.call(operation, members, key=key)
        assert status != 200, answer
        return answer["__type"], self.audit()[-1].get("reason", "")

    def signed(  # noqa: PLR0913 - the parts of a request, each named
        self,
        operation: str,
        members: Mapping[str, object] | bytes,
        *,
        key: AccessKey | None = None,
        headers: Mapping[str, str] | None = None,
        at: datetime | None = None,
        region: str = REGION,
        service: str = "kms",
    ) -> Received:
        """Return a signed request; each has another invocation id, so that no two are alike."""
        by = key or self.administrator
        body = members if isinstance(members, bytes) else json.dumps(members).encode()
        request = AWSRequest(
            method="POST",
            url="http://127.0.0.1/",
            headers={
                "content-type": "application/x-amz-json-1.1",
                "x-amz-target": f"TrentService.{operation}",
                "x-amz-test": secrets.token_hex(8),
                **(headers or {}),
            },
            data=body,
        )
        return sign(request, by, at=at or self.clock(), region=region, service=service)

    def create_key(self, policy: str | None = None, **members: object) -> str:
        """Create a key as the administrator; return its ARN."""
        given = members if policy is None else {"Policy": policy, **members}
        answer = self.ok("CreateKey", given)
        arn: str = answer["KeyMetadata"]["Arn"]
        return arn

    def audit(self) -> list[dict[str, Any]]:
        """Return the audit log."""
        with self.store.reading() as connection:
            entries = connection.execute(select(AUDIT.c.entry).order_by(AUDIT.c.sequence))
            return [json.loads(entry) for entry in entries.scalars()]


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: datetime) -> None:
        """Begin at a time."""
        self.now = now

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self.now += by


def make_kit(
    folder: Path,
    *,
    url: str = IN_MEMORY,
    nonces: NonceStore | None = None,
    settings: Callable[[Settings], Settings] = lambda given: given,
) -> Kit:
    """Make a broker whose files lie in a folder."""
    clock = Clock(NOW)
    nitro = FakeNitro(seed=b"a broker of the tests", now=NOW)
    store = Store(url)
    master = MasterKey([b"m" * 32])
    head_file = HeadFile(folder / "head.json")
    new = is_new(store)  # makes the tables
    assert new
    create(store, master, head_file, {"event": "initialised"})
    given = Settings(
        account=ACCOUNT,
        region=REGION,
        administrators=(ADMINISTRATOR,),
        random_principals=(ENCLAVE,),
        trust_anchor=nitro.trust_anchor,
    )
    ledger = open_ledger(store, master, head_file)
    broker = Broker(
        settings=settings(given),
        ledger=ledger,
        documents=Documents(
            trust_anchor=nitro.trust_anchor, max_age=timedelta(minutes=5), clock=clock
        ),
        nonces=nonces or MemoryNonces(ttl=timedelta(minutes=5), max_outstanding=100),
        clock=clock,
    )
    administrator, enclave = (
        new_access_key(principal, account=ACCOUNT, now=0) for principal in (ADMINISTRATOR, ENCLAVE)
    )
    ledger.commit(
        {"event": "access_keys_created"},
        changes=(administrator.to_record(), enclave.to_record()),
    )
    return Kit(
        nitro=nitro,
        store=store,
        master=master,
        head_file=head_file,
        broker=broker,
        service=Service(broker),
        administrator=administrator,
        enclave=enclave,
        clock=clock,
    )


def sign(  # noqa: PLR0913 - the parts of a signature, each named
    request: AWSRequest,
    key: AccessKey,
    *,
    at: datetime,
    region: str = REGION,
    service: str = "kms",
    only: tuple[str, ...] | None = None,
) -> Received:
    """Sign a request as botocore does; with `only`, these headers alone are signed."""
    request.context["timestamp"] = at.strftime("%Y%m%dT%H%M%SZ")
    request.headers["X-Amz-Date"] = request.context["timestamp"]
    request.headers["host"] = "127.0.0.1"
    signer = SigV4Auth(Credentials(key.access_key_id, key.secret), service, region)
    signed = request
    if only is not None:
        signed = AWSRequest(
            method=request.method,
            url=request.url,
            headers={name: request.headers[name] for name in only},
            data=request.body,
        )
        signed.context["timestamp"] = request.context["timestamp"]
    text = signer.string_to_sign(signed, signer.canonical_request(signed))
    names = signer.signed_headers(signer.headers_to_sign(signed))
    request.headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={signer.scope(signed)}, "
        f"SignedHeaders={names}, Signature={signer.signature(text, signed)}"
    )
    body = request.body or b""
    return Received(
        method="POST",
        path="/",
        query="",
        headers=tuple((name.lower(), value) for name, value in request.headers.items()),
        body=body if isinstance(body, bytes) else body.encode(),
        address="192.0.2.1",
        transport=Transport.TLS,
    )


def with_headers(received: Received, *added: tuple[str, str], without: str = "") -> Received:
    """Return a request with headers added after it was signed, or one removed."""
    kept = tuple(header for header in received.headers if header[0] != without)
    return replace(received, headers=(*kept, *added))
