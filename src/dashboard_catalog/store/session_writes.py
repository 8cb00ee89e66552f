"""Reads what a bulk session has written: the versions of assets, and what has become of them since.

What puts a session back belongs to the session too, but has higher change numbers.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, Select, bindparam, case, desc, func, literal_column, select, union_all

from dashboard_catalog.store.assets import AssetTable
from dashboard_catalog.store.column_types import ID, UUID_LIST
from dashboard_catalog.store.conditions import is_positive, overlaps
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.places import has_id, is_wanted, within
from dashboard_catalog.store.tables import ENTITY_CHANGE, REMOVED


class SessionRange(NamedTuple):
    """What a session wrote in one BI service, or of the catalog as a whole.

    Attributes:
        service_id: The BI service, or `CATALOG_ID`.
        first: Its first change number there.
        last: Its last change number there.
    """

    session_id: UUID
    service_id: UUID
    first: int
    last: int

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of a statement."""
        return self._asdict()


class WrittenVersion(NamedTuple):
    """A version of an asset that a session wrote."""

    kind: str
    id: UUID
    version: int
    change_number: int


class Span(NamedTuple):
    """The versions of an asset that a session wrote, among all of its versions.

    Attributes:
        name: Of the asset, today.
        deleted: Whether the asset is deleted.
        oldest: The oldest version that is kept.
        newest: The newest version.
        first: The first version that the session wrote; None if it wrote none.
        last: The last version that the session wrote; None if it wrote none.
        written: How many versions the session wrote.
        put_back: How many versions there are that put the asset back.
    """

    id: UUID
    name: str
    deleted: bool
    oldest: int
    newest: int
    first: int | None
    last: int | None
    written: int
    put_back: int

    @property
    def is_whole(self) -> bool:
        """Whether the newest versions are the session's, and nobody else has written any between them."""
        if self.first is None or self.last is None:
            return False
        return self.last == self.newest and self.last - self.first + 1 == self.written

    @property
    def is_created(self) -> bool:
        """Whether the session created the asset."""
        return self.first == self.oldest


_service_id, _session_id = bindparam("service_id", type_=ID), bindparam("session_id", type_=ID)
_first, _last = (bindparam(name, type_=BigInteger()) for name in ("first", "last"))


async def written_versions(
    connection: ReadConnection, tables: Sequence[tuple[str, AssetTable[Any]]], of: SessionRange, limit: int
) -> list[WrittenVersion]:
    """Returns the versions of assets that a session wrote, newest first, up to a number.

    Args:
        tables: Of each kind of asset, with its name.
        of: Where to look, which may end before the last change of the session.
    """
    # One statement: an asset that moves into the history between two would be missed.
    rows_of = [(name, rows) for name, table in tables for rows in (table.table, table.history)]
    parts = [_versions(name, rows, limit).subquery().select() for name, rows in rows_of]
    statement = union_all(*parts).order_by(desc("change_number")).limit(limit)
    rows = await connection.execute(statement, of.parameters)
    return [WrittenVersion(*row) for row in rows]


def _versions(kind: str, rows: Any, limit: int) -> Select[Any]:
    c = rows.c
    selected = select(literal_column(f"'{kind}'").label("kind"), c.id, c.version, c.change_number)
    return (
        selected.where(
            c.service_id == _service_id,
            c.session_id == _session_id,
            c.change_number.between(_first, _last),
            is_positive(c.change_number),
        )
        .order_by(c.change_number.desc())
        .limit(limit)
    )


async def spans(
    connection: ReadConnection, table: AssetTable[Any], of: SessionRange, ids: Collection[UUID]
) -> list[Span]:
    """Returns the spans of the assets of these ids in the BI service."""
    now, then = table.table.c, table.history.c
    current, older = (
        select(c.id, c.version, c.change_number, c.session_id, literal_column(is_current).label("is_current"), *shown)
        for c, is_current, shown in ((now, "1", (now.name, now.deleted)), (then, "0", (then.name, then.deleted)))
    )
    current = current.where(is_wanted(connection, table.table))
    older = older.where(then.service_id == _service_id, has_id(table.history))
    all_ = union_all(current, older).subquery().c
    is_written = (all_.session_id == _session_id) & all_.change_number.between(_first, _last)
    is_put_back = (all_.session_id == _session_id) & (all_.change_number > _last)
    statement = select(
        all_.id,
        func.max(case((all_.is_current == 1, all_.name))),
        func.max(case(((all_.is_current == 1) & all_.deleted, 1), else_=0)),
        func.min(all_.version),
        func.max(all_.version),
        func.min(case((is_written, all_.version))),
        func.max(case((is_written, all_.version))),
        func.sum(case((is_written, 1), else_=0)),
        func.sum(case((is_put_back, 1), else_=0)),
    ).group_by(all_.id)
    rows = await connection.execute(statement, of.parameters | within([of.service_id], ids))
    return [Span(row[0], row[1], bool(row[2]), *row[3:]) for row in rows]


async def removed_assets(
    connection: ReadConnection, of: SessionRange, after: int, limit: int
) -> list[tuple[int, str, UUID]]:
    """Returns (change number, kind, id) of assets that were removed for good, up to a number.

    Args:
        of: A session that wrote them, and where.
        after: Change number after which they were removed.
    """
    c = REMOVED.c
    by_session = overlaps(c.session_ids, bindparam("session_ids", [of.session_id], UUID_LIST))
    statement = select(c.change_number, c.kind, c.id).where(c.service_id == of.service_id, c.change_number > after)
    rows = await connection.execute(statement.where(by_session).order_by(c.change_number).limit(limit))
    return [(row.change_number, row.kind, row.id) for row in rows]


async def written_entities(
    connection: ReadConnection, of: SessionRange, limit: int
) -> tuple[int, list[tuple[str, UUID]]]:
    """Returns how many entities that exist a session wrote, and kind and id of some of them."""
    c = ENTITY_CHANGE.c
    is_written = (c.session_id == _session_id) & c.change_number.between(_first, _last)
    count = select(func.count(c.id.distinct())).where(is_written)
    some = select(c.kind, c.id).where(is_written).group_by(c.kind, c.id).order_by(func.max(c.change_number).desc())
    total = (await connection.execute(count, of.parameters)).scalar_one()
    rows = await connection.execute(some.limit(limit), of.parameters)
    return int(total), [(row.kind, row.id) for row in rows]
