"""The enclave: attests, opens the data key, opens the file in memory, returns the result alone.

It runs from its image. It trusts what the image holds, and nothing that the parent instance sends:
the parent carries bytes. It may not write a single byte to a file.
"""

import json
import os
import resource
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast, final

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, SSLError
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from nitro_attest.kms import AttestedKmsError, attested
from parties import wire
from parties.application import result_of

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

_IMAGE: Final = Path(__file__).parents[1]
_ASKS: Final = 7
_CALLS: Final = 9
_OPENS_KEY: Final = 12
_OPENS_FILE: Final = 13


@final
class StoppedError(Exception):
    """The enclave gives up at a step, for a reason of its own."""

    def __init__(self, step: int, reason: str) -> None:
        """Keep both."""
        super().__init__(step, reason)
        self.step: Final = step
        self.reason: Final = reason


@final
class Module:
    """The enclave's Nitro Secure Module: /dev/nsm on hardware, a socket here."""

    def __init__(self, address: str) -> None:
        """Take its address."""
        self._address: Final = address

    def attestation_document(
        self,
        *,
        public_key: bytes | None = None,
        user_data: bytes | None = None,
        nonce: bytes | None = None,
    ) -> bytes:
        """Ask for a document."""
        wire.tell_step(_ASKS)
        fields = {"public_key": public_key, "user_data": user_data, "nonce": nonce}
        with wire.connect(self._address) as connection:
            present = {name: value for name, value in fields.items() if value is not None}
            wire.send(connection, {name: wire.text_of(value) for name, value in present.items()})
            document = wire.bytes_of(wire.receive(connection)["document"])
        wire.tell_step(_CALLS)
        return document


def main() -> int:
    """Do one job of the parent instance: `enclave.py MODULE SOCKET`."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    module = Module(sys.argv[1])
    listening, address = wire.listen(Path(sys.argv[2]))
    wire.tell_address(sys.argv[2], address)
    with listening:
        connection, _ = listening.accept()
    connection.settimeout(wire.SECONDS)
    with connection:
        job = wire.receive(connection)
        try:
            answer = {"result": _work(job, module)}
        except StoppedError as stopped:
            wire.tell("stopped", step=str(stopped.step), reason=stopped.reason)
            answer = {"error": stopped.reason}
        except ClientError as error:
            answer = {"error": error.response.get("Error", {}).get("Code", "")}
        wire.send(connection, answer)
    return 0


def _work(job: dict[str, str], module: Module) -> str:
    private_key = _data_key(job, module)
    wire.tell_step(_OPENS_KEY)
    plaintext = _opened(wire.bytes_of(job["envelope"]), private_key)
    wire.tell_step(_OPENS_FILE)
    return result_of(plaintext)


def _data_key(job: dict[str, str], module: Module) -> bytes:
    """Have the KMS decrypt the private key of the data key pair, for this enclave alone."""
    trusted = json.loads((_IMAGE / "trusted.json").read_text(encoding="utf-8"))
    kms = attested(_client(job), module, nonce=lambda: wire.bytes_of(job["nonce"]))
    try:
        answer = kms.decrypt(
            KeyId=trusted["key_arn"],
            EncryptionContext=trusted["context"],
            CiphertextBlob=wire.bytes_of(job["wrapped_key"]),
        )
    except SSLError:
        raise StoppedError(_CALLS, "tls.not_the_ca_of_the_image") from None
    except AttestedKmsError as error:
        raise StoppedError(_OPENS_KEY, str(error.reason)) from None
    return answer["Plaintext"]


def _client(job: dict[str, str]) -> "KMSClient":
    """Return a client of the KMS; TLS is from here to the KMS, with the CA of the image."""
    # In an enclave /etc/hosts leads the name of the KMS to this forwarder on loopback.
    loopback = socket.create_server(("127.0.0.1", 0))
    wire.forward(loopback, lambda: wire.connect(job["kms"]))
    return boto3.client(  # pyright: ignore[reportUnknownMemberType] - boto3's stubs type only the services that are installed
        "kms",
        endpoint_url=f"https://localhost:{loopback.getsockname()[1]}",
        region_name="us-east-1",
        verify=str(_IMAGE / "ca.pem"),
        aws_access_key_id=job["access_key_id"],
        aws_secret_access_key=job["secret_access_key"],
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=20),
    )


def _opened(envelope: bytes, private_key: bytes) -> bytes:
    """Open a CMS envelope with OpenSSL; file, key and plaintext stay in pipes."""
    key = load_der_private_key(private_key, password=None)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(pem)  # shorter than a pipe is long
    command = [
        cast("str", shutil.which("openssl")), "cms", "-decrypt", "-binary", "-inform", "DER",
        "-inkey", f"/dev/fd/{reading}",
    ]  # fmt: skip
    with os.fdopen(reading):
        done = subprocess.run(  # noqa: S603 - fixed arguments
            command, input=envelope, capture_output=True, pass_fds=[reading], check=False
        )
    # OpenSSL has written the plaintext before it looks at the tag: the exit code decides.
    if done.returncode != 0:
        raise StoppedError(_OPENS_FILE, "envelope.changed")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
