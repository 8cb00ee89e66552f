"""Reads and writes bulk sessions, with their failures and mentions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, delete, func, insert, select, update

from dashboard_catalog.store.columns import column_names, record_maker, row_of
from dashboard_catalog.store.connections import ReadConnection, WriteConnection
from dashboard_catalog.store.records import FailureRecord, MentionRecord, SessionRecord
from dashboard_catalog.store.tables import FAILURE, MENTION, SESSION

_from_row = record_maker(SessionRecord)
_failure_from_row = record_maker(FailureRecord)
_to_row, _failure_to_row, _mention_to_row = row_of(SessionRecord), row_of(FailureRecord), row_of(MentionRecord)
_FIXED = ("service_id", "id")
_find = select(*SESSION.c).where(SESSION.c.id == bindparam("id"))
_lock = (
    select(*SESSION.c)
    .where(SESSION.c.service_id == bindparam("service_id"), SESSION.c.id == bindparam("id"))
    .with_for_update()
)
_update = (
    update(SESSION)
    .where(SESSION.c.service_id == bindparam("b_service_id"), SESSION.c.id == bindparam("b_id"))
    .values({name: bindparam(name) for name in column_names(SessionRecord) if name not in _FIXED})
)


async def find(connection: ReadConnection, session_id: UUID) -> SessionRecord | None:
    """Returns the session of this id, of any BI service; None when there is none."""
    row = (await connection.execute(_find, {"id": session_id})).first()
    return _from_row(row) if row else None


async def lock(connection: WriteConnection, service_id: UUID, session_id: UUID) -> SessionRecord | None:
    """Locks a session until the end of the transaction and returns it; None when it no longer exists."""
    row = (await connection.execute(_lock, {"service_id": service_id, "id": session_id})).first()
    return _from_row(row) if row else None


async def add(connection: WriteConnection, record: SessionRecord) -> None:
    """Stores a new session."""
    await connection.execute(insert(SESSION), _named(column_names(SessionRecord), _to_row(record)))


async def save(connection: WriteConnection, record: SessionRecord) -> None:
    """Stores the new values of a session that this transaction has locked."""
    row = _named(column_names(SessionRecord), _to_row(record))
    await connection.execute(_update, row | {"b_service_id": row.pop("service_id"), "b_id": row.pop("id")})


async def sweeping(connection: ReadConnection, service_id: UUID, since: datetime) -> list[UUID]:
    """Returns ids of the unfinished sweeping sessions of a service that have a connection and wrote after `since`."""
    c = SESSION.c
    alive = (c.connection.is_not(None), ~c.finished, c.updated_at > since)
    found = await connection.execute(select(c.id).where(c.service_id == service_id, c.sweeps, *alive))
    return list(found.scalars())


async def failure_bytes_of(connection: ReadConnection, owner: str) -> int:
    """Returns the size of the refused items that all sessions of a caller keep."""
    c = SESSION.c
    total = select(func.coalesce(func.sum(c.failure_bytes), 0)).where(c.owner == owner)
    return int((await connection.execute(total)).scalar_one())


async def add_failures(connection: WriteConnection, records: Sequence[FailureRecord]) -> None:
    """Stores refused items."""
    rows = [_named(column_names(FailureRecord), _failure_to_row(record)) for record in records]
    await connection.execute(insert(FAILURE), rows)


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
    rows = [_named(column_names(MentionRecord), _mention_to_row(record)) for record in records]
    await connection.execute(insert(MENTION), rows)


async def mentions(connection: ReadConnection, session: SessionRecord) -> list[tuple[str, bytes]]:
    """Returns the mentions of a session as (kind, digests), one pair per chunk and kind."""
    c = MENTION.c
    statement = select(c.kind, c.digests).where(c.service_id == session.service_id, c.session_id == session.id)
    return [(row.kind, row.digests) for row in await connection.execute(statement)]


async def expire(connection: WriteConnection, before: datetime, limit: int) -> int:
    """Removes up to `limit` sessions whose last chunk is older than `before`, and returns how many it removed."""
    old = await connection.execute(
        select(SESSION.c.service_id, SESSION.c.id).where(SESSION.c.updated_at < before).limit(limit)
    )
    found = list(old)
    for service_id, session_id in found:
        for table, column in ((FAILURE, "session_id"), (MENTION, "session_id"), (SESSION, "id")):
            await connection.execute(
                delete(table).where(table.c.service_id == service_id, table.c[column] == session_id)
            )
    return len(found)


def _named(columns: Sequence[str], row: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(columns, row, strict=True))
