"""The parent instance: carries bytes between the storage, the KMS and the enclave.

It holds the enclave's access key and sees all that passes, so it is the adversary as well: with
`interpose` it answers in place of the KMS.
"""

import http.client
import json
import socket
import ssl
import sys
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from parties import wire
from parties.storage import open_storage

_FETCHES: Final = 4
_NONCE: Final = 5
_PASSES: Final = 6
_RESULT: Final = 14
_HTTP_OK: Final = 200


def main() -> int:
    """Have the enclave work on one file, as the object on standard input says."""
    settings = wire.read_message(sys.stdin.readline())
    storage = open_storage(settings["storage"])
    envelope, wrapped = (storage.get(f"{settings['name']}.{kind}") for kind in ("cms", "key"))
    wire.tell_step(_FETCHES)
    nonce = settings["used_nonce"] or _fetch_nonce(settings)
    wire.tell("nonce", nonce=nonce)
    wire.tell_step(_NONCE)
    listening, address = wire.listen(Path(settings["socket"]))
    target = _target(settings)
    wire.forward(listening, lambda: socket.create_connection(target, timeout=wire.SECONDS))
    with wire.connect(settings["enclave"]) as enclave:
        wire.tell_step(_PASSES)
        wire.send(
            enclave,
            {
                "envelope": wire.text_of(envelope),
                "wrapped_key": wire.text_of(wrapped),
                "nonce": wire.text_of(bytes.fromhex(nonce)),
                "kms": address,
                "access_key_id": settings["access_key_id"],
                "secret_access_key": settings["secret_access_key"],
            },
        )
        answer = wire.receive(enclave)
    if "result" in answer:
        wire.tell_step(_RESULT)
    wire.tell("the enclave has answered", **answer)
    return 0


def _fetch_nonce(settings: dict[str, str]) -> str:
    """Return a nonce of the KMS, in hex."""
    url = urlsplit(settings["url"])
    trusted = ssl.create_default_context(cafile=settings["ca"])
    kms = http.client.HTTPSConnection(
        str(url.hostname), url.port, context=trusted, timeout=wire.SECONDS
    )
    try:
        kms.request("GET", "/nonce")
        response = kms.getresponse()
        if response.status != _HTTP_OK:
            raise ConnectionError("the KMS gave no nonce")
        nonce: str = json.loads(response.read())["nonce"]
    finally:
        kms.close()
    return nonce


def _target(settings: dict[str, str]) -> tuple[str, int]:
    """Return where the enclave's connections go: to the KMS, or to somebody else."""
    if settings["interpose"]:
        from parties.interposer import interpose  # noqa: PLC0415 - the honest parent needs none

        return interpose(settings["interpose"], Path(settings["certificate"]))
    url = urlsplit(settings["url"])
    return str(url.hostname), int(str(url.port))


if __name__ == "__main__":
    sys.exit(main())
