"""Writes the rows of assets that are new or changed, and moves the rows that they replace into the history.

PostgreSQL writes an updated row into all indexes, since some of them hold its time and its change number. So an update
saves nothing there, and COPY is faster. SQLite writes only the indexes whose columns a statement sets.
"""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy import Table, bindparam, delete, insert, select, update

from dashboard_catalog.store.asset_changes import KindChanges
from dashboard_catalog.store.assets import AssetTable
from dashboard_catalog.store.column_types import TEXT_LIST
from dashboard_catalog.store.conditions import any_of
from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.fixed_statements import FixedStatement
from dashboard_catalog.store.record_statements import RecordStatement
from dashboard_catalog.store.records import AssetRecord

A = TypeVar("A", bound=AssetRecord)

_FIXED = ("service_id", "name", "id")
# The columns that lists look assets up by. SQLite rewrites each index whose columns a statement sets, changed or not.
_INDEXED = ("owners", "tags", "charts", "domain", "project", "deleted")


class CurrentRows(Protocol):
    """The rows of one kind of asset."""

    async def store(self, connection: WriteConnection, changes: KindChanges[Any]) -> None:
        """Writes what is new or changed. Rows that are superseded become history."""


class ReplacedRows:
    """The rows on PostgreSQL: those of changed assets are deleted and written again.

    Attributes:
        move_to_history: Statement that deletes the rows of a `service_id` that have one of `names`, and copies those
            that have one of `superseded` into the history.
    """

    def __init__(self, table: AssetTable[Any]) -> None:
        self._table = table.table
        self._insert = RecordStatement(insert(table.table))
        c = table.table.c
        in_service = c.service_id == bindparam("service_id")
        is_superseded = any_of(c.name, bindparam("superseded", type_=TEXT_LIST))
        copied = insert(table.history).from_select(table.columns, select(*c).where(in_service, is_superseded))
        has_name = any_of(c.name, bindparam("names", type_=TEXT_LIST))
        # Not the other way round: a cluster would bring the rows that a deletion returns to the node of the connection,
        # and copy them from there.
        moved = delete(table.table).where(in_service, has_name).add_cte(copied.cte("copied"))
        self.move_to_history = FixedStatement(moved)

    async def store(self, connection: WriteConnection, changes: KindChanges[Any]) -> None:
        """Deletes the rows before it writes any, so that assets can swap their names."""
        replaced = [before for before, _ in changes.changed.values()]
        if superseded := [record.name for record in changes.superseded.values()]:
            names = [record.name for record in replaced]
            parameters = {"service_id": changes.service_id, "names": names, "superseded": superseded}
            await connection.run(self.move_to_history, parameters)
        else:
            await delete_rows(connection, self._table, replaced)
        await self._insert.run(connection, [*changes.new.values(), *[after for _, after in changes.changed.values()]])


class UpdatedRows(Generic[A]):
    """The rows on SQLite: those of changed assets are updated, with as few indexes as possible.

    Attributes:
        copy_to_history: Statement that copies the rows of a `service_id` that have one of `names`.
        update: Statement that sets all columns of a row.
    """

    def __init__(self, table: AssetTable[A]) -> None:
        self._table = table.table
        indexed = [name for name in table.columns if name in _INDEXED]
        changing = [name for name in table.columns if name not in _FIXED]
        self._indexed_values = attrgetter(*indexed)
        self._insert = RecordStatement(insert(table.table))
        self.copy_to_history = FixedStatement(insert(table.history).from_select(table.columns, table.with_names))
        self.update = updating(table.table, changing)
        self._update_in_place = updating(table.table, [name for name in changing if name not in indexed])

    async def store(self, connection: WriteConnection, changes: KindChanges[A]) -> None:
        """Copies older versions before the updates that overwrite their rows."""
        if names := [record.name for record in changes.superseded.values()]:
            await connection.run(self.copy_to_history, {"service_id": changes.service_id, "names": names})
        renamed, others = _split(changes.changed.values())
        await delete_rows(connection, self._table, [before for before, _ in renamed])
        await self._insert.run(connection, [*changes.new.values(), *(after for _, after in renamed)])
        await self._update(connection, others)

    async def _update(self, connection: WriteConnection, changed: Iterable[tuple[A, A]]) -> None:
        moved: list[A] = []
        in_place: list[A] = []
        for before, after in changed:
            same = self._indexed_values(before) == self._indexed_values(after)
            (in_place if same else moved).append(after)
        await self.update.run(connection, moved)
        await self._update_in_place.run(connection, in_place)


def updating(table: Table, names: Iterable[str]) -> RecordStatement:
    """Returns the statement that sets some columns of the row that has the service and the name of a record."""
    values: dict[str, Any] = {name: bindparam(name) for name in names}
    row = (table.c.service_id == bindparam("b_service_id")) & (table.c.name == bindparam("b_name"))
    return RecordStatement(update(table).where(row).values(values))


async def delete_rows(connection: WriteConnection, table: Table, records: Sequence[AssetRecord]) -> None:
    """Deletes the rows of assets of one BI service, which `records` hold. Does nothing when there are none."""
    if records:
        has_name = any_of(table.c.name, bindparam("names", [record.name for record in records], TEXT_LIST))
        await connection.run(delete(table).where(table.c.service_id == records[0].service_id, has_name))


def _split(changed: Iterable[tuple[A, A]]) -> tuple[list[tuple[A, A]], list[tuple[A, A]]]:
    """Returns the changes of the assets that get another name, and those of the others.

    The name is part of the key. Rows that are inserted anew can swap their names; rows that are updated cannot.
    """
    renamed: list[tuple[A, A]] = []
    others: list[tuple[A, A]] = []
    for before, after in changed:
        (others if before.name == after.name else renamed).append((before, after))
    return renamed, others
