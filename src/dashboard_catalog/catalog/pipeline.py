"""The one write path: every create, upsert, update, delete and restore runs through `Pipeline.run`, in batches.

    lock -> recognise what is unchanged -> load what is stored -> authorize -> resolve references -> merge -> write

A batch is one transaction. The number of statements depends on the BI services in it, never on the number of writes.
One refused write fails alone.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.catalog import names
from dashboard_catalog.catalog.asset_writes import AssetWrites
from dashboard_catalog.catalog.cascade import Cascade
from dashboard_catalog.catalog.commands import (
    AssetWrite,
    ByName,
    EntityWrite,
    Recognised,
    Unread,
    WrittenAsset,
    WrittenEntity,
)
from dashboard_catalog.catalog.directory import Assumed, Directory, Mention
from dashboard_catalog.catalog.entity_writes import EntityWrites, in_order
from dashboard_catalog.catalog.kinds import ASSET_KINDS, AssetKind
from dashboard_catalog.catalog.recognition import Recognition
from dashboard_catalog.catalog.working_set import WorkingSet
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store import entities

Write = AssetWrite | Unread | EntityWrite
Written = WrittenAsset | Recognised | WrittenEntity
Result = Written | CatalogError

FAILED = "failed"


def tally(results: Sequence[Result]) -> Counter[str]:
    """Returns how many results there are of each outcome, in lower case; `FAILED` counts what was refused."""
    return Counter(FAILED if isinstance(result, CatalogError) else result.outcome.lower() for result in results)


@dataclass(slots=True)
class Batch:
    """Writes that are applied in one transaction.

    Attributes:
        writes: In the order they were sent. Entities are applied first, then charts, then dashboards.
        validate_only: Do everything but store.
        assumed: What counts as existing, for a stream that only validates; grows with what is accepted.
        is_chunk: Whether one caller sent them together: then what refers to a refused write is refused, too.
        failed: (kind, fully qualified name) of items of the chunk that could not be read.
    """

    writes: Sequence[Write]
    validate_only: bool = False
    assumed: Assumed | None = None
    is_chunk: bool = False
    failed: Sequence[tuple[str, str]] = ()


class Pipeline:
    """Applies batches of writes."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    async def run(self, connection: AsyncConnection, batch: Batch) -> list[Result]:
        """Applies a batch in the transaction of `connection` and returns what became of each write, in their order."""
        return await _Run(self._authorizer, connection, batch).all()


class _Run:
    """One batch on its way."""

    def __init__(self, authorizer: Authorizer, connection: AsyncConnection, batch: Batch) -> None:
        self._connection = connection
        self._batch = batch
        self._directory = Directory(batch.assumed)
        for kind, fqn in batch.failed:
            self._directory.add_failed(kind, fqn)
        self._working = WorkingSet()
        self._cascade = Cascade(self._directory, self._working)
        self._entity_writes = EntityWrites(authorizer, self._directory, self._working.now)
        self._asset_writes = AssetWrites(authorizer, self._directory, self._working, self._cascade)
        self._results: dict[int, Result] = {}
        self._recognition = Recognition(authorizer, self._directory)
        writes = dict(enumerate(batch.writes))
        self._unread = {index: write for index, write in writes.items() if isinstance(write, Unread)}
        self._entities = {index: write for index, write in writes.items() if isinstance(write, EntityWrite)}
        self._assets = {index: write for index, write in writes.items() if isinstance(write, AssetWrite)}

    async def all(self) -> list[Result]:
        # What is removed for good may be referred to from any service, so nothing else may be on its way.
        removes = any(write.hard for write in self._assets.values())
        await entities.lock_catalog(self._connection, to_write=removes or bool(self._entities))
        if self._entities:
            await self._write_entities()
        if self._assets or self._unread:
            await self._write_assets()
        return [self._results[index] for index in range(len(self._batch.writes))]

    async def _write_entities(self) -> None:
        await self._entity_writes.load(self._connection, self._entities.values())
        for index in in_order(self._entities):
            self._results[index] = self._apply_entity(self._entities[index])
        if not self._batch.validate_only:
            await self._entity_writes.store(self._connection)

    def _apply_entity(self, write: EntityWrite) -> Result:
        try:
            written = self._entity_writes.apply(write)
        except CatalogError as error:
            self._refused(write.kind.name, write.kind.fqn(write.name, write.values))
            return error
        if self._batch.assumed is not None:
            self._batch.assumed.add(written.record)
        return written

    async def _write_assets(self) -> None:
        located = await self._locate()
        await self._lock(located)
        await self._recognise()
        await self._load(located)
        await self._load_references()
        stored = [(write, self._stored(write, located)) for write in self._assets.values()]
        await self._cascade.load(self._connection, stored)
        for kind in ASSET_KINDS.values():
            for index, write in self._assets.items():
                if write.kind is kind:
                    self._results[index] = self._apply(write)
        if not self._batch.validate_only:
            await self._working.store(self._connection)

    def _apply(self, write: AssetWrite) -> Result:
        try:
            written = self._asset_writes.apply(write)
        except CatalogError as error:
            if isinstance(write.key, ByName):
                self._refused(write.kind.name, names.join(*write.key))
            return error
        self._directory.add_asset(write.kind.name, written.fqn, written.record)
        if self._batch.assumed is not None:
            self._batch.assumed.add_asset(write.kind.name, written.fqn, written.record)
        return written

    def _refused(self, kind: str, fqn: str) -> None:
        # Writes of several callers have nothing to do with each other.
        if self._batch.is_chunk:
            self._directory.add_failed(kind, fqn)

    async def _locate(self) -> dict[UUID, tuple[UUID, str]]:
        """Finds (service id, name) of the assets that are addressed by id, and loads all services by name."""
        located: dict[UUID, tuple[UUID, str]] = {}
        for kind in ASSET_KINDS.values():
            ids = {w.key for w in self._assets.values() if w.kind is kind and isinstance(w.key, UUID)}
            for record in await kind.table.by_ids(self._connection, ids) if ids else ():
                located[record.id] = record.service_id, record.name
        keys = [write.key for write in self._upcoming()]
        await self._directory.load(
            self._connection,
            fqns={names.quote(key.service) for key in keys if isinstance(key, ByName)},
            ids={service_id for service_id, _ in located.values()},
        )
        return located

    async def _lock(self, located: Mapping[UUID, tuple[UUID, str]]) -> None:
        """Locks the services of the batch, in the order that every batch keeps."""
        services = {key[0] for write in self._upcoming() if (key := self._key(write, located))}
        for service_id in sorted(services):
            last = await entities.lock_service(self._connection, service_id) if not self._batch.validate_only else 0
            self._working.add_service(service_id, last)

    async def _recognise(self) -> None:
        """Answers what comes as it is stored, and reads the rest."""
        places: dict[tuple[AssetKind, str], list[int]] = defaultdict(list)
        for index, unread in self._unread.items():
            places[unread.kind, unread.key.service].append(index)
        for (kind, service_name), indexes in places.items():
            writes = [self._unread[index] for index in indexes]
            service = self._directory.service(service_name)
            known = await self._recognition.recognised(self._connection, kind, service, writes) if service else {}
            for index, write in zip(indexes, writes, strict=True):
                if recognised := known.get(write.key.name):
                    self._results[index] = recognised
                else:
                    self._read(index, write)
        # In the order they were sent.
        self._assets = dict(sorted(self._assets.items()))

    def _read(self, index: int, unread: Unread) -> None:
        try:
            self._assets[index] = unread.read()
        except CatalogError as error:
            self._results[index] = error
            self._refused(unread.kind.name, names.join(*unread.key))

    async def _load(self, located: Mapping[UUID, tuple[UUID, str]]) -> None:
        wanted: dict[tuple[AssetKind, UUID], list[str]] = defaultdict(list)
        for write in self._assets.values():
            if key := self._key(write, located):
                wanted[write.kind, key[0]].append(key[1])
        for (kind, service_id), asset_names in wanted.items():
            self._working.add(kind, await kind.table.by_names(self._connection, service_id, asset_names))

    async def _load_references(self) -> None:
        ids: set[UUID] = set()
        for record in self._working.records():
            ids.update(record.owners, record.tags, [record.domain] if record.domain else [])
        ids.update(UUID(owner.id) for w in self._assets.values() for owner in w.values.get("owners", ()) if owner.id)
        await self._directory.load(self._connection, fqns=_referenced_fqns(self._assets.values()), ids=ids)
        charts = {chart for write in self._assets.values() for chart in write.values.get("charts", ())}
        await self._directory.load_charts(self._connection, charts)
        if mentions := [m for write in self._assets.values() for m in _mentions(write.values.get("extension"))]:
            await self._directory.load_mentions(self._connection, mentions)

    def _upcoming(self) -> list[AssetWrite | Unread]:
        return [*self._assets.values(), *self._unread.values()]

    def _key(self, write: AssetWrite | Unread, located: Mapping[UUID, tuple[UUID, str]]) -> tuple[UUID, str] | None:
        if isinstance(write.key, UUID):
            return located.get(write.key)
        service = self._directory.service(write.key.service)
        return (service.id, write.key.name) if service else None

    def _stored(self, write: AssetWrite, located: Mapping[UUID, tuple[UUID, str]]) -> Any:
        key = self._key(write, located)
        return self._working.find(write.kind, *key) if key else None


def _referenced_fqns(writes: Iterable[AssetWrite]) -> Iterable[str]:
    """Yields the fully qualified names of the entities that assets may refer to, whatever their kind."""
    for write in writes:
        values = write.values
        yield from (names.quote(chart.service) for chart in values.get("charts", ()))
        yield from (owner.fqn or names.quote(owner.name) for owner in values.get("owners", ()) if not owner.id)
        yield from values.get("tags", ())
        yield from (names.join(write.kind.name, key) for key in values.get("extension", ()))
        if "domain" in values:
            yield values["domain"]
        if write.release:
            yield from write.release.tags


def _mentions(value: Any) -> Iterable[Mention]:
    """Yields what looks like a reference in the values of custom properties, at any depth."""
    if isinstance(value, dict):
        if mention := Mention.of(value):
            yield mention
        for inner in value.values():
            yield from _mentions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _mentions(inner)
