"""Writes the changes of assets in a transaction: their rows, history and references, and the change numbers.

This is the only module that writes them. It decides which statements run and in which order; how many there are
depends on the kinds and BI services, never on the number of assets.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from operator import attrgetter
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import Table, bindparam, delete, insert, select, update

from dashboard_catalog.store import former_names
from dashboard_catalog.store.asset_changes import AssetChanges, KindChanges
from dashboard_catalog.store.assets import AssetTable
from dashboard_catalog.store.column_types import UUID_LIST
from dashboard_catalog.store.conditions import any_of
from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.locks import advance
from dashboard_catalog.store.record_statements import RecordStatement
from dashboard_catalog.store.records import AssetRecord
from dashboard_catalog.store.tables import REMOVED

A = TypeVar("A", bound=AssetRecord)

# Columns that are no part of a version.
_UNVERSIONED = ("edited", "digest", "source_hash", "ingested")
_FIXED = ("service_id", "name", "id")
# The columns that lists look assets up by. SQLite rewrites each index whose columns a statement sets, changed or not.
_INDEXED = ("owners", "tags", "charts", "domain", "project", "deleted")


async def store_changes(connection: WriteConnection, changes: AssetChanges) -> None:
    """Writes the changes of BI services whose locks the transaction holds.

    Fails as a lost race when a concurrent transaction has created an asset of the same name: `Database.write` runs the
    transaction again.
    """
    for of_kind in changes:
        await _statements(of_kind.table).store(connection, of_kind)
    for service_id, number in changes.last_numbers().items():
        await advance(connection, service_id, number)


class _Statements(Generic[A]):
    """The statements that write one kind of asset."""

    def __init__(self, table: AssetTable[A]) -> None:
        self._kind = table.table.name
        self._references = table.references
        self._tables = table.table, table.history
        c = table.table.c
        indexed = [name for name in table.columns if name in _INDEXED]
        changing = [name for name in table.columns if name not in _FIXED]
        self._indexed_values = attrgetter(*indexed)
        self._row = (c.service_id == bindparam("b_service_id")) & (c.name == bindparam("b_name"))
        self.insert = RecordStatement(insert(table.table))
        self.insert_history = RecordStatement(insert(table.history))
        self.insert_removals = RecordStatement(insert(REMOVED))
        self.copy_to_history = insert(table.history).from_select(table.columns, table.with_names)
        self.update = self._updating(changing)
        self.update_in_place = self._updating([name for name in changing if name not in indexed])
        self.update_unversioned = self._updating(_UNVERSIONED)

    def _updating(self, names: Iterable[str]) -> RecordStatement:
        values: dict[str, Any] = {name: bindparam(name) for name in names}
        return RecordStatement(update(self._tables[0]).where(self._row).values(values))

    async def store(self, connection: WriteConnection, changes: KindChanges[A]) -> None:
        await self._name_sessions(connection, changes)
        # A new asset may have the name of one that is removed or renamed.
        await self._remove(connection, changes.service_id, changes.removed)
        await self.insert_removals.run(connection, changes.removals)
        await self._store_history(connection, changes)
        renamed, others = _split(changes.changed.values())
        await self._delete(connection, self._tables[:1], changes.service_id, [record.id for record in renamed])
        await self.insert.run(connection, [*changes.new.values(), *renamed])
        await self._update(connection, others)
        await self.update_unversioned.run(connection, list(changes.touched.values()))
        await self._store_references(connection, changes)
        await former_names.store(connection, changes.service_id, self._kind, changes.names)

    async def _name_sessions(self, connection: WriteConnection, changes: KindChanges[A]) -> None:
        """Adds the bulk sessions that wrote an asset to what is left of it."""
        if not changes.removals:
            return
        removed = {removal.id: removal for removal in changes.removals}
        ids = bindparam("ids", list(removed), UUID_LIST)
        for table in self._tables:
            c = table.c
            wrote = select(c.id, c.session_id).where(c.service_id == changes.service_id, any_of(c.id, ids)).distinct()
            for row in await connection.execute(wrote.where(c.session_id.is_not(None))):
                removed[row.id].session_ids.append(row.session_id)

    async def _remove(self, connection: WriteConnection, service_id: UUID, removed: Mapping[UUID, A]) -> None:
        if not removed:
            return
        await self._references.remove(connection, removed.values())
        await self._delete(connection, self._tables, service_id, list(removed))
        await former_names.remove_of(connection, service_id, removed)

    async def _delete(
        self, connection: WriteConnection, tables: Iterable[Table], service_id: UUID, ids: Sequence[UUID]
    ) -> None:
        for table in tables if ids else ():
            has_id = any_of(table.c.id, bindparam("ids", ids, UUID_LIST))
            await connection.run(delete(table).where(table.c.service_id == service_id, has_id))

    async def _store_history(self, connection: WriteConnection, changes: KindChanges[A]) -> None:
        """Stores older versions, before the updates that overwrite their rows."""
        if names := [record.name for record in changes.superseded.values()]:
            await connection.run(self.copy_to_history, {"service_id": changes.service_id, "names": names})
        await self.insert_history.run(connection, changes.history)

    async def _update(self, connection: WriteConnection, changed: Iterable[tuple[A, A]]) -> None:
        moved: list[A] = []
        in_place: list[A] = []
        for before, after in changed:
            same = self._indexed_values(before) == self._indexed_values(after)
            (in_place if same else moved).append(after)
        await self.update.run(connection, moved)
        await self.update_in_place.run(connection, in_place)

    async def _store_references(self, connection: WriteConnection, changes: KindChanges[A]) -> None:
        """Makes assets that are new or changed be found by what they refer to now."""
        dialect = connection.dialect.name
        outdated = [pair for pair in changes.changed.values() if self._references.differ(dialect, *pair)]
        await self._references.remove(connection, [before for before, _ in outdated])
        names = [record.name for record in [*changes.new.values(), *[after for _, after in outdated]]]
        if names:
            await self._references.add(connection, changes.service_id, names)


def _split(changed: Iterable[tuple[A, A]]) -> tuple[list[A], list[tuple[A, A]]]:
    """Returns the assets that have another name now, and the changes of the others.

    The name is part of the key. Rows that are inserted anew can swap their names; rows that are updated cannot.
    """
    renamed: list[A] = []
    others: list[tuple[A, A]] = []
    for before, after in changed:
        if before.name == after.name:
            others.append((before, after))
        else:
            renamed.append(after)
    return renamed, others


@cache
def _statements(table: AssetTable[Any]) -> _Statements[Any]:
    return _Statements(table)
