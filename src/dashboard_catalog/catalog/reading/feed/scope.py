"""What a reader of the feed wants, and what of it the reader may view.

A BI service that the reader may not view does not exist for them: they get no place in its sequence. If they may view
it later, they get its changes from the first one on, as they do of a BI service that is created later.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Action, Principal, Resource
from dashboard_catalog.catalog import authorization
from dashboard_catalog.catalog.known.known_entities import KnownEntities
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS, ENTITY_KINDS, KINDS
from dashboard_catalog.catalog.reading.entity_reads import visible_entity
from dashboard_catalog.catalog.reading.feed.changes import Change, all_services, removed_services
from dashboard_catalog.catalog.reading.feed.positions import Places
from dashboard_catalog.catalog.visibility.sight import KINDS_OF_SERVICES, Sight
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.records import CATALOG_ID, EntityRecord

_BI_SERVICE = ENTITY_KINDS["bi_service"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a reader asks for.

    Attributes:
        kinds: Names of the kinds of things; empty for all.
        services: Fully qualified names of the BI services; empty for all.
    """

    principal: Principal
    kinds: frozenset[str] = frozenset()
    services: tuple[str, ...] = ()


class Scope:
    """What a reader gets.

    Args:
        authorizer: Decides what the reader may view, by the policies of the moment.
        wanted: What the reader asks for.
        services: Ids of the BI services in `wanted`; None for all.

    Attributes:
        filters: What the reader asks for, as a text that tells it from others.
    """

    def __init__(self, authorizer: Authorizer, wanted: Wanted, services: frozenset[UUID] | None) -> None:
        self._authorizer = authorizer
        self._principal = wanted.principal
        self._services = services
        kinds = wanted.kinds or KINDS.keys()
        self._kinds_of_assets = frozenset(ASSET_KINDS.keys() & kinds)
        self._kinds_of_entities = frozenset(ENTITY_KINDS.keys() & kinds)
        self.filters = f"{sorted(wanted.kinds)} {sorted(id_.hex for id_ in services or ())}"

    def kinds_in(self, sequence: UUID) -> frozenset[str]:
        """Returns the kinds of the things whose changes the reader wants of a sequence."""
        if sequence == CATALOG_ID:
            return self._kinds_of_entities
        return self._kinds_of_assets if self._services is None or sequence in self._services else frozenset()

    def wants_service(self, service_id: UUID) -> bool:
        """Says whether the reader asks for a BI service."""
        return self._services is None or service_id in self._services

    def shows_service(self, service: EntityRecord | None, sight: Sight | None = None) -> bool:
        """Says whether the reader may view any of the assets of a BI service that they want."""
        sight = sight or self.sight()
        return any(sight.shows(self._principal, ASSET_KINDS[kind], service) for kind in self._kinds_of_assets)

    def shown(self, changes: Sequence[Change]) -> list[Change]:
        """Returns those of some changes that the reader wants and may view."""
        sight = self.sight()
        if self._services is None and not sight.is_limited(self._principal):
            return list(changes)
        return [change for change in changes if self._shows(change, sight)]

    def sight(self) -> Sight:
        """Returns what the reader may view at this moment."""
        return Sight(self._authorizer, KnownEntities())

    def _shows(self, change: Change, sight: Sight) -> bool:
        kind = change.row.kind
        if kind in ASSET_KINDS:
            return sight.shows(self._principal, ASSET_KINDS[kind], change.service)
        if kind == _BI_SERVICE.name:
            is_wanted = self._services is None or change.row.id in self._services
            return is_wanted and sight.shows(self._principal, _BI_SERVICE, change.service)
        return self._authorizer.allows(
            self._principal, Action.VIEW, authorization.entity(ENTITY_KINDS[kind], None, change.row.name)
        )

    async def check(self, connection: ReadConnection) -> "Sequences":
        """Returns the sequences of which the reader gets changes, by the policies of the moment.

        Raises:
            CatalogError: PERMISSION_DENIED if the reader may view none of the kinds that they want.
        """
        services = await all_services(connection)
        kinds = sorted(self._kinds_of_assets | self._kinds_of_entities)
        if not any(self._may_view(kind, services.values()) for kind in kinds):
            authorization.check_views_any(self._authorizer, self._principal, KINDS[kinds[0]])
        return Sequences(self, services)

    def _may_view(self, kind: str, services: Iterable[EntityRecord]) -> bool:
        if self._authorizer.allows(self._principal, Action.VIEW, Resource(kind)):
            return True
        if kind not in KINDS_OF_SERVICES:
            return False
        return bool(authorization.viewable_services(self._authorizer, self._principal, KINDS[kind], list(services)))


class Sequences:
    """Of which sequences a reader gets changes, at one moment.

    Args:
        scope: What the reader gets.
        services: All BI services by id, also those that have been removed for good.
    """

    def __init__(self, scope: Scope, services: Mapping[UUID, EntityRecord]) -> None:
        self._scope = scope
        self._services = services
        self._sight = scope.sight()

    def gets(self, sequence: UUID) -> bool:
        """Says whether the reader gets changes of a sequence."""
        if not self._scope.kinds_in(sequence):
            return False
        return sequence == CATALOG_ID or self._scope.shows_service(self._services.get(sequence), self._sight)

    def without_hidden(self, places: Places) -> Places:
        """Returns places without those in BI services that the reader may not view.

        Anyone can make a token, so nothing that a reader is told may depend on what it says of such a BI service.
        """
        return {id_: place for id_, place in places.items() if self.gets(id_) or id_ not in self._services}


async def open_scope(
    connection: ReadConnection, authorizer: Authorizer, wanted: Wanted, resumed: Places = MappingProxyType({})
) -> Scope:
    """Finds the BI services that a reader asks for.

    Args:
        resumed: The places of a reader who goes on. Such a reader can name BI services that have been removed since.

    Raises:
        CatalogError: NOT_FOUND for one that does not exist, or that the reader may not view; PERMISSION_DENIED.
    """
    if not wanted.services:
        return Scope(authorizer, wanted, None)
    ids: set[UUID] = set()
    for fqn in wanted.services:
        try:
            row = await visible_entity(connection, authorizer, wanted.principal, _BI_SERVICE, fqn)
            ids.add(row.record.id)
        except CatalogError:
            found = await _removed(connection, authorizer, wanted.principal, fqn) & resumed.keys()
            if not found:
                raise
            ids |= found
    return Scope(authorizer, wanted, frozenset(ids))


async def _removed(connection: ReadConnection, authorizer: Authorizer, principal: Principal, fqn: str) -> set[UUID]:
    """Returns the ids of the BI services of a name that have been removed for good, and that a reader may view."""
    services = [service for service in (await removed_services(connection)).values() if service.fqn == fqn]
    return {service.id for service in authorization.viewable_services(authorizer, principal, _BI_SERVICE, services)}
