"""What one batch knows of the entities and charts that its assets refer to.

Loaded with a constant number of statements, then asked without waiting. What the batch itself writes is added, so that
a later item finds it; what a stream that only validates has accepted is added at its start.
"""

from collections import ChainMap, defaultdict
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from dashboard_catalog.auth.principal import Resource
from dashboard_catalog.catalog.model import names
from dashboard_catalog.catalog.model.commands import AssetName
from dashboard_catalog.catalog.properties.custom_properties import PropertyReference
from dashboard_catalog.store import assets, entities
from dashboard_catalog.store.tables import AssetRecord, EntityRecord

MAX_ASSUMED = 1_000_000

K = TypeVar("K")
V = TypeVar("V")


class KnownChart(NamedTuple):
    """As much of a chart as a reference needs."""

    id: UUID
    deleted: bool
    deleted_by_edit: bool

    @classmethod
    def of(cls, record: AssetRecord) -> "KnownChart":
        """Returns what is known by a record."""
        return cls(record.id, record.deleted, record.deleted_by_edit)


class Mention(NamedTuple):
    """What a value of a reference property points to."""

    id: UUID | None
    fqn: str | None

    @classmethod
    def of(cls, value: dict[str, Any]) -> "Mention | None":
        """Returns what an object points to, if it has the shape of a reference."""
        parts = (value.get(part) for part in ("id", "fullyQualifiedName", "name"))
        id_, fqn, name = (part if isinstance(part, str) else None for part in parts)
        try:
            uuid = UUID(id_) if id_ else None
        except ValueError:
            uuid = None
        meant = fqn_of_parts(fqn, name)
        return cls(uuid, meant) if uuid or meant else None


class Target(NamedTuple):
    """As much as is known of what a reference property points to."""

    kind: str
    name: str
    fqn: str
    deleted: bool
    deleted_by_edit: bool = False

    @classmethod
    def of(cls, kind: str, fqn: str, record: AssetRecord) -> "Target":
        """Returns what is known by the record of an asset."""
        return cls(kind, record.name, fqn, record.deleted, record.deleted_by_edit)


@dataclass(slots=True)
class Assumed:
    """What a stream that only validates has accepted, and counts as existing: at most `MAX_ASSUMED` names."""

    entities: dict[tuple[str, str], EntityRecord] = field(default_factory=dict)
    entities_by_id: dict[UUID, EntityRecord] = field(default_factory=dict)
    charts: dict[tuple[str, str], KnownChart] = field(default_factory=dict)
    # (kind, fully qualified name).
    assets: dict[tuple[str, str], Target] = field(default_factory=dict)

    def add(self, record: EntityRecord) -> None:
        """Makes an entity count as existing, as it is now."""
        if self._has_room() or record.id in self.entities_by_id:
            self.entities[record.kind, record.fqn] = self.entities_by_id[record.id] = record

    def add_asset(self, kind: str, fqn: str, record: AssetRecord) -> None:
        """Makes an asset count as existing, as it is now."""
        if not self._has_room() and (kind, fqn) not in self.assets:
            return
        self.assets[kind, fqn] = Target.of(kind, fqn, record)
        if kind == "chart":
            service, name = names.split(fqn, 2)
            self.charts[service, name] = KnownChart.of(record)

    def _has_room(self) -> bool:
        return len(self.entities) + len(self.assets) < MAX_ASSUMED


class KnownEntities:
    """Entities by id and by name, and charts by name."""

    def __init__(self, assumed: Assumed | None = None) -> None:
        self._assumed = assumed or Assumed()
        self._by_id = _above(self._assumed.entities_by_id)
        self._by_fqn = _above(self._assumed.entities)
        self._services: dict[str, EntityRecord] = {}
        self._charts = _above(self._assumed.charts)
        self._failed: set[tuple[str, str]] = set()
        # Assets that reference properties point to, by kind and fully qualified name; and those names by kind and id.
        self._targets = _above(self._assumed.assets)
        self._asset_fqns: dict[tuple[str, UUID], str] = {}
        # Whether any do.
        self._mentioned = False
        self._resources: dict[tuple[Any, ...], Resource] = {}

    async def load(self, connection: AsyncConnection, *, fqns: Iterable[str] = (), ids: Iterable[UUID] = ()) -> None:
        """Loads entities by fully qualified name, of any kind, and by id, with the classifications of tags."""
        found = await entities.by_fqns(connection, set(fqns))
        found += await entities.by_ids(connection, {id_ for id_ in ids if id_ not in self._by_id})
        for record in found:
            # What the batch or its stream has changed is newer than what is stored.
            if record.id not in self._by_id and (record.kind, record.fqn) not in self._by_fqn:
                self.add(record)
        await self.load_by_id(connection, {record.parents[0] for record in found if record.kind == "tag"})

    async def load_by_id(self, connection: AsyncConnection, ids: Iterable[UUID]) -> None:
        """Loads entities that are not yet known, and nothing besides."""
        for record in await entities.by_ids(connection, {id_ for id_ in ids if id_ not in self._by_id}):
            self.add(record)

    async def load_charts(self, connection: AsyncConnection, keys: Iterable[AssetName]) -> None:
        """Loads charts of BI services that are known."""
        wanted = [key for key in keys if key not in self._charts]
        found = (self.service(name) for name in {key.service for key in wanted})
        services = {service.id: service.name for service in found if service}
        rows = await assets.chart_keys(connection, services, {key.name for key in wanted})
        for service_id, name, id_, deleted, deleted_by_edit in rows:
            # What the batch has changed is newer than what is stored.
            self._charts.setdefault((services[service_id], name), KnownChart(id_, deleted, deleted_by_edit))

    async def load_mentions(self, connection: AsyncConnection, mentions: Iterable[Mention]) -> None:
        """Loads what values of reference properties mention, entities and assets alike."""
        self._mentioned = True
        ids = {mention.id for mention in mentions if mention.id}
        fqns = {mention.fqn for mention in mentions if mention.fqn}
        keys = defaultdict(list)
        for service_name, name in _asset_keys(fqns):
            keys[names.quote(service_name)].append(name)
        await self.load(connection, fqns=fqns | keys.keys(), ids=ids)
        services = {service.id: found for fqn, found in keys.items() if (service := self.find("bi_service", fqn))}
        tables: list[tuple[str, assets.AssetTable[Any]]] = [("dashboard", assets.DASHBOARDS), ("chart", assets.CHARTS)]
        for kind, table in tables:
            found = await table.by_ids(connection, ids)
            for service_id, asset_names in services.items():
                found += await table.by_names(connection, service_id, asset_names)
            await self.load(connection, ids={record.service_id for record in found})
            for record in found:
                fqn = self._asset_fqns[kind, record.id] = self.fqn_of(record)
                # What the stream has changed is newer than what is stored.
                self._targets.setdefault((kind, fqn), Target.of(kind, fqn, record))

    def add(self, record: EntityRecord) -> None:
        """Makes an entity known."""
        self._by_id[record.id] = record
        self._by_fqn[record.kind, record.fqn] = record
        if record.kind == "bi_service":
            self._services.pop(record.name, None)

    def add_chart(self, record: AssetRecord) -> None:
        """Makes a chart known as it is now."""
        self._charts[self._by_id[record.service_id].name, record.name] = KnownChart.of(record)

    def add_asset(self, kind: str, fqn: str, record: AssetRecord) -> None:
        """Makes an asset known as it is now."""
        if kind == "chart":
            self.add_chart(record)
        if self._mentioned:
            self._asset_fqns[kind, record.id] = fqn
            self._targets[kind, fqn] = Target.of(kind, fqn, record)

    def add_failed(self, kind: str, fqn: str) -> None:
        """Remembers an item of the chunk that was refused: what refers to it is refused too."""
        self._failed.add((kind, fqn))

    @property
    def any_failed(self) -> bool:
        """Whether any item of the chunk was refused."""
        return bool(self._failed)

    def has_failed(self, kind: str, fqn: str) -> bool:
        """Says whether an item of the chunk with this name was refused."""
        return bool(self._failed) and (kind, fqn) in self._failed

    def find(self, kind: str, fqn: str) -> EntityRecord | None:
        """Returns the entity of this kind and name."""
        return self._by_fqn.get((kind, fqn))

    def assumed(self, kind: str) -> list[EntityRecord]:
        """Returns the entities of a kind that count as existing, as the stream has left them."""
        return [record for record in self._assumed.entities_by_id.values() if record.kind == kind]

    def get(self, id_: UUID) -> EntityRecord | None:
        """Returns the entity of this id."""
        return self._by_id.get(id_)

    def service(self, name: str) -> EntityRecord | None:
        """Returns the BI service of this raw name."""
        found = self._services.get(name)
        if found is None and (found := self.find("bi_service", names.quote(name))) is not None:
            self._services[name] = found
        return found

    def chart(self, key: AssetName) -> KnownChart | None:
        """Returns the chart of this name."""
        return self._charts.get(key)

    def target(self, reference: PropertyReference) -> Target | None:
        """Returns what a reference property points to: by its id if it has one, else by its name."""
        key = UUID(reference.id) if reference.id else fqn_of_parts(reference.fully_qualified_name, reference.name) or ""
        for kind in reference.kinds:
            fqn = self._asset_fqns.get((kind, key), "") if isinstance(key, UUID) else key
            if asset := self._targets.get((kind, fqn)):
                return asset
            entity = self.get(key) if isinstance(key, UUID) else self.find(kind, key)
            if entity is not None and entity.kind == kind:
                return Target(kind, entity.name, entity.fqn, entity.deleted)
        return None

    def fqns(self, ids: Iterable[UUID]) -> list[str]:
        """Returns the fully qualified names of those entities that are known."""
        return [record.fqn for id_ in ids if (record := self._by_id.get(id_))]

    def exclusive_group(self, tag: EntityRecord) -> UUID | None:
        """Returns the id of a tag's classification if an asset bears at most one of its tags."""
        classification = self._by_id.get(tag.parents[0])
        return tag.parents[0] if classification and classification.attributes["mutually_exclusive"] else None

    def resource(self, kind: str, service_id: UUID, record: Any) -> Resource:
        """Returns an asset as authorization sees it, without its name: the same object for all that are alike.

        Args:
            record: Has its owners, domain and tags.
        """
        alike = (kind, service_id, record.domain, *record.owners, None, *record.tags)
        if alike not in self._resources:
            self._resources[alike] = self._resource(kind, service_id, record)
        return self._resources[alike]

    def _resource(self, kind: str, service_id: UUID, record: Any) -> Resource:
        service = self._by_id.get(service_id)
        owners = [self._by_id[id_] for id_ in record.owners if id_ in self._by_id]
        domain = self._by_id.get(record.domain) if record.domain else None
        return Resource(
            kind=kind,
            service=service.name if service else None,
            service_type=service.attributes["service_type"] if service else None,
            owners=frozenset(f"{owner.kind}:{owner.name}" for owner in owners),
            domain=domain.fqn if domain else None,
            tags=frozenset(self.fqns(record.tags)),
        )

    def fqn_of(self, asset: Any) -> str:
        """Returns the fully qualified name of a record, or a row, with `service_id` and `name`."""
        service = self._by_id.get(asset.service_id)
        return names.join(service.name if service else str(asset.service_id), asset.name)


def referred_ids(rows: Iterable[Any]) -> set[UUID]:
    """Returns the ids of the entities that records, or rows, refer to by their owners, domain and tags."""
    ids: set[UUID] = set()
    for row in rows:
        ids.update(row.owners, row.tags, (row.domain,) if row.domain else ())
    return ids


def _above(below: dict[K, V]) -> MutableMapping[K, V]:
    """Returns an empty map that shows what lies below; a plain one where nothing does, for speed."""
    return ChainMap({}, below) if below else {}


def fqn_of_parts(fqn: str | None, name: str | None) -> str | None:
    """Returns the fully qualified name that a reference means, quoted anew; None if it has none that parses."""
    if not fqn:
        return names.quote(name) if name else None
    try:
        return names.requoted(fqn)
    except names.NameSyntaxError:
        return None


def _asset_keys(fqns: Iterable[str]) -> list[tuple[str, str]]:
    """Returns (service, name) of those fully qualified names that could be an asset's."""
    keys = []
    for fqn in fqns:
        try:
            service, name = names.split(fqn, 2)
        except names.NameSyntaxError:
            continue
        keys.append((service, name))
    return keys
