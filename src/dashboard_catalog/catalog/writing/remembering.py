"""What one batch uses of the memory of its process, and adds to it."""

from uuid import UUID

from dashboard_catalog.catalog.known.known_entities import KnownEntities
from dashboard_catalog.catalog.known.remembered import Remembered
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS, CHART_KIND
from dashboard_catalog.catalog.writing.working_set import WorkingSet
from dashboard_catalog.store import locks
from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.records import CATALOG_ID


class Remembering:
    """Lets a batch know at once what its process remembers, and remembers what the batch has left.

    Only what was committed may be remembered. So nothing is used of a sequence that the transaction has changed before.

    Args:
        remembered: By the process.
        connection: The transaction of the batch, which has just begun.
        known_entities: What the batch knows.
        working: The assets of the batch.
    """

    def __init__(
        self, remembered: Remembered, connection: WriteConnection, known_entities: KnownEntities, working: WorkingSet
    ) -> None:
        self._remembered = remembered
        self._known = known_entities
        self._working = working
        self._nonce = connection.nonce
        self._locked_in: dict[UUID, int] = {}
        # Nothing here may refer to the connection: a cycle would leave the whole batch to the garbage collector.
        connection.committed.append(self._keep)

    async def use_entities(self, connection: WriteConnection) -> None:
        """Uses the entities that are remembered. The batch holds the catalog's lock and writes none itself."""
        # In a cluster, every node has the entities, and only one of them their state.
        if CATALOG_ID not in connection.advanced and not connection.is_distributed:
            self._known.source = self._remembered.entities(await locks.state_of_entities(connection))

    def use_service(self, connection: WriteConnection, id_: UUID) -> None:
        """Uses what is remembered of a BI service whose lock the batch has taken."""
        if id_ not in connection.advanced:
            state = self._locked_in[id_] = connection.locked_at[id_].state
            self._known.remember(id_, self._remembered.service(id_, state))

    def _keep(self) -> None:
        """Remembers the charts of the BI services as the transaction has left them."""
        last = self._working.changes.last_numbers()
        for id_, before in self._locked_in.items():
            changes = [self._working.changes.of(kind.table, id_) for kind in ASSET_KINDS.values()]
            # Names that come or go are rare, and the next batch starts again.
            if any(of.names or of.removed for of in changes):
                continue
            charts = self._working.changes.of(CHART_KIND.table, id_)
            written = [*charts.new.values(), *(after for _, after in charts.changed.values())]
            self._remembered.keep(
                id_,
                (before, last[id_] + self._nonce if id_ in last else before),
                {record.name: record for record in written},
                self._known.charts_read[id_],
                has_no_former_names=self._known.former.has_none(id_),
            )
