"""Reads pages of assets: each filter is a range of sorted keys, and a page is where the ranges meet.

Both databases merge sorted ranges and stop when the page is full. So a common filter and a rare one cost the same, and
neither database needs an estimate of the number of matches. Where ranges are not in the order of the list, the rows of
a filter that finds few are read instead; if there is no such filter, the next rows in the order of the list; and if
those do not fill the page, all rows that match. A cluster, which cannot merge the ranges of many values, sorts what is
in them. docs/decisions/0001 has the figures.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from dashboard_catalog.store.assets import AssetTable
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.list_filters import ListFilters
from dashboard_catalog.store.list_order import ListOrder, Position
from dashboard_catalog.store.list_statements import ListStatements
from dashboard_catalog.store.partial_rows import Partial

# All rows of a filter are read if it finds no more than this.
_FEW = 2_000
# How many of the next rows are read: in the order of time they lie side by side, by name all over the table.
_NEXT_BY_TIME, _NEXT_BY_NAME = 20_000, 2_000
# The same for the names of the only BI service in which anything was written in a span of time.
_NEXT_BY_NAME_OF_ONE = 5_000
# How many of them are read before it is known which BI services the matches belong to.
_NEXT_AT_FIRST = 2_000
# That is only found out for a filter that finds no more than this.
_MANY = 50_000
# The next rows by name would rarely fill a larger page.
_LARGEST_PAGE_OF_NEXT = 101


async def page(
    connection: ReadConnection,
    table: AssetTable[Any],
    filters: ListFilters,
    *,
    order: ListOrder,
    after: Position | None,
    limit: int,
    without: frozenset[str] = frozenset(),
) -> list[Partial[Any]]:
    """Returns the rows of a page, without large values.

    Args:
        after: The last asset of the previous page; None for the first page.
        limit: Maximum number of rows.
        without: Columns that nobody wants.
    """
    statements = ListStatements(
        connection.dialect.name,
        table,
        filters,
        order,
        after=after,
        without=without,
        merges=not connection.is_distributed,
    )
    if statements.needs_sizes:
        sizes = list((await connection.execute(statements.sizes(_FEW + 1))).one())
        if min(sizes) <= _FEW:
            return await table.partial.all(connection, statements.found_by(sizes.index(min(sizes))).limit(limit))
        found = await _among_next(connection, table, statements, order, limit)
        if len(found) == limit:
            return found
    statement = statements.by_time(limit) if order.by_time else statements.by_name(limit)
    return await table.partial.all(connection, statement)


async def _among_next(
    connection: ReadConnection, table: AssetTable[Any], statements: ListStatements, order: ListOrder, limit: int
) -> list[Partial[Any]]:
    """Returns the first matches among a number of the next rows; none if it does not pay to read these."""
    if not order.by_time:
        if not statements.merges_or_sorts or limit > _LARGEST_PAGE_OF_NEXT:
            return []
        # A cluster cannot look up whether each BI service has such rows.
        looks = statements.is_of_a_time and not connection.is_distributed
        written = await _written(connection, statements) if looks else []
        count = _NEXT_BY_NAME_OF_ONE if written else _NEXT_BY_NAME
        return await table.partial.all(connection, statements.among_next(count, limit, written))
    found = await table.partial.all(connection, statements.among_next(_NEXT_AT_FIRST, limit))
    if len(found) == limit:
        return found
    services = await _services(connection, statements)
    return await table.partial.all(connection, statements.among_next(_NEXT_BY_TIME, limit, services))


async def _written(connection: ReadConnection, statements: ListStatements) -> Sequence[UUID]:
    """Returns the only BI service in which anything was written in the list's span of time; none if there are more."""
    found = list((await connection.execute(statements.services_of_time(2))).scalars())
    # PostgreSQL merges no ranges of the primary key: it does not see that each of them is in the order of names.
    return found if len(found) == 1 else []


async def _services(connection: ReadConnection, statements: ListStatements) -> Sequence[UUID]:
    """Returns the BI services of all matches; none if that is not known, because each filter finds too many."""
    sizes = (await connection.execute(statements.sizes(_MANY + 1))).one()
    known = [
        set((await connection.execute(statements.services(place))).scalars())
        for place, size in enumerate(sizes)
        if size <= _MANY
    ]
    return sorted(set.intersection(*known)) if known else []


async def total(connection: ReadConnection, table: AssetTable[Any], filters: ListFilters) -> int:
    """Returns the number of assets that the filters match."""
    keys = ListStatements(connection.dialect.name, table, filters, ListOrder()).keys(None)
    return int((await connection.execute(select(func.count()).select_from(keys.subquery()))).scalar_one())
