"""What creates a thing that the items of a bulk stream refer to, by its name alone."""

from collections.abc import Sequence
from dataclasses import replace

from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.commands import AssetWrite, EntityWrite, Verb, Writer
from dashboard_catalog.catalog.model.kinds import CHART_KIND
from dashboard_catalog.contract.asset_specs import asset_write
from dashboard_catalog.contract.entity_requests import entity_write
from dashboard_catalog.contract.validation import violations_of
from dashboard_catalog.errors import CatalogError
from dashboardcatalog.v1 import bulk_pb2, chart_pb2, entity_pb2


def creating_writes(writer: Writer, service: str | None, kind: str, fqn: str) -> Sequence[AssetWrite | EntityWrite]:
    """Returns the writes that create a thing; none if it cannot be created, or if its name is not valid.

    Args:
        writer: Who writes.
        service: Raw name of the only BI service whose charts can be created.
        kind: Of the thing.
        fqn: Its fully qualified name.
    """
    try:
        items = _items(service, kind, names.split(fqn))
        if any(violations_of(item) for item in items):
            return []
        return [_write(item, writer) for item in items]
    except (names.NameSyntaxError, CatalogError):
        return []


def _items(service: str | None, kind: str, path: Sequence[str]) -> list[bulk_pb2.BulkUpsertItem]:
    entities: list[entity_pb2.Entity] = []
    match kind, *path:
        case "user", name:
            entities = [entity_pb2.Entity(user=entity_pb2.User(name=name))]
        case "team", name:
            entities = [entity_pb2.Entity(team=entity_pb2.Team(name=name, team_type="Group"))]
        case "tag", classification, name:
            tag = entity_pb2.Tag(name=name, classification=names.quote(classification))
            entities = [
                entity_pb2.Entity(classification=entity_pb2.Classification(name=classification)),
                entity_pb2.Entity(tag=tag),
            ]
        case "chart", home, name if home == service:
            return [bulk_pb2.BulkUpsertItem(chart=chart_pb2.ChartSpec(name=name, service=names.quote(home)))]
    return [bulk_pb2.BulkUpsertItem(entity=entity) for entity in entities]


def _write(item: bulk_pb2.BulkUpsertItem, writer: Writer) -> AssetWrite | EntityWrite:
    if item.HasField("chart"):
        # It brings back a chart that ingestion has deleted, but never one that people have.
        return asset_write(CHART_KIND, item.chart, Verb.UPSERT, replace(writer, overrides=False))
    return entity_write(item.entity, writer, frozenset())
