"""Connections on which no request is being answered, bounded in time and in number.

uvicorn waits without end for a request that comes a byte at a time. Here a connection has a few
seconds for the headers of the next request and as many for its body, and if there are too many, the
one whose time is up first makes room.
"""

import asyncio
from typing import ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, with these bounds for each server."""

    seconds: ClassVar[float] = 15.0
    """From the connection, or the answer before, to the end of a request's headers; and from there
    to the end of its body."""

    most_connections: ClassVar[int] = 512

    _deadline: asyncio.TimerHandle | None = None
    _waits_for: object = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take a connection, and drop one if that is one too many."""
        super().connection_made(transport)
        self._bound()
        taken: list[BoundedProtocol] = [
            other
            for other in self.connections
            if isinstance(other, BoundedProtocol) and not other.transport.is_closing()
        ]
        if len(taken) > self.most_connections:
            waiting = [other for other in taken if other.waits_until and other is not self]
            longest = min(waiting, key=lambda other: other.waits_until, default=self)
            longest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self._unbound()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; the deadline stays where it is until they complete headers or body."""
        super().data_received(data)
        self._bound()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        super().on_response_complete()
        self._bound()

    @property
    def waits_until(self) -> float:
        """The deadline for more of a request, by the loop's clock; 0.0 while one is answered."""
        return 0.0 if self._deadline is None else self._deadline.when()

    def _bound(self) -> None:
        # uvicorn makes a cycle at the last byte of a request's headers; before that it is None.
        arriving = getattr(self.cycle, "more_body", False)
        if getattr(self.cycle, "response_complete", True):
            waits_for: object = self
        elif arriving:
            waits_for = self.cycle
        else:
            waits_for = None
        if waits_for is not self._waits_for:
            self._unbound()
            self._waits_for = waits_for
            if waits_for is not None and not self.transport.is_closing():
                self._deadline = self.loop.call_later(self.seconds, self.transport.abort)

    def _unbound(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
