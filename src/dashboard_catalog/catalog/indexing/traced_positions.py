"""How far an index has come, compared with the database that it is said to be of."""

from collections.abc import Mapping
from uuid import UUID

from dashboard_catalog.catalog.reading.feed.positions import digest_of
from dashboard_catalog.index.fields import Position
from dashboard_catalog.store import feed
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.feed import Trace


async def present_positions(connection: ReadConnection) -> dict[UUID, Position]:
    """Returns the position of the last change of each sequence."""
    return await traced(connection, await feed.positions(connection))


async def traced(connection: ReadConnection, numbers: Mapping[UUID, int]) -> dict[UUID, Position]:
    """Returns the positions of changes, given their numbers by sequence."""
    traces = await feed.traces(connection, numbers)
    return {id_: Position(number, _number_of(traces.get(id_))) for id_, number in numbers.items()}


async def belong_together(connection: ReadConnection, positions: Mapping[UUID, Position]) -> bool:
    """Returns whether the changes at the positions of an index are those of the database, as far as one can tell.

    They are not if the database was set back to an earlier state, or is another one.
    """
    present = await feed.positions(connection)
    found = await traced(connection, {id_: position.number for id_, position in positions.items()})
    return all(
        position.number <= present.get(id_, 0) and _same(position.trace, found[id_].trace)
        for id_, position in positions.items()
    )


def _same(one: int, other: int) -> bool:
    """Compares traces. A change that has been removed for good has none any more, and neither has a gap."""
    return one == other or 0 in (one, other)


def _number_of(trace: Trace | None) -> int:
    """Returns the digest of a change as a number, which the index can hold; 0 without a change."""
    return int.from_bytes(digest_of(trace), "big") if trace else 0
