"""The port of the HTTP door: uvicorn, with limits for clients that are slow, idle or many."""

import asyncio
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import inf
from typing import Any

import h11
import structlog
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from dashboard_catalog.calls.certificates import Certificate
from dashboard_catalog.settings import Address

MAX_HEADER_BYTES = 64 * 2**10
MAX_CONNECTIONS = 2_000
HEADER_SECONDS = 10.0
IDLE_SECONDS = 60

_log = structlog.get_logger("dashboard_catalog.http")


class Port:
    """An address on which an application is served.

    Args:
        application: An application of ASGI.
        listener: A socket that is bound to the address.
        certificate: For TLS; None for none.
    """

    def __init__(self, application: Any, listener: socket.socket, certificate: Certificate | None) -> None:
        config = uvicorn.Config(
            application,
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        )
        config.load()
        if certificate is not None:
            config.ssl = _context(certificate)
        self._server = _Server(config)
        self._listener = listener
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to serve."""
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._listener]))
        began = asyncio.create_task(self._server.began.wait())
        await asyncio.wait({self._serving, began}, return_when=asyncio.FIRST_COMPLETED)
        began.cancel()

    async def stop(self) -> None:
        """Closes the address and its connections. A request that still runs after a second is cancelled."""
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving


def bound(address: Address, *, shares_address: bool) -> socket.socket:
    """Returns a socket that is bound to an address.

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

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.began = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to serve."""
        await super().startup(sockets)
        self.began.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield


class _Protocol(H11Protocol):
    """One connection. It is closed if its client takes too long for the head of a request.

    Attributes:
        idle_since: When it began to wait for a request; infinite while it serves one.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._head_timer: asyncio.TimerHandle | None = None
        self.idle_since = 0.0

    def connection_made(self, transport: Any) -> None:
        """Begins a connection. If there are too many, it takes the place of the one that has been idle the longest."""
        if len(self.connections) >= MAX_CONNECTIONS:
            self._make_room()
        super().connection_made(transport)
        self.idle_since = self.loop.time()
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the connection."""
        self._head_arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Takes what has arrived."""
        if self._head_timer is None and self.idle_since < inf:
            self._expect_head()
        super().data_received(data)
        # There is none before the first request.
        cycle: Any = self.cycle
        if cycle and not cycle.response_complete:
            self.idle_since = inf
            self._head_arrived()

    def on_response_complete(self) -> None:
        """Waits for the next request, which may have arrived already."""
        self.idle_since = self.loop.time()
        super().on_response_complete()
        if not self.cycle.response_complete:
            self.idle_since = inf

    def send_400_response(self, msg: str) -> None:
        """Answers what is not HTTP, as JSON like everything else."""
        body = json.dumps({"code": 400, "message": "the request is not valid HTTP, or its headers are too large"})
        headers = [("content-type", "application/json"), ("content-length", str(len(body))), ("connection", "close")]
        with suppress(h11.LocalProtocolError):
            answer = h11.Response(status_code=400, headers=headers)
            for event in (answer, h11.Data(body.encode()), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event))
        self.transport.close()

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(HEADER_SECONDS, self._close_late)

    def _head_arrived(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _close_late(self) -> None:
        self._head_timer = None
        self.transport.close()

    def _make_room(self) -> None:
        idlest = min((one for one in self.connections if isinstance(one, _Protocol)), key=lambda one: one.idle_since)
        if idlest.idle_since < inf:
            idlest.transport.abort()
