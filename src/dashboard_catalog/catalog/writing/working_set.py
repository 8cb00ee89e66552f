"""The assets that one batch reads and writes: changed in memory item by item, stored at the end all at once.

An asset written twice in a batch gets both its versions, the older one straight into history.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from dashboard_catalog.catalog.known.former_names import FormerNames
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.change import describe
from dashboard_catalog.catalog.model.commands import AssetName, Writer
from dashboard_catalog.catalog.model.ids import new_id
from dashboard_catalog.catalog.model.kinds import AssetKind
from dashboard_catalog.catalog.model.moments import time_of_change
from dashboard_catalog.store.asset_changes import AssetChanges
from dashboard_catalog.store.records import AssetRecord, EntityRecord, RemovedRecord


class WorkingSet:
    """Assets of one transaction by name and id, and the changes to store.

    Args:
        former: The assets that had other names before.

    Attributes:
        now: When the batch was begun.
        changes: What is to be stored.
    """

    def __init__(self, former: FormerNames) -> None:
        self._former = former
        self.now = datetime.now(UTC)
        self._by_key: dict[tuple[str, UUID, str], AssetRecord] = {}
        self._by_id: dict[UUID, AssetRecord] = {}
        self._older: dict[tuple[UUID, int], AssetRecord] = {}
        self._taken: set[tuple[str, UUID]] = set()
        self.changes = AssetChanges()

    def add_service(self, service_id: UUID, last_change: int) -> None:
        """Begins the work on a BI service. Its lock is held, except in a rehearsal."""
        self.changes.add_service(service_id, last_change)

    def add(self, kind: AssetKind, records: Iterable[AssetRecord]) -> None:
        """Adds what is stored, unless the batch knows it already."""
        for record in records:
            if record.id not in self._by_id:
                self._by_id[record.id] = record
                self._by_key[kind.name, record.service_id, record.name] = record

    def add_older(self, versions: Iterable[AssetRecord]) -> None:
        """Adds older versions of assets."""
        self._older |= {(record.id, record.version): record for record in versions}

    def version(self, record: AssetRecord, version: int | None) -> AssetRecord | None:
        """Returns a version of an asset, in tenths, if the batch knows it: the present one, or an older one."""
        return record if record.version == version else self._older.get((record.id, version or 0))

    def take_ids(self, kind: AssetKind, ids: Iterable[UUID]) -> None:
        """Remembers the ids that assets of a kind have already."""
        self._taken |= {(kind.name, id_) for id_ in ids}

    def is_taken(self, kind: AssetKind, id_: UUID) -> bool:
        """Says whether an asset of a kind has an id, as far as the batch has loaded or given them."""
        return (kind.name, id_) in self._taken

    def find(self, kind: AssetKind, service_id: UUID | None, name: str) -> AssetRecord | None:
        """Returns the asset of this name, deleted or not, as the batch has left it so far."""
        return self._by_key.get((kind.name, service_id, name)) if service_id else None

    def find_renamed(self, kind: AssetKind, service_id: UUID, name: str) -> AssetRecord | None:
        """Returns the asset that had this name before, if no other one has it."""
        id_ = self._former.find(service_id, kind.name, name)
        return self._by_id.get(id_) if id_ else None

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
        changes = self.changes.of(kind.table, record.service_id)
        changes.create(record)
        if self._former.take(record.service_id, kind.name, record.name):
            changes.take_name(record.name)

    def create_preserved(self, kind: AssetKind, record: AssetRecord, values: Mapping[str, Any], writer: Writer) -> None:
        """Makes a blank asset what `values` say; only its number, its call and its session are those of the writer."""
        self.take_ids(kind, [values["id"]])
        record.id = values["id"]
        self.create(kind, record, {}, writer)
        self._set(record, values)

    def keep_names(self, kind: AssetKind, record: AssetRecord, former: Iterable[str]) -> None:
        """Makes names the former names of an asset, as far as no other one has them."""
        for name in former:
            if (kind.name, record.service_id, name) not in self._by_key:
                self._former.keep(record.service_id, kind.name, name, record.id)
                self.changes.of(kind.table, record.service_id).keep_name(name, record.id)

    def change(self, kind: AssetKind, before: AssetRecord, changes: Mapping[str, Any], writer: Writer) -> AssetRecord:
        """Gives an asset its next version and returns that; `before` stays as it was, for history and answers."""
        after: AssetRecord = kind.table.copy(before)
        self._set(after, changes)
        after.version += 1
        after.change = describe(before, changes)
        self._stamp(after, writer)
        if after.name != before.name:
            del self._by_key[kind.name, before.service_id, before.name]
            self._former.take(before.service_id, kind.name, after.name)
            self._former.keep(before.service_id, kind.name, before.name, before.id)
        self._by_id[after.id] = self._by_key[kind.name, after.service_id, after.name] = after
        self._older[before.id, before.version] = before
        self.changes.of(kind.table, after.service_id).change(before, after)
        return after

    def touch(self, kind: AssetKind, record: AssetRecord, values: Mapping[str, Any]) -> None:
        """Stores marks, digest and the like without a version."""
        if changes := {name: value for name, value in values.items() if getattr(record, name) != value}:
            self._set(record, changes)
            self.changes.of(kind.table, record.service_id).touch(record)

    def remove(self, kind: AssetKind, record: AssetRecord, service: EntityRecord, writer: Writer) -> None:
        """Removes an asset of a BI service with its history, also what the batch has added to that."""
        self._by_id.pop(record.id)
        self._by_key.pop((kind.name, record.service_id, record.name))
        changes = self.changes.of(kind.table, record.service_id)
        # What was created in the same batch has never been there for others.
        if changes.remove(record):
            changes.removals.append(
                RemovedRecord(
                    service_id=record.service_id,
                    change_number=self.changes.next_number(record.service_id),
                    kind=kind.name,
                    id=record.id,
                    fqn=names.join(service.name, record.name),
                    service_fqn=service.fqn,
                    updated_at=time_of_change(self.now, record.updated_at),
                    updated_by=writer.principal.subject,
                    by_ingestion=not writer.edits,
                    call_id=writer.call_id,
                )
            )

    def _set(self, record: AssetRecord, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            setattr(record, name, value)

    def _stamp(self, record: AssetRecord, writer: Writer) -> None:
        record.change_number = self.changes.next_number(record.service_id)
        record.updated_at = time_of_change(self.now, record.updated_at)
        record.updated_by = writer.principal.subject
        record.by_ingestion = not writer.edits
        record.call_id = writer.call_id
        record.session_id = writer.session_id
