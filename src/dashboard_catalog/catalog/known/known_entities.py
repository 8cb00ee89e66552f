"""The entities and charts that the assets of one batch refer to.

Loaded with a constant number of statements, then looked up without waiting. Whatever the batch itself writes is added,
so that a later item finds it.
"""

from collections import ChainMap
from collections.abc import Collection, Iterable, MutableMapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from dashboard_catalog.catalog.known.assumed import Assumed, KnownChart
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.commands import AssetName
from dashboard_catalog.store import entities
from dashboard_catalog.store.charts import chart_keys, chart_keys_of, chart_references
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.records import AssetRecord, EntityRecord

K = TypeVar("K")
V = TypeVar("V")


class KnownEntities:
    """Entities by id and by name, and charts by name.

    Args:
        assumed: What a stream that only validates has accepted; counts as existing.

    Attributes:
        missing: Kind and fully qualified name of what writes left out because it does not exist.
    """

    def __init__(self, assumed: Assumed | None = None) -> None:
        self._assumed = assumed or Assumed()
        self._by_id = layered(self._assumed.entities_by_id)
        self._by_fqn = layered(self._assumed.entities)
        self._services: dict[str, EntityRecord] = {}
        self._charts = layered(self._assumed.charts)
        self._chart_services: dict[UUID, UUID] = {}
        self._chart_names: dict[UUID, AssetName] = {}
        self._failed: set[tuple[str, str]] = set()
        self.missing: set[tuple[str, str]] = set()

    async def load(self, connection: ReadConnection, *, fqns: Iterable[str] = (), ids: Iterable[UUID] = ()) -> None:
        """Loads entities by fully qualified name, of any kind, and by id, with the classifications of tags.

        They have no descriptions, which nothing that refers to them needs.
        """
        found = await entities.by_fqns(connection, set(fqns))
        found += await entities.by_ids(connection, {id_ for id_ in ids if id_ not in self._by_id})
        await self._add_loaded(connection, found)

    async def load_whole(self, connection: ReadConnection, fqns: Iterable[str]) -> None:
        """Loads entities by fully qualified name with their descriptions, before the batch has loaded any."""
        await self._add_loaded(connection, await entities.whole_by_fqns(connection, set(fqns)))

    async def load_by_id(self, connection: ReadConnection, ids: Iterable[UUID]) -> None:
        """Loads the entities of these ids that are not yet known, and nothing else."""
        for record in await entities.by_ids(connection, {id_ for id_ in ids if id_ not in self._by_id}):
            self.add(record)

    async def load_charts(self, connection: ReadConnection, keys: Iterable[AssetName]) -> None:
        """Loads charts of BI services that are known."""
        wanted = [key for key in keys if key not in self._charts]
        found = (self.service(name) for name in {key.service for key in wanted})
        services = {service.id: service.name for service in found if service}
        for row in await chart_keys(connection, services, {key.name for key in wanted}):
            self._add_loaded_chart(services[row[0]], row)

    async def load_charts_by_id(self, connection: ReadConnection, ids: Collection[UUID]) -> None:
        """Loads charts by id, with their BI services, so that their names are known."""
        rows = await chart_keys_of(connection, ids) if ids else []
        await self.load_by_id(connection, {row[0] for row in rows})
        for row in rows:
            name = AssetName(self._by_id[row[0]].name, row[1])
            self._chart_names[row[2]] = name
            self._add_loaded_chart(name.service, row)

    def _add_loaded_chart(self, service: str, row: Sequence[Any]) -> None:
        service_id, name, id_, deleted, deleted_by_edit = row
        # The changes of the batch are newer than what is stored.
        self._charts.setdefault((service, name), KnownChart(id_, deleted, deleted_by_edit))
        self._chart_services[id_] = service_id

    async def load_chart_services(self, connection: ReadConnection, ids: Iterable[UUID]) -> None:
        """Loads the BI services of the charts of these ids that are not yet known."""
        if wanted := [id_ for id_ in ids if id_ not in self._chart_services]:
            self._chart_services |= {row.id: row.service_id for row in await chart_references(connection, wanted)}
            await self.load_by_id(connection, self._chart_services.values())

    async def _add_loaded(self, connection: ReadConnection, found: Iterable[EntityRecord]) -> None:
        for record in found:
            # The changes of the batch, or of its stream, are newer than what is stored.
            if record.id not in self._by_id and (record.kind, record.fqn) not in self._by_fqn:
                self.add(record)
        await self.load_by_id(connection, {record.parents[0] for record in found if record.kind == "tag"})

    def add(self, record: EntityRecord) -> None:
        """Makes an entity known as it is now."""
        self._by_id[record.id] = record
        self._by_fqn[record.kind, record.fqn] = record
        if record.kind == "bi_service":
            self._services.pop(record.name, None)

    def add_chart(self, record: AssetRecord) -> None:
        """Makes a chart known as it is now."""
        self._charts[self._by_id[record.service_id].name, record.name] = KnownChart.of(record)
        self._chart_services[record.id] = record.service_id

    def add_failed(self, kind: str, fqn: str) -> None:
        """Remembers a refused item of the chunk: items that refer to it are refused too."""
        self._failed.add((kind, fqn))

    @property
    def any_failed(self) -> bool:
        """Whether any item of the chunk was refused."""
        return bool(self._failed)

    def has_failed(self, kind: str, fqn: str) -> bool:
        """Says whether an item of the chunk with this name was refused."""
        return bool(self._failed) and (kind, fqn) in self._failed

    def find(self, kind: str, fqn: str) -> EntityRecord | None:
        """Returns the entity of this kind and fully qualified name, deleted or not."""
        return self._by_fqn.get((kind, fqn))

    def assumed(self, kind: str) -> list[EntityRecord]:
        """Returns the entities of a kind that a stream which only validates has accepted, as it has left them."""
        return [record for record in self._assumed.entities_by_id.values() if record.kind == kind]

    def get(self, id_: UUID) -> EntityRecord | None:
        """Returns the entity of this id, deleted or not."""
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

    def chart_name(self, id_: UUID) -> AssetName | None:
        """Returns the name of a chart that was loaded, if it exists."""
        if id_ not in self._chart_names and id_ in self._chart_services:
            # It was loaded by its name. Few such charts are ever looked for by id.
            found = next((name for name, chart in self._charts.items() if chart.id == id_), None)
            return AssetName(*found) if found else None
        return self._chart_names.get(id_)

    def service_of_chart(self, id_: UUID) -> EntityRecord | None:
        """Returns the BI service of a chart, if either is known."""
        service_id = self._chart_services.get(id_)
        return self._by_id.get(service_id) if service_id else None

    def fqns(self, ids: Iterable[UUID]) -> list[str]:
        """Returns the fully qualified names of the entities of these ids that are known."""
        return [record.fqn for id_ in ids if (record := self._by_id.get(id_))]

    def exclusive_group(self, tag: EntityRecord) -> UUID | None:
        """Returns the id of a tag's classification if an asset may have only one of its tags, else None."""
        classification = self._by_id.get(tag.parents[0])
        return tag.parents[0] if classification and classification.attributes["mutually_exclusive"] else None

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


def layered(below: dict[K, V]) -> MutableMapping[K, V]:
    """Returns an empty map that shows what lies below; a plain one where nothing does, which is faster."""
    return ChainMap({}, below) if below else {}
