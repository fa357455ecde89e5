"""Serve a broker over HTTP or TLS with uvicorn."""

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import uvicorn
from nitro_attest.reference_values.kms import Transport

from nitro_attest_broker._app import App
from nitro_attest_broker._call import Broker
from nitro_attest_broker._connections import BoundedProtocol
from nitro_attest_broker._maintenance import maintain
from nitro_attest_broker._service import Service

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8200
_MAX_HEADER_BYTES: Final = 32_768
_SHUTDOWN_SECONDS: Final = 10


class ListenError(Exception):
    """The broker may not or cannot listen as it was told to."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Where to listen, and how the way to the caller is protected."""

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    certificate: Path | None = None
    private_key: Path | None = None
    behind_tls_proxy: bool = False

    def __post_init__(self) -> None:
        """Refuse plain HTTP to anybody but this machine."""
        if (self.certificate is None) != (self.private_key is None):
            raise ListenError("--certificate and --key belong together")
        if self.certificate is not None and self.behind_tls_proxy:
            raise ListenError("--behind-tls-proxy and --certificate exclude each other")
        if self.certificate is None and not self.behind_tls_proxy and not self.loopback:
            raise ListenError(
                f"{self.host} is not a loopback address: give --certificate and --key, or "
                "--behind-tls-proxy if something before the broker ends TLS"
            )

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect; a name counts as not."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def transport(self) -> Transport | None:
        """How requests come in, if the scheme of the connection does not say it."""
        return Transport.TLS if self.behind_tls_proxy else None

    @property
    def scheme(self) -> str:
        """The scheme of the broker's own URL."""
        return "http" if self.certificate is None else "https"


def serve(broker: Broker, listening: Listening, *, started: Callable[[str], None]) -> None:
    """Answer requests until the process is told to stop; `started` gets the URL first.

    Raises:
        ListenError: The address cannot be bound, or the certificate not be read.

    """
    app = App(
        Service(broker),
        transport=listening.transport,
        maintenance=lambda: _maintained(broker),
    )
    config = uvicorn.Config(
        app.asgi,
        http=BoundedProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # whoever can connect could write them
        h11_max_incomplete_event_size=_MAX_HEADER_BYTES,
        timeout_keep_alive=int(BoundedProtocol.seconds),
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        ssl_certfile=None if listening.certificate is None else str(listening.certificate),
        ssl_keyfile=None if listening.private_key is None else str(listening.private_key),
    )
    try:
        config.load()
    except OSError as exc:  # ssl.SSLError is one
        raise ListenError(
            f"the certificate or its key: {exc.strerror or type(exc).__name__}"
        ) from None
    try:
        family = socket.AF_INET6 if ":" in listening.host else socket.AF_INET
        bound = socket.create_server((listening.host, listening.port), family=family, backlog=512)
    except OSError as exc:
        raise ListenError(f"{listening.host}:{listening.port}: {exc.strerror}") from None
    with bound:
        host = f"[{listening.host}]" if ":" in listening.host else listening.host
        started(f"{listening.scheme}://{host}:{bound.getsockname()[1]}")
        uvicorn.Server(config).run(sockets=[bound])


def _maintained(broker: Broker) -> None:
    maintain(broker)
