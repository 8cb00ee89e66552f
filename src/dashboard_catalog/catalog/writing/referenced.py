"""What the assets of a batch refer to, each thing once, so that it can be loaded with few statements."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from dashboard_catalog.catalog.known.known_entities import referred_ids
from dashboard_catalog.catalog.known.property_targets import Pointer, pointers_in
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.commands import AssetName, AssetWrite, Preserved, SentReference
from dashboard_catalog.catalog.model.kinds import AssetKind
from dashboard_catalog.catalog.writing.preserving import names_in_change
from dashboard_catalog.store.records import AssetRecord


class Referenced:
    """Gathers references.

    Args:
        stored: The assets of the batch as they are stored.
        writes: What is to be written.
        versions: Older versions of assets, with their kinds.

    Attributes:
        charts: Names of charts.
        chart_ids: Ids of charts.
        chart_services: BI services that most of these charts belong to.
        pointers: What values of custom properties may point to.
    """

    def __init__(
        self,
        stored: Iterable[AssetRecord],
        writes: Iterable[AssetWrite],
        versions: Iterable[tuple[AssetKind, AssetRecord]],
    ) -> None:
        self.charts: set[AssetName] = set()
        self.chart_ids: set[UUID] = set()
        self.chart_services: set[UUID] = set()
        self.pointers: list[Pointer] = []
        self._ids = referred_ids(stored)
        self._fqns: set[str] = set()
        # Of what may be there no more, so they are not checked.
        self._names: set[str] = set()
        self._named: set[tuple[str, str]] = set()
        self._owners: set[SentReference] = set()
        for write in writes:
            self._add(write)
        for kind, version in versions:
            self._add_version(kind, version)

    def _add_version(self, kind: AssetKind, record: AssetRecord) -> None:
        self._ids |= referred_ids([record])
        self.chart_ids.update(getattr(record, "charts", ()))
        self.chart_services.add(record.service_id)
        self._add_extension(kind, record.extension)

    def _add(self, write: AssetWrite) -> None:
        values = write.values
        self._owners.update(values.get("owners", ()))
        self.charts.update(values.get("charts", ()))
        self._named.update(("tag", fqn) for fqn in values.get("tags", ()))
        if "domain" in values:
            self._named.add(("domain", values["domain"]))
        self._add_extension(write.kind, values.get("extension"))
        if write.release:
            self._fqns.update(write.release.tags)
        if write.preserved:
            self._add_preserved(write.preserved)

    def _add_preserved(self, preserved: Preserved) -> None:
        self._fqns.update(preserved.edited.tags)
        for named in names_in_change(preserved):
            if isinstance(named, AssetName):
                self.charts.add(named)
            else:
                self._names.add(named)

    def _add_extension(self, kind: AssetKind, extension: Mapping[str, Any] | None) -> None:
        if extension:
            self._fqns.update(names.join(kind.name, key) for key in extension)
            self.pointers.extend(pointers_in(extension))

    def ids(self) -> set[UUID]:
        """Returns the ids of entities of all kinds."""
        return self._ids | {UUID(owner.id) for owner in self._owners if owner.id}

    def entities(self) -> set[tuple[str, str]]:
        """Returns (kind, fully qualified name) of the entities that the writes name, except custom properties."""
        owners = {
            (owner.type, owner.fqn or names.quote(owner.name)) for owner in self._owners if owner.fqn or owner.name
        }
        # A load names the same BI service for many thousands of charts.
        services = {chart.service for chart in self.charts}
        return owners | self._named | {("bi_service", names.quote(service)) for service in services}

    def fqns(self) -> set[str]:
        """Returns the fully qualified names of entities of all kinds."""
        # The first name of a tag is its classification, which is loaded together with it.
        tops = {names.quote(names.split(fqn)[0]) for kind, fqn in self._named if kind == "tag"}
        return self._fqns.union(tops, (fqn for _, fqn in self.entities()), self._names)
