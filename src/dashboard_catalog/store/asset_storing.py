"""Writes the changes of assets in a transaction: their rows, history and references, and the change numbers.

This is the only module that writes them. It decides which statements run and in which order; how many there are
depends on the kinds and BI services, never on the number of assets.
"""

from functools import cache
from typing import Any, Generic, TypeVar

from sqlalchemy import bindparam, delete, insert, select

from dashboard_catalog.store import former_names
from dashboard_catalog.store.asset_changes import AssetChanges, KindChanges
from dashboard_catalog.store.assets import AssetTable
from dashboard_catalog.store.column_types import UUID_LIST
from dashboard_catalog.store.conditions import any_of
from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.current_rows import CurrentRows, ReplacedRows, UpdatedRows, delete_rows, updating
from dashboard_catalog.store.locks import advance
from dashboard_catalog.store.record_statements import RecordStatement
from dashboard_catalog.store.records import AssetRecord
from dashboard_catalog.store.tables import REMOVED

A = TypeVar("A", bound=AssetRecord)

_ids = bindparam("ids", type_=UUID_LIST)

# Columns that are no part of a version.
_UNVERSIONED = ("edited", "digest", "source_hash", "ingested")


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
        self._table, self._history = table.table, table.history
        self._rows: dict[str, CurrentRows] = {"postgresql": ReplacedRows(table), "sqlite": UpdatedRows(table)}
        self._insert = RecordStatement(insert(table.table))
        self._insert_history = RecordStatement(insert(table.history))
        self._insert_removals = RecordStatement(insert(REMOVED))
        self._update_unversioned = updating(table.table, _UNVERSIONED)

    async def store(self, connection: WriteConnection, changes: KindChanges[A]) -> None:
        await self._name_sessions(connection, changes)
        # A new asset may have the name of one that is removed or renamed.
        await self._remove(connection, changes)
        await self._insert_removals.run(connection, changes.removals)
        await self._insert_history.run(connection, changes.history)
        await self._rows[connection.dialect.name].store(connection, changes)
        await self._touch(connection, list(changes.touched.values()))
        await self._references.change(connection, changes.changed.values())
        await self._references.add(connection, changes.service_id, [record.name for record in changes.new.values()])
        await former_names.store(connection, changes.service_id, self._kind, changes.names)

    async def _touch(self, connection: WriteConnection, touched: list[A]) -> None:
        # On a cluster, the update of one row takes as long as a COPY of many.
        if connection.is_distributed:
            await delete_rows(connection, self._table, touched)
            await self._insert.run(connection, touched)
        else:
            await self._update_unversioned.run(connection, touched)

    async def _name_sessions(self, connection: WriteConnection, changes: KindChanges[A]) -> None:
        """Adds the bulk sessions that wrote an asset to what is left of it."""
        if not changes.removals:
            return
        session_ids = {id_: {record.session_id} for id_, record in changes.removed.items()}
        c = self._history.c
        wrote = select(c.id, c.session_id).where(c.service_id == changes.service_id, any_of(c.id, _ids)).distinct()
        for row in await connection.execute(wrote, {"ids": list(session_ids)}):
            session_ids[row.id].add(row.session_id)
        for removal in changes.removals:
            removal.session_ids += filter(None, session_ids[removal.id])

    async def _remove(self, connection: WriteConnection, changes: KindChanges[A]) -> None:
        if not changes.removed:
            return
        records = list(changes.removed.values())
        await self._references.remove(connection, records)
        await delete_rows(connection, self._table, records)
        c = self._history.c
        older = delete(self._history).where(c.service_id == changes.service_id, any_of(c.id, _ids))
        await connection.run(older, {"ids": list(changes.removed)})
        await former_names.remove_of(connection, changes.service_id, changes.removed)


@cache
def _statements(table: AssetTable[Any]) -> _Statements[Any]:
    return _Statements(table)
