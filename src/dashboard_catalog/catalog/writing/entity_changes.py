"""What the feed gets of each change of an entity."""

from dataclasses import fields
from datetime import datetime

from dashboard_catalog.catalog.model.commands import Writer
from dashboard_catalog.store.records import CATALOG_ID, EntityChangeRecord, EntityRecord, RemovedRecord

_SHARED = [field.name for field in fields(EntityChangeRecord) if field.name in EntityRecord.__slots__]


def change_of(record: EntityRecord, change: str, writer: Writer, previous_fqn: str | None = None) -> EntityChangeRecord:
    """Returns one change of an entity.

    Args:
        record: The entity after the change.
        change: `created`, `updated`, `deleted` or `restored`.
        writer: Who has changed it.
        previous_fqn: The fully qualified name before, if that has changed.
    """
    return EntityChangeRecord(
        **{name: getattr(record, name) for name in _SHARED},
        change=change,
        previous_fqn=previous_fqn,
        by_ingestion=not writer.edits,
        session_id=writer.session_id,
    )


def removal_of(record: EntityRecord, number: int, at: datetime, writer: Writer) -> RemovedRecord:
    """Returns what is left of an entity that is removed for good."""
    return RemovedRecord(
        service_id=CATALOG_ID,
        change_number=number,
        kind=record.kind,
        id=record.id,
        fqn=record.fqn,
        service_fqn=record.fqn if record.kind == "bi_service" else "",
        updated_at=at,
        updated_by=writer.principal.subject,
        by_ingestion=not writer.edits,
        call_id=writer.call_id,
        service_type=record.attributes.get("service_type"),
    )
