"""The attestation service: measures what it starts, and signs documents about it.

On EC2 this is the Nitro hypervisor. There is no such hardware here, so a `FakeNitro` signs, under a
root certificate of its own, which the KMS of this example trusts in place of AWS's.
"""

import socket
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate

from nitro_attest.testing import FakeNitro, FakeNsm
from parties import wire
from parties.image import PCR_BYTES, measure

_SIGNS = 8


def main() -> int:
    """Write the root to a file, then give each enclave of a line of standard input a module."""
    fake_nitro = FakeNitro()
    root = load_der_x509_certificate(fake_nitro.trust_anchor.certificate)
    Path(sys.argv[1]).write_bytes(root.public_bytes(Encoding.PEM))
    wire.tell("attestation service runs")
    for line in sys.stdin:
        enclave = wire.read_message(line)
        listening, address = wire.listen_unix(Path(enclave["socket"]))
        module = _module(fake_nitro, enclave)
        threading.Thread(target=_serve, args=(listening, module), daemon=True).start()
        wire.tell_address(enclave["socket"], address)
    return 0


def _module(fake_nitro: FakeNitro, enclave: dict[str, str]) -> FakeNsm:
    """Return the module of one enclave, with the PCRs of its image, or of debug mode."""
    pcrs = measure(Path(enclave["image"]))
    if enclave["mode"] == "debug":
        pcrs = dict.fromkeys(pcrs, bytes(PCR_BYTES))
    late = timedelta(minutes=int(enclave["minutes_late"]))
    return FakeNsm(fake_nitro, pcrs=pcrs, clock=lambda: datetime.now(UTC) - late)


def _serve(listening: socket.socket, module: FakeNsm) -> None:
    """Answer one request after the other."""
    while True:
        connection, _ = listening.accept()
        with connection:
            fields = {k: wire.bytes_of(v) for k, v in wire.receive(connection).items()}
            document = module.attestation_document(
                public_key=fields.get("public_key"),
                user_data=fields.get("user_data"),
                nonce=fields.get("nonce"),
            )
            wire.tell_step(_SIGNS)
            wire.send(connection, {"document": wire.text_of(document)})


if __name__ == "__main__":
    sys.exit(main())
