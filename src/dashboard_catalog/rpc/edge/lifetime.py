"""How long a stream may run: until the server drains, its token expires, or its client does nothing for too long.

All of this may happen while a stream waits for its client to send or to read, so it waits under its lifetime. Nothing
else is interrupted: a servicer can always finish what it has read.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.calls.gate import Gate
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError

T = TypeVar("T")

# A request that has arrived before the token expired may take this long to be found.
_ARRIVAL_SECONDS = 0.05
# How long a client that reads may take for the last responses of a stream whose lifetime is over.
_LAST_SECONDS = 1.0


class Patience(NamedTuple):
    """How many seconds the server waits for a client.

    Attributes:
        first: For the first message of a call, or the only one.
        next: For each later message of a stream, and for the client to read.
    """

    first: float = 30.0
    next: float = 300.0


class Lifetime:
    """The lifetime of one stream.

    Args:
        gate: Says when the server drains.
        principal: The caller, whose token may expire; None for an open method.
        patience: How long the client may do nothing.
    """

    def __init__(self, gate: Gate, principal: Principal | None, patience: Patience) -> None:
        self._gate = gate
        self._expires_at = principal.expires_at if principal else None
        self._patience = patience
        self._idle_at = asyncio.get_running_loop().time() + patience.first

    def check_not_draining(self) -> None:
        """Returns if the server does not drain.

        Raises:
            CatalogError: DRAINING.
        """
        self._gate.check_not_draining()

    def check_not_expired(self) -> None:
        """Returns if the token has not expired since the call began.

        Raises:
            CatalogError: TOKEN_EXPIRED.
        """
        if self._expires_at is not None and datetime.now(UTC) >= self._expires_at:
            raise _expired()

    async def arrival(self, read: Coroutine[Any, Any, T]) -> T:
        """Reads what the client sends. Never cancels the read, because that would leak memory: it ends with the call.

        Raises:
            CatalogError: DRAINING, TOKEN_EXPIRED or CLIENT_IDLE, if that comes first.
        """
        reading = _in_background(read)
        await self._wait(reading)
        return reading.result()

    async def departure(self, write: Coroutine[Any, Any, None]) -> None:
        """Writes what the client shall read. Never cancels the write: what has begun to leave cannot be taken back.

        Responses may still leave for a moment when the lifetime is over, because they tell a client that reads what has
        become of its requests.

        Raises:
            CatalogError: As `arrival`, if the client does not read.
        """
        writing = _in_background(write)
        # Before, there may have been nothing to read.
        self._idle_at = max(self._idle_at, asyncio.get_running_loop().time() + self._patience.next)
        try:
            await self._wait(writing)
        except CatalogError:
            await asyncio.wait({writing}, timeout=_LAST_SECONDS)
            if not writing.done():
                raise
        writing.result()

    async def _wait(self, client: asyncio.Task[Any]) -> None:
        while not client.done():
            ends = {client, self._gate.drained}
            await asyncio.wait(ends, timeout=self._seconds_left(), return_when=asyncio.FIRST_COMPLETED)
            if not client.done():
                self._check()
        self._idle_at = asyncio.get_running_loop().time() + self._patience.next

    @asynccontextmanager
    async def limit(self) -> AsyncIterator[None]:
        """Interrupts the block at whatever it waits for, as `asyncio.timeout` does, when the lifetime ends.

        The client may be idle: the block decides what it waits for.

        Raises:
            CatalogError: DRAINING or TOKEN_EXPIRED, if the block was interrupted.
        """
        loop = asyncio.get_running_loop()
        over = False

        def interrupt(_drained: asyncio.Future[None]) -> None:
            # It may have been scheduled already when the block ended.
            if not over and not timeout.expired():
                timeout.reschedule(loop.time())

        timeout = asyncio.timeout(self._seconds_to_live())
        try:
            async with timeout:
                self._gate.drained.add_done_callback(interrupt)
                try:
                    yield
                finally:
                    over = True
        except TimeoutError:
            if not timeout.expired():
                raise
            self.check_not_draining()
            raise _expired() from None
        finally:
            self._gate.drained.remove_done_callback(interrupt)

    def _check(self) -> None:
        self.check_not_draining()
        self.check_not_expired()
        if asyncio.get_running_loop().time() >= self._idle_at:
            raise CatalogError(Reason.CLIENT_IDLE, "the client has neither sent nor read anything for too long")

    def _seconds_left(self) -> float:
        idle = max(self._idle_at - asyncio.get_running_loop().time(), 0)
        expiry = self._seconds_to_live()
        return idle if expiry is None else min(idle, max(expiry, _ARRIVAL_SECONDS))

    def _seconds_to_live(self) -> float | None:
        if self._expires_at is None:
            return None
        return (self._expires_at - datetime.now(UTC)).total_seconds()


def _in_background(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    task = asyncio.ensure_future(work)
    # Nobody may be left to learn how it ended.
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
    return task


def _expired() -> CatalogError:
    return CatalogError(Reason.TOKEN_EXPIRED, "the token expired during the call")
