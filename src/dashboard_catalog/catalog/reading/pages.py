"""Pages that are read only as far as they are shown.

First come the rows without their large values. Whoever takes the page then gets what callers see of them, slice by
slice, and stops when the answer is full.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from dashboard_catalog.catalog.reading.room import MAX_ANSWER_BYTES, SMALL_ANSWER_BYTES, Room
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.partial_rows import Partial

R = TypeVar("R")
V = TypeVar("V")

FetchRows = Callable[[R | None, int], Awaitable[Sequence[Partial[R]]]]
"""Fetches rows without their large values: those after a row, or the first ones, up to a number."""

ReadViews = Callable[[ReadConnection, Sequence[Partial[R]]], Awaitable[list[tuple[R, V]]]]
"""Reads what callers see of some rows. Returns it with each row that is still there."""

# This many rows take little memory, as long as their large values are missing.
_FEW_ROWS = 100
_SLICE_BYTES = 2**20
# What a row takes beside its large values, and what a chart takes that a row refers to.
_ROW_BYTES, _CHART_BYTES = 1_000, 250


@dataclass(frozen=True, slots=True)
class FoundRows(Generic[R, V]):
    """The rows of a page.

    Attributes:
        rows: In their order, without large values.
        more: Whether another page follows.
        total: Number of all rows on all pages, if the caller asked for it.
        read: Reads what callers see of them.
    """

    rows: Sequence[Partial[R]]
    more: bool
    total: int | None
    read: ReadViews[R, V]

    @property
    def bytes(self) -> int:
        """About the size of the whole page."""
        return sum(map(size_of, self.rows))

    def slices(self) -> Iterator[Sequence[Partial[R]]]:
        """Yields the rows in pieces that can be read at once."""
        start = size = 0
        for place, row in enumerate(self.rows):
            size += size_of(row)
            if size > _SLICE_BYTES and place > start:
                yield self.rows[start:place]
                start, size = place, size_of(row)
        if self.rows:
            yield self.rows[start:]


class Page(Generic[R, V]):
    """A page that is being read.

    Attributes:
        more: Whether another page follows.
        total: Number of all results on all pages, if the caller asked for it.
        last: The last row; None if there is none.
    """

    def __init__(self, connection: ReadConnection, found: FoundRows[R, V]) -> None:
        self._connection = connection
        self._found = found
        self.last = found.rows[-1].record if found.rows else None
        self.more = found.more
        self.total = found.total

    async def views(self) -> AsyncGenerator[tuple[R, V]]:
        """Yields each row with what callers see of it. Reads no further than it is asked for."""
        for rows in self._found.slices():
            for shown in await self._found.read(self._connection, rows):
                yield shown


async def fetch_rows(page_size: int, fetch: FetchRows[R]) -> tuple[list[Partial[R]], bool]:
    """Returns the rows of a page, as many as may fit into an answer, and whether more rows follow them."""
    rows: list[Partial[R]] = []
    # Even to find that a row is large costs something. So most rows of a long page are read only if the first ones
    # leave room for them. One row more than is shown tells whether there are more.
    for most in sorted({min(page_size, _FEW_ROWS) + 1, page_size + 1}):
        rows += await fetch(rows[-1].record if rows else None, most - len(rows))
        if len(rows) < most:
            return rows, False
        if sum(map(size_of, rows)) > MAX_ANSWER_BYTES:
            break
    return rows[:-1], True


def size_of(row: Partial[Any]) -> int:
    """Returns about the size of what callers see of a row."""
    charts = getattr(row.record, "charts", None) or ()
    return _ROW_BYTES + row.missing + len(charts) * _CHART_BYTES


@asynccontextmanager
async def open_page(
    database: Database,
    find: Callable[[ReadConnection], Awaitable[FoundRows[R, V]]],
    page_size: int,
    room: Room,
) -> AsyncIterator[Page[R, V]]:
    """Opens a page, which can be read until the end of the block.

    A page waits for its room without a connection to the database, because others need one.

    Args:
        database: Where to read.
        find: Finds the rows of the page.
        page_size: Maximum number of rows.
        room: Where the answer will be.
    """
    has_room = page_size > _FEW_ROWS
    if has_room:
        await room.take(MAX_ANSWER_BYTES)
    async with database.read() as connection:
        found = await find(connection)
        size = min(found.bytes, MAX_ANSWER_BYTES)
        if has_room or size <= SMALL_ANSWER_BYTES:
            room.keep(size if size > SMALL_ANSWER_BYTES else 0)
            yield Page(connection, found)
            return
    await room.take(size)
    async with database.read() as connection:
        yield Page(connection, found)
