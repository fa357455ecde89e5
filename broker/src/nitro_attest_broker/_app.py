"""The broker as an ASGI application: bounds on what comes in, and threads for the work.

Verification and encryption take milliseconds each and would hold up the event loop, so every call
is answered in a thread; how many at once, and how many may wait, is bounded.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, final
from uuid import uuid4

import anyio
from nitro_attest import NitroAttestError
from nitro_attest.reference_values.kms import Transport
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from nitro_attest_broker._errors import Code, KmsError
from nitro_attest_broker._head_file import HeadFileError
from nitro_attest_broker._json import MAX_BODY_BYTES, write_object
from nitro_attest_broker._log import log_event
from nitro_attest_broker._records import TamperedError
from nitro_attest_broker._service import CONTENT_TYPE, Answer, Service, too_large
from nitro_attest_broker._sigv4 import Received
from nitro_attest_broker._store import StoreUnavailableError

THREADS: Final = 8
MAX_WAITING: Final = 256
BODY_SECONDS: Final = 20.0
MINUTE: Final = 60.0


@final
class App:
    """The application; `asgi` is what a server runs."""

    def __init__(
        self,
        service: Service,
        *,
        transport: Transport | None = None,
        maintenance: Callable[[], None] = lambda: None,
    ) -> None:
        """Take the service; `transport` says how requests come in if the scheme does not."""
        self._service: Final = service
        self._transport: Final = transport
        self._maintenance: Final = maintenance
        self._threads: Final = anyio.Semaphore(THREADS, fast_acquire=True)
        self._inside = 0
        self.asgi: Final = Starlette(
            routes=[
                Route("/healthz", self._healthy, methods=["GET"]),
                Route("/readyz", self._ready, methods=["GET"]),
                Route("/nonce", self._nonce, methods=["GET"]),
                Route("/{path:path}", self._call, methods=["GET", "POST", "PUT", "DELETE"]),
            ],
            lifespan=self.lifespan,
        )

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncGenerator[None]:
        task = asyncio.create_task(self._every_minute())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await anyio.to_thread.run_sync(self.tidy)

    async def _every_minute(self) -> None:
        while True:
            await asyncio.sleep(MINUTE)
            await anyio.to_thread.run_sync(self.tidy)

    def tidy(self) -> None:
        """Write what was counted since the last time, and do what has fallen due."""
        try:
            self._service.write_unsigned()
            self._maintenance()
        except (StoreUnavailableError, TamperedError, HeadFileError) as exc:
            log_event("maintenance_failed", error=type(exc).__name__)

    async def _call(self, request: Request) -> Response:
        started = time.perf_counter()
        try:
            with anyio.fail_after(BODY_SECONDS):
                body = await _read_body(request)
        except (TimeoutError, ClientDisconnect):
            error = KmsError(
                Code.VALIDATION, "The request body did not arrive.", reason="request.incomplete"
            )
            return self._counted(request, error)
        if body is None:
            return self._counted(request, too_large())
        # Only whole requests wait for a thread, so nobody keeps others out with half of one.
        if self._inside >= MAX_WAITING:
            return self._counted(
                request, KmsError(Code.THROTTLING, "Rate exceeded", reason="broker.busy")
            )
        self._inside += 1
        try:
            return await self._answered(self._received(request, body), started)
        finally:
            self._inside -= 1

    def _counted(self, request: Request, error: KmsError) -> Response:
        self._service.unsigned.count(_address(request), error.reason)
        return _respond(_error_answer(error))

    async def _answered(self, received: Received, started: float) -> Response:
        async with self._threads:
            answer = await anyio.to_thread.run_sync(self._service.answer, received)
        log_event(
            "call",
            request_id=answer.request_id,
            operation=answer.operation,
            status=answer.status,
            code=answer.code,
            address=received.address,
            milliseconds=round((time.perf_counter() - started) * 1000, 1),
        )
        return _respond(answer)

    def _received(self, request: Request, body: bytes) -> Received:
        secure = Transport.TLS if request.url.scheme == "https" else Transport.PLAIN
        return Received(
            method=request.method,
            path=request.scope.get("raw_path", b"").decode("latin-1") or request.url.path,
            query=request.scope["query_string"].decode("latin-1"),
            headers=tuple(
                (name.decode("latin-1").lower(), value.decode("latin-1"))
                for name, value in request.headers.raw
            ),
            body=body,
            address=_address(request),
            transport=self._transport or secure,
        )

    async def _healthy(self, _: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def _ready(self, _: Request) -> Response:
        try:
            await anyio.to_thread.run_sync(self._service.broker.ledger.check)
        except (StoreUnavailableError, TamperedError) as exc:
            log_event("not_ready", error=type(exc).__name__)
            return PlainTextResponse("not ready\n", status_code=503)
        return PlainTextResponse("ready\n")

    async def _nonce(self, _: Request) -> Response:
        try:
            nonce = await anyio.to_thread.run_sync(self._service.broker.nonces.issue)
        except NitroAttestError as exc:
            log_event("no_nonce", error=type(exc).__name__)
            return PlainTextResponse("no nonce\n", status_code=503)
        return JSONResponse({"nonce": nonce.hex()}, headers={"cache-control": "no-store"})


async def _read_body(request: Request) -> bytes | None:
    """Return the body, or None as soon as it is over the limit."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else "(unknown)"


def _error_answer(error: KmsError) -> Answer:
    body = write_object(error.body()).encode()
    return Answer(error.code.status, body, str(uuid4()), code=error.code.value)


def _respond(answer: Answer) -> Response:
    headers = {
        "content-type": CONTENT_TYPE,
        "x-amzn-requestid": answer.request_id,
        "cache-control": "no-cache, no-store, must-revalidate, private",
    }
    if answer.retry_after is not None:
        headers["x-amz-retry-after"] = str(answer.retry_after)
    return Response(answer.body, status_code=answer.status, headers=headers)
