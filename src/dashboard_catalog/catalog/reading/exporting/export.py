"""An export: everything that the catalog held when it began, each thing after everything that it refers to.

Entities come first, one kind after the other and parents before children, then all charts, then all dashboards. Within
a BI service and a kind they are in the order of the changes that made them what they are, which never changes. What has
changed since the export began is shown as it was, and what has come since is left out: a watcher that begins at the
same moment gets both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast
from uuid import UUID

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Action, Principal, Resource
from dashboard_catalog.catalog import authorization
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS, DASHBOARD_KIND, ENTITY_KINDS, KINDS
from dashboard_catalog.catalog.reading.exporting import cursor as cursors
from dashboard_catalog.catalog.reading.exporting.cursor import Cursor, Resumed
from dashboard_catalog.catalog.reading.exporting.exported import Exported, Names
from dashboard_catalog.catalog.reading.exporting.levels import levels_of
from dashboard_catalog.catalog.reading.feed import positions
from dashboard_catalog.catalog.reading.feed.changes import read_piece
from dashboard_catalog.catalog.reading.feed.positions import Place
from dashboard_catalog.catalog.reading.feed.scope import Scope, Wanted, open_scope
from dashboard_catalog.catalog.reading.room import MAX_ANSWER_BYTES
from dashboard_catalog.catalog.visibility.sight import KINDS_OF_SERVICES
from dashboard_catalog.store import entities, exporting, feed
from dashboard_catalog.store.charts import chart_holders
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.feed import Stretch
from dashboard_catalog.store.records import CATALOG_ID, AssetRecord, DashboardRecord, EntityRecord

# The kinds in the order of export.
_ORDER = tuple(KINDS)
_ROWS = 500
# About the memory that a thing takes without its large values.
_SMALL_BYTES = 2_000
# The kinds of entities that lie below others of their kind.
_WITH_LEVELS = frozenset(kind.name for kind in ENTITY_KINDS.values() if kind.name in kind.parents.values())
_BI_SERVICE = ENTITY_KINDS["bi_service"]


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What a caller wants to export.

    Attributes:
        wanted: The kinds of things and the BI services, and who asks.
        deleted: `exclude`, `include` or `only`.
        resume_token: Where to go on; empty for a new export.
    """

    wanted: Wanted
    deleted: str
    resume_token: str


class _Version(NamedTuple):
    """A version that is to be exported: its place in the order, and the memory that its large values take."""

    level: int
    number: int
    size: int


class Export:
    """One export.

    Args:
        database: Where to read. No connection is held between two pieces.
        authorizer: Decides, for each piece, by the policies of that moment.
        request: What to export.
        scope: The same, with the BI services found.
        places: The position of each sequence when the export began.
        at: The place where it goes on.

    Attributes:
        watch_token: Lets a watcher begin when the export began; empty for one that goes on.
    """

    def __init__(
        self,
        database: Database,
        authorizer: Authorizer,
        request: ExportRequest,
        *,
        scope: Scope,
        places: dict[UUID, Place],
        at: Cursor,
        watch_token: str,
    ) -> None:
        self._database = database
        self._authorizer = authorizer
        self._request = request
        self._principal = request.wanted.principal
        self._scope = scope
        self._places = places
        self._at = at
        self._sequences = {False: [CATALOG_ID], True: sorted(places.keys() - {CATALOG_ID})}
        self._leveled: tuple[str, list[_Version]] = "", []
        self.watch_token = watch_token

    def token_after(self, at: Cursor | None = None) -> str:
        """Returns the token of an export that goes on after a thing; by default after everything before this one."""
        return cursors.encode(_filters(self._scope, self._request), self._places, at or self._at)

    async def read(self) -> list[Exported] | None:
        """Returns the next things, which may be none, or None at the end.

        Raises:
            CatalogError: PERMISSION_DENIED if the policies no longer permit it, UNAVAILABLE.
        """
        if self._at.kind >= len(_ORDER):
            return None
        kind = _ORDER[self._at.kind]
        if self._at.sequence not in self._places or kind not in self._scope.kinds_in(self._at.sequence):
            self._next_sequence()
            return []
        async with self._database.read() as connection:
            if kind in ENTITY_KINDS:
                return await self._entities(connection, kind)
            return await self._assets(connection, kind)

    def _next_sequence(self) -> None:
        """Goes on with the next BI service, or with the next kind."""
        kind = self._at.kind
        sequences = self._sequences[_ORDER[kind] in ASSET_KINDS]
        following = next((id_ for id_ in sequences if id_ > self._at.sequence), None)
        if following is None:
            kind += 1
            ordered = self._sequences[kind < len(_ORDER) and _ORDER[kind] in ASSET_KINDS]
            # One that has no place is skipped.
            following = ordered[0] if ordered else CATALOG_ID
        self._at = Cursor(kind, following)

    async def _entities(self, connection: ReadConnection, kind: str) -> list[Exported]:
        if kind != _BI_SERVICE.name:
            if not self._authorizer.allows(self._principal, Action.VIEW, Resource(kind)):
                self._next_sequence()
                return []
            self._check(kind, None)
        versions, reached = await self._versions_of_entities(connection, kind)
        batch = _fitting(versions)
        entities_then = await feed.entity_versions(connection, [version.number for version in batch])
        found = {entity.change_number: entity for entity in entities_then}
        # What is not found was removed for good in between.
        known = [found[version.number] for version in batch if version.number in found]
        records = [record for record in known if self._wants_entity(record)]
        for service in records if kind == _BI_SERVICE.name else ():
            self._check(kind, service)
        levels = {version.number: version.level for version in batch}
        shown = await self._names().of_entities(connection, records)
        items = [
            Exported(view, former, Cursor(self._at.kind, CATALOG_ID, levels[number], number))
            for view, former in shown
            for number in [view.record.change_number]
        ]
        self._pass(batch, versions, reached)
        return items

    async def _assets(self, connection: ReadConnection, kind_name: str) -> list[Exported]:
        kind, service_id = ASSET_KINDS[kind_name], self._at.sequence
        names = self._names()
        service = await names.service(connection, service_id)
        if service is None or not self._scope.sight().shows(self._principal, kind, service):
            self._next_sequence()
            return []
        self._check(kind_name, service)
        piece = await read_piece(connection, self._stretch(kind_name), _ROWS)
        versions = [_Version(0, change.row.change_number, change.row.size) for change in piece.changes]
        batch = _fitting(versions)
        numbers = [version.number for version in batch]
        found = await feed.asset_versions(connection, kind_name, service_id, numbers)
        found.sort(key=lambda record: record.change_number)
        records = await self._wanted_assets(connection, kind_name, found)
        shown = await names.of_assets(connection, kind, records)
        at = self._at
        items = [
            Exported(view, former, Cursor(at.kind, service_id, 0, view.record.change_number)) for view, former in shown
        ]
        self._pass(batch, versions, piece.reached)
        return items

    def _pass(self, batch: Sequence[_Version], versions: Sequence[_Version], reached: int) -> None:
        """Goes on after a batch, which may be only the first of the versions that were found up to a number."""
        if len(batch) < len(versions):
            self._at = Cursor(self._at.kind, self._at.sequence, batch[-1].level, batch[-1].number)
        elif reached < self._places[self._at.sequence].number:
            self._at = Cursor(self._at.kind, self._at.sequence, 0, reached)
        else:
            self._next_sequence()

    async def _versions_of_entities(self, connection: ReadConnection, kind: str) -> tuple[list[_Version], int]:
        """Returns the next versions of entities of a kind, and the number up to which there are no others."""
        place = self._places[CATALOG_ID].number
        if kind not in _WITH_LEVELS:
            piece = await read_piece(connection, self._stretch(kind), _ROWS)
            shown = self._scope.shown(piece.changes)
            return [_Version(0, change.row.change_number, change.row.size) for change in shown], piece.reached
        if self._leveled[0] != kind:
            self._leveled = kind, await self._all_with_levels(connection, kind)
        at = self._at.level, self._at.number
        return [version for version in self._leveled[1] if version[:2] > at], place

    async def _all_with_levels(self, connection: ReadConnection, kind: str) -> list[_Version]:
        """Returns the versions of all entities of a kind, parents first."""
        stretch = self._stretch(kind, whole=True)
        sizes: dict[int, int] = {}
        above: dict[UUID, Sequence[UUID]] = {}
        numbers: dict[UUID, int] = {}
        while stretch.after < stretch.until:
            piece = await read_piece(connection, stretch, _ROWS)
            sizes |= {change.row.change_number: change.row.size for change in self._scope.shown(piece.changes)}
            every = [change.row.change_number for change in piece.changes]
            for number, id_, parents in await exporting.parents_of_versions(connection, every):
                above[id_], numbers[id_] = parents, number
            stretch = self._stretch(kind, after=piece.reached)
        levels = levels_of(above)
        return sorted(
            _Version(levels[id_], number, sizes[number]) for id_, number in numbers.items() if number in sizes
        )

    def _stretch(self, kind: str, *, whole: bool = False, after: int | None = None) -> Stretch:
        number = self._places[self._at.sequence].number
        begins = 0 if whole else self._at.number if after is None else after
        return Stretch(self._at.sequence, begins, number, frozenset({kind}), as_of=number, sized=True)

    def _wants_entity(self, record: EntityRecord) -> bool:
        # Those that are deleted come along unless they are excluded by their kind: anything may refer to them.
        return record.deleted or self._request.deleted != "only"

    async def _wanted_assets(
        self, connection: ReadConnection, kind: str, records: Sequence[AssetRecord]
    ) -> Sequence[AssetRecord]:
        if self._request.deleted == "include":
            return records
        if self._request.deleted == "only":
            return [record for record in records if record.deleted]
        if kind == DASHBOARD_KIND.name:
            live = [record for record in records if not record.deleted]
            return await self._without_dropped_charts(connection, cast("Sequence[DashboardRecord]", live))
        deleted = {record.id for record in records if record.deleted}
        holders = await chart_holders(connection, deleted)
        held = {id_ for holder in holders if not holder.deleted for id_ in holder.charts}
        return [record for record in records if record.id in held or not record.deleted]

    async def _without_dropped_charts(
        self, connection: ReadConnection, records: Sequence[DashboardRecord]
    ) -> Sequence[DashboardRecord]:
        """Returns dashboards without deleted charts that they may have dropped before those charts were exported."""
        newest = await exporting.newest_versions(connection, records)
        changed = [record for record in records if newest.get(record.id) != record.version]
        deleted = await self._names().deleted_charts(connection, changed)
        for record in changed:
            record.charts = [id_ for id_ in record.charts if id_ not in deleted]
        return records

    def _check(self, kind: str, service: EntityRecord | None) -> None:
        check_preserve(self._authorizer, self._principal, kind, service)

    def _names(self) -> Names:
        numbers = {id_: place.number for id_, place in self._places.items()}
        return Names(numbers, self._principal, self._scope.sight())


async def open_export(database: Database, authorizer: Authorizer, request: ExportRequest) -> Export:
    """Begins an export, or goes on with one.

    Raises:
        CatalogError: PERMISSION_DENIED, NOT_FOUND for an unknown BI service, INVALID_ARGUMENT for a token of another
            export, OUT_OF_RANGE if the catalog was set back since the export began.
    """
    async with database.read() as connection:
        resumed = Resumed.of(request.resume_token) if request.resume_token else None
        scope = await open_scope(connection, authorizer, request.wanted, resumed.places if resumed else {})
        sequences = await scope.check(connection)
        await _check_all(connection, authorizer, request.wanted, scope)
        if resumed:
            resumed.check(_filters(scope, request))
            places, at, watch_token = dict(sequences.without_hidden(resumed.places)), resumed.at, ""
            await positions.check_not_expired(connection, places)
        else:
            # Names of entities are needed even if no entities are.
            places = await positions.present(connection, lambda id_: id_ == CATALOG_ID or sequences.gets(id_))
            at = Cursor()
            seen = {id_: place for id_, place in places.items() if sequences.gets(id_)}
            watch_token = positions.token_of(scope.filters, seen)
    return Export(database, authorizer, request, scope=scope, places=places, at=at, watch_token=watch_token)


def check_preserve(authorizer: Authorizer, principal: Principal, kind: str, service: EntityRecord | None) -> None:
    """Returns if the caller may export the assets of a kind in a BI service, the service itself, or other entities.

    Raises:
        CatalogError: PERMISSION_DENIED.
    """
    if service is not None:
        authorizer.check(principal, Action.PRESERVE, authorization.viewed(KINDS[kind], service))
    else:
        authorizer.check(principal, Action.PRESERVE, Resource(kind))


async def _check_all(connection: ReadConnection, authorizer: Authorizer, wanted: Wanted, scope: Scope) -> None:
    """Checks everything that would be exported now, so that a caller who may not export it learns that at once."""
    services = await entities.of_kind(connection, _BI_SERVICE.name)
    for kind in wanted.kinds or KINDS:
        in_services = services if kind in KINDS_OF_SERVICES else ()
        viewed = authorization.viewable_services(authorizer, wanted.principal, KINDS[kind], in_services)
        for service in viewed:
            if scope.wants_service(service.id):
                check_preserve(authorizer, wanted.principal, kind, service)
        if not viewed and authorizer.allows(wanted.principal, Action.VIEW, Resource(kind)):
            check_preserve(authorizer, wanted.principal, kind, None)


def _filters(scope: Scope, request: ExportRequest) -> str:
    return f"{scope.filters} {request.deleted}"


def _fitting(versions: Sequence[_Version]) -> Sequence[_Version]:
    """Returns the first versions, as many as fit into one answer, and at least one."""
    size = 0
    for place, version in enumerate(versions[:_ROWS]):
        size += version.size + _SMALL_BYTES
        if size > MAX_ANSWER_BYTES and place:
            return versions[:place]
    return versions[:_ROWS]
