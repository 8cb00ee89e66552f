"""Deletes and restores assets, softly or for good, together with the charts of a dashboard.

Charts go and come back with a dashboard if they are of its BI service, no other live dashboard holds them, and the
writer may delete or restore them too.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from dashboard_catalog.auth.principal import Action
from dashboard_catalog.catalog.known.known_entities import KnownEntities, referred_ids
from dashboard_catalog.catalog.model.commands import AssetWrite, Verb
from dashboard_catalog.catalog.model.kinds import CHART_KIND, DASHBOARD_KIND, AssetKind
from dashboard_catalog.catalog.model.refusals import still_referenced
from dashboard_catalog.catalog.writing.permissions import WritePermissions
from dashboard_catalog.catalog.writing.working_set import WorkingSet
from dashboard_catalog.store.charts import chart_holders
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.records import AssetRecord, DashboardRecord

RESTORED: Mapping[str, Any] = {"deleted": False, "deleted_with": None, "deleted_by_edit": False}


class AssetDeletion:
    """Deletes and restores assets with their charts, for one batch."""

    def __init__(self, permissions: WritePermissions, known_entities: KnownEntities, working: WorkingSet) -> None:
        self._permissions = permissions
        self._known = known_entities
        self._working = working
        # Chart id -> the dashboards that hold it, live or deleted, by id. Kept up to date as the batch goes on.
        self._holders: dict[UUID, dict[UUID, Any]] = defaultdict(dict)
        self._dead: set[UUID] = set()
        self._taken_along: dict[UUID, list[UUID]] = defaultdict(list)
        self._affected: list[str] = []

    async def load(self, connection: ReadConnection, writes: Iterable[tuple[AssetWrite, AssetRecord]]) -> None:
        """Loads the charts that the writes may delete or restore, and who else holds them."""
        comes_back: dict[UUID, set[UUID]] = defaultdict(set)
        at_stake: set[UUID] = set()
        services: set[UUID] = set()
        for write, stored in writes:
            if write.verb is Verb.DELETE:
                at_stake |= set(stored.charts) if isinstance(stored, DashboardRecord) else {stored.id}
                services.add(stored.service_id)
            if stored.deleted and write.kind.holds_charts:
                comes_back[stored.service_id].add(stored.id)
        charts: list[AssetRecord] = []
        for service_id, ids in comes_back.items():
            charts += await CHART_KIND.table.taken_along(connection, service_id, ids)
        if at_stake:
            # Those of other BI services stay as they are.
            charts += await CHART_KIND.table.within(connection, services, at_stake)
        self._working.add(CHART_KIND, charts)
        # Their owners, domains and tags say who may delete or restore them.
        await self._known.load(connection, ids=referred_ids(charts) | {chart.service_id for chart in charts})
        for chart in self._working.records():
            if chart.deleted_with is not None:
                self._taken_along[chart.deleted_with].append(chart.id)
        await self._load_holders(connection, at_stake)

    async def _load_holders(self, connection: ReadConnection, chart_ids: set[UUID]) -> None:
        holders = await chart_holders(connection, chart_ids)
        for row in holders:
            for chart_id in chart_ids.intersection(row.charts):
                self._holders[chart_id][row.id] = row
            if row.deleted:
                self._dead.add(row.id)
        await self._known.load(connection, ids={row.service_id for row in holders})

    def delete(self, write: AssetWrite, stored: AssetRecord) -> AssetRecord:
        """Soft-deletes an asset and its charts, each with a version of its own, and returns the asset."""
        deleted = self._delete_one(write, write.kind, stored, None)
        self._dead.add(stored.id)
        for chart in self._own_charts(stored):
            held = self._holders[chart.id].keys() - self._dead
            goes = not chart.deleted and not held and (write.takes_along is None or write.takes_along(chart))
            if goes and self._permissions.allows(write, CHART_KIND, Action.DELETE, chart):
                self._affected.append(self._known.fqn_of(self._delete_one(write, CHART_KIND, chart, stored.id)))
                self._taken_along[stored.id].append(chart.id)
        return deleted

    def _delete_one(self, write: AssetWrite, kind: AssetKind, record: AssetRecord, along: UUID | None) -> AssetRecord:
        changes = {"deleted": True, "deleted_with": along, "deleted_by_edit": write.writer.edits}
        return self._change(write, kind, record, changes)

    def _change(
        self, write: AssetWrite, kind: AssetKind, record: AssetRecord, changes: Mapping[str, Any]
    ) -> AssetRecord:
        # Without its digest the next load takes a full look at it.
        changed = self._working.change(kind, record, {**changes, "digest": None}, write.writer)
        if kind is CHART_KIND:
            self._known.add_chart(changed)
        return changed

    def restore(self, write: AssetWrite, stored: AssetRecord) -> AssetRecord:
        """Restores what was deleted with an asset, then the asset, and returns the asset."""
        self.restore_charts(write, stored)
        self._dead.discard(stored.id)
        return self._change(write, write.kind, stored, RESTORED)

    def restore_charts(self, write: AssetWrite, stored: AssetRecord) -> None:
        """Restores the charts that were deleted with an asset."""
        for id_ in self._taken_along[stored.id]:
            chart = self._working.get(id_)
            comes = chart is not None and chart.deleted and chart.deleted_with == stored.id
            if chart and comes and self._permissions.allows(write, CHART_KIND, Action.RESTORE, chart):
                self._change(write, CHART_KIND, chart, RESTORED)
                self._affected.append(self._known.fqn_of(chart))

    def remove(self, write: AssetWrite, stored: AssetRecord) -> None:
        """Removes an asset for good, with its charts that no other dashboard, live or deleted, holds.

        Raises:
            CatalogError: FAILED_PRECONDITION for a chart that a dashboard holds.
        """
        if not write.kind.holds_charts and (holders := self._holders[stored.id]):
            shown = self._permissions.shown(write, DASHBOARD_KIND, holders.values())
            by = [self._known.fqn_of(row) for row in shown]
            raise still_referenced(write.kind.name, self._known.fqn_of(stored), by, len(holders))
        for chart in self._own_charts(stored):
            held = self._holders[chart.id].keys() - {stored.id}
            if not held and self._permissions.allows(write, CHART_KIND, Action.HARD_DELETE, chart):
                self._remove(write, CHART_KIND, chart)
                self._affected.append(self._known.fqn_of(chart))
        self._remove(write, write.kind, stored)
        for holders in self._holders.values():
            holders.pop(stored.id, None)

    def _remove(self, write: AssetWrite, kind: AssetKind, record: AssetRecord) -> None:
        service = self._known.get(record.service_id)
        if service is None:
            raise LookupError(record.service_id)
        self._working.remove(kind, record, service, write.writer)
        if kind is CHART_KIND:
            self._known.remove_chart(record)

    def take_affected(self) -> tuple[str, ...]:
        """Returns the names of the charts that were deleted or restored since the last call."""
        affected, self._affected = tuple(self._affected), []
        return affected

    def _own_charts(self, stored: AssetRecord) -> list[AssetRecord]:
        """Returns the charts that an asset holds in its own BI service."""
        if not isinstance(stored, DashboardRecord):
            return []
        charts = [chart for id_ in stored.charts if (chart := self._working.get(id_))]
        return [chart for chart in charts if chart.service_id == stored.service_id]
