"""Finds the asset that a write is about, by today's name or a former one, among those that a batch has loaded."""

from uuid import UUID

from dashboard_catalog.catalog.known.known_entities import KnownEntities
from dashboard_catalog.catalog.model.commands import AssetName, AssetWrite, DeferredUpsert
from dashboard_catalog.catalog.writing.working_set import WorkingSet
from dashboard_catalog.store.records import AssetRecord


class AssetLookup:
    """Looks up the assets of one batch, as the batch has left them so far.

    Attributes:
        working: The assets of the batch.
    """

    def __init__(self, known_entities: KnownEntities, working: WorkingSet) -> None:
        self._known = known_entities
        self.working = working

    def target(self, write: AssetWrite) -> AssetRecord | None:
        """Returns the asset that a write changes, deleted or not.

        What ingestion loads under a former name is the renamed asset. Nobody else reaches it by that name.
        """
        found = self.named(write)
        return self.renamed(write) if found is None and self._known.former.any and write.follows_renames else found

    def named(self, write: AssetWrite | DeferredUpsert) -> AssetRecord | None:
        """Returns the asset that has the id or the name that a write names, deleted or not."""
        if isinstance(write.key, UUID):
            found = self.working.get(write.key)
            return found if isinstance(found, write.kind.table.record) else None
        service = self._known.service(write.key.service)
        return self.working.find(write.kind, service.id if service else None, write.key.name)

    def renamed(self, write: AssetWrite | DeferredUpsert) -> AssetRecord | None:
        """Returns the asset that had the name that a write names before, or whose BI service had its name before."""
        if not self._known.former.any or not isinstance(write.key, AssetName):
            return None
        service = self._known.any_service(write.key.service)
        if service is None:
            return None
        name = write.key.name
        return self.working.find(write.kind, service.id, name) or self.working.find_renamed(
            write.kind, service.id, name
        )
