"""The feed: every change of the catalog, in the order of its number.

The changes of each BI service are one sequence; those of entities are another one, that of `CATALOG_ID`. A writer takes
numbers under the lock of the sequence, which it holds until it has committed. So the changes of a sequence appear in
the order of their numbers, however long a transaction takes: whoever has read up to a number has missed none below it.

A version is in the table of its kind until there is a newer one, and then in the history. One statement reads both. In
two, a version that moves in between would be missed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, func, select

from dashboard_catalog.store import feed_statements
from dashboard_catalog.store.column_types import NUMBER_LIST
from dashboard_catalog.store.columns import record_maker
from dashboard_catalog.store.conditions import any_of
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.feed_statements import ASSETS, ENTITY_COLUMNS, FeedRow
from dashboard_catalog.store.records import CATALOG_ID, AssetRecord, EntityRecord, RemovedRecord
from dashboard_catalog.store.rows import Reader
from dashboard_catalog.store.tables import ENTITY_CHANGE, REMOVED, SERVICE_SEQUENCE

# How many numbers one statement looks at for each change that it may return. Numbers have gaps where a thing has been
# removed for good, and where a reader wants only some kinds.
_NUMBERS_PER_CHANGE = 4
_MOST_NUMBERS = 50_000

_rows: Reader[FeedRow] = Reader(feed_statements.COLUMNS, FeedRow._make)
_traces: Reader[Any] = Reader(feed_statements.TRACE_COLUMNS)
_entity_versions = Reader(ENTITY_COLUMNS, record_maker(EntityRecord))
_with_numbers = select(*ENTITY_COLUMNS).where(
    any_of(ENTITY_CHANGE.c.change_number, bindparam("numbers", type_=NUMBER_LIST))
)
_total = select(func.coalesce(func.sum(SERVICE_SEQUENCE.c.last_change), 0))
_removed = Reader(REMOVED.c, record_maker(RemovedRecord))
_removed_services = select(*REMOVED.c).where(REMOVED.c.service_id == CATALOG_ID, REMOVED.c.kind == "bi_service")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a sequence that is to be read.

    Attributes:
        service_id: The sequence: a BI service, or `CATALOG_ID`.
        after: The number after which it begins.
        until: Its last number, which has been committed.
        kinds: Kinds of the things whose changes are wanted; one that the sequence may have at least.
        as_of: If it is given, each thing is wanted once, as it was at this number, which is not below `until`.
        sized: Whether the sizes of the versions are wanted.
    """

    service_id: UUID
    after: int
    until: int
    kinds: frozenset[str]
    as_of: int | None = None
    sized: bool = False


class Trace(NamedTuple):
    """What tells a change from another one that has got its number."""

    id: UUID
    updated_at: datetime
    call_id: str


async def positions(connection: ReadConnection) -> dict[UUID, int]:
    """Returns the number of the last change of each sequence, also of BI services that have been removed for good."""
    rows = await connection.execute(select(SERVICE_SEQUENCE.c.service_id, SERVICE_SEQUENCE.c.last_change))
    return {row.service_id: row.last_change for row in rows}


async def total(connection: ReadConnection) -> int:
    """Returns a number that is another one after any change: the sum of all positions."""
    return int((await connection.execute(_total)).scalar_one())


async def ahead(connection: ReadConnection, of: Mapping[UUID, int]) -> dict[UUID, int]:
    """Returns the number of the last change of each sequence that is ahead of its position, 0 where there is none."""
    return {id_: last for id_, last in (await positions(connection)).items() if last > of.get(id_, 0)}


async def read(connection: ReadConnection, stretch: Stretch, limit: int) -> tuple[list[FeedRow], int]:
    """Returns the first changes of a stretch, at most `limit`, and the number up to which there are no others.

    There are none only if the whole stretch has none.
    """
    of_entities, as_of = stretch.service_id == CATALOG_ID, stretch.as_of is not None
    statement = feed_statements.changes(stretch.kinds, of_entities=of_entities, as_of=as_of, sized=stretch.sized)
    reached, numbers = stretch.after, limit * _NUMBERS_PER_CHANGE
    while reached < stretch.until:
        until = min(stretch.until, reached + numbers)
        parameters: dict[str, Any] = {"service_id": stretch.service_id, "after": reached, "until": until}
        if as_of:
            parameters["as_of"] = stretch.as_of
        rows = await _rows.all(connection, statement.limit(limit), parameters)
        reached = rows[-1].change_number if len(rows) == limit else until
        if rows:
            return rows, reached
        numbers = min(numbers * 2, _MOST_NUMBERS)
    return [], stretch.until


async def asset_versions(
    connection: ReadConnection, kind: str, service_id: UUID, numbers: Iterable[int]
) -> list[AssetRecord]:
    """Returns the versions that these changes of a BI service made, except what has been removed for good since."""
    statement = feed_statements.versions(connection.dialect.name, kind)
    return await _version_reader(kind).all(connection, statement, {"service_id": service_id, "numbers": list(numbers)})


async def entity_versions(connection: ReadConnection, numbers: Iterable[int]) -> list[EntityRecord]:
    """Returns the entities as these changes left them, except what has been removed for good since."""
    return await _entity_versions.all(connection, _with_numbers, {"numbers": list(numbers)})


async def traces(connection: ReadConnection, of: Mapping[UUID, int]) -> dict[UUID, Trace]:
    """Returns what tells the change at each position from others, where the position still has a change."""
    if not of:
        return {}
    dialect = connection.dialect.name
    parameters: dict[str, Any] = {"ids": list(of), "numbers": list(of.values())}
    if dialect == "sqlite":
        parameters = {"places": [[id_.hex, number] for id_, number in of.items()]}
    rows = await _traces.all(connection, feed_statements.traces(dialect), parameters)
    return {service_id: Trace(*trace) for service_id, *trace in rows}


async def removed_services(connection: ReadConnection) -> list[RemovedRecord]:
    """Returns the BI services that have been removed for good, with the names that they had."""
    return await _removed.all(connection, _removed_services)


@cache
def _version_reader(kind: str) -> Reader[AssetRecord]:
    return Reader(ASSETS[kind].table.c, ASSETS[kind].from_row)
