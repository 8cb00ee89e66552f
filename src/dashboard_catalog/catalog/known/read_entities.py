"""What a reader uses of the entities that its process remembers. It holds no lock, so entities may change meanwhile."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from dashboard_catalog.catalog.known.remembered import RememberedEntities
from dashboard_catalog.store import entities
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.records import EntityRecord


class ReadEntities:
    """The entities of one read: those that are remembered, and others from the database.

    What is read is remembered only if the same statement has found the state that is remembered. Two statements may
    reach two servers, before and after a failover.

    Args:
        remembered: Entities in the state in which the read has begun.
    """

    def __init__(self, remembered: RememberedEntities) -> None:
        self._remembered = remembered

    async def by_fqns(self, connection: ReadConnection, fqns: Iterable[str]) -> list[EntityRecord]:
        """Returns what `entities.by_fqns` does."""
        dated = await entities.dated_by_fqns(connection, fqns)
        read = [record for record, _ in dated]
        if self._is_current(dated):
            self._remembered.add_named(read)
        return read

    async def by_ids(self, connection: ReadConnection, ids: Iterable[UUID]) -> list[EntityRecord]:
        """Returns what `entities.by_ids` does."""
        found, missing = self._remembered.recall(ids)
        dated = await entities.dated_by_ids(connection, missing)
        read = [record for record, _ in dated]
        if self._is_current(dated):
            self._remembered.add(read)
        return found + read

    def _is_current(self, dated: Sequence[tuple[EntityRecord, int]]) -> bool:
        return all(state == self._remembered.state for _, state in dated)
