"""The connections of the HTTP door, with limits for clients that are slow, idle or many."""

import asyncio
import json
import resource
from contextlib import suppress
from math import inf
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS = 2_000
HEADER_SECONDS = 10.0
WRITE_SECONDS = 30.0
"""How long the rest of an answer may wait for a client that does not read."""

_CLOSE_SECONDS = 10.0
_LINGER_SECONDS = 2.0


class Connection(H11Protocol):
    """One connection. It is closed if its client takes too long for the head of a request, or does not read an answer.

    Attributes:
        idle_since: When it began to wait for a request; infinite while it serves one.
    """

    def __init__(self, *args: Any, max_connections: int, **options: Any) -> None:
        super().__init__(*args, **options)
        self._max_connections = max_connections
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._is_refused = False
        self.idle_since = 0.0

    def connection_made(self, transport: Any) -> None:
        """Begins a connection.

        If there are too many, it takes the place of the one that has been idle the longest. If none is idle, it ends.
        """
        has_room = len(self.connections) < _most_connections(self._max_connections) or self._make_room()
        super().connection_made(transport)
        if not has_room:
            self.transport.abort()
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

    def _make_room(self) -> bool:
        idlest = min((one for one in self.connections if isinstance(one, Connection)), key=lambda one: one.idle_since)
        is_idle = idlest.idle_since < inf
        if is_idle:
            idlest.transport.abort()
        return is_idle


def _most_connections(wanted: int) -> int:
    """Returns how many connections there may be: the database and gRPC need open files too."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if soft == resource.RLIM_INFINITY else min(wanted, soft // 2)
