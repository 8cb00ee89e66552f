"""Decides whether another call may begin, and tells running ones that the server drains.

Counts the calls of one process; knows nothing of what they do.
"""

import asyncio

from dashboard_catalog.errors import CatalogError, Reason


class Gate:
    """Lets at most `limit` calls run at once, and none begin once the server drains."""

    def __init__(self, limit: int) -> None:
        """Opens the gate; needs a running event loop."""
        self._limit = limit
        self._running = 0
        self._left: asyncio.Event | None = None
        self.drained: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done as soon as the server drains; to be waited for beside other things, never to be cancelled."""

    @property
    def running(self) -> int:
        """How many calls run."""
        return self._running

    def enter(self) -> None:
        """Counts a call that begins; `leave` must follow.

        Raises:
            CatalogError: DRAINING or TOO_MANY_CALLS; nothing is counted then.
        """
        self.check_not_draining()
        if self._running >= self._limit:
            raise CatalogError(
                Reason.TOO_MANY_CALLS,
                f"the server is serving {self._limit} calls already",
                metadata={"limit": str(self._limit)},
                resource=("server", "calls"),
                retry_after=1.0,
            )
        self._running += 1

    def leave(self) -> None:
        """Counts a call that has ended."""
        self._running -= 1
        if self._left is not None:
            self._left.set()

    def check_not_draining(self) -> None:
        """Returns if the server does not drain.

        Raises:
            CatalogError: DRAINING.
        """
        if self.drained.done():
            raise CatalogError(Reason.DRAINING, "the server is stopping; call again", retry_after=0.5)

    def drain(self) -> None:
        """Lets no call begin any more."""
        if not self.drained.done():
            self.drained.set_result(None)

    async def idle(self) -> None:
        """Returns when no call runs."""
        while self._running:
            self._left = asyncio.Event()
            await self._left.wait()
