"""From the request of an export to what is asked for, and from what is exported to items that BulkUpsert takes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from dashboard_catalog.catalog.model import labels, version
from dashboard_catalog.catalog.reading.exporting.cursor import Cursor
from dashboard_catalog.catalog.reading.exporting.export import ExportRequest
from dashboard_catalog.catalog.reading.exporting.exported import Exported
from dashboard_catalog.catalog.reading.views import AssetView, EntityView, Reference
from dashboard_catalog.catalog.visibility.hidden_values import is_placeholder
from dashboard_catalog.contract import wire
from dashboard_catalog.contract.caller import Caller
from dashboard_catalog.contract.kinds import ASSET_MESSAGES, ENTITY_OUTPUT
from dashboard_catalog.contract.limits import MAX_ASSET_BYTES, MAX_MESSAGE_ITEMS
from dashboard_catalog.contract.pages import portions
from dashboard_catalog.contract.wanted import wanted_of
from dashboardcatalog.v1 import asset_pb2, bulk_pb2, export_pb2, reference_pb2

# Fields of a spec that are not plain values of the record.
_MADE = frozenset({"name", "service", "charts", "owners", "domain", "tags", "extension"})

Portion = tuple[list[bulk_pb2.BulkUpsertItem], Cursor]


def export_request(request: export_pb2.ExportCatalogRequest, caller: Caller) -> ExportRequest:
    """Reads ExportCatalog.

    Raises:
        CatalogError: INVALID_ARGUMENT for names of BI services that do not parse.
    """
    wanted = wanted_of(request, caller)
    return ExportRequest(wanted, wire.DELETED.get(request.deleted, ""), request.resume_token)


def portions_of(exported: Sequence[Exported]) -> Iterator[Portion]:
    """Yields the items of as many responses as they need, each with the place after its last item."""
    sent = 0
    for items in portions(map(item_of, exported), MAX_ASSET_BYTES, MAX_MESSAGE_ITEMS):
        sent += len(items)
        yield items, exported[sent - 1].after


def item_of(exported: Exported) -> bulk_pb2.BulkUpsertItem:
    """Returns the item that makes an equal thing in an empty catalog."""
    view = exported.view
    if isinstance(view, EntityView):
        return _entity_item(view, exported.former_names)
    item = bulk_pb2.BulkUpsertItem(
        preserved=_preserved_asset(view, exported.former_names), **{view.kind.name: _spec(view)}
    )
    if item.ByteSize() > MAX_ASSET_BYTES:
        # What changed can be missed most easily, and is larger than what is there.
        item.preserved.ClearField("change_description")
    return item


def _entity_item(view: EntityView, former: Sequence[str]) -> bulk_pb2.BulkUpsertItem:
    record = view.record
    entity = wire.entity_message(view)
    for field in ENTITY_OUTPUT:
        getattr(entity, record.kind).ClearField(field)
    preserved = bulk_pb2.Preserved(**_common(record), former_names=former)
    return bulk_pb2.BulkUpsertItem(entity=entity, preserved=preserved)


def _common(record: Any) -> dict[str, Any]:
    return {
        "id": str(record.id),
        "updated_at": wire.to_timestamp(record.updated_at),
        "updated_by": record.updated_by,
        "deleted": record.deleted,
    }


def _preserved_asset(view: AssetView, former: Sequence[str]) -> bulk_pb2.Preserved:
    record = view.record
    preserved = bulk_pb2.Preserved(
        **_common(record),
        version=version.as_number(record.version),
        by_ingestion=record.by_ingestion,
        ingested=record.ingested,
        deleted_by_edit=record.deleted_by_edit,
        deleted_with=str(record.deleted_with) if record.deleted_with else "",
        former_names=former,
    )
    if record.edited:
        preserved.edited.CopyFrom(asset_pb2.Edited(**wire.edited_fields(record.edited, view.references)))
    if record.change:
        preserved.change_description.CopyFrom(wire.change_message(view))
    return preserved


def _spec(view: AssetView) -> Any:
    """Returns the spec of an asset. It lacks what cannot be named: what is hidden, or has been removed for good."""
    record, known = view.record, view.references
    spec = ASSET_MESSAGES[view.kind.name].spec
    plain = [field.name for field in spec.DESCRIPTOR.fields if field.name not in _MADE]
    fields = {name: value for name in plain if (value := getattr(record, name)) is not None}
    if view.kind.holds_charts:
        fields["charts"] = [one.fqn for one in _named(record.charts, known)]
    domain = _named([record.domain] if record.domain else [], known)
    return spec(
        **fields,
        name=record.name,
        service=view.service.fqn,
        owners=[reference_pb2.EntityReference(type=one.kind, name=one.name) for one in _named(record.owners, known)],
        domain=domain[0].fqn if domain else None,
        tags=[
            reference_pb2.TagLabel(tag_fqn=known[id_].fqn, source="Classification", label_type=type_, state=state)
            for id_, (type_, state) in labels.decode(record.tags, record.tag_labels).items()
            if id_ in known
        ],
        extension=wire.to_struct(_shown(record.extension)) if record.extension else None,
    )


def _named(ids: Iterable[UUID], known: Mapping[UUID, Reference]) -> list[Reference]:
    return [known[id_] for id_ in ids if id_ in known and not known[id_].hidden]


def _shown(extension: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values of custom properties that refer to nothing hidden."""
    return {key: value for key, value in extension.items() if not _is_hidden(value)}


def _is_hidden(value: Any) -> bool:
    return any(map(is_placeholder, value if isinstance(value, list) else [value]))
