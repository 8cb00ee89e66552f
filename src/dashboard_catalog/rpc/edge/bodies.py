"""The messages that callers owe: calls that have begun, but whose message has not arrived in full.

Calls are read only after they have been admitted. Those whose message does not arrive in time are ended here, so that a
client that stops in the middle of a message does not hold its place, and what has arrived, for good.
"""

import asyncio
from typing import Any

from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.rpc.edge.context import GrpcContext
from dashboard_catalog.rpc.edge.observation import Observation


class Bodies:
    """Reads messages.

    One timer serves all calls. A task or a timer per call would cost more than the rest of the edge.

    Args:
        seconds: How long a message may take.
        most: How many messages may be owed at once. A further call ends the one that has waited the longest.
    """

    def __init__(self, seconds: float, most: int | None = None) -> None:
        self._seconds = seconds
        self._most = most
        # When each message must have arrived. The dictionary keeps the order.
        self._owed: dict[Observation, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()

    async def read(self, context: GrpcContext, observed: Observation) -> Any:
        """Returns the next message of a call as bytes, or EOF.

        Raises:
            grpc.aio.AbortError: If the message did not arrive in time. The call has been refused.
        """
        loop = asyncio.get_running_loop()
        if self._most is not None and len(self._owed) >= self._most:
            self._end(next(iter(self._owed)), _outnumbered(self._most))
        self._owed[observed] = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._end_late)
        try:
            return await context.read()
        finally:
            # A call that is being ended has been removed already.
            self._owed.pop(observed, None)

    def _end_late(self) -> None:
        """Ends the calls whose time is over, and waits for the next one."""
        loop = asyncio.get_running_loop()
        self._timer = None
        for observed, at in list(self._owed.items()):
            if at > loop.time():
                self._timer = loop.call_at(at, self._end_late)
                return
            self._end(observed, _late(self._seconds))

    def _end(self, observed: Observation, error: CatalogError) -> None:
        """Ends a call, and with it the read. A read must not be cancelled, because that would leak memory."""
        del self._owed[observed]
        ending = asyncio.get_running_loop().create_task(observed.end(error))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)


def _late(seconds: float) -> CatalogError:
    return CatalogError(Reason.CLIENT_IDLE, f"no whole message arrived within {seconds:g} s")


def _outnumbered(most: int) -> CatalogError:
    return CatalogError(
        Reason.TOO_MANY_CALLS,
        f"{most} calls without a token wait for their message already, and this one has waited the longest",
        metadata={"limit": str(most), "scope": "open"},
        resource=("server", "calls without a token"),
        retry_after=1.0,
    )
