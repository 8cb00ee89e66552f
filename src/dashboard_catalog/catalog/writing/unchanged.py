"""Recognises what a stream brings again unchanged, before anything of it but its name and digest is looked at.

The digest stands for a spec that was found right when it was ingested. It is cleared by every other write of the asset,
and what people have decided is left to the full path, which tells what it keeps.
"""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Action, Principal, Resource
from dashboard_catalog.catalog.known_entities import KnownEntities, referred_ids
from dashboard_catalog.catalog.model.commands import DeferredUpsert, Unchanged
from dashboard_catalog.catalog.model.kinds import AssetKind
from dashboard_catalog.store.tables import EntityRecord


class UnchangedLookup:
    """Compares what one batch of a stream, so of one caller, brings with the digests that are stored."""

    def __init__(self, authorizer: Authorizer, known_entities: KnownEntities) -> None:
        self._authorizer = authorizer
        self._known = known_entities
        self._decided: dict[int, bool] = {}

    async def find(
        self, connection: AsyncConnection, kind: AssetKind, service: EntityRecord, unread: Sequence[DeferredUpsert]
    ) -> dict[str, Unchanged]:
        """Returns, by name, those of `unread` that are stored as they come and that their writer may write.

        Args:
            unread: Assets of this kind and service, at least one. Of a name that comes in two ways none is recognised.
        """
        digests: dict[str, bytes | None] = {}
        for write in unread:
            name = write.key.name
            digests[name] = write.digest if digests.setdefault(name, write.digest) == write.digest else None
        found = await kind.table.ingested(connection, service.id, list(digests))
        same = [row for row in found if row.digest == digests[row.name]]
        await self._known.load(connection, ids=referred_ids(same))
        principal = unread[0].writer.principal
        return {
            row.name: Unchanged(kind, row)
            for row in same
            # What is denied goes the full way and is refused there.
            if self._may_write(principal, self._known.resource(kind.name, service.id, row))
        }

    def _may_write(self, principal: Principal, resource: Resource) -> bool:
        # The known_entities gives one resource for all assets that are alike.
        if id(resource) not in self._decided:
            self._decided[id(resource)] = self._authorizer.allows(principal, Action.UPDATE, resource)
        return self._decided[id(resource)]
