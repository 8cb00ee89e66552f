"""The rows that find assets by what they refer to, read as sorted ranges.

They repeat the lists of references that each asset holds. On PostgreSQL, a GIN index of the list finds the dashboards
that hold a chart. SQLite cannot index a list, so there charts have such rows, too.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, Boolean, Select, Table, TextClause, bindparam, delete, insert, select, text

from dashboard_catalog.store.column_types import ID, TEXT_LIST, UUID_LIST
from dashboard_catalog.store.conditions import any_of, overlaps
from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.fixed_statements import FixedStatement
from dashboard_catalog.store.record_statements import RecordStatement

_LISTS = {"postgresql": ("owners", "tags"), "sqlite": ("owners", "tags", "charts")}


class _Reference(NamedTuple):
    """A row of the table."""

    service_id: UUID
    target_id: UUID
    deleted: bool
    name: str


class ReferenceRows:
    """The table `KIND_reference` of one kind of asset.

    Args:
        table: The table of the assets.
        rows: The table of their references.
    """

    def __init__(self, table: Table, rows: Table) -> None:
        self.table = table
        self.rows = rows
        c = rows.c
        self._remove = FixedStatement(
            delete(rows).where(
                c.service_id == bindparam("b_service_id"),
                c.name == bindparam("b_name"),
                c.deleted == bindparam("b_deleted"),
                any_of(c.target_id, bindparam("targets", type_=UUID_LIST)),
            )
        )
        self._remove_at_once = FixedStatement(self._removal_on_cluster())
        self._insert = RecordStatement(insert(rows))
        adding = {"postgresql": self._add_on_postgresql(), "sqlite": self._add_on_sqlite()}
        self._add = {dialect: FixedStatement(statement) for dialect, statement in adding.items()}

    async def add(self, connection: WriteConnection, service_id: UUID, names: Sequence[str]) -> None:
        """Adds the rows of stored assets, which must not have any."""
        if names:
            await connection.run(self._add[connection.dialect.name], {"service_id": service_id, "names": names})

    async def change(self, connection: WriteConnection, changed: Iterable[tuple[Any, Any]]) -> None:
        """Replaces the rows that differ between two versions of assets: as they are stored, and as they are now."""
        dialect = connection.dialect.name
        pairs = [pair for pair in changed if _may_differ(dialect, *pair)]
        before = [_rows(dialect, one) for one, _ in pairs]
        after = [_rows(dialect, other) for _, other in pairs]
        await self._remove_rows(connection, [had - has for had, has in zip(before, after, strict=True)])
        added = [row for had, has in zip(before, after, strict=True) for row in has - had]
        await self._insert.run(connection, added)

    async def remove(self, connection: WriteConnection, records: Iterable[Any]) -> None:
        """Removes the rows of assets; `records` are the assets as they were when the rows were added."""
        await self._remove_rows(connection, [_rows(connection.dialect.name, one) for one in records])

    async def _remove_rows(self, connection: WriteConnection, of_assets: Sequence[set[_Reference]]) -> None:
        """Removes rows of one BI service; the rows of each set belong to one asset and differ only in their targets."""
        if connection.is_distributed:
            await self._remove_rows_at_once(connection, [row for rows in of_assets for row in rows])
            return
        removed = [
            {
                "b_service_id": one.service_id,
                "b_name": one.name,
                "b_deleted": one.deleted,
                "targets": [row.target_id for row in rows],
            }
            for rows in of_assets
            for one in list(rows)[:1]
        ]
        if removed:
            await connection.run(self._remove, removed)

    async def _remove_rows_at_once(self, connection: WriteConnection, removed: Sequence[_Reference]) -> None:
        """Removes rows by one statement, since a cluster takes as long for one row as for many.

        One server would keep a plan that it made while the BI service had no references. Such a plan reads all of them.
        """
        if removed:
            services, targets, deleted, names = zip(*removed, strict=True)
            parameters = {"service_id": services[0], "target_ids": targets, "deleted": deleted, "names": names}
            await connection.run(self._remove_at_once, parameters)

    def of(self, ids: Sequence[UUID], *, once: bool = True) -> Select[Any]:
        """Returns the statement for (name, service_id, deleted) of the assets that refer to any of `ids`.

        Args:
            once: Whether an asset that refers to several of them appears only once.
        """
        c = self.rows.c
        found = select(c.name, c.service_id, c.deleted)
        if len(ids) == 1:
            return found.where(c.target_id == ids[0])
        found = found.where(any_of(c.target_id, bindparam(None, list(ids), UUID_LIST)))
        return found.distinct() if once else found

    def of_charts(self, dialect: str, ids: Sequence[UUID]) -> Select[Any]:
        """Returns the statement for (name, service_id, deleted) of the dashboards that hold any of these charts."""
        if dialect == "sqlite":
            return self.of(ids)
        c = self.table.c
        held = select(c.name, c.service_id, c.deleted).where(overlaps(c.charts, bindparam(None, list(ids), UUID_LIST)))
        return fenced(held)

    def _add_on_postgresql(self) -> TextClause:
        # No id is in a list twice, or in two lists.
        lists = " || ".join(_LISTS["postgresql"])
        return text(
            f"INSERT INTO {self.rows.name} (service_id, target_id, deleted, name)"
            " SELECT one.service_id, target.id, one.deleted, one.name"
            f" FROM {self.table.name} AS one CROSS JOIN LATERAL unnest({lists}) AS target (id)"
            " WHERE one.service_id = :service_id AND one.name = ANY (:names)"
        ).bindparams(bindparam("service_id", type_=ID), bindparam("names", type_=TEXT_LIST))

    def _removal_on_cluster(self) -> TextClause:
        return text(
            f"DELETE FROM {self.rows.name} AS one"
            " USING unnest(:target_ids, :deleted, :names) AS gone (target_id, deleted, name)"
            " WHERE one.service_id = :service_id AND one.target_id = gone.target_id AND one.deleted = gone.deleted"
            " AND one.name = gone.name"
        ).bindparams(
            bindparam("service_id", type_=ID),
            bindparam("target_ids", type_=UUID_LIST),
            bindparam("deleted", type_=ARRAY(Boolean())),
            bindparam("names", type_=TEXT_LIST),
        )

    def _add_on_sqlite(self) -> TextClause:
        # Joining the lists first would cost a third more.
        each = " UNION ALL ".join(
            "SELECT one.service_id, target.value, one.deleted, one.name"
            f" FROM {self.table.name} AS one, json_each(one.{name}) AS target"
            " WHERE one.service_id = :service_id AND one.name IN (SELECT value FROM json_each(:names))"
            for name in _LISTS["sqlite"]
            if name in self.table.c
        )
        return text(f"INSERT INTO {self.rows.name} (service_id, target_id, deleted, name) {each}").bindparams(
            bindparam("service_id", type_=ID), bindparam("names", type_=TEXT_LIST)
        )


def _rows(dialect: str, record: Any) -> set[_Reference]:
    """Returns the rows of an asset."""
    targets = (id_ for name in _LISTS[dialect] for id_ in getattr(record, name, ()))
    return {_Reference(record.service_id, id_, record.deleted, record.name) for id_ in targets}


def _may_differ(dialect: str, one: Any, other: Any) -> bool:
    """Returns whether two versions of an asset may need different rows; lists that are copied are compared quickly."""
    if one.deleted != other.deleted or one.name != other.name:
        return True
    return any(getattr(one, name, None) != getattr(other, name, None) for name in _LISTS[dialect])


def fenced(keys: Select[Any]) -> Select[Any]:
    """Returns a statement for the same keys that the planner plans on its own, for keys that are always few."""
    # Without the fence, the planner prefers to walk all names until the page is full.
    return select(*keys.offset(0).subquery().c)
