"""How long a stream may run: until the server drains, or until the token of its caller expires.

Either may happen while a stream waits for requests, or for news to respond with, so it does both under its lifetime.
A stream that waits for its client to read what it has written is not interrupted.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.rpc.edge.gate import Gate

# A request that has arrived before the token expired may take this long to be found.
_ARRIVAL_SECONDS = 0.05


class Lifetime:
    """The lifetime of one stream.

    Args:
        gate: Says when the server drains.
        principal: The caller, whose token may expire; None for an open method.
    """

    def __init__(self, gate: Gate, principal: Principal | None) -> None:
        self._gate = gate
        self._expires_at = principal.expires_at if principal else None

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

    async def wait(self, coming: asyncio.Future[Any]) -> None:
        """Returns when a future is done. Never cancels it.

        Raises:
            CatalogError: DRAINING or TOKEN_EXPIRED, if that comes first.
        """
        while not coming.done():
            seconds = self._seconds_left()
            timeout = None if seconds is None else max(seconds, _ARRIVAL_SECONDS)
            await asyncio.wait({coming, self._gate.drained}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                self.check_not_draining()
                self.check_not_expired()

    @asynccontextmanager
    async def limit(self) -> AsyncIterator[None]:
        """Interrupts the block at whatever it waits for, as `asyncio.timeout` does, when the lifetime ends.

        Raises:
            CatalogError: DRAINING or TOKEN_EXPIRED, if the block was interrupted.
        """
        loop = asyncio.get_running_loop()
        over = False

        def interrupt(_drained: asyncio.Future[None]) -> None:
            # It may have been scheduled already when the block ended.
            if not over and not timeout.expired():
                timeout.reschedule(loop.time())

        timeout = asyncio.timeout(self._seconds_left())
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

    def _seconds_left(self) -> float | None:
        if self._expires_at is None:
            return None
        return (self._expires_at - datetime.now(UTC)).total_seconds()


def _expired() -> CatalogError:
    return CatalogError(Reason.TOKEN_EXPIRED, "the token expired during the call")
