"""What a reader uses of the entities that its process remembers. It holds no lock, so entities may change meanwhile."""

from collections.abc import Iterable
from uuid import UUID

from dashboard_catalog.catalog.known.remembered import RememberedEntities
from dashboard_catalog.store import entities, locks
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.records import EntityRecord


class ReadEntities:
    """The entities of one read: those that are remembered, and others from the database.

    What is read is remembered only if the state is still the same afterwards: then nothing has changed in between.

    Args:
        remembered: Entities in the state in which the read has begun.
    """

    def __init__(self, remembered: RememberedEntities) -> None:
        self._remembered = remembered

    async def by_fqns(self, connection: ReadConnection, fqns: Iterable[str]) -> list[EntityRecord]:
        """Returns what `entities.by_fqns` does."""
        read = await entities.by_fqns(connection, fqns)
        if read and await self._is_same(connection):
            self._remembered.add_named(read)
        return read

    async def by_ids(self, connection: ReadConnection, ids: Iterable[UUID]) -> list[EntityRecord]:
        """Returns what `entities.by_ids` does."""
        found, missing = self._remembered.recall(ids)
        read = await entities.by_ids(connection, missing)
        if read and await self._is_same(connection):
            self._remembered.add(read)
        return found + read

    async def _is_same(self, connection: ReadConnection) -> bool:
        return await locks.state_of_entities(connection) == self._remembered.state
