"""Reads and writes what a bulk session keeps beside its row: the items that were refused, and what it mentioned."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import bindparam, delete, func, insert, select

from dashboard_catalog.store.column_types import UUID_LIST
from dashboard_catalog.store.columns import record_maker
from dashboard_catalog.store.conditions import any_of
from dashboard_catalog.store.connections import ReadConnection, WriteConnection
from dashboard_catalog.store.record_statements import RecordStatement
from dashboard_catalog.store.records import FailureRecord, MentionRecord, SessionRecord
from dashboard_catalog.store.tables import FAILURE, MENTION, SESSION

_failure_from_row = record_maker(FailureRecord)
_insert_failures, _insert_mentions = RecordStatement(insert(FAILURE)), RecordStatement(insert(MENTION))


async def failure_bytes_of(connection: ReadConnection, session: SessionRecord) -> int:
    """Returns the size of the refused items that all sessions of the caller of a session keep.

    On a cluster, these are the sessions of the same BI service, so that a chunk needs no other nodes.
    """
    c = SESSION.c
    total = select(func.coalesce(func.sum(c.failure_bytes), 0)).where(c.owner == session.owner, ~c.details_expired)
    if connection.is_distributed:
        total = total.where(c.service_id == session.service_id)
    return int((await connection.execute(total)).scalar_one())


async def add_failures(connection: WriteConnection, records: Sequence[FailureRecord]) -> None:
    """Stores refused items."""
    await _insert_failures.run(connection, records)


async def failures(
    connection: ReadConnection, session: SessionRecord, first: int, end: int, limit: int
) -> list[FailureRecord]:
    """Returns up to `limit` refused items of a session, by offset, from `first` up to but excluding `end`."""
    c = FAILURE.c
    statement = (
        select(*c)
        .where(c.service_id == session.service_id, c.session_id == session.id)
        .where(c.item_offset >= first, c.item_offset < end)
    )
    rows = await connection.execute(statement.order_by(c.item_offset).limit(limit))
    return [_failure_from_row(row) for row in rows]


async def add_mentions(connection: WriteConnection, records: Sequence[MentionRecord]) -> None:
    """Stores the assets that a chunk mentioned."""
    await _insert_mentions.run(connection, records)


async def mentions(connection: ReadConnection, session: SessionRecord) -> list[tuple[str, bytes]]:
    """Returns the mentions of a session as (kind, digests), one pair per chunk and kind."""
    c = MENTION.c
    statement = select(c.kind, c.digests).where(c.service_id == session.service_id, c.session_id == session.id)
    return [(row.kind, row.digests) for row in await connection.execute(statement)]


async def remove(connection: WriteConnection, service_id: UUID, session_ids: Collection[UUID]) -> None:
    """Removes the refused items and the mentions of sessions of one BI service."""
    for table in (FAILURE, MENTION):
        ids = any_of(table.c.session_id, bindparam("ids", list(session_ids), UUID_LIST))
        await connection.run(delete(table).where(table.c.service_id == service_id, ids))
