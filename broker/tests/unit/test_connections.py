"""Connections that send no request, or only a part of one, on real sockets."""

import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from itertools import repeat
from typing import Final

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from nitro_attest_broker._connections import BoundedProtocol

SHORT: Final = 0.05  # s
LONG: Final = 3600.0
COMPLETE: Final = b"GET / HTTP/1.1\r\nhost: broker\r\n\r\n"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a GET at once, a POST when its body is there."""
    assert scope["type"] == "http"
    while scope["method"] == "POST":
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        if not message["more_body"]:
            break
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


@contextmanager
def serving(*, seconds: float, most: int = 512) -> Generator[Callable[[], socket.socket]]:
    """Serve with other bounds; the value connects."""

    class Protocol(BoundedProtocol):
        most_connections = most

    Protocol.seconds = seconds

    config = uvicorn.Config(
        app, http=Protocol, ws="none", lifespan="off", log_config=None, timeout_keep_alive=3600
    )
    server = uvicorn.Server(config)
    made: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()

        def connect() -> socket.socket:
            made.append(socket.create_connection(listening.getsockname(), timeout=60))
            return made[-1]

        try:
            yield connect
        finally:
            for connection in made:
                connection.close()
            server.should_exit = True
            thread.join()


def is_dropped(connection: socket.socket) -> bool:
    """Wait until the server says something, and return whether it is that it has gone."""
    try:
        return connection.recv(65_536) == b""
    except ConnectionError:
        return True


def is_answered(connection: socket.socket) -> bool:
    """Send a whole request, and return whether it is answered."""
    connection.sendall(COMPLETE)
    received = b""
    while not received.endswith(b"ok"):
        part = connection.recv(65_536)
        if not part:
            return False
        received += part
    return received.startswith(b"HTTP/1.1 200 ")


def drip(connection: socket.socket, first: bytes, then: bytes) -> None:
    """Send a byte at a time until the server has gone."""
    connection.sendall(first)
    with suppress(ConnectionError):
        for byte in repeat(then):
            connection.sendall(byte)


def test_drops_a_connection_that_sends_nothing() -> None:
    with serving(seconds=SHORT) as connect:
        assert is_dropped(connect())


@pytest.mark.parametrize("part", [COMPLETE[:1], COMPLETE[:20], COMPLETE[:-1]])
def test_drops_a_connection_that_sends_a_part_of_the_headers(part: bytes) -> None:
    with serving(seconds=SHORT) as connect:
        connection = connect()
        connection.sendall(part)
        assert is_dropped(connection)


def test_drops_a_connection_whose_headers_never_end() -> None:
    with serving(seconds=SHORT) as connect:
        drip(connect(), b"GET / HTTP/1.1\r\na: ", b"a")


def test_drops_a_connection_whose_second_request_never_ends() -> None:
    with serving(seconds=SHORT) as connect:
        connection = connect()
        assert is_answered(connection)
        drip(connection, b"GET / HTTP/1.1\r\na: ", b"a")


def test_drops_a_connection_whose_body_never_ends_after_the_answer() -> None:
    with serving(seconds=SHORT) as connect:
        drip(connect(), b"GET / HTTP/1.1\r\nhost: b\r\ncontent-length: 1000000000\r\n\r\n", b"a")


def test_drops_a_connection_whose_body_never_ends() -> None:
    with serving(seconds=SHORT) as connect:
        drip(connect(), b"POST / HTTP/1.1\r\nhost: b\r\ncontent-length: 1000000000\r\n\r\n", b"a")


def test_a_body_that_comes_in_parts_is_waited_for() -> None:
    with serving(seconds=LONG, most=2) as connect:
        first, second = connect(), connect()
        first.sendall(b"POST / HTTP/1.1\r\nhost: b\r\ncontent-length: 3\r\n\r\n")
        assert is_answered(second)
        first.sendall(b"ab")
        assert is_answered(second)
        first.sendall(b"c")
        assert first.recv(65_536).startswith(b"HTTP/1.1 200 ")


def test_a_body_on_its_way_makes_room() -> None:
    with serving(seconds=LONG, most=1) as connect:
        first = connect()
        first.sendall(b"POST / HTTP/1.1\r\nhost: b\r\ncontent-length: 3\r\n\r\na")
        second = connect()
        assert is_dropped(first)
        assert is_answered(second)


def test_answers_one_request_after_another_on_a_connection() -> None:
    with serving(seconds=LONG) as connect:
        connection = connect()
        assert all(is_answered(connection) for _ in range(3))


def test_answers_requests_that_come_together() -> None:
    with serving(seconds=LONG) as connect:
        connection = connect()
        connection.sendall(COMPLETE * 3)
        received = b""
        while received.count(b"ok") < 3:
            received += connection.recv(65_536)


def test_the_connection_that_has_waited_longest_makes_room() -> None:
    with serving(seconds=LONG, most=3) as connect:
        first = connect()
        assert is_answered(first)
        waiting = [connect() for _ in range(2)]
        last = connect()
        assert is_dropped(first)
        assert is_answered(last)
        assert is_answered(waiting[-1])
        assert is_answered(connect())
        assert is_dropped(waiting[0])


def test_a_connection_too_many_is_dropped_if_no_other_waits() -> None:
    with serving(seconds=LONG, most=0) as connect:
        assert is_dropped(connect())
