"""The rows that find assets by what they refer to, read as sorted ranges.

They repeat the lists of references that each asset holds. On PostgreSQL, a GIN index of the list finds the dashboards
that hold a chart. SQLite cannot index a list, so there charts have such rows, too.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Table, TextClause, bindparam, delete, select, text

from dashboard_catalog.store.column_types import ID, TEXT_LIST, UUID_LIST
from dashboard_catalog.store.conditions import any_of, overlaps
from dashboard_catalog.store.connections import WriteConnection

_LISTS = {"postgresql": ("owners", "tags"), "sqlite": ("owners", "tags", "charts")}


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
        self._remove = delete(rows).where(
            c.service_id == bindparam("b_service_id"),
            c.name == bindparam("b_name"),
            c.deleted == bindparam("b_deleted"),
            any_of(c.target_id, bindparam("targets", type_=UUID_LIST)),
        )
        self._add = {"postgresql": self._add_on_postgresql(), "sqlite": self._add_on_sqlite()}

    def differ(self, dialect: str, one: Any, other: Any) -> bool:
        """Returns whether two versions of an asset need different rows."""
        if one.deleted != other.deleted or one.name != other.name:
            return True
        return _targets(dialect, one) != _targets(dialect, other)

    async def add(self, connection: WriteConnection, service_id: UUID, names: Sequence[str]) -> None:
        """Adds the rows of stored assets, which must not have any."""
        await connection.run(self._add[connection.dialect.name], {"service_id": service_id, "names": names})

    async def remove(self, connection: WriteConnection, records: Iterable[Any]) -> None:
        """Removes the rows of assets; `records` are the assets as they were when the rows were added."""
        rows = [
            {"b_service_id": one.service_id, "b_name": one.name, "b_deleted": one.deleted, "targets": targets}
            for one in records
            if (targets := list(_targets(connection.dialect.name, one)))
        ]
        if rows:
            await connection.run(self._remove, rows)

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
        lists = " || ".join(_LISTS["postgresql"])
        return text(
            f"INSERT INTO {self.rows.name} (service_id, target_id, deleted, name)"
            " SELECT one.service_id, target.id, one.deleted, one.name"
            f" FROM {self.table.name} AS one CROSS JOIN LATERAL (SELECT DISTINCT unnest({lists}) AS id)"
            " AS target WHERE one.service_id = :service_id AND one.name = ANY (:names)"
        ).bindparams(bindparam("service_id", type_=ID), bindparam("names", type_=TEXT_LIST))

    def _add_on_sqlite(self) -> TextClause:
        # No id is in a list twice, or in two lists. Joining the lists first would cost a third more.
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


def _targets(dialect: str, record: Any) -> set[UUID]:
    return {id_ for name in _LISTS[dialect] for id_ in getattr(record, name, ())}


def fenced(keys: Select[Any]) -> Select[Any]:
    """Returns a statement for the same keys that the planner plans on its own, for keys that are always few."""
    # Without the fence, the planner prefers to walk all names until the page is full.
    return select(*keys.offset(0).subquery().c)
