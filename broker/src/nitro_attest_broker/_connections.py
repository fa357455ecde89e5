"""Connections on which no request is being answered, bounded in time and in number.

uvicorn waits without end for the headers of a request, and for the rest of a body that nobody
reads, as long as a byte comes now and then. Here a connection without a request has a few seconds
for the next one, and if there are too many, the one that has waited longest makes room.
"""

import asyncio
from typing import ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, with these bounds for each server."""

    header_seconds: ClassVar[float] = 15.0
    """From the connection, or the answer before, to the last byte of a request's headers."""

    most_connections: ClassVar[int] = 512

    _deadline: asyncio.TimerHandle | None = None

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
        """Take bytes; the deadline stays where it is until they complete the headers."""
        super().data_received(data)
        self._bound()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        super().on_response_complete()
        self._bound()

    @property
    def waits_until(self) -> float:
        """The deadline for the next request, by the loop's clock; 0.0 while one is answered."""
        return 0.0 if self._deadline is None else self._deadline.when()

    def _bound(self) -> None:
        # uvicorn makes a cycle at the last byte of a request's headers; before that it is None.
        if not getattr(self.cycle, "response_complete", True):
            self._unbound()
        elif self._deadline is None and not self.transport.is_closing():
            self._deadline = self.loop.call_later(self.header_seconds, self.transport.abort)

    def _unbound(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
