"""Finds the items of a stream that are equal to what is stored, by name and digest alone.

A digest stands for a spec that passed every check when it was ingested. Every other write that changes the asset or its
marks clears it. An asset with marks takes the full path, which reports what it keeps.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Action, Principal, Resource
from dashboard_catalog.catalog.authorization import AssetResources
from dashboard_catalog.catalog.known.known_entities import KnownEntities, referred_ids
from dashboard_catalog.catalog.model.commands import DeferredUpsert, Unchanged
from dashboard_catalog.catalog.model.kinds import CHART_KIND, AssetKind
from dashboard_catalog.catalog.visibility.sight import Sight
from dashboard_catalog.store.assets import Ingested
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.records import EntityRecord


class UnchangedLookup:
    """Compares the items of one batch, which one caller has sent, with the stored digests."""

    def __init__(
        self,
        authorizer: Authorizer,
        known_entities: KnownEntities,
        resources: AssetResources,
        sight: Sight,
    ) -> None:
        self._authorizer = authorizer
        self._known = known_entities
        self._resources = resources
        self._sight = sight
        self._decided: dict[int, bool] = {}

    async def find(
        self, connection: ReadConnection, kind: AssetKind, service: EntityRecord, deferred: Sequence[DeferredUpsert]
    ) -> dict[str, Unchanged]:
        """Returns, by name as sent, the items that are equal to what is stored and that their writer may write.

        Args:
            connection: To read with.
            kind: Of all items.
            service: Of all items.
            deferred: At least one item. Items of one name are equal.
        """
        by_name = {write.key.name: write for write in deferred}
        found = await self._ingested(connection, kind, service, by_name.keys())
        same = {name: row for name, row in found.items() if row.digest == by_name[name].digest}
        principal = deferred[0].writer.principal
        if self._sight.is_limited(principal):
            same = {n: row for n, row in same.items() if not self._may_refer_to_hidden(by_name[n], service)}
        await self._known.load(connection, ids=referred_ids(same.values()))
        kept = ("name",) if self._sight.shows(principal, kind, service) else ()
        return {
            name: Unchanged(kind, service.name, row, kept_fields=() if row.name == name else kept)
            for name, row in same.items()
            # Denied items take the full path and are refused there.
            if self._may_write(principal, self._resources.stored(kind, service.id, row))
        }

    async def _ingested(
        self, connection: ReadConnection, kind: AssetKind, service: EntityRecord, names: AbstractSet[str]
    ) -> dict[str, Ingested]:
        """Returns what can be recognised, by the names given: those of today, and former ones."""
        found = {row.name: row for row in await kind.table.ingested(connection, service.id, list(names))}
        if len(found) < len(names):
            missing = names - found.keys()
            if ids := await self._known.former.load_assets(connection, service.id, kind.name, missing):
                rows = await kind.table.ingested_by_ids(connection, service.id, ids.values())
                by_id = {row.id: row for row in rows}
                found |= {name: by_id[id_] for name, id_ in ids.items() if id_ in by_id}
        return found

    def _may_write(self, principal: Principal, resource: Resource) -> bool:
        # Assets that are alike have the same resource.
        if id(resource) not in self._decided:
            self._decided[id(resource)] = self._authorizer.allows(principal, Action.UPDATE, resource)
        return self._decided[id(resource)]

    def _may_refer_to_hidden(self, deferred: DeferredUpsert, service: EntityRecord) -> bool:
        """Says whether an item may refer to something that its writer may not view; then it takes the full path."""
        return deferred.refers_elsewhere() or not self._sight.shows(deferred.writer.principal, CHART_KIND, service)
