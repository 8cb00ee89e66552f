"""The entities and charts that the assets of one batch refer to.

Loaded with a constant number of statements, then looked up without waiting. Whatever the batch itself writes is added,
so that a later item finds it.
"""

from collections import ChainMap, defaultdict
from collections.abc import Collection, Iterable, Mapping, MutableMapping, Sequence
from typing import Any, Protocol, TypeVar
from uuid import UUID

from dashboard_catalog.catalog.known.assumed import Assumed, KnownChart
from dashboard_catalog.catalog.known.former_names import FormerNames
from dashboard_catalog.catalog.known.remembered import RememberedService
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.commands import AssetName
from dashboard_catalog.store import entities
from dashboard_catalog.store.charts import charts_of_ids, charts_of_names
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.records import CATALOG_ID, AssetRecord, EntityRecord

K = TypeVar("K")
V = TypeVar("V")


class EntitySource(Protocol):
    """Where entities without their descriptions come from: the database, or what the process remembers of it."""

    async def by_fqns(self, connection: ReadConnection, fqns: Iterable[str]) -> list[EntityRecord]:
        """Returns the entities of any kind that have one of these fully qualified names, deleted or not."""

    async def by_ids(self, connection: ReadConnection, ids: Iterable[UUID]) -> list[EntityRecord]:
        """Returns the entities that have one of these ids, deleted or not."""


class KnownEntities:
    """Entities by id and by name, and charts by name.

    Args:
        assumed: What a stream that only validates has accepted; counts as existing.

    Attributes:
        missing: Kind and fully qualified name of what writes left out because it does not exist.
        former: What had other names before.
        source: Where entities are looked up.
        charts_read: The charts of each remembered BI service that were read from the database, by name.
    """

    def __init__(self, assumed: Assumed | None = None) -> None:
        self.former = FormerNames()
        self.source: EntitySource = entities
        self.charts_read: dict[UUID, dict[str, KnownChart]] = {}
        self._remembered: dict[UUID, RememberedService] = {}
        self._assumed = assumed or Assumed()
        self._by_id = layered(self._assumed.entities_by_id)
        self._by_fqn = layered(self._assumed.entities)
        self._services: dict[str, EntityRecord] = {}
        self._charts = layered(self._assumed.charts)
        self._chart_services: dict[UUID, UUID] = {}
        self._chart_names: dict[UUID, AssetName] = {}
        self._failed: set[tuple[str, str]] = set()
        self._failed_kinds: set[str] = set()
        self.missing: set[tuple[str, str]] = set()

    async def load(self, connection: ReadConnection, *, fqns: Iterable[str] = (), ids: Iterable[UUID] = ()) -> None:
        """Loads entities by fully qualified name, of any kind, and by id, with the classifications of tags.

        They have no descriptions, which nothing that refers to them needs.
        """
        found = await self.source.by_fqns(connection, set(fqns))
        found += await self.source.by_ids(connection, {id_ for id_ in ids if id_ not in self._by_id})
        await self._add_loaded(connection, found)

    async def load_whole(self, connection: ReadConnection, fqns: Iterable[str]) -> None:
        """Loads entities by fully qualified name with their descriptions, before the batch has loaded any."""
        await self._add_loaded(connection, await entities.whole_by_fqns(connection, set(fqns)))

    async def load_former(
        self, connection: ReadConnection, named: Iterable[tuple[str, str]], *, whole: bool = False
    ) -> None:
        """Loads the entities that had one of these names before, where nothing has the name today.

        Args:
            connection: Where to read.
            named: (kind, fully qualified name) of entities that have been loaded, as far as they exist.
            whole: Whether they are needed with their descriptions.
        """
        wanted = {key for key in named if key not in self._by_fqn}
        while wanted:
            above = {key for kind, fqn in wanted for key in _names_above(kind, fqn)}
            ids = await self.former.load_entities(
                connection, {key for key in wanted | above if key not in self._by_fqn}
            )
            read = entities.whole_by_ids if whole else entities.by_ids
            await self._add_renamed(connection, await read(connection, ids), whole)
            # What is below a renamed entity may have come after the renaming.
            present = {(kind, self.present(kind, fqn)) for kind, fqn in wanted} - wanted - self._by_fqn.keys()
            reread = entities.whole_by_fqns if whole else entities.by_fqns
            await self._add_renamed(connection, await reread(connection, {fqn for _, fqn in present}), whole)
            wanted = {key for key in present if key not in self._by_fqn}

    async def _add_renamed(self, connection: ReadConnection, found: Sequence[EntityRecord], whole: bool) -> None:
        if whole:
            # They may be known without their descriptions, but not as changed, except in a stream that only validates.
            for record in found:
                if record.id not in self._assumed.entities_by_id:
                    self.add(record)
        await self._add_loaded(connection, found)

    async def load_by_id(self, connection: ReadConnection, ids: Iterable[UUID]) -> None:
        """Loads the entities of these ids that are not yet known, and nothing else."""
        for record in await self.source.by_ids(connection, {id_ for id_ in ids if id_ not in self._by_id}):
            self.add(record)

    async def load_charts(self, connection: ReadConnection, keys: Iterable[AssetName]) -> None:
        """Loads charts of BI services that are known."""
        wanted = [key for key in keys if key not in self._charts]
        services = {name: service for name in {key.service for key in wanted} if (service := self.any_service(name))}
        if self._remembered:
            wanted = self._recall_charts(wanted, services)
        ids = {services[name].id for name in {key.service for key in wanted} if name in services}
        for row in await charts_of_names(connection, ids, {key.name for key in wanted}):
            self._add_loaded_chart(self._by_id[row[0]].name, row)
        missing: dict[UUID, list[str]] = defaultdict(list)
        for key in wanted:
            service = services.get(key.service)
            if service and (service.name, key.name) not in self._charts:
                missing[service.id].append(key.name)
        renamed: set[UUID] = set()
        for service_id, chart_names in missing.items():
            renamed |= set((await self.former.load_assets(connection, service_id, "chart", chart_names)).values())
        await self.load_charts_by_id(connection, renamed - self._chart_names.keys(), missing.keys())

    def remember(self, service_id: UUID, remembered: RememberedService | None) -> None:
        """Uses what is remembered of a BI service whose lock is held, and collects what should be remembered."""
        self.charts_read[service_id] = {}
        if remembered is None:
            return
        self._remembered[service_id] = remembered
        if remembered.has_no_former_names:
            self.former.note_none(service_id)

    def _recall_charts(self, keys: Sequence[AssetName], services: Mapping[str, EntityRecord]) -> list[AssetName]:
        """Makes the charts known that are remembered, and returns the names of the others.

        Args:
            services: The BI services of the charts, by the names in `keys`.
        """
        missing = []
        for service_name, named in _by_service(keys).items():
            service = services.get(service_name)
            remembered = self._remembered.get(service.id) if service else None
            if service is None or remembered is None:
                missing += named
                continue
            has_same_name = service.name == service_name
            for key, chart in zip(named, remembered.charts(named), strict=True):
                if chart is None:
                    missing.append(key)
                else:
                    self._charts[key if has_same_name else (service.name, key.name)] = chart
                    self._chart_services[chart.id] = service.id
        return missing

    async def load_charts_by_id(
        self, connection: ReadConnection, ids: Collection[UUID], service_ids: Collection[UUID]
    ) -> None:
        """Loads charts by id, with their BI services, so that their names are known.

        Args:
            connection: Where to read.
            ids: Of the charts.
            service_ids: The BI services where most of them are.
        """
        rows = await charts_of_ids(connection, ids, service_ids) if ids else []
        await self.load_by_id(connection, {row[0] for row in rows})
        for row in rows:
            name = AssetName(self._by_id[row[0]].name, row[1])
            self._chart_names[row[2]] = name
            self._add_loaded_chart(name.service, row)

    def _add_loaded_chart(self, service: str, row: Sequence[Any]) -> None:
        service_id, name = row[:2]
        # The changes of the batch are newer than what is stored.
        chart = self._charts.setdefault((service, name), KnownChart(*row[2:]))
        self._chart_services[row[2]] = service_id
        if service_id in self.charts_read:
            self.charts_read[service_id][name] = chart

    async def load_chart_services(
        self, connection: ReadConnection, ids: Collection[UUID], service_ids: Collection[UUID]
    ) -> None:
        """Loads the BI services of the charts of these ids that are not yet known; `service_ids` has most of them."""
        if wanted := [id_ for id_ in ids if id_ not in self._chart_services]:
            self._chart_services |= {row[2]: row[0] for row in await charts_of_ids(connection, wanted, service_ids)}
            await self.load_by_id(connection, self._chart_services.values())

    async def chart_rows(
        self, connection: ReadConnection, ids: Collection[UUID], service_ids: Collection[UUID]
    ) -> list[Sequence[Any]]:
        """Returns what `charts_of_ids` does; reads only the charts that are not yet known."""
        wanted = set(ids) & self._chart_services.keys()
        known = [
            (self._chart_services[chart.id], name, *chart)
            for (_, name), chart in self._charts.items()
            if chart.id in wanted
        ]
        missing = set(ids) - {row[2] for row in known}
        return known + (await charts_of_ids(connection, missing, service_ids) if missing else [])

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

    def remove_chart(self, record: AssetRecord) -> None:
        """Makes known that a chart is no more."""
        self._charts.pop((self._by_id[record.service_id].name, record.name), None)
        self._chart_services.pop(record.id, None)

    def rename_chart(self, before: AssetName, record: AssetRecord) -> None:
        """Makes a chart known under its new name."""
        self._charts.pop(before, None)
        self.add_chart(record)
        self._chart_names[record.id] = AssetName(before.service, record.name)

    def add_failed(self, kind: str, fqn: str) -> None:
        """Remembers a refused item of the chunk: items that refer to it are refused too."""
        self._failed.add((kind, fqn))
        self._failed_kinds.add(kind)

    def any_failed(self, kind: str) -> bool:
        """Says whether any item of the chunk of this kind was refused."""
        return kind in self._failed_kinds

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

    def present(self, kind: str, fqn: str) -> str:
        """Returns the fully qualified name that an entity has today, where it or what is above it had the one given.

        Returns the name given if something has it, or if nothing ever had.
        """
        if not self.former.any or (kind, fqn) in self._by_fqn:
            return fqn
        if renamed := self.formerly(kind, fqn):
            return renamed.fqn
        for above, before in _names_above(kind, fqn)[-1:]:
            after = self.present(above, before)
            if after != before:
                return self.present(kind, after + fqn.removeprefix(before))
        return fqn

    def renamed(self, kind: str, fqn: str) -> EntityRecord | None:
        """Returns the entity that has another fully qualified name today than the one given, if nothing has that."""
        present = self.present(kind, fqn)
        return self.find(kind, present) if present != fqn else None

    def formerly(self, kind: str, fqn: str) -> EntityRecord | None:
        """Returns the entity that had this fully qualified name before, if nothing has it today."""
        if not self.former.any or (kind, fqn) in self._by_fqn:
            return None
        id_ = self.former.find(CATALOG_ID, kind, fqn)
        return self._by_id.get(id_) if id_ else None

    def any_service(self, name: str) -> EntityRecord | None:
        """Returns the BI service that has this raw name, or that had it before."""
        return self.service(name) or self.formerly("bi_service", names.quote(name))

    def present_chart(self, key: AssetName) -> AssetName:
        """Returns today's name of a chart, where it or its BI service had the name given before; else that name."""
        service = self.any_service(key.service) if key not in self._charts else None
        if service is None:
            return key
        present = AssetName(service.name, key.name)
        if present in self._charts:
            return present
        id_ = self.former.find(service.id, "chart", key.name)
        return self._chart_names.get(id_, key) if id_ else key

    def chart(self, key: AssetName) -> KnownChart | None:
        """Returns the chart of this name."""
        return self._charts.get(key)

    def charts(self, keys: Iterable[AssetName]) -> list[KnownChart | None]:
        """Returns the charts of these names."""
        return list(map(self._charts.get, keys))

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


def _by_service(keys: Iterable[AssetName]) -> dict[str, list[AssetName]]:
    found: dict[str, list[AssetName]] = defaultdict(list)
    for key in keys:
        found[key.service].append(key)
    return found


def _names_above(kind: str, fqn: str) -> list[tuple[str, str]]:
    """Returns (kind, fully qualified name) of what a fully qualified name continues, from the top."""
    above = {"domain": "domain", "tag": "classification"}.get(kind)
    if above is None:
        return []
    path = names.split(fqn)
    return [(above, names.join(*path[:end])) for end in range(1, len(path))]


def referred_ids(rows: Iterable[Any]) -> set[UUID]:
    """Returns the ids of the entities that records, or rows, refer to by their owners, domain and tags."""
    ids: set[UUID] = set()
    for row in rows:
        ids.update(row.owners, row.tags, (row.domain,) if row.domain else ())
    return ids


def layered(below: dict[K, V]) -> MutableMapping[K, V]:
    """Returns an empty map that shows what lies below; a plain one where nothing does, which is faster."""
    return ChainMap({}, below) if below else {}
