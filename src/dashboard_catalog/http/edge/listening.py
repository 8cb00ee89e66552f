"""The port of the HTTP door: uvicorn, with limits for clients that are slow, idle or many."""

import asyncio
import json
import resource
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import ceil, inf
from typing import Any

import h11
import structlog
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from dashboard_catalog.calls.certificates import Certificate
from dashboard_catalog.settings import Address

MAX_HEADER_BYTES = 64 * 2**10
MAX_CONNECTIONS = 2_000
HANDSHAKE_SECONDS = 10.0
HEADER_SECONDS = 10.0
IDLE_SECONDS = 60
WRITE_SECONDS = 30.0
"""How long the rest of an answer may wait for a client that does not read."""

_CLOSE_SECONDS = 10.0
_LINGER_SECONDS = 2.0

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
        self._server = _Server(config)
        self._listener = listener
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to serve.

        Raises:
            OSError: If another server has taken the address since the socket was bound.
        """
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
            # The files may have changed again. Then the next handshake reads them.
            with suppress(OSError):
                current = certificate.context()
        connection.context = current

    context = certificate.context()
    context.sni_callback = refresh
    return context


def _most_connections() -> int:
    """Returns how many connections there may be: the database and gRPC need open files too."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_CONNECTIONS if soft == resource.RLIM_INFINITY else min(MAX_CONNECTIONS, soft // 2)


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
        limit = HANDSHAKE_SECONDS if self.config.ssl else None
        loop = asyncio.get_running_loop()
        self.servers = [
            await loop.create_server(
                self._connection,
                sock=listener,
                ssl=self.config.ssl,
                ssl_handshake_timeout=limit,
                backlog=self.config.backlog,
            )
            for listener in sockets or ()
        ]
        self.started = True
        self.began.set()

    def _connection(self) -> "_Protocol":
        return _Protocol(self.config, self.server_state, self.lifespan.state)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield


class _Protocol(H11Protocol):
    """One connection. It is closed if its client takes too long for the head of a request, or does not read an answer.

    Attributes:
        idle_since: When it began to wait for a request; infinite while it serves one.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._is_refused = False
        self.idle_since = 0.0

    def connection_made(self, transport: Any) -> None:
        """Begins a connection. If there are too many, it takes the place of the one that has been idle the longest."""
        if len(self.connections) >= _most_connections():
            self._make_room()
        super().connection_made(transport)
        self.idle_since = self.loop.time()
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the connection."""
        self._head_arrived()
        self.resume_writing()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Waits for the client to read."""
        super().pause_writing()
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Goes on, since the client has read."""
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def data_received(self, data: bytes) -> None:
        """Takes what has arrived."""
        if self._is_refused:
            return
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
        elif self.conn.trailing_data[0]:
            self._expect_head()

    def send_400_response(self, msg: str) -> None:
        """Answers what is not HTTP, as JSON like everything else."""
        body = json.dumps({"code": 400, "message": "the request is not valid HTTP, or its headers are too large"})
        headers = [("content-type", "application/json"), ("content-length", str(len(body))), ("connection", "close")]
        with suppress(h11.LocalProtocolError):
            answer = h11.Response(status_code=400, headers=headers)
            for event in (answer, h11.Data(body.encode()), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event))
        cycle: Any = self.cycle
        if cycle and not cycle.response_complete:
            # Its body turned out to be malformed while it was read. It must not answer as well.
            cycle.disconnected = True
            cycle.message_event.set()
        # A connection that is closed before everything has been read may lose its answer. So it reads on for a moment.
        self._is_refused = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_LINGER_SECONDS, self._close)

    def shutdown(self) -> None:
        """Ends the connection, as soon as it serves no request."""
        if self.idle_since < inf:
            self._close()
        else:
            self.cycle.keep_alive = False

    def timeout_keep_alive_handler(self) -> None:
        """Ends the connection after it has been idle for too long."""
        self._close()

    def _expect_head(self) -> None:
        self._head_arrived()
        self._head_timer = self.loop.call_later(HEADER_SECONDS, self._close_late)

    def _head_arrived(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _close_late(self) -> None:
        self._head_timer = None
        self._close()

    def _close(self) -> None:
        """Closes the connection. What the client has not read in time is dropped: `close` would wait for it forever."""
        self.transport.close()
        self.loop.call_later(_CLOSE_SECONDS, self.transport.abort)

    def _make_room(self) -> None:
        idlest = min((one for one in self.connections if isinstance(one, _Protocol)), key=lambda one: one.idle_since)
        if idlest.idle_since < inf:
            idlest.transport.abort()
