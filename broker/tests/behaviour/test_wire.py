"""Requests as bytes on a connection: what HTTP/1.1 lets a sender write differently."""

import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

import pytest
import uvicorn

from nitro_attest_broker._app import App
from nitro_attest_broker._connections import BoundedProtocol
from nitro_attest_broker._sigv4 import Received
from support.broker_kit import Kit

Headers = list[tuple[str, str]]


@contextmanager
def serving(kit: Kit) -> Generator[Callable[[bytes], list[int]]]:
    """Serve a broker; the value sends bytes and returns the status of each answer."""
    config = uvicorn.Config(
        App(kit.service).asgi, http=BoundedProtocol, ws="none", lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()

        def send(request: bytes) -> list[int]:
            with socket.create_connection(listening.getsockname(), timeout=60) as connection:
                connection.sendall(request)
                received = b""
                while part := connection.recv(65_536):
                    received += part
            return [int(answer[:3]) for answer in received.split(b"HTTP/1.1 ")[1:]]

        try:
            yield send
        finally:
            server.should_exit = True
            thread.join()


def as_bytes(received: Received, *, line: str = "POST / HTTP/1.1", body: str = "") -> bytes:
    """Write a request; its connection ends with it, which nobody signs."""
    headers = [f"{name}: {value}" for name, value in received.headers]
    length = [] if body else [f"content-length: {len(received.body)}"]
    head = "\r\n".join([line, *headers, *length, "connection: close"])
    return f"{head}\r\n{body or chr(13) + chr(10) + received.body.decode()}".encode()


def chunked(*parts: str) -> str:
    """Return the end of a head, and a body in chunks."""
    written = "".join(f"{len(part):x}\r\n{part}\r\n" for part in parts)
    return f"transfer-encoding: chunked\r\n\r\n{written}0\r\n\r\n"


def changed(old: str, new: str) -> Callable[[bytes], bytes]:
    """Return what replaces a text in a request, where it is there once."""

    def change(request: bytes) -> bytes:
        assert request.count(old.encode()) == 1
        return request.replace(old.encode(), new.encode())

    return change


SAME: dict[str, Callable[[Received], bytes]] = {
    "a body with its length": as_bytes,
    "a body in chunks": lambda r: as_bytes(r, body=chunked("{", "}")),
    "names in capitals": lambda r: changed("x-amz-target: ", "X-AMZ-TARGET: ")(as_bytes(r)),
    "an empty query": lambda r: as_bytes(r, line="POST /? HTTP/1.1"),
}
OTHER: dict[str, Callable[[Received], bytes]] = {
    "a chunk more": lambda r: as_bytes(r, body=chunked("{", "}", " ")),
    "a chunk less": lambda r: as_bytes(r, body=chunked("{")),
    "a length and chunks": lambda r: as_bytes(
        r, body=f"content-length: 1\r\n{chunked('{', '}', ' ')}"
    ),
    "two lengths": lambda r: as_bytes(r, body="content-length: 2\r\ncontent-length: 3\r\n\r\n{} "),
    "a header twice": lambda r: changed(
        "x-amz-target: ", "X-Amz-Target: TrentService.CreateKey\r\nx-amz-target: "
    )(as_bytes(r)),
    "a folded header with more in it": lambda r: changed(
        "TrentService.ListKeys", "TrentService.ListKeys\r\n more"
    )(as_bytes(r)),
    "a host of its own": lambda r: changed("host: 127.0.0.1", "host: 127.0.0.2")(as_bytes(r)),
    "a query": lambda r: as_bytes(r, line="POST /?Action=ListKeys HTTP/1.1"),
    "a signature in the query": lambda r: as_bytes(r, line="POST /?X-Amz-Signature=0 HTTP/1.1"),
    "another path": lambda r: as_bytes(r, line="POST // HTTP/1.1"),
    "a path that is escaped": lambda r: as_bytes(r, line="POST /%2e HTTP/1.1"),
    "an absolute URL": lambda r: as_bytes(r, line="POST http://127.0.0.1/ HTTP/1.1"),
    "another method": lambda r: as_bytes(r, line="PUT / HTTP/1.1"),
}


@pytest.mark.parametrize("name", SAME)
def test_answers_what_says_the_same(kit: Kit, name: str) -> None:
    with serving(kit) as send:
        assert send(SAME[name](kit.signed("ListKeys", {}))) == [200]


def test_refuses_what_says_anything_else(kit: Kit) -> None:
    with serving(kit) as send:
        statuses = {name: send(make(kit.signed("ListKeys", {}))) for name, make in OTHER.items()}
    assert statuses.pop("an absolute URL") == [404]  # it is no path at all
    assert {status for answers in statuses.values() for status in answers} == {400}
    assert all(len(answers) == 1 for answers in statuses.values())


def test_a_request_hidden_behind_another_needs_its_own_signature(kit: Kit) -> None:
    first = as_bytes(kit.signed("ListKeys", {})).replace(b"connection: close\r\n", b"")
    hidden = (
        b"POST / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}"
    )
    with serving(kit) as send:
        assert send(first + hidden) == [200, 400]
