"""Load a broker with valid and invalid calls, and say whether every decision was right.

    python broker/load/load.py [--seconds 60] [--threads 4] [--database-url URL]

Each thread asks for data keys in turn: with a good document, without one, with a stale one, one of
another root, one for another image, a signature by another secret, and so on; what must come back
is known beforehand. Then the same number of seconds without documents, for comparison. Requests a
second, latencies and the memory of the broker's process are printed.
"""

import argparse
import base64
import http.client
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from nitro_attest.recipient import RecipientKey
from nitro_attest.testing import FakeNitro, pcrs_of

ALLOWED: Final = "allowed"
DENIED: Final = "AccessDeniedException"
MALFORMED: Final = "ValidationException"
WRONG: Final = "InvalidSignatureException"
DATABASE_URL: Final = "NITRO_ATTEST_BROKER_DATABASE_URL"


@dataclass(frozen=True)
class Case:
    """One kind of call, what must come back, and how its document is made."""

    name: str
    expected: str
    document: Callable[[], bytes] | None
    secret: str


@dataclass
class Seen:
    """What the threads saw."""

    seconds: list[float] = field(default_factory=list[float])
    wrong: list[str] = field(default_factory=list[str])
    answers: Counter[str] = field(default_factory=Counter[str])


class Running:
    """A broker in a process of its own, that trusts a fake Nitro."""

    def __init__(self, folder: Path, nitro: FakeNitro, url: str | None) -> None:
        root = folder / "root.pem"
        certificate = x509.load_der_x509_certificate(nitro.trust_anchor.certificate)
        root.write_bytes(certificate.public_bytes(Encoding.PEM))
        command = [sys.executable, "-m", "nitro_attest_broker", "serve", "--data", str(folder)]
        self.process = subprocess.Popen(  # noqa: S603 - our own command
            [*command, "--port", "0", "--trust-anchor", str(root)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **({DATABASE_URL: url} if url else {})},
        )
        words: dict[str, str] = {}
        self.port = 0
        for line in self.process.stdout or ():
            if "AWS_" in line:
                name, _, value = line.strip().partition("=")
                words[name] = value
            if line.startswith("listening on "):
                self.port = int(line.rpartition(":")[2])
                break
        self.access_key = words["AWS_ACCESS_KEY_ID"]
        self.secret = words["AWS_SECRET_ACCESS_KEY"]

    def resident_megabytes(self) -> float:
        """Return the resident memory of the process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def create_key(self, nitro: FakeNitro) -> str:
        """Create a key that anybody administers and the right code uses."""
        kms = cast("Any", boto3).client(
            "kms",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret,
        )
        who = {"AWS": "arn:aws:iam::000000000000:user/administrator"}
        measured = pcrs_of(nitro.enclave_measurements())
        condition = {f"kms:RecipientAttestation:PCR{i}": v.hex() for i, v in measured.items()}
        statements: list[dict[str, Any]] = [
            {"Action": ["kms:PutKeyPolicy", "kms:GenerateDataKeyWithoutPlaintext"]},
            {
                "Action": "kms:GenerateDataKey",
                "Condition": {"StringEqualsIgnoreCase": condition},
            },
        ]
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": who, "Resource": "*", **s} for s in statements
            ],
        }
        arn: str = kms.create_key(Policy=json.dumps(policy))["KeyMetadata"]["Arn"]
        return arn


def main() -> int:
    """Run both loads; return 1 if a decision was wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--database-url")
    options = parser.parse_args()
    nitro = FakeNitro()
    with tempfile.TemporaryDirectory() as folder:
        running = Running(Path(folder), nitro, options.database_url)
        try:
            arn = running.create_key(nitro)
            good = 0
            for title, cases in (
                ("mixed, with documents", _cases(nitro, running.secret)),
                ("without documents", _plain(running.secret)),
            ):
                seen, memory = _load(running, arn, cases, options.seconds, options.threads)
                _print(title, seen, memory, options.seconds)
                good += not seen.wrong
        finally:
            running.process.terminate()
            running.process.wait()
    return 0 if good == 2 else 1  # noqa: PLR2004 - both loads


def _cases(nitro: FakeNitro, secret: str) -> list[Case]:
    own = RecipientKey.generate().public_key
    other = FakeNitro()
    ahead = FakeNitro()

    def made(source: FakeNitro, age: float = 0, **fields: Any) -> Callable[[], bytes]:
        def make() -> bytes:
            now = datetime.now(UTC) - timedelta(seconds=age)
            return source.enclave_document(public_key=own, now=now, **fields)

        return make

    def tampered() -> bytes:
        doc = made(nitro)()
        return doc[:-1] + bytes([doc[-1] ^ 1])

    debug = dict.fromkeys((0, 1, 2), bytes(48))
    return [
        Case("good", ALLOWED, made(nitro), secret),
        Case("good again", ALLOWED, made(nitro), secret),
        Case("good a third time", ALLOWED, made(nitro), secret),
        Case("no document", DENIED, None, secret),
        Case("stale", DENIED, made(nitro, age=400), secret),
        Case("other root", DENIED, made(other), secret),
        Case("from the future", DENIED, made(nitro, age=-120), secret),
        Case("other image", DENIED, made(nitro, pcrs={0: b"\1" * 48}), secret),
        Case("debug", DENIED, made(nitro, pcrs=debug), secret),
        Case("tampered", DENIED, tampered, secret),
        Case("truncated", MALFORMED, lambda: made(ahead)()[:-1], secret),
        Case("wrong signature", WRONG, made(nitro), "of somebody else"),
    ]


def _plain(secret: str) -> list[Case]:
    return [Case("without plaintext", ALLOWED, None, secret)]


def _load(
    running: Running, arn: str, cases: list[Case], seconds: float, threads: int
) -> tuple[Seen, list[float]]:
    seen, stop = Seen(), threading.Event()
    operation = "GenerateDataKey" if len(cases) > 1 else "GenerateDataKeyWithoutPlaintext"
    workers = [
        threading.Thread(target=_work, args=(running, arn, operation, cases, seen, stop))
        for _ in range(threads)
    ]
    for worker in workers:
        worker.start()
    memory: list[float] = []
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        memory.append(running.resident_megabytes())
        stop.wait(seconds / 12)
    stop.set()
    for worker in workers:
        worker.join()
    return seen, memory


def _work(  # noqa: PLR0913, PLR0917 - what a thread is given
    running: Running,
    arn: str,
    operation: str,
    cases: list[Case],
    seen: Seen,
    stop: threading.Event,
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
    for case in itertools.cycle(cases):
        if stop.is_set():
            connection.close()
            return
        members: dict[str, Any] = {"KeyId": arn, "KeySpec": "AES_256"}
        if case.document is not None:
            members["Recipient"] = {
                "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
                "AttestationDocument": base64.b64encode(case.document()).decode(),
            }
        request = _signed(running, operation, json.dumps(members).encode(), case.secret)
        started = time.perf_counter()
        connection.request("POST", "/", body=request.body, headers=dict(request.headers.items()))
        response = connection.getresponse()
        body = json.loads(response.read() or b"{}")
        seen.seconds.append(time.perf_counter() - started)
        answer = ALLOWED if response.status == 200 else str(body.get("__type"))  # noqa: PLR2004
        seen.answers[answer] += 1
        released = "CiphertextForRecipient" in body or "Plaintext" in body
        must = case.expected == ALLOWED and case.document is not None
        if answer != case.expected or released != must or "Plaintext" in body:
            seen.wrong.append(f"{case.name}: {response.status} {answer}")


def _signed(running: Running, operation: str, body: bytes, secret: str) -> AWSRequest:
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": f"TrentService.{operation}",
        "host": f"127.0.0.1:{running.port}",
    }
    request = AWSRequest(
        method="POST", url=f"http://127.0.0.1:{running.port}/", headers=headers, data=body
    )
    SigV4Auth(Credentials(running.access_key, secret), "kms", "us-east-1").add_auth(request)
    return request


def _print(title: str, seen: Seen, memory: list[float], seconds: float) -> None:
    hundredths = statistics.quantiles(seen.seconds, n=100)
    rate = len(seen.seconds) / seconds
    print(f"{title}: {len(seen.seconds)} calls, {rate:.0f} a second")
    print(f"  p50 {hundredths[49] * 1000:.1f} ms, p99 {hundredths[98] * 1000:.1f} ms")
    print(f"  memory {', '.join(f'{megabytes:.0f}' for megabytes in memory)} MB")
    print(f"  answers {dict(seen.answers)}")
    print(f"  wrong decisions: {len(seen.wrong)} {Counter(seen.wrong).most_common(3)}")


if __name__ == "__main__":
    sys.exit(main())
