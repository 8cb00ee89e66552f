"""The assets that one batch reads and writes: changed in memory item by item, stored at the end all at once.

An asset written twice in a batch gets both its versions, the older one straight into history.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from dashboard_catalog.catalog.model.change import describe
from dashboard_catalog.catalog.model.commands import AssetName, Writer
from dashboard_catalog.catalog.model.ids import new_id
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS, AssetKind
from dashboard_catalog.store import entities
from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.tables import AssetRecord


class WorkingSet:
    """Assets of one transaction by name and id, with what is to be stored of them.

    Args:
        now: The time of everything that the batch writes.
    """

    def __init__(self, now: datetime | None = None) -> None:
        self.now = now or datetime.now(UTC)
        self._by_key: dict[tuple[str, UUID, str], AssetRecord] = {}
        self._by_id: dict[UUID, AssetRecord] = {}
        # As they are in the database; none for new ones.
        self._stored_as: dict[UUID, AssetRecord] = {}
        self._sequences: dict[UUID, int] = {}
        # Of each kind and service: records by id, so that one written twice is stored once.
        self._new: dict[tuple[str, UUID], dict[UUID, AssetRecord]] = defaultdict(dict)
        self._changed: dict[tuple[str, UUID], dict[UUID, AssetRecord]] = defaultdict(dict)
        self._touched: dict[tuple[str, UUID], dict[UUID, AssetRecord]] = defaultdict(dict)
        self._removed: dict[tuple[str, UUID], dict[UUID, AssetRecord]] = defaultdict(dict)
        # Versions that are stored where the next one will be, by id; and those that never were.
        self._replaced: dict[tuple[str, UUID], dict[UUID, AssetRecord]] = defaultdict(dict)
        self._history: dict[tuple[str, UUID], list[AssetRecord]] = defaultdict(list)

    def add_service(self, service_id: UUID, last_change: int) -> None:
        """Begins the work on a BI service whose lock is held."""
        self._sequences.setdefault(service_id, last_change)

    def add(self, kind: AssetKind, records: Iterable[AssetRecord]) -> None:
        """Adds what is stored, unless the batch knows it already."""
        for record in records:
            if record.id not in self._by_id:
                self._by_id[record.id] = self._stored_as[record.id] = record
                self._by_key[kind.name, record.service_id, record.name] = record

    def find(self, kind: AssetKind, service_id: UUID | None, name: str) -> AssetRecord | None:
        """Returns the asset of this name, deleted or not, as the batch has left it so far."""
        return self._by_key.get((kind.name, service_id, name)) if service_id else None

    def get(self, id_: UUID) -> AssetRecord | None:
        """Returns the asset of this id, deleted or not, as the batch has left it so far."""
        return self._by_id.get(id_)

    def records(self) -> list[AssetRecord]:
        """Returns all assets that the batch knows."""
        return list(self._by_id.values())

    def blank(self, kind: AssetKind, service_id: UUID, key: AssetName) -> AssetRecord:
        """Returns a new asset that is not yet part of the batch; `create` makes it so."""
        record: AssetRecord = kind.table.record(
            service_id=service_id,
            name=key.name,
            id=new_id(),
            change_number=0,
            updated_at=self.now,
            updated_by="",
            by_ingestion=False,
            call_id="",
        )
        return record

    def create(self, kind: AssetKind, record: AssetRecord, values: Mapping[str, Any], writer: Writer) -> None:
        """Makes a blank asset version 0.1."""
        self._set(record, values)
        self._stamp(record, writer)
        self._by_id[record.id] = self._by_key[kind.name, record.service_id, record.name] = record
        self._new[kind.name, record.service_id][record.id] = record

    def change(self, kind: AssetKind, before: AssetRecord, changes: Mapping[str, Any], writer: Writer) -> AssetRecord:
        """Gives an asset its next version and returns that; `before` stays as it was, for history and answers."""
        place = kind.name, before.service_id
        after: AssetRecord = kind.table.copy(before)
        self._set(after, changes)
        after.version += 1
        after.change = describe(before, changes)
        self._stamp(after, writer)
        if any(before.id in written[place] for written in (self._new, self._changed, self._touched)):
            self._history[place].append(before)
        else:
            self._replaced[place][before.id] = before
        self._by_id[after.id] = self._by_key[kind.name, after.service_id, after.name] = after
        stored_as = self._new if after.id in self._new[place] else self._changed
        stored_as[place][after.id] = after
        return after

    def touch(self, kind: AssetKind, record: AssetRecord, **values: Any) -> None:
        """Stores marks, digest and the like without a version."""
        if all(getattr(record, name) == value for name, value in values.items()):
            return
        self._set(record, values)
        place = kind.name, record.service_id
        if record.id not in self._new[place] and record.id not in self._changed[place]:
            self._touched[place][record.id] = record

    def remove(self, kind: AssetKind, record: AssetRecord) -> None:
        """Removes an asset with its history, also what the batch has added to that."""
        place = kind.name, record.service_id
        self._by_id.pop(record.id)
        self._by_key.pop((*place, record.name))
        self._removed[place][record.id] = record
        self._changed[place].pop(record.id, None)
        self._replaced[place].pop(record.id, None)
        if left := [older for older in self._history.pop(place, ()) if older.id != record.id]:
            self._history[place] = left

    async def store(self, connection: WriteConnection) -> None:
        """Writes everything: for each service a number of statements that does not depend on how much there is."""
        for (kind_name, service_id), removed in self._removed.items():
            table = ASSET_KINDS[kind_name].table
            await table.references.remove(
                connection, [self._stored_as[id_] for id_ in removed if id_ in self._stored_as]
            )
            await table.remove(connection, service_id, removed)
        for (kind_name, _), new in self._new.items():
            await ASSET_KINDS[kind_name].table.insert(connection, list(new.values()))
        for (kind_name, service_id), replaced in self._replaced.items():
            if names := [record.name for record in replaced.values()]:
                await ASSET_KINDS[kind_name].table.copy_to_history(connection, service_id, names)
        for (kind_name, _), history in self._history.items():
            await ASSET_KINDS[kind_name].table.insert_history(connection, history)
        for (kind_name, _), changed in self._changed.items():
            await ASSET_KINDS[kind_name].table.update(
                connection, [(self._stored_as[id_], record) for id_, record in changed.items()]
            )
        for place, touched in self._touched.items():
            only = [record for id_, record in touched.items() if id_ not in self._changed[place]]
            await ASSET_KINDS[place[0]].table.update_unversioned(connection, only)
        for place in {*self._new, *self._changed}:
            await self._store_references(connection, *place)
        for service_id in {place[1] for place in (*self._new, *self._replaced)}:
            await entities.advance(connection, service_id, self._sequences[service_id])

    async def _store_references(self, connection: WriteConnection, kind_name: str, service_id: UUID) -> None:
        """Makes the assets that are new, or refer to other things than before, be found by what they refer to."""
        references = ASSET_KINDS[kind_name].table.references
        moved = {
            id_: self._stored_as[id_]
            for id_, record in self._changed[kind_name, service_id].items()
            if references.differ(connection.dialect.name, self._stored_as[id_], record)
        }
        await references.remove(connection, list(moved.values()))
        names = [record.name for record in (*self._new[kind_name, service_id].values(), *moved.values())]
        if names:
            await references.add(connection, service_id, names)

    def _set(self, record: AssetRecord, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            setattr(record, name, value)

    def _stamp(self, record: AssetRecord, writer: Writer) -> None:
        self._sequences[record.service_id] += 1
        record.change_number = self._sequences[record.service_id]
        record.updated_at = self.now
        record.updated_by = writer.principal.subject
        record.by_ingestion = not writer.edits
        record.call_id = writer.call_id
        record.session_id = writer.session_id
