"""The one write path: every create, upsert, update, delete, restore and revert runs through `Pipeline.run`, in batches.

    lock -> find what is unchanged -> load what is stored -> authorize -> resolve references -> merge -> write

A batch is one transaction. The number of statements depends on the BI services in it, never on the number of writes.
One refused write fails alone, also one that the database refuses (`isolation`).
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from uuid import UUID

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.catalog.authorization import AssetResources
from dashboard_catalog.catalog.known.assumed import Assumed
from dashboard_catalog.catalog.known.known_entities import KnownEntities
from dashboard_catalog.catalog.known.property_targets import PropertyTargets
from dashboard_catalog.catalog.known.remembered import Remembered
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.commands import (
    AssetName,
    AssetWrite,
    DeferredUpsert,
    EntityWrite,
    Unchanged,
    Write,
    WrittenAsset,
    WrittenEntity,
    kind_and_name,
)
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS, CHART_KIND, AssetKind
from dashboard_catalog.catalog.visibility.sight import Sight
from dashboard_catalog.catalog.writing.asset_deletion import AssetDeletion
from dashboard_catalog.catalog.writing.asset_lookup import AssetLookup
from dashboard_catalog.catalog.writing.asset_writes import AssetWrites
from dashboard_catalog.catalog.writing.duplicates import NamedItem, asset_items, contradictions
from dashboard_catalog.catalog.writing.entity_writes import EntityWrites, in_order
from dashboard_catalog.catalog.writing.hidden_references import HiddenReferences
from dashboard_catalog.catalog.writing.isolation import isolated
from dashboard_catalog.catalog.writing.permissions import WritePermissions
from dashboard_catalog.catalog.writing.present_names import in_present_names
from dashboard_catalog.catalog.writing.referenced import Referenced
from dashboard_catalog.catalog.writing.remembering import Remembering
from dashboard_catalog.catalog.writing.turns import Turns
from dashboard_catalog.catalog.writing.unchanged import UnchangedLookup
from dashboard_catalog.catalog.writing.working_set import WorkingSet
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store import locks
from dashboard_catalog.store.asset_storing import store_changes
from dashboard_catalog.store.connections import ReadConnection, WriteConnection
from dashboard_catalog.store.records import AssetRecord

Written = WrittenAsset | Unchanged | WrittenEntity
Result = Written | CatalogError


@dataclass(slots=True)
class Batch:
    """Writes that are applied in one transaction.

    Attributes:
        writes: In the order they were sent. Entities are applied first, then charts, then dashboards.
        assumed: What counts as existing, for a stream that only validates; grows with what is accepted.
        is_chunk: Whether one caller sent the writes together. Then a write that refers to a refused one is refused too.
        failed: (kind, fully qualified name) of items of the chunk that could not be read.
        missing: Gets (kind, fully qualified name) of what the writes left out because it does not exist.
        probes: Whether the batch is only looked at, so that nothing that it accepts counts as existing afterwards.
        offsets: Offset in the stream of each item of the chunk, by the identity of its write.
    """

    writes: Sequence[Write]
    assumed: Assumed | None = None
    is_chunk: bool = False
    failed: Sequence[tuple[str, str]] = ()
    missing: set[tuple[str, str]] = field(default_factory=set)
    probes: bool = False
    offsets: Mapping[int, int] = field(default_factory=dict)


class Pipeline:
    """Applies batches of writes.

    Args:
        remembered: What the process remembers of the database, if anything.

    Attributes:
        authorizer: Decides who may do what.
    """

    def __init__(self, authorizer: Authorizer, remembered: Remembered | None = None) -> None:
        self.authorizer = authorizer
        self._remembered = remembered

    async def run(self, connection: WriteConnection, batch: Batch, sight: Sight | None = None) -> list[Result]:
        """Applies a batch in the transaction of `connection` and returns the result of each write, in their order.

        Args:
            connection: The transaction.
            batch: The writes.
            sight: A new one, which knows what the batch has loaded afterwards.
        """
        if not connection.isolates:
            return await self._run(connection, batch, sight or self._sight(batch))

        async def run(writes: Sequence[Write], failed: Sequence[tuple[str, str]]) -> list[Result]:
            part = replace(batch, writes=writes, failed=[*batch.failed, *(failed if batch.is_chunk else ())])
            return await self._run(connection, part, self._sight(part))

        return await isolated(connection, batch.writes, run)

    async def _run(self, connection: WriteConnection, batch: Batch, sight: Sight) -> list[Result]:
        # A transaction that isolates may undo a part of what it has written.
        remembered = None if connection.isolates else self._remembered
        return await _Run(self.authorizer, batch, sight, remembered, reader=connection, writer=connection).all()

    async def rehearse(self, connection: ReadConnection, batch: Batch) -> list[Result]:
        """Returns what `run` would return. Writes nothing and takes no locks."""
        return await _Run(self.authorizer, batch, self._sight(batch), reader=connection, writer=None).all()

    def _sight(self, batch: Batch) -> Sight:
        return Sight(self.authorizer, KnownEntities(batch.assumed))


class _Run:
    """The run of one batch.

    Args:
        authorizer: Decides who may do what.
        batch: The writes.
        sight: What the writers may view. Knows the things that the batch refers to.
        remembered: What the process remembers, if the batch may use that and add to it.
        reader: The connection to read with.
        writer: The same connection, to lock and to store with; None for a rehearsal.
    """

    def __init__(
        self,
        authorizer: Authorizer,
        batch: Batch,
        sight: Sight,
        remembered: Remembered | None = None,
        *,
        reader: ReadConnection,
        writer: WriteConnection | None,
    ) -> None:
        self._connection = reader
        self._writer = writer
        self._batch = batch
        self._sight = sight
        self._known = sight.known
        for kind, fqn in batch.failed:
            self._known.add_failed(kind, fqn)
        self._targets = PropertyTargets(self._known, batch.assumed)
        self._working = WorkingSet(self._known.former)
        self._lookup = AssetLookup(self._known, self._working)
        resources = AssetResources(self._known)
        permissions = WritePermissions(authorizer, resources, sight)
        self._hidden = HiddenReferences(sight, self._targets)
        self._deletion = AssetDeletion(permissions, self._known, self._working)
        self._entity_writes = EntityWrites(authorizer, sight, self._working.now)
        self._asset_writes = AssetWrites(permissions, self._known, self._hidden, self._lookup, self._deletion)
        self._remembering = remembered and writer and Remembering(remembered, writer, self._known, self._working)
        self._results: dict[int, Result] = {}
        self._turns = Turns()
        self._unchanged = UnchangedLookup(authorizer, self._known, resources, sight)
        writes = dict(enumerate(batch.writes))
        self._deferred = {index: write for index, write in writes.items() if isinstance(write, DeferredUpsert)}
        self._entities = {index: write for index, write in writes.items() if isinstance(write, EntityWrite)}
        self._assets = {index: write for index, write in writes.items() if isinstance(write, AssetWrite)}

    async def all(self) -> list[Result]:
        if self._writer:
            # Any service may refer to a thing that is removed for good, so no other write may be in progress.
            removes = any(write.hard for write in self._assets.values())
            await locks.lock_catalog(self._writer, to_write=removes or bool(self._entities))
        if self._entities:
            await self._write_entities()
        elif self._remembering and self._writer:
            await self._remembering.use_entities(self._writer)
        if self._assets or self._deferred:
            await self._write_assets()
        self._batch.missing.update(self._known.missing)
        return [self._results[index] for index in range(len(self._batch.writes))]

    async def _write_entities(self) -> None:
        await self._entity_writes.load(self._connection, self._entities.values())
        if self._writer:
            await self._entity_writes.lock(self._writer)
        if self._batch.is_chunk and self._known.former.any:
            self._refuse_contradictions(
                NamedItem(
                    index,
                    in_present_names(write, self._sight),
                    (write.kind.name, name),
                    kind_and_name(write)[1] != name,
                )
                for index, write in self._entities.items()
                for name in (self._entity_writes.present_name(write),)
            )
        writes = {index: in_present_names(write, self._sight) for index, write in self._entities.items()}
        for index in in_order(writes):
            if index not in self._results:
                self._results[index] = self._apply_entity(self._entities[index])
        if self._writer:
            await self._entity_writes.store(self._writer)

    def _apply_entity(self, write: EntityWrite) -> Result:
        try:
            written = self._entity_writes.apply(write)
        except CatalogError as error:
            self._refused(write)
            return error
        if self._batch.assumed is not None and not self._batch.probes:
            self._batch.assumed.add(written.record)
        return written

    async def _write_assets(self) -> None:
        located = await self._locate()
        await self._lock(located)
        await self._find_unchanged()
        await self._load(located)
        versions = await self._load_versions()
        await self._load_references(versions)
        if self._batch.is_chunk and self._known.former.any:
            self._refuse_contradictions(asset_items(self._batch.writes, self._results, self._known, self._lookup))
        stored = self._stored()
        await self._hidden.load(self._connection, stored)
        await self._deletion.load(self._connection, stored)
        for kind in ASSET_KINDS.values():
            for index, write in self._assets.items():
                if write.kind is kind and index not in self._results:
                    self._results[index] = self._apply(write)
                    if self._turns.are_due(write):
                        await asyncio.sleep(0)
        if self._writer:
            await store_changes(self._writer, self._working.changes)

    def _stored(self) -> list[tuple[AssetWrite, AssetRecord]]:
        """Returns the writes that change an asset which is stored, with it."""
        if not self._working.records():
            return []
        found = ((write, self._lookup.target(write)) for write in self._assets.values())
        return [(write, stored) for write, stored in found if stored is not None]

    def _apply(self, write: AssetWrite) -> Result:
        try:
            written = self._asset_writes.apply(in_present_names(write, self._sight))
        except CatalogError as error:
            self._refused(write)
            return error
        if written.former_fqn and write.kind is CHART_KIND:
            self._known.rename_chart(AssetName(*names.split(written.former_fqn, 2)), written.record)
        elif write.kind is CHART_KIND and not write.hard:
            self._known.add_chart(written.record)
        self._targets.add(write.kind.name, written.fqn, written.record)
        if self._batch.assumed is not None and not self._batch.probes:
            self._batch.assumed.add_asset(write.kind.name, written.fqn, written.record)
        return written

    def _refused(self, write: Write) -> None:
        # Writes of several callers have nothing to do with each other.
        if not self._batch.is_chunk:
            return
        self._known.add_failed(*kind_and_name(write))
        if isinstance(write, EntityWrite):
            self._known.add_failed(write.kind.name, self._entity_writes.present_name(write))
        elif renamed := self._lookup.renamed(write):
            self._known.add_failed(write.kind.name, self._known.fqn_of(renamed))

    async def _locate(self) -> set[UUID]:
        """Returns the services of the assets that are addressed by id, and loads those that others are addressed in."""
        located: set[UUID] = set()
        for kind, ids in self._ids().items():
            located |= set(await kind.table.services_of(self._connection, ids))
        fqns = set(map(names.quote, self._service_names()))
        await self._known.load(self._connection, fqns=fqns, ids=located)
        await self._known.load_former(self._connection, (("bi_service", fqn) for fqn in fqns))
        return located

    def _ids(self) -> Mapping[AssetKind, set[UUID]]:
        ids: dict[AssetKind, set[UUID]] = defaultdict(set)
        for write in self._assets.values():
            if isinstance(write.key, UUID):
                ids[write.kind].add(write.key)
        return ids

    async def _lock(self, located: Iterable[UUID]) -> None:
        """Locks the services of the batch, in the order that every batch keeps."""
        named = {service.id for name in self._service_names() if (service := self._known.any_service(name))}
        for service_id in sorted(named.union(located)):
            last = await locks.lock_service(self._writer, service_id) if self._writer else 0
            self._working.add_service(service_id, last)
            if self._remembering and self._writer:
                self._remembering.use_service(self._writer, service_id)

    async def _find_unchanged(self) -> None:
        """Answers the items that are equal to what is stored, and reads the others in full."""
        places: dict[tuple[AssetKind, str], list[int]] = defaultdict(list)
        for index, deferred in self._deferred.items():
            places[deferred.kind, deferred.key.service].append(index)
        for (kind, service_name), indexes in places.items():
            writes = [self._deferred[index] for index in indexes]
            service = self._known.any_service(service_name)
            known = await self._unchanged.find(self._connection, kind, service, writes) if service else {}
            for index, write in zip(indexes, writes, strict=True):
                if unchanged := known.get(write.key.name):
                    self._results[index] = unchanged
                else:
                    self._read(index, write)
                    if index in self._assets and self._turns.are_due(self._assets[index]):
                        await asyncio.sleep(0)
        # In the order they were sent.
        self._assets = dict(sorted(self._assets.items()))

    def _read(self, index: int, deferred: DeferredUpsert) -> None:
        try:
            self._assets[index] = deferred.read()
        except CatalogError as error:
            self._results[index] = error
            self._refused(deferred)

    async def _load(self, located: Collection[UUID]) -> None:
        """Loads the assets that the batch names, by names of today and former ones, and those whose names it gives.

        Args:
            located: The BI services of the assets that are addressed by id.
        """
        for kind, ids in self._ids().items():
            # Only now: before its service was locked, an asset could get another name.
            self._working.add(kind, await kind.table.within(self._connection, located, ids))
        wanted: dict[tuple[AssetKind, UUID], list[str]] = defaultdict(list)
        for write in self._assets.values():
            service_id = self._service_of(write)
            if service_id and isinstance(write.key, AssetName):
                wanted[write.kind, service_id].append(write.key.name)
            if service_id and write.new_name:
                wanted[write.kind, service_id].append(write.new_name)
            if service_id and write.preserved:
                wanted[write.kind, service_id] += write.preserved.former_names
        for (kind, service_id), asset_names in wanted.items():
            self._working.add(kind, await kind.table.by_names(self._connection, service_id, asset_names))
            await self._load_renamed(kind, service_id, asset_names)
        for kind in ASSET_KINDS.values():
            ids = {w.preserved.id for w in self._assets.values() if w.kind is kind and w.preserved}
            found = await kind.table.partial_by_ids(self._connection, ids) if ids else ()
            self._working.take_ids(kind, (partial.record.id for partial in found))

    def _service_of(self, write: AssetWrite) -> UUID | None:
        if isinstance(write.key, UUID):
            stored = self._working.get(write.key)
            return stored.service_id if stored else None
        service = self._known.any_service(write.key.service)
        return service.id if service else None

    async def _load_renamed(self, kind: AssetKind, service_id: UUID, asset_names: Sequence[str]) -> None:
        missing = [name for name in asset_names if self._working.find(kind, service_id, name) is None]
        renamed = await self._known.former.load_assets(self._connection, service_id, kind.name, missing)
        if ids := {id_ for id_ in renamed.values() if self._working.get(id_) is None}:
            self._working.add(kind, await kind.table.within(self._connection, [service_id], ids))

    def _refuse_contradictions(self, items: Iterable[NamedItem]) -> None:
        writes, offsets = self._batch.writes, self._batch.offsets
        self._results |= contradictions(items, lambda index: offsets[id(writes[index])])

    async def _load_versions(self) -> list[tuple[AssetKind, AssetRecord]]:
        """Loads the versions that assets are to be reverted to."""
        wanted: dict[tuple[AssetKind, UUID], set[tuple[UUID, int]]] = defaultdict(set)
        found = []
        for write in self._assets.values():
            stored = self._lookup.named(write) if write.version is not None else None
            if stored is None or write.version is None:
                continue
            if write.version < stored.version:
                wanted[write.kind, stored.service_id].add((stored.id, write.version))
            else:
                # It becomes an older version if the batch changes the asset before.
                found.append((write.kind, stored))
        for (kind, service_id), pairs in wanted.items():
            older = await kind.table.versions(self._connection, service_id, pairs)
            self._working.add_older(older)
            found += [(kind, record) for record in older]
        return found

    async def _load_references(self, versions: Iterable[tuple[AssetKind, AssetRecord]]) -> None:
        referenced = Referenced(self._working.records(), self._assets.values(), versions)
        await self._known.load(self._connection, fqns=referenced.fqns(), ids=referenced.ids())
        await self._known.load_former(self._connection, referenced.entities())
        await self._known.load_charts(self._connection, referenced.charts)
        await self._known.load_charts_by_id(self._connection, referenced.chart_ids, referenced.chart_services)
        if referenced.pointers:
            await self._targets.load(self._connection, referenced.pointers)

    def _service_names(self) -> set[str]:
        """Returns the BI services that assets are addressed in by name."""
        upcoming: Iterable[AssetWrite | DeferredUpsert] = chain(self._assets.values(), self._deferred.values())
        return {write.key.service for write in upcoming if isinstance(write.key, AssetName)}
