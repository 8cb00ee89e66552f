"""Decides whether another call may begin, and lets streams hear that the server drains.

It counts the calls of one process, and knows nothing about what they do.
"""

import asyncio
import time

from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError

# Clients that retry wait this long after they have heard that the server drains.
DRAINING_SECONDS = 1.0
# If no call begins or ends for this long, all of them have heard it.
_QUIET_SECONDS = 0.2


class Gate:
    """Lets at most `limit` calls run at once, and no call begin once the server drains."""

    def __init__(self, limit: int) -> None:
        """Opens the gate. Needs a running event loop."""
        self._limit = limit
        self._running = 0
        self._left: asyncio.Event | None = None
        self._seen_at = 0.0
        self.drained: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done as soon as the server drains. Wait for it beside other things, and never cancel it."""

    @property
    def running(self) -> int:
        """Number of calls that run."""
        return self._running

    def check_room(self) -> None:
        """Returns if another call may begin. Does not count it.

        Raises:
            CatalogError: DRAINING or TOO_MANY_CALLS.
        """
        self.check_not_draining()
        if self._running >= self._limit:
            raise CatalogError(
                Reason.TOO_MANY_CALLS,
                f"the server is serving {self._limit} calls already",
                metadata={"limit": str(self._limit), "scope": "server"},
                resource=("server", "calls"),
                retry_after=1.0,
            )

    def enter(self) -> None:
        """Counts a call that begins. `leave` must follow.

        Raises:
            CatalogError: DRAINING or TOO_MANY_CALLS. Then the call is not counted.
        """
        self.check_room()
        self._running += 1

    def leave(self) -> None:
        """Counts a call that has ended."""
        self._running -= 1
        self._seen_at = time.monotonic()
        if self._left is not None:
            self._left.set()

    def check_not_draining(self) -> None:
        """Returns if the server does not drain.

        Raises:
            CatalogError: DRAINING.
        """
        if self.drained.done():
            self._seen_at = time.monotonic()
            raise CatalogError(Reason.DRAINING, "the server is stopping; call again", retry_after=DRAINING_SECONDS)

    def drain(self) -> None:
        """Lets no call begin from now on."""
        if not self.drained.done():
            self.drained.set_result(None)

    async def quiet(self) -> None:
        """Returns when no call has begun or ended for a moment, or at least before the first client calls again."""
        now = time.monotonic()
        end = now + DRAINING_SECONDS - _QUIET_SECONDS
        while now < end and (self._running or now < self._seen_at + _QUIET_SECONDS):
            await asyncio.sleep(_QUIET_SECONDS / 5)
            now = time.monotonic()

    async def idle(self) -> None:
        """Returns when no call runs."""
        while self._running:
            self._left = asyncio.Event()
            await self._left.wait()
