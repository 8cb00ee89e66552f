"""Reads and writes the rows of bulk sessions. `bulk_details` has what they keep beside their rows."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, delete, insert, or_, select, tuple_, union, update

from dashboard_catalog.store.column_types import UUID_LIST
from dashboard_catalog.store.columns import column_names, named_row, record_maker
from dashboard_catalog.store.conditions import any_of
from dashboard_catalog.store.connections import ReadConnection, WriteConnection
from dashboard_catalog.store.records import SessionRecord
from dashboard_catalog.store.tables import SESSION

ALIVE_FOR = timedelta(minutes=10)
"""How long a session with a connection counts as running after its last chunk: its server may have died."""


class SessionState(StrEnum):
    """What has become of a session: the contract's `BulkSessionState` without its prefix."""

    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    BROKEN_OFF = "BROKEN_OFF"
    REVERTED = "REVERTED"


@dataclass(frozen=True, slots=True)
class SessionPage:
    """Which sessions a page holds. They are newest first.

    Attributes:
        owner: Whose sessions it holds, of any BI service.
        of_services: The BI services whose sessions it holds too, whoever began them; None for all.
        owned_in: The BI services to which the sessions of the owner are limited; None for no limit.
        service_id: The only BI service that it is about; None for all.
        state: The only state that it is about; None for all.
        after: Start and id of the last session of the previous page; None for the first page.
    """

    owner: str
    of_services: Collection[UUID] | None
    owned_in: Collection[UUID] | None
    service_id: UUID | None = None
    state: SessionState | None = None
    after: tuple[datetime, UUID] | None = None


_from_row, _named = record_maker(SessionRecord), named_row(SessionRecord)
_FIXED = ("service_id", "id")
_find = select(*SESSION.c).where(SESSION.c.id == bindparam("id"))
_find_in = _find.where(SESSION.c.service_id == bindparam("service_id"))
_lock = _find_in.with_for_update()
_update = (
    update(SESSION)
    .where(SESSION.c.service_id == bindparam("b_service_id"), SESSION.c.id == bindparam("b_id"))
    .values({name: bindparam(name) for name in column_names(SessionRecord) if name not in _FIXED})
)


async def find(connection: ReadConnection, session_id: UUID) -> SessionRecord | None:
    """Returns the session of this id, of any BI service; None when there is none."""
    row = (await connection.execute(_find, {"id": session_id})).first()
    return _from_row(row) if row else None


async def find_in(connection: ReadConnection, service_id: UUID, session_id: UUID) -> SessionRecord | None:
    """Returns the session of this id, if it is one of this BI service; `CATALOG_ID` stands for none."""
    row = (await connection.execute(_find_in, {"service_id": service_id, "id": session_id})).first()
    return _from_row(row) if row else None


async def lock(connection: WriteConnection, service_id: UUID, session_id: UUID) -> SessionRecord | None:
    """Locks a session until the end of the transaction and returns it; None when it no longer exists."""
    row = (await connection.execute(_lock, {"service_id": service_id, "id": session_id})).first()
    return _from_row(row) if row else None


async def add(connection: WriteConnection, record: SessionRecord) -> None:
    """Stores a new session."""
    await connection.run(insert(SESSION), _named(record))


async def save(connection: WriteConnection, record: SessionRecord) -> None:
    """Stores the new values of a session that this transaction has locked."""
    row = _named(record)
    await connection.run(_update, row | {"b_service_id": row.pop("service_id"), "b_id": row.pop("id")})


def state_of(session: SessionRecord, now: datetime) -> SessionState:
    """Returns what has become of a session."""
    if session.reverted_at is not None:
        return SessionState.REVERTED
    if session.finished:
        return SessionState.FINISHED
    is_alive = session.connection is not None and session.updated_at > now - ALIVE_FOR
    return SessionState.RUNNING if is_alive else SessionState.BROKEN_OFF


def _state(now: datetime) -> ColumnElement[str]:
    """Returns what `state_of` says, as SQL."""
    c = SESSION.c
    return case(
        (c.reverted_at.is_not(None), SessionState.REVERTED.value),
        (c.finished, SessionState.FINISHED.value),
        (and_(c.connection.is_not(None), c.updated_at > now - ALIVE_FOR), SessionState.RUNNING.value),
        else_=SessionState.BROKEN_OFF.value,
    )


async def sweeping(connection: ReadConnection, service_id: UUID, now: datetime) -> list[UUID]:
    """Returns the ids of the sweeping sessions of a service that are running."""
    c = SESSION.c
    # The first condition is the one that has an index.
    running = (c.updated_at > now - ALIVE_FOR, _state(now) == SessionState.RUNNING.value)
    found = await connection.execute(select(c.id).where(*running, c.service_id == service_id, c.sweeps))
    return list(found.scalars())


async def page(connection: ReadConnection, wanted: SessionPage, now: datetime, limit: int) -> list[SessionRecord]:
    """Returns the next sessions, up to a number."""
    c = SESSION.c
    statement: Select[tuple[object, ...]] = select(*c)
    if wanted.of_services is not None:
        statement = statement.where(or_(_owned(wanted), _of(wanted.of_services, "shown")))
    if wanted.service_id is not None:
        statement = statement.where(c.service_id == wanted.service_id)
    if wanted.state is not None:
        statement = statement.where(_state(now) == wanted.state.value)
    if wanted.after is not None:
        start, id_ = wanted.after
        statement = statement.where(
            tuple_(c.started_at, c.id)
            < tuple_(bindparam("start", start, c.started_at.type), bindparam("after", id_, c.id.type))
        )
    rows = await connection.execute(statement.order_by(c.started_at.desc(), c.id.desc()).limit(limit))
    return [_from_row(row) for row in rows]


def _owned(wanted: SessionPage) -> ColumnElement[bool]:
    owned = SESSION.c.owner == wanted.owner
    return owned if wanted.owned_in is None else and_(owned, _of(wanted.owned_in, "owned"))


def _of(services: Collection[UUID], name: str) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = any_of(SESSION.c.service_id, bindparam(name, list(services), UUID_LIST))
    return condition


async def expiring_in(connection: ReadConnection, details_before: datetime, before: datetime) -> list[UUID]:
    """Returns the BI services, or `CATALOG_ID`, that have sessions to expire.

    Args:
        details_before: Sessions whose last chunk is older lose what they keep beside their rows.
        before: Sessions whose last chunk is older are removed.
    """
    c = SESSION.c
    detailed = select(c.service_id).where(c.updated_at < details_before, ~c.details_expired)
    found = await connection.execute(union(detailed, select(c.service_id).where(c.updated_at < before)))
    return list(found.scalars())


async def lock_detailed(
    connection: WriteConnection, service_id: UUID, before: datetime, limit: int
) -> list[SessionRecord]:
    """Locks and returns up to `limit` sessions of a service that keep something beside their rows.

    Those that are in use are left out: they may be about to begin again.

    Args:
        before: Of sessions whose last chunk is older.
    """
    c = SESSION.c
    old = select(*c).where(c.service_id == service_id, c.updated_at < before, ~c.details_expired).limit(limit)
    return [_from_row(row) for row in await connection.execute(old.with_for_update(skip_locked=True))]


async def remove_old(connection: WriteConnection, service_id: UUID, before: datetime) -> None:
    """Removes the sessions of a service that keep nothing beside their rows.

    Args:
        before: Of sessions whose last chunk is older.
    """
    c = SESSION.c
    await connection.run(delete(SESSION).where(c.service_id == service_id, c.updated_at < before, c.details_expired))
