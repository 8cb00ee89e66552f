"""The port of the HTTP door: uvicorn, without its own signals and logs, and with a certificate that can change."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import ceil
from typing import Any

import uvicorn

from dashboard_catalog.calls.certificates import Certificate
from dashboard_catalog.http.edge.connections import MAX_CONNECTIONS, Connection
from dashboard_catalog.settings import Address

MAX_HEADER_BYTES = 64 * 2**10
HANDSHAKE_SECONDS = 10.0
IDLE_SECONDS = 60

_BACKLOG = 2048


class Port:
    """An address on which an application is served.

    Args:
        application: An application of ASGI.
        listener: A socket that listens there, from `bound`.
        certificate: For TLS; None for none.
        max_connections: How many there may be at most; fewer if the process may not open enough files.
    """

    def __init__(
        self,
        application: Any,
        listener: socket.socket,
        certificate: Certificate | None,
        *,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        config = uvicorn.Config(
            application,
            http=Connection,
            ws="none",
            lifespan="off",
            # The edge logs what becomes of requests. What uvicorn would log, strangers could write any number of times.
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=IDLE_SECONDS,
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        )
        config.load()
        if certificate is not None:
            config.ssl = _context(certificate)
        self._server = _Server(config, max_connections)
        self._listener = listener
        self._serving: asyncio.Task[None] | None = None

    @property
    def connections(self) -> int:
        """Number of open connections."""
        return len(self._server.server_state.connections)

    async def start(self) -> None:
        """Begins to serve."""
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._listener]))
        began = asyncio.create_task(self._server.began.wait())
        await asyncio.wait({self._serving, began}, return_when=asyncio.FIRST_COMPLETED)
        began.cancel()
        if self._serving.done():
            self._serving.result()

    async def stop(self, seconds: float) -> None:
        """Closes the address and the idle connections, then each of the others when its request has ended.

        Args:
            seconds: How long running requests may take. Those that still run afterwards are cancelled.
        """
        self._server.config.timeout_graceful_shutdown = ceil(seconds)
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()


def bound(address: Address, *, shares_address: bool) -> socket.socket:
    """Returns a socket that listens at an address. What connects before a port is started waits.

    Args:
        shares_address: Whether other processes serve the same address.

    Raises:
        OSError: If the address is in use, or not one of this machine.
    """
    family, kind, protocol, _, place = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
    # Only a socket that says that it speaks TCP sends the parts of an answer without delay.
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shares_address:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(place)
        # At once: two sockets can be bound to one address as long as none of them listens, and uvloop reports nothing.
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _context(certificate: Certificate) -> ssl.SSLContext:
    """Returns a context whose handshakes use the certificate as it is then."""
    current = certificate.context()

    def refresh(connection: Any, _name: str | None, _context: ssl.SSLContext) -> None:
        nonlocal current
        if certificate.newer():
            # The files may have changed again. Then the next handshake reads them.
            with suppress(OSError):
                current = certificate.context()
        connection.context = current

    context = certificate.context()
    context.sni_callback = refresh
    return context


class _Server(uvicorn.Server):
    """A server that leaves signals to its process.

    Attributes:
        began: Set when it serves.
    """

    def __init__(self, config: uvicorn.Config, max_connections: int) -> None:
        super().__init__(config)
        self._max_connections = max_connections
        self.began = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to serve."""
        limit = HANDSHAKE_SECONDS if self.config.ssl else None
        loop = asyncio.get_running_loop()
        self.servers = [
            await loop.create_server(
                self._connection,
                sock=listener,
                ssl=self.config.ssl,
                ssl_handshake_timeout=limit,
                backlog=_BACKLOG,
            )
            for listener in sockets or ()
        ]
        self.started = True
        self.began.set()

    def _connection(self) -> Connection:
        return Connection(self.config, self.server_state, self.lifespan.state, max_connections=self._max_connections)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield
