"""Reads single assets, several of them with one set of statements."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from uuid import UUID

from dashboard_catalog.auth.policies import ActionDenied, Authorizer
from dashboard_catalog.auth.principal import Action, Principal
from dashboard_catalog.catalog.authorization import absent_asset, answer_if_absent, viewed
from dashboard_catalog.catalog.known.known_entities import KnownEntities
from dashboard_catalog.catalog.known.read_entities import ReadEntities
from dashboard_catalog.catalog.known.remembered import Remembered
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.commands import AssetKey, AssetName, text_of
from dashboard_catalog.catalog.model.kinds import AssetKind
from dashboard_catalog.catalog.model.refusals import not_found, unknown_version
from dashboard_catalog.catalog.reading.filters import DELETED_STATES
from dashboard_catalog.catalog.reading.views import AssetView, asset_views
from dashboard_catalog.catalog.visibility.sight import Sight
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.locks import state_of_entities
from dashboard_catalog.store.partial_rows import Partial
from dashboard_catalog.store.records import AssetRecord, EntityRecord

_Row = Partial[AssetRecord]


class _Wanted(NamedTuple):
    """The keys of the assets that callers ask for: names by BI service, and ids."""

    names: Mapping[str, Sequence[str]]
    ids: Sequence[UUID]


class _Stored(NamedTuple):
    """What is stored of the assets that callers ask for.

    Attributes:
        rows: Newest versions by key.
        moved: Today's fully qualified names of assets that had a name before, by that name.
    """

    rows: Mapping[AssetKey, _Row]
    moved: Mapping[AssetKey, str]


@dataclass(frozen=True, slots=True)
class AssetRead:
    """An asset that a caller asks for.

    Attributes:
        version: In tenths; None for the newest.
        deleted: What to find: `exclude`, `include` or `only` deleted assets.
    """

    kind: AssetKind
    principal: Principal
    key: AssetKey
    version: int | None = None
    deleted: str = "exclude"


class LargeAsset(NamedTuple):
    """An asset that the caller may view, but that takes room.

    Attributes:
        row: The asset without its large values.
        is_newest: Whether it is the newest version.
    """

    read: AssetRead
    row: _Row
    is_newest: bool


async def read_assets(
    connection: ReadConnection, authorizer: Authorizer, reads: Sequence[AssetRead], remembered: Remembered
) -> list[AssetView | LargeAsset | CatalogError]:
    """Returns the asset of each read, or the error that it ends with, in the order of the reads.

    The number of statements depends on the BI services and older versions that are read, not on the number of reads.

    Args:
        reads: Of one kind, at least one.
        remembered: What the process remembers of the database.
    """
    kind = reads[0].kind
    sight = Sight(authorizer, KnownEntities())
    stored = await _load(connection, sight.known, kind, [read.key for read in reads], remembered)
    found: list[AssetRecord | LargeAsset | CatalogError] = []
    for read in reads:
        try:
            newest = _visible(authorizer, sight, read, stored)
            row = await version_of(connection, read, newest, read.version)
            found.append(LargeAsset(read, row, row is newest) if row.missing else row.record)
        except CatalogError as error:
            found.append(error)
    pairs = zip(found, reads, strict=True)
    seen = [(record, read.principal) for record, read in pairs if isinstance(record, AssetRecord)]
    records, viewers = [record for record, _ in seen], [viewer for _, viewer in seen]
    shown = iter(await asset_views(connection, kind, records, viewers, sight))
    return [next(shown) if isinstance(record, AssetRecord) else record for record in found]


async def visible_asset(connection: ReadConnection, authorizer: Authorizer, sight: Sight, read: AssetRead) -> _Row:
    """Returns the newest version of an asset without its large values.

    Raises:
        CatalogError: PERMISSION_DENIED or NOT_FOUND.
    """
    stored = await _load(connection, sight.known, read.kind, [read.key])
    return _visible(authorizer, sight, read, stored)


async def read_large_asset(connection: ReadConnection, authorizer: Authorizer, large: LargeAsset) -> AssetView:
    """Returns an asset with its large values.

    Raises:
        CatalogError: NOT_FOUND if it has been removed for good in the meantime.
    """
    table, record = large.read.kind.table, large.row.record
    whole: Any
    if large.is_newest:
        whole = next(iter(await table.within(connection, [record.service_id], [record.id])), None)
    else:
        whole = await table.version(connection, record.service_id, record.id, record.version)
    if whole is None:
        raise not_found(large.read.kind.name, text_of(large.read.key))
    sight = Sight(authorizer, KnownEntities())
    (view,) = await asset_views(connection, large.read.kind, [whole], [large.read.principal], sight)
    return view


async def _load(
    connection: ReadConnection,
    known_entities: KnownEntities,
    kind: AssetKind,
    keys: Sequence[AssetKey],
    remembered: Remembered | None = None,
) -> _Stored:
    """Returns the newest versions of assets by key, and makes their BI services known."""
    wanted = _wanted(keys)
    if connection.is_distributed:
        # Every node has the entities, and only one of them their state.
        remembered = None
    rows = await _guessed(connection, known_entities, kind, wanted, remembered) if remembered else None
    if rows is None:
        if remembered:
            state = await state_of_entities(connection)
            known_entities.source = ReadEntities(remembered.entities(state))
        rows = await _found(connection, known_entities, kind, wanted)
    await known_entities.load(connection, ids={row.record.service_id for row in rows})
    stored: dict[AssetKey, _Row] = {}
    for row in rows:
        service = known_entities.get(row.record.service_id)
        if service and service.name in wanted.names:
            stored[AssetName(service.name, row.record.name)] = row
        stored[row.record.id] = row
    missing = [key for key in keys if isinstance(key, AssetName) and key not in stored]
    moved = await _find_moved(connection, known_entities, kind, missing) if missing else {}
    return _Stored(stored, moved)


def _wanted(keys: Iterable[AssetKey]) -> _Wanted:
    by_service: dict[str, list[str]] = defaultdict(list)
    ids = []
    for key in keys:
        if isinstance(key, AssetName):
            by_service[key.service].append(key.name)
        else:
            ids.append(key)
    return _Wanted(by_service, ids)


async def _found(
    connection: ReadConnection, known_entities: KnownEntities, kind: AssetKind, wanted: _Wanted
) -> list[_Row]:
    """Returns the newest versions of assets."""
    await known_entities.load(connection, fqns=[names.quote(service) for service in wanted.names])
    rows: list[_Row] = []
    for service_name, asset_names in wanted.names.items():
        if service := known_entities.service(service_name):
            rows += await kind.table.partial_by_names(connection, service.id, asset_names)
    return rows + (await kind.table.partial_by_ids(connection, wanted.ids) if wanted.ids else [])


async def _guessed(
    connection: ReadConnection,
    known_entities: KnownEntities,
    kind: AssetKind,
    wanted: _Wanted,
    remembered: Remembered,
) -> list[_Row] | None:
    """Returns what `_found` does, if the process remembers the BI services and no entity has changed since.

    Each row comes with the state of entities, so this costs no statement of its own.
    """
    guess = remembered.last_entities
    services = {name: service for name in wanted.names if (service := guess.service(name))}
    if len(services) < len(wanted.names):
        return None
    dated: list[tuple[_Row, int]] = []
    for name, asset_names in wanted.names.items():
        dated += await kind.table.dated_by_names(connection, services[name].id, asset_names)
    dated += await kind.table.dated_by_ids(connection, wanted.ids) if wanted.ids else ()
    states = {state for _, state in dated}
    if len(states) != 1 or (entities := remembered.entities(states.pop())) is not guess:
        return None
    known_entities.source = ReadEntities(entities)
    for service in services.values():
        known_entities.add(service)
    return [row for row, _ in dated]


async def _find_moved(
    connection: ReadConnection, known_entities: KnownEntities, kind: AssetKind, missing: Iterable[AssetName]
) -> dict[AssetKey, str]:
    """Returns today's fully qualified names of assets that had other names before, or whose BI services had."""
    keys = set(missing)
    await known_entities.load_former(connection, {("bi_service", names.quote(key.service)) for key in keys})
    moved: dict[AssetKey, str] = {}
    for service_name in {key.service for key in keys}:
        service = known_entities.any_service(service_name)
        wanted = {key.name for key in keys if key.service == service_name}
        if service is None:
            continue
        ids = await known_entities.former.load_assets(connection, service.id, kind.name, wanted)
        same = wanted if service.name != service_name else ()
        for name, present in (
            await kind.table.present_names(connection, service.id, same, ids) if ids or same else {}
        ).items():
            moved[AssetName(service_name, name)] = names.join(service.name, present)
    return moved


def _visible(authorizer: Authorizer, sight: Sight, read: AssetRead, stored: _Stored) -> _Row:
    """Returns the newest version of an asset, if it exists and the caller may view the assets of its BI service."""
    row = stored.rows.get(read.key)
    service = sight.known.get(row.record.service_id) if row else None
    if service is None and isinstance(read.key, AssetName):
        find = sight.known.any_service if read.key in stored.moved else sight.known.service
        service = find(read.key.service)
    if service is None or not sight.shows(read.principal, read.kind, service):
        raise _unseen(authorizer, read, service if row else None)
    if row is None or row.record.deleted not in DELETED_STATES[read.deleted]:
        raise not_found(read.kind.name, text_of(read.key), stored.moved.get(read.key))
    return row


def _unseen(authorizer: Authorizer, read: AssetRead, service: EntityRecord | None) -> CatalogError:
    """Returns the error for an asset that does not exist, which is also that for one that the caller may not view.

    Args:
        service: The BI service of an asset that exists.
    """
    absent = absent_asset(read.kind, read.key)
    answer = answer_if_absent(
        lambda: authorizer.check(read.principal, Action.VIEW, absent), read.kind.name, text_of(read.key)
    )
    if service is not None:
        try:
            resource = replace(viewed(read.kind, service), name=text_of(read.key))
            authorizer.check(read.principal, Action.VIEW, resource)
        except ActionDenied as denial:
            # The log says what was denied.
            return denial.answered_with(answer)
    return answer


async def version_of(connection: ReadConnection, read: AssetRead, newest: _Row, version: int | None) -> _Row:
    """Returns a version of an asset without its large values.

    Args:
        connection: Where to read.
        read: The asset that was asked for.
        newest: Its newest version.
        version: In tenths; None for the newest.

    Raises:
        CatalogError: NOT_FOUND if there is no such version.
    """
    record = newest.record
    if version is None or version == record.version:
        return newest
    older: _Row | None = await read.kind.table.partial_version(connection, record.service_id, record.id, version)
    if older is None:
        raise unknown_version(read.kind.name, text_of(read.key), version)
    return older
