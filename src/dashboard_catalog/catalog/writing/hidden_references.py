"""What the writers of one batch may not view of what their assets refer to, now or after the write."""

from collections.abc import Iterable

from dashboard_catalog.catalog.known.assumed import KnownAsset, KnownChart
from dashboard_catalog.catalog.known.property_targets import PropertyTargets, pointers_in
from dashboard_catalog.catalog.model.commands import AssetName, AssetWrite
from dashboard_catalog.catalog.properties.custom_properties import PropertyReference
from dashboard_catalog.catalog.visibility.hidden_parts import HiddenParts
from dashboard_catalog.catalog.visibility.hidden_values import HiddenValues
from dashboard_catalog.catalog.visibility.sight import Sight
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.records import AssetRecord


class HiddenReferences:
    """The references of one batch as its writers may see them: what they may not view does not exist for them.

    Args:
        sight: What the writers may view.
        targets: What the custom properties of the batch refer to.
    """

    def __init__(self, sight: Sight, targets: PropertyTargets) -> None:
        self._sight = sight
        self._targets = targets
        self._values = HiddenValues(sight, targets)

    async def load(self, connection: ReadConnection, writes: Iterable[tuple[AssetWrite, AssetRecord]]) -> None:
        """Loads what the writes of limited callers could take away from the assets as they are stored."""
        limited = [(write, stored) for write, stored in writes if self._sight.is_limited(write.writer.principal)]
        charts = {id_ for write, stored in limited if _writes(write, "charts") for id_ in getattr(stored, "charts", ())}
        if charts:
            services = {stored.service_id for _, stored in limited}
            await self._sight.known.load_chart_services(connection, charts, services)
        for kind in {write.kind.name for write, _ in limited}:
            values = [
                pair
                for write, stored in limited
                if write.kind.name == kind and _writes(write, "extension")
                for pair in (stored.extension or {}).items()
            ]
            await self._values.load(connection, kind, values)

    def parts(self, write: AssetWrite, stored: AssetRecord | None) -> HiddenParts | None:
        """Returns what the writer may not view of the asset as it is stored; None if that cannot be anything."""
        principal = write.writer.principal
        if stored is None or not self._sight.is_limited(principal):
            return None
        return HiddenParts(self._sight, self._values, principal, write.kind.name, stored)

    def shows_charts(self, write: AssetWrite, charts: Iterable[AssetName]) -> bool:
        """Says whether the writer may view all charts of these names, as far as they exist."""
        return self._sight.shows_charts(write.writer.principal, charts)

    def chart(self, write: AssetWrite, key: AssetName) -> KnownChart | None:
        """Returns the chart of this name, if it exists and the writer may view it."""
        return self._sight.known.chart(key) if self.shows_charts(write, [key]) else None

    def target(self, write: AssetWrite, reference: PropertyReference) -> KnownAsset | None:
        """Returns what a custom property refers to, if it exists and the writer may view it."""
        target = self._targets.find(reference)
        return target if target and self._sight.shows_target(write.writer.principal, target) else None

    def may_be_in(self, write: AssetWrite) -> bool:
        """Says whether a write may refer to something that the writer may not view."""
        if not self._sight.is_limited(write.writer.principal):
            return False
        pointers = pointers_in(write.values.get("extension"))
        return any(True for _ in pointers) or not self.shows_charts(write, write.values.get("charts", ()))


def _writes(write: AssetWrite, field: str) -> bool:
    return field in write.values or field in write.mask
