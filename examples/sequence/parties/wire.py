"""Messages between the parties, over AF_VSOCK where it can be had and over AF_UNIX elsewhere.

A message is a JSON object of texts, with its length in front. Nothing else knows the family of the
socket, so this file is all that differs between an EC2 instance and a machine without enclaves.
"""

import base64
import json
import os
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, cast

SECONDS: Final = 60.0  # a party waits for others no longer
_LENGTH_BYTES: Final = 4
_MAX_MESSAGE: Final = 1 << 20
_CHUNK: Final = 65_536
_LOOPBACK_CID: Final = 1  # VMADDR_CID_LOCAL; an enclave's parent is 3
_ANY_PORT: Final = 0xFFFF_FFFF  # VMADDR_PORT_ANY


class MessageError(Exception):
    """Something else than a message was received."""


def has_vsock() -> bool:
    """Return whether this machine can connect to itself by vsock; binding to any CID always can."""
    if not hasattr(socket, "AF_VSOCK"):
        return False
    try:
        with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as probe:
            probe.bind((_LOOPBACK_CID, _ANY_PORT))
    except OSError:
        return False
    return True


def listen(path: Path) -> tuple[socket.socket, str]:
    """Return a listening socket and its address: a vsock port, or else a socket at `path`."""
    if has_vsock():
        listening = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
        listening.bind((_LOOPBACK_CID, _ANY_PORT))
        address = f"vsock:{listening.getsockname()[1]}"
    else:
        listening, address = listen_unix(path)
    listening.listen()
    listening.settimeout(SECONDS)
    return listening, address


def listen_unix(path: Path) -> tuple[socket.socket, str]:
    """Return a listening socket at `path`, as a device such as /dev/nsm has one place."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(str(path))
    listening.listen()
    return listening, f"unix:{path}"


def connect(address: str) -> socket.socket:
    """Connect to an address of `listen`."""
    family, place = address.split(":", 1)
    if family == "vsock":
        connection = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
        target: object = (_LOOPBACK_CID, int(place))
    else:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        target = place
    connection.settimeout(SECONDS)
    connection.connect(cast("str", target))
    return connection


def send(connection: socket.socket, message: Mapping[str, str]) -> None:
    """Send one message."""
    data = json.dumps(dict(message)).encode()
    connection.sendall(len(data).to_bytes(_LENGTH_BYTES, "big") + data)


def receive(connection: socket.socket) -> dict[str, str]:
    """Receive one message, of at most a megabyte.

    Raises:
        MessageError: It is longer, or no object of texts.
        EOFError: The other side ended the connection.

    """
    length = int.from_bytes(_exactly(connection, _LENGTH_BYTES), "big")
    if length > _MAX_MESSAGE:
        raise MessageError("expected a message of at most a megabyte")
    return read_message(_exactly(connection, length))


def read_message(data: bytes | str) -> dict[str, str]:
    """Return a JSON object of texts.

    Raises:
        MessageError: It is something else.

    """
    try:
        found: object = json.loads(data)
    except ValueError:
        raise MessageError("expected JSON") from None
    if not isinstance(found, dict):
        raise MessageError("expected a JSON object")
    message = cast("dict[str, object]", found)
    if not all(isinstance(value, str) for value in message.values()):
        raise MessageError("expected an object of texts")
    return cast("dict[str, str]", message)


def text_of(data: bytes) -> str:
    """Return bytes in base64, as a message carries them."""
    return base64.b64encode(data).decode("ascii")


def bytes_of(text: str) -> bytes:
    """Return the bytes of a base64 text."""
    return base64.b64decode(text, validate=True)


def forward(listening: socket.socket, target: Callable[[], socket.socket]) -> None:
    """Connect everybody who connects to `listening` with `target`, from a thread, byte by byte."""

    def accept() -> None:
        with suppress(OSError):  # the process ends, and closes the socket
            while True:
                near, _ = listening.accept()
                far = target()
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=_pump, args=(source, sink), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def tell(event: str, **facts: str) -> None:
    """Tell the stage what happens; one write, so that lines of several processes don't mix."""
    line = json.dumps({"event": event, **facts}) + "\n"
    os.write(int(os.environ["SEQUENCE_EVENTS"]), line.encode())


def tell_address(name: str, address: str) -> None:
    """Tell the stage where a party can be reached, now that it can."""
    tell("listens", name=name, address=address)


def tell_step(number: int) -> None:
    """Tell the stage that a step of the sequence has been reached."""
    tell("step", number=str(number))


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _exactly(connection: socket.socket, size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        part = connection.recv(min(size, _CHUNK))
        if not part:
            raise EOFError("the other side ended the connection")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
