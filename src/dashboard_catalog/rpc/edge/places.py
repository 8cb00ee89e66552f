"""A small number of places for streams that need no token.

Strangers can take all places, but nobody can hold them: a newcomer gets the place of the stream that has been there the
longest, on the connection that has the most.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError


class Places:
    """Has `total` places, of which one connection gets at most `per_connection`."""

    def __init__(self, total: int, per_connection: int) -> None:
        self._total = total
        self._per_connection = per_connection
        self._taken = 0
        # By connection; those that have been there the longest come first.
        self._places: dict[str, dict[asyncio.Timeout, None]] = {}

    @asynccontextmanager
    async def taken(self, connection: str) -> AsyncIterator[None]:
        """Takes a place for the time of the block. Interrupts the block when a newcomer takes the place.

        Args:
            connection: Address of the other end.

        Raises:
            CatalogError: TOO_MANY_CALLS, if the block was interrupted.
        """
        if len(self._places.get(connection, ())) >= self._per_connection:
            self._interrupt_oldest(connection)
        elif self._taken >= self._total:
            self._interrupt_oldest(max(self._places, key=lambda each: len(self._places[each])))
        place = asyncio.timeout(None)
        self._places.setdefault(connection, {})[place] = None
        self._taken += 1
        try:
            async with place:
                yield
        except TimeoutError:
            if not place.expired():
                raise
            raise self._lost() from None
        finally:
            self._free(connection, place)

    def _interrupt_oldest(self, connection: str) -> None:
        place = next(iter(self._places[connection]))
        self._free(connection, place)
        place.reschedule(asyncio.get_running_loop().time())

    def _free(self, connection: str, place: asyncio.Timeout) -> None:
        """Frees a place, unless it has been freed for a newcomer."""
        places = self._places.get(connection, {})
        if place in places:
            self._taken -= 1
            del places[place]
            if not places:
                del self._places[connection]

    def _lost(self) -> CatalogError:
        return CatalogError(
            Reason.TOO_MANY_CALLS,
            "there are too many streams without a token, and this one has been there the longest",
            metadata={"limit": str(self._total), "scope": "open"},
            resource=("server", "streams without a token"),
            retry_after=1.0,
        )
