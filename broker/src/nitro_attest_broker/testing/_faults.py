"""Faults that a test can order, on the way to the broker, which knows nothing of them."""

import base64
import json
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, assert_never, final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from nitro_attest.recipient import encrypt
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nitro_attest_broker._service import CONTENT_TYPE

_REQUEST_ID: Final = b"00000000-0000-4000-8000-000000000000"


@final
@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request as it came over the wire: the operation, and the members as JSON has them."""

    operation: str
    members: dict[str, Any]


@final
@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with an error and do nothing."""

    code: str
    message: str


@final
@dataclass(frozen=True, slots=True)
class Change:
    """Let the broker answer, and change the answer on its way."""

    change: Callable[[dict[str, Any]], dict[str, Any]]


@final
@dataclass(frozen=True, slots=True)
class Around:
    """Do something before and after the broker answers."""

    before: Callable[[], None]
    after: Callable[[], None]


@final
class FaultyNetwork:
    """An ASGI application around another one; each fault is for one request, in their order."""

    def __init__(self, app: ASGIApp) -> None:
        """Begin without faults."""
        self._app: Final = app
        self.faults: Final[deque[Refuse | Change | Around]] = deque()
        self.seen: Final[list[SeenRequest]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or not."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        self.seen.append(_seen(scope, body))
        fault = self.faults.popleft() if self.faults else None
        match fault:
            case Refuse(code, message):
                await _answer(send, 400, {"__type": code, "message": message})
            case Change(change):
                await self._changed(scope, body, send, change)
            case Around(before, after):
                before()
                try:
                    await self._app(scope, _replay(body), send)
                finally:
                    after()
            case None:
                await self._app(scope, _replay(body), send)
            case _:
                assert_never(fault)

    async def _changed(
        self,
        scope: Scope,
        body: bytes,
        send: Send,
        change: Callable[[dict[str, Any]], dict[str, Any]],
    ) -> None:
        parts: list[Message] = []

        async def keep(message: Message) -> None:
            parts.append(message)

        await self._app(scope, _replay(body), keep)
        status = parts[0]["status"]
        answer = json.loads(b"".join(part.get("body", b"") for part in parts) or b"{}")
        await _answer(send, status, change(answer) if status == 200 else answer)  # noqa: PLR2004 - OK


def with_wrong_key(answer: dict[str, Any]) -> dict[str, Any]:
    """Replace the envelope by one that the attested key does not open."""
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    envelope = encrypt(
        b"substituted", other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    return {**answer, "CiphertextForRecipient": base64.b64encode(envelope).decode()}


def with_plaintext(answer: dict[str, Any]) -> dict[str, Any]:
    """Answer as a KMS that ignores Recipient: with a Plaintext, without an envelope."""
    rest = {name: value for name, value in answer.items() if name != "CiphertextForRecipient"}
    return {**rest, "Plaintext": base64.b64encode(b"substituted").decode()}


async def _read(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes) -> Receive:
    messages = deque[Message]([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Message:
        return messages.popleft() if messages else {"type": "http.disconnect"}

    return receive


def _seen(scope: Scope, body: bytes) -> SeenRequest:
    target = dict(scope["headers"]).get(b"x-amz-target", b"").decode("latin-1")
    members: dict[str, Any] = {}
    with suppress(ValueError):
        members = json.loads(body)
    return SeenRequest(target.removeprefix("TrentService."), members)


async def _answer(send: Send, status: int, answer: dict[str, Any]) -> None:
    body = json.dumps(answer).encode()
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", CONTENT_TYPE.encode()),
                (b"content-length", str(len(body)).encode()),
                (b"x-amzn-requestid", _REQUEST_ID),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
