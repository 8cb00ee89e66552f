"""What custom properties of the reference types point to: entities and assets of any kind.

They are looked up only where a batch holds a value that has the shape of a reference.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from uuid import UUID

from dashboard_catalog.catalog.known.assumed import Assumed, KnownAsset
from dashboard_catalog.catalog.known.known_entities import KnownEntities, layered
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.properties.custom_properties import PropertyReference
from dashboard_catalog.store import assets
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.records import AssetRecord


class Pointer(NamedTuple):
    """What a value of a custom property points to, as far as the value says."""

    id: UUID | None
    fqn: str | None

    @classmethod
    def of(cls, value: dict[str, Any]) -> "Pointer | None":
        """Returns what an object points to, or None if it does not have the shape of a reference."""
        parts = (value.get(part) for part in ("id", "fullyQualifiedName", "name"))
        id_, fqn, name = (part if isinstance(part, str) else None for part in parts)
        try:
            uuid = UUID(id_) if id_ else None
        except ValueError:
            uuid = None
        quoted = fqn_of_parts(fqn, name)
        return cls(uuid, quoted) if uuid or quoted else None


def pointers_in(value: Any) -> Iterator[Pointer]:
    """Yields what the values of custom properties point to, at any depth."""
    if isinstance(value, dict):
        if pointer := Pointer.of(value):
            yield pointer
        for inner in value.values():
            yield from pointers_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from pointers_in(inner)


class PropertyTargets:
    """The things that the custom properties of one batch point to.

    Args:
        known_entities: Of the same batch; entities that are loaded go there.
        assumed: What a stream that only validates has accepted.
    """

    def __init__(self, known_entities: KnownEntities, assumed: Assumed | None = None) -> None:
        self._known = known_entities
        self._assets = layered(assumed.assets if assumed else {})
        self._fqns: dict[tuple[str, UUID], str] = {}
        self._loaded = False

    async def load(self, connection: ReadConnection, pointers: Iterable[Pointer]) -> None:
        """Loads what values point to, entities and assets alike."""
        self._loaded = True
        ids = {pointer.id for pointer in pointers if pointer.id}
        fqns = {pointer.fqn for pointer in pointers if pointer.fqn}
        keys = defaultdict(list)
        for service_name, name in _asset_keys(fqns):
            keys[names.quote(service_name)].append(name)
        await self._known.load(connection, fqns=fqns | keys.keys(), ids=ids)
        services = {one.id: wanted for fqn, wanted in keys.items() if (one := self._known.find("bi_service", fqn))}
        tables: list[tuple[str, assets.AssetTable[Any]]] = [("dashboard", assets.DASHBOARDS), ("chart", assets.CHARTS)]
        for kind, table in tables:
            # Only assets are left to look for, in any BI service.
            ids = {id_ for id_ in ids if self._known.get(id_) is None}
            found = await table.by_ids(connection, ids) if ids else []
            for service_id, asset_names in services.items():
                found += await table.by_names(connection, service_id, asset_names)
            await self._known.load(connection, ids={record.service_id for record in found})
            for record in found:
                fqn = self._fqns[kind, record.id] = self._known.fqn_of(record)
                # A stream's own changes are newer than what is stored.
                self._assets.setdefault((kind, fqn), KnownAsset.of(kind, fqn, record))

    def add(self, kind: str, fqn: str, record: AssetRecord) -> None:
        """Makes an asset that the batch has written known as it is now."""
        if self._loaded:
            self._fqns[kind, record.id] = fqn
            self._assets[kind, fqn] = KnownAsset.of(kind, fqn, record)

    def find(self, reference: PropertyReference) -> KnownAsset | None:
        """Returns what a reference points to: by its id if it has one, else by its name."""
        key = UUID(reference.id) if reference.id else fqn_of_parts(reference.fully_qualified_name, reference.name) or ""
        for kind in reference.kinds:
            fqn = self._fqns.get((kind, key), "") if isinstance(key, UUID) else key
            if asset := self._assets.get((kind, fqn)):
                return asset
            entity = self._known.get(key) if isinstance(key, UUID) else self._known.find(kind, key)
            if entity is not None and entity.kind == kind:
                return KnownAsset(kind, entity.name, entity.fqn, entity.deleted, deleted_by_edit=False)
        return None


def fqn_of_parts(fqn: str | None, name: str | None) -> str | None:
    """Returns the fully qualified name that a reference means, quoted where needed; None if it has none that parses."""
    if not fqn:
        return names.quote(name) if name else None
    try:
        return names.requoted(fqn)
    except names.NameSyntaxError:
        return None


def _asset_keys(fqns: Iterable[str]) -> list[tuple[str, str]]:
    """Returns (service, name) of the fully qualified names that could be an asset's."""
    keys = []
    for fqn in fqns:
        try:
            service, name = names.split(fqn, 2)
        except names.NameSyntaxError:
            continue
        keys.append((service, name))
    return keys
