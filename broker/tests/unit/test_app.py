"""The application: bounds, health, nonces, what is counted, what falls due."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from nitro_attest.nonces import MemoryNonces, NonceStoreUnavailableError
from nitro_attest.reference_values.kms import Transport

from nitro_attest_broker import _app
from nitro_attest_broker._app import App
from nitro_attest_broker._records import TamperedError
from nitro_attest_broker._sigv4 import Received
from nitro_attest_broker._store import StoreUnavailableError
from nitro_attest_broker._unsigned import MAX_ADDRESSES, OTHERS, UnsignedRequests
from support.broker_kit import Kit, make_kit


def send(app: App, method: str, path: str, **more: Any) -> httpx.Response:
    """Send one request without a network."""

    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(app.asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://broker") as client:
            return await client.request(method, path, **more)

    return asyncio.run(go())


def forward(app: App, received: Received) -> httpx.Response:
    """Send a signed request."""
    return send(
        app, received.method, received.path, content=received.body, headers=list(received.headers)
    )


def test_answers_a_signed_call(kit: Kit) -> None:
    response = forward(App(kit.service), kit.signed("ListKeys", {}))
    assert (response.status_code, response.json()["Keys"]) == (200, [])
    assert response.headers["content-type"] == "application/x-amz-json-1.1"
    assert response.headers["cache-control"].startswith("no-cache")
    assert len(response.headers["x-amzn-requestid"]) == 36


def test_answers_nothing_with_an_empty_body(kit: Kit) -> None:
    arn = kit.create_key()
    response = forward(App(kit.service), kit.signed("DisableKey", {"KeyId": arn}))
    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("POST", "/x"), ("PUT", "/")])
def test_anything_else_is_refused(kit: Kit, method: str, path: str) -> None:
    response = send(App(kit.service), method, path)
    assert (response.status_code, response.json()["__type"]) == (
        400,
        "IncompleteSignatureException",
    )


def test_stops_reading_a_body_at_the_limit(kit: Kit) -> None:
    response = send(App(kit.service), "POST", "/", content=b"x" * 409_601)
    assert response.status_code == 413
    kit.service.write_unsigned()
    assert kit.audit()[-1]["reasons"] == {"request.too_large": 1}


def test_gives_up_on_a_body_that_does_not_arrive(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_app, "BODY_SECONDS", 0.01)

    async def receive() -> Any:
        await anyio.sleep_forever()

    messages: list[Any] = []

    async def collect(message: Any) -> None:
        messages.append(message)

    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [],
        "client": None,
        "scheme": "http",
        "server": ("broker", 80),
    }
    asyncio.run(App(kit.service).asgi(scope, receive, collect))
    assert messages[0]["status"] == 400


def test_refuses_to_let_too_many_wait(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_app, "MAX_WAITING", 0)
    response = forward(App(kit.service), kit.signed("ListKeys", {}))
    assert response.json()["__type"] == "ThrottlingException"
    kit.service.write_unsigned()
    assert kit.audit()[-1]["reasons"] == {"broker.busy": 1}


def test_half_a_request_keeps_nobody_out(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_app, "MAX_WAITING", 1)
    app = App(kit.service)
    received = kit.signed("ListKeys", {})

    async def half() -> AsyncGenerator[bytes]:
        yield b"{"
        await anyio.sleep_forever()

    async def go() -> int:
        transport = httpx.ASGITransport(app.asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://broker") as client:
            waiting = asyncio.create_task(client.post("/", content=half()))
            await asyncio.sleep(0)
            response = await client.post("/", content=b"{}", headers=list(received.headers))
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            return response.status_code

    assert asyncio.run(go()) == 200


def test_says_how_a_client_gets_past_a_second(kit: Kit) -> None:
    received = kit.signed("CreateKey", {})
    app = App(kit.service)
    assert forward(app, received).status_code == 200
    assert forward(app, received).headers["x-amz-retry-after"] == "1001"


def test_takes_the_transport_that_the_proxy_has(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Received] = []
    answer = kit.service.answer

    def look(received: Received) -> Any:
        seen.append(received)
        return answer(received)

    monkeypatch.setattr(kit.service, "answer", look)
    forward(App(kit.service), kit.signed("ListKeys", {}))
    forward(App(kit.service, transport=Transport.TLS), kit.signed("ListKeys", {}))
    assert [received.transport for received in seen] == [Transport.PLAIN, Transport.TLS]


def test_is_healthy_and_ready(kit: Kit) -> None:
    app = App(kit.service)
    assert send(app, "GET", "/healthz").text == "ok\n"
    assert send(app, "GET", "/readyz").text == "ready\n"


@pytest.mark.parametrize("error", [StoreUnavailableError("x"), TamperedError("x")])
def test_is_not_ready_without_its_database(
    kit: Kit, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(kit.broker.ledger, "check", fail)
    assert send(App(kit.service), "GET", "/readyz").status_code == 503


def test_issues_nonces(kit: Kit) -> None:
    response = send(App(kit.service), "GET", "/nonce")
    kit.broker.nonces.redeem(bytes.fromhex(response.json()["nonce"]))
    assert response.headers["cache-control"] == "no-store"


def test_issues_no_nonce_from_a_full_store(tmp_path: Path) -> None:
    kit = make_kit(tmp_path, nonces=MemoryNonces(ttl=timedelta(minutes=5), max_outstanding=1))
    app = App(kit.service)
    assert send(app, "GET", "/nonce").status_code == 200
    assert send(app, "GET", "/nonce").status_code == 503
    with pytest.raises(NonceStoreUnavailableError):
        kit.broker.nonces.issue()
    kit.store.close()


def lifespan(app: App, seconds: float) -> None:
    """Run the application's life for a moment."""

    async def go() -> None:
        async with app.lifespan(app.asgi):
            await asyncio.sleep(seconds)

    asyncio.run(go())


def test_tidies_every_minute_and_at_the_end(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_app, "MINUTE", 0.0)
    calls: list[int] = []
    app = App(kit.service, maintenance=lambda: calls.append(1))
    send(app, "GET", "/")
    lifespan(app, 0.05)
    assert len(calls) >= 2
    assert kit.audit()[-1]["event"] == "unsigned"


def test_keeps_counts_that_cannot_be_written(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    app = App(kit.service)
    send(app, "GET", "/")
    with monkeypatch.context() as patch:

        def fail(*_: object, **__: object) -> None:
            raise StoreUnavailableError("x")

        patch.setattr(kit.broker.ledger, "commit", fail)
        app.tidy()
    app.tidy()
    assert kit.audit()[-1]["reasons"] == {"signature.request_line": 1}


def test_counts_a_bounded_number_of_addresses() -> None:
    counted = UnsignedRequests()
    for number in range(MAX_ADDRESSES + 5):
        counted.count(str(number), "r")
    counts = counted.take()
    assert (len(counts), counts[OTHERS]) == (MAX_ADDRESSES + 1, {"r": 5})
    for number in range(MAX_ADDRESSES):
        counted.count(f"new {number}", "r")
    counted.put_back({"0": {"r": 2}, "new 0": {"r": 1}})
    assert counted.take()[OTHERS] == {"r": 2}
