"""What a stream that only validates has accepted so far. Its later items may refer to that as if it existed."""

from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.store.records import AssetRecord, EntityRecord

MAX_ASSUMED = 1_000_000


class KnownChart(NamedTuple):
    """As much of a chart as a reference needs, and a view of what refers to it."""

    id: UUID
    display_name: str | None
    deleted: bool
    deleted_by_edit: bool

    @classmethod
    def of(cls, record: AssetRecord) -> "KnownChart":
        """Returns what a record says."""
        return cls(record.id, record.display_name, record.deleted, record.deleted_by_edit)


class KnownAsset(NamedTuple):
    """As much of an asset as a custom property that refers to it needs."""

    kind: str
    name: str
    fqn: str
    deleted: bool
    deleted_by_edit: bool

    @classmethod
    def of(cls, kind: str, fqn: str, record: AssetRecord) -> "KnownAsset":
        """Returns what a record says."""
        return cls(kind, record.name, fqn, record.deleted, record.deleted_by_edit)


@dataclass(slots=True)
class Assumed:
    """Names that count as existing, at most `MAX_ASSUMED`; later ones are not added.

    Attributes:
        entities: By kind and fully qualified name.
        entities_by_id: The same by id.
        charts: By raw names of BI service and chart.
        assets: By kind and fully qualified name.
    """

    entities: dict[tuple[str, str], EntityRecord] = field(default_factory=dict)
    entities_by_id: dict[UUID, EntityRecord] = field(default_factory=dict)
    charts: dict[tuple[str, str], KnownChart] = field(default_factory=dict)
    assets: dict[tuple[str, str], KnownAsset] = field(default_factory=dict)

    def add(self, record: EntityRecord) -> None:
        """Makes an entity count as existing, as it is now."""
        if self._has_room() or record.id in self.entities_by_id:
            self.entities[record.kind, record.fqn] = self.entities_by_id[record.id] = record

    def add_asset(self, kind: str, fqn: str, record: AssetRecord) -> None:
        """Makes an asset count as existing, as it is now."""
        if not self._has_room() and (kind, fqn) not in self.assets:
            return
        self.assets[kind, fqn] = KnownAsset.of(kind, fqn, record)
        if kind == "chart":
            service, name = names.split(fqn, 2)
            self.charts[service, name] = KnownChart.of(record)

    def _has_room(self) -> bool:
        return len(self.entities) + len(self.assets) < MAX_ASSUMED
