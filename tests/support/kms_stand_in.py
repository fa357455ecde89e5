"""Just enough of AWS KMS, on a loopback port, to attest against.

It speaks KMS's wire form (`x-amz-json-1.1` with an `x-amz-target`), verifies each attestation
document under the root of a `FakeNitro`, and encrypts to the key of the verified document. It
checks neither signatures of requests nor key policies.
"""

import json
import secrets
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import boto3
from botocore.config import Config
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from mypy_boto3_kms import KMSClient

from nitro_attest import (
    Absent,
    Policy,
    Present,
    TimestampOnly,
    VerificationError,
    verify,
)
from nitro_attest.kms import RecipientKeyPool, attested
from nitro_attest.recipient import encrypt
from nitro_attest.testing import FakeNitro, FakeNsm

REGION: Final = "us-east-1"
KEY_ARN: Final = f"arn:aws:kms:{REGION}:111122223333:key/0fa4e0fa-4e0f-4e0f-4e0f-a4e0fa4e0fa4"
SHARED_SECRET: Final = b"shared secret of 32 bytes, fixed"

Fields = dict[str, Any]


class RejectedError(Exception):
    """An answer with HTTP status 400: the type and the message, as KMS words them."""


@dataclass(kw_only=True)
class Seen:
    """One request as it came over the wire."""

    operation: str
    fields: Fields
    document: bytes | None
    nonce: bytes | None


@dataclass(kw_only=True)
class KmsStandIn:
    """The state of one stand-in. `change_answer` lets a test tamper with what it answers."""

    fake_nitro: FakeNitro
    url: str = ""
    throttled: int = 0
    seen: list[Seen] = field(default_factory=list[Seen])
    change_answer: Callable[[Fields], Fields] = dict
    _secret: bytes = field(default_factory=lambda: AESGCM.generate_key(256))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def throttle(self, requests: int) -> None:
        """Answer the next requests with ThrottlingException, after they were written down."""
        self.throttled = requests

    def ciphertext(self, plaintext: bytes, context: Mapping[str, str] | None = None) -> bytes:
        """Encrypt as Encrypt would."""
        nonce = secrets.token_bytes(12)
        return nonce + AESGCM(self._secret).encrypt(nonce, plaintext, _bound(context))

    def answer(self, operation: str, fields: Fields) -> Fields:
        """Carry out one request."""
        recipient = fields.get("Recipient")
        document = None if recipient is None else b64decode(recipient["AttestationDocument"])
        public_key, nonce = (None, None) if document is None else self._verified(document)
        with self._lock:
            self.seen.append(
                Seen(operation=operation, fields=fields, document=document, nonce=nonce)
            )
            if self.throttled:
                self.throttled -= 1
                raise RejectedError("ThrottlingException", "Rate exceeded")
        answer, name, secret = self._carry_out(operation, fields)
        if secret is not None:
            if public_key is None:
                answer[name] = _text(secret)
            else:
                answer["CiphertextForRecipient"] = _text(encrypt(secret, public_key))
        return self.change_answer(answer)

    def _verified(self, document: bytes) -> tuple[bytes, bytes | None]:
        policy = Policy(
            measurements=(self.fake_nitro.enclave_measurements(),),
            freshness=TimestampOnly(because="KMS looks at no nonce", max_age=timedelta(minutes=5)),
            public_key=Present(),
            user_data=Absent(),
            trust_anchor=self.fake_nitro.trust_anchor,
        )
        try:
            claims = verify(document, policy, now=self.fake_nitro.now).claims
        except VerificationError as error:
            raise RejectedError("ValidationException", str(error.reason)) from None
        if claims.public_key is None:
            raise RejectedError("ValidationException", "no public key")
        return claims.public_key, claims.nonce

    def _carry_out(self, operation: str, fields: Fields) -> tuple[Fields, str, bytes | None]:
        """Return the answer, and the plaintext with the name of its field."""
        context = fields.get("EncryptionContext")
        answer: Fields = {"KeyId": KEY_ARN}
        name, secret = "Plaintext", None
        match operation:
            case "Encrypt":
                sealed = self.ciphertext(b64decode(fields["Plaintext"]), context)
                answer["CiphertextBlob"] = _text(sealed)
            case "Decrypt":
                secret = self._open(b64decode(fields["CiphertextBlob"]), context)
                answer["EncryptionAlgorithm"] = "SYMMETRIC_DEFAULT"
            case "GenerateDataKey":
                secret = secrets.token_bytes(fields.get("NumberOfBytes", 32))
                answer["CiphertextBlob"] = _text(self.ciphertext(secret, context))
            case "GenerateDataKeyPair":
                name, secret = "PrivateKeyPlaintext", b"a private key"
                answer["PrivateKeyCiphertextBlob"] = _text(self.ciphertext(secret, context))
                answer["PublicKey"] = _text(b"a public key")
                answer["KeyPairSpec"] = fields["KeyPairSpec"]
            case "GenerateRandom":
                answer, secret = {}, secrets.token_bytes(fields["NumberOfBytes"])
            case "DeriveSharedSecret":
                name, secret = "SharedSecret", SHARED_SECRET
            case "ListKeys":
                answer = {"Keys": [{"KeyId": "k", "KeyArn": KEY_ARN}], "Truncated": False}
            case _:
                raise RejectedError("UnknownOperationException", operation)
        return answer, name, secret

    def _open(self, sealed: bytes, context: Mapping[str, str] | None) -> bytes:
        try:
            return AESGCM(self._secret).decrypt(sealed[:12], sealed[12:], _bound(context))
        except InvalidTag:
            raise RejectedError("InvalidCiphertextException", "") from None


@contextmanager
def kms_stand_in(fake_nitro: FakeNitro) -> Generator[KmsStandIn]:
    """Run a stand-in until the block ends."""
    kms = KmsStandIn(fake_nitro=fake_nitro)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            operation = self.headers["x-amz-target"].removeprefix("TrentService.")
            try:
                self._send(200, kms.answer(operation, json.loads(body)))
            except RejectedError as rejected:
                kind, message = rejected.args
                self._send(400, {"__type": kind, "message": message})

        def _send(self, status: int, answer: Fields) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/x-amz-json-1.1")
            self.send_header("content-length", str(len(body)))
            self.send_header("x-amzn-requestid", "00000000-0000-4000-8000-000000000000")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
            """Write no log."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 64

    with Server(("127.0.0.1", 0), Handler) as server:
        kms.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield kms
        finally:
            server.shutdown()
            thread.join()


def kms_client(kms: KmsStandIn) -> KMSClient:
    """Make boto3's own client, untouched by the configuration of this machine."""
    session: Any = boto3.Session("NEVER", "TRUST", region_name=REGION)
    client: KMSClient = session.client(
        "kms",
        endpoint_url=kms.url,
        config=Config(
            retries={"mode": "standard", "total_max_attempts": 3},
            max_pool_connections=16,
            proxies={},
        ),
    )
    return client


def mix_up(fake_nitro: FakeNitro, *, calls: int) -> None:
    """Let 16 threads share clients, each call with a secret of its own, and compare them all."""
    nsm = FakeNsm(fake_nitro)
    with kms_stand_in(fake_nitro) as kms, RecipientKeyPool(ahead=4) as pool:
        plain = kms_client(kms)
        attesting = (attested(plain, nsm), attested(plain, nsm, keys=pool))

        def is_right(number: int) -> bool:
            secret = b"secret %d" % number
            if number % 50 == 0:
                kms.throttle(2)
            client = plain if number % 10 == 0 else attesting[number % 2]
            answer = client.decrypt(CiphertextBlob=kms.ciphertext(secret), KeyId=KEY_ARN)
            return answer["Plaintext"] == secret

        with ThreadPoolExecutor(16) as threads:
            right = list(threads.map(is_right, range(calls)))
        plain.close()
    assert right == [True] * calls
    documents = [seen.document for seen in kms.seen if seen.document is not None]
    assert len(set(documents)) == len(documents) >= calls * 9 // 10


def _bound(context: Mapping[str, str] | None) -> bytes:
    return json.dumps(context or {}, sort_keys=True).encode()


def _text(value: bytes) -> str:
    return b64encode(value).decode()
