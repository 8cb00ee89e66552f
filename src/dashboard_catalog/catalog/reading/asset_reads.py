"""Reading single assets. What a caller may not view is refused before it is looked for."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Action, Principal
from dashboard_catalog.catalog import authorization
from dashboard_catalog.catalog.known.known_entities import KnownEntities
from dashboard_catalog.catalog.model import names, version
from dashboard_catalog.catalog.model.commands import AssetKey, AssetName, text_of
from dashboard_catalog.catalog.model.kinds import AssetKind
from dashboard_catalog.catalog.model.refusals import not_found
from dashboard_catalog.catalog.reading.views import AssetView, views
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.tables import AssetRecord


@dataclass(frozen=True, slots=True)
class AssetRead:
    """One asset that a caller wants to see.

    Attributes:
        version: In tenths; None for the newest.
        deleted: Which may be found: `exclude`, `include` or `only` deleted ones.
    """

    kind: AssetKind
    principal: Principal
    key: AssetKey
    version: int | None = None
    deleted: str = "exclude"


class AssetReader:
    """Reads assets and entities for callers."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    async def assets(self, connection: ReadConnection, reads: Sequence[AssetRead]) -> list[AssetView | CatalogError]:
        """Returns what each read asks for, or why not. All are of one kind; the statements do not grow with them."""
        kind = reads[0].kind
        known_entities = KnownEntities()
        stored = await self._stored(connection, known_entities, kind, [read.key for read in reads])
        found: list[AssetRecord | CatalogError] = []
        for read in reads:
            try:
                record = self._visible(read, known_entities, stored)
                found.append(await _version_of(connection, read, record))
            except CatalogError as error:
                found.append(error)
        records = [f for f in found if not isinstance(f, CatalogError)]
        shown = iter(await views(connection, kind, records, known_entities=known_entities))
        return [f if isinstance(f, CatalogError) else next(shown) for f in found]

    async def _stored(
        self,
        connection: ReadConnection,
        known_entities: KnownEntities,
        kind: AssetKind,
        keys: Sequence[AssetKey],
    ) -> dict[AssetKey, AssetRecord]:
        by_service: dict[str, list[str]] = defaultdict(list)
        for key in keys:
            if isinstance(key, AssetName):
                by_service[key.service].append(key.name)
        await known_entities.load(connection, fqns=[names.quote(service) for service in by_service])
        stored: dict[AssetKey, AssetRecord] = {}
        for service_name, asset_names in by_service.items():
            if service := known_entities.service(service_name):
                for record in await kind.table.by_names(connection, service.id, asset_names):
                    stored[AssetName(service_name, record.name)] = record
        if ids := [key for key in keys if isinstance(key, UUID)]:
            stored |= {record.id: record for record in await kind.table.by_ids(connection, ids)}
        await known_entities.load(connection, ids={record.service_id for record in stored.values()})
        return stored

    def _visible(
        self, read: AssetRead, known_entities: KnownEntities, stored: Mapping[AssetKey, AssetRecord]
    ) -> AssetRecord:
        """Returns what is stored, if the caller may view its service; viewing is decided for each BI service."""
        record = stored.get(read.key)
        service = known_entities.get(record.service_id) if record else None
        if service is None and isinstance(read.key, AssetName):
            service = known_entities.service(read.key.service)
        self._authorizer.check(read.principal, Action.VIEW, authorization.viewed_service(read.kind, service, read.key))
        if record is None or record.deleted not in DELETED[read.deleted]:
            raise not_found(read.kind.name, text_of(read.key))
        return record


DELETED: Mapping[str, tuple[bool, ...]] = {"exclude": (False,), "include": (False, True), "only": (True,)}
"""Which values of `deleted` each way of asking finds."""


async def _version_of(connection: ReadConnection, read: AssetRead, record: AssetRecord) -> AssetRecord:
    if read.version is None or read.version == record.version:
        return record
    older = await read.kind.table.version(connection, record.service_id, record.id, read.version)
    if older is None:
        raise not_found(read.kind.name, f"{text_of(read.key)} in version {version.as_text(read.version)}")
    return older  # type: ignore[no-any-return]
