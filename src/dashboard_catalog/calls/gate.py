"""Decides whether another call may begin, and lets streams hear that the server drains.

It counts the calls of one process, and knows nothing about what they do.
"""

import asyncio

from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError

DRAINING_SECONDS = 1.0
"""How long clients that retry wait after they have heard that the server drains."""

# All rounds together take less than that, and the quiet ones long enough for a call that is on its way.
_ROUND_SECONDS = 0.04
_MOST_ROUNDS = 20
_QUIET_ROUNDS = 5


class Gate:
    """Lets at most `limit` calls run at once, and no call begin once the server drains."""

    def __init__(self, limit: int) -> None:
        """Opens the gate. Needs a running event loop."""
        self._limit = limit
        self._running = 0
        self._left: asyncio.Event | None = None
        self._seen = 0
        self.drained: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done as soon as the server drains. Wait for it beside other things, and never cancel it."""

    @property
    def limit(self) -> int:
        """Number of calls that run at once at most."""
        return self._limit

    @property
    def running(self) -> int:
        """Number of calls that run."""
        return self._running

    def check_room(self) -> None:
        """Returns if another call may begin. Does not count it.

        Raises:
            CatalogError: DRAINING or TOO_MANY_CALLS.
        """
        if self._running < self._limit and not self.drained.done():
            return
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
        self._seen += 1
        if self._left is not None:
            self._left.set()

    def check_not_draining(self) -> None:
        """Returns if the server does not drain.

        Raises:
            CatalogError: DRAINING.
        """
        if self.drained.done():
            self._seen += 1
            raise CatalogError(Reason.DRAINING, "the server is stopping; call again", retry_after=DRAINING_SECONDS)

    def drain(self) -> None:
        """Lets no call begin from now on."""
        if not self.drained.done():
            self.drained.set_result(None)

    async def quiet(self) -> None:
        """Returns when no call has begun or ended for a few rounds of waiting, or after many of them.

        Rounds, and no point in time: a process that gets no processor for a while still has calls to find afterwards.
        """
        quiet = 0
        for _ in range(_MOST_ROUNDS):
            before = self._seen
            await asyncio.sleep(_ROUND_SECONDS)
            quiet = 0 if self._running or self._seen > before else quiet + 1
            if quiet == _QUIET_ROUNDS:
                return

    async def idle(self) -> None:
        """Returns when no call runs."""
        while self._running:
            self._left = asyncio.Event()
            await self._left.wait()
