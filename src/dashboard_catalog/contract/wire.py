"""The mapping between messages and what the catalog works with. Knows field names, no rules.

Scalar fields map by their names, so a new one needs no line here. `spec_reading` reads specs.
"""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any
from uuid import UUID

from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from dashboard_catalog.catalog.model import change, labels, version
from dashboard_catalog.catalog.model.commands import Outcome, SentMarks
from dashboard_catalog.catalog.model.etag import etag_of
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS, ENTITY_KINDS
from dashboard_catalog.catalog.model.stewardship import Marks
from dashboard_catalog.catalog.reading.views import AssetView, EntityView, Reference
from dashboard_catalog.contract.kinds import ASSET_MESSAGES, ENTITY_MESSAGES, ENTITY_OUTPUT
from dashboard_catalog.store.assets import LARGE
from dashboardcatalog.v1 import asset_pb2, entity_pb2

# OpenMetadata's names for kinds that references have.
_REFERENCE_TYPES = {"bi_service": "dashboardService"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""The moment from which protobuf counts."""


# From messages.

DELETED: Mapping[int, str] = {
    asset_pb2.DELETED_UNSPECIFIED: "exclude",
    asset_pb2.DELETED_EXCLUDE: "exclude",
    asset_pb2.DELETED_INCLUDE: "include",
    asset_pb2.DELETED_ONLY: "only",
}
"""The catalog's words for the contract's values of `Deleted`."""


_MISSING: Mapping[int, str] = {
    number: name.removeprefix("MISSING_").lower() for name, number in asset_pb2.Missing.items() if number
}


def missing_fields(missing: Iterable[int]) -> tuple[str, ...]:
    """Returns the fields that values of `Missing` name, each once, in an order that does not depend on the request."""
    return tuple(sorted({_MISSING[value] for value in missing if value in _MISSING}))


def first_moment(timestamp: Timestamp) -> datetime:
    """Returns the first moment that the catalog can store, in whole microseconds, from a timestamp on.

    Raises:
        ValueError: If the timestamp is not valid, or not between the years 1 and 9999.
        OverflowError: If no such moment follows.
    """
    moment = timestamp.ToDatetime(UTC)
    return moment + timedelta(microseconds=1) if timestamp.nanos % 1_000 else moment


def entity_values(message: Message) -> dict[str, Any]:
    """Returns the fields that a message of a kind of entity sets, by name; without its name."""
    values: dict[str, Any] = {}
    for field, value in message.ListFields():
        if field.name == "config":
            values["config"] = from_struct(value)
        elif field.name not in ("name", *ENTITY_OUTPUT):
            values[field.name] = list(value) if field.is_repeated else value
    return values


def marks_of(edited: asset_pb2.Edited) -> SentMarks:
    """Returns the marks that a message names."""
    return SentMarks(tuple(edited.fields), tuple(edited.tags), tuple(edited.extension_keys))


def from_struct(struct: Struct, largest_whole: float = math.inf) -> dict[str, Any]:
    """Returns a struct as plain values.

    Args:
        struct: The struct.
        largest_whole: Up to which absolute value whole numbers are int, as they are in JSON.
    """
    return {key: from_value(value, largest_whole) for key, value in struct.fields.items()}


def from_value(value: Value, largest_whole: float = math.inf) -> Any:
    """Returns a value as a plain one, as `from_struct` does; None for one that is not set."""
    match value.WhichOneof("kind"):
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() and abs(number) <= largest_whole else number
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "struct_value":
            return from_struct(value.struct_value, largest_whole)
        case "list_value":
            return [from_value(item, largest_whole) for item in value.list_value.values]
    return None


# To messages.


def outcome_message(outcome: Outcome) -> "asset_pb2.Outcome.ValueType":
    """Returns the contract's value of an outcome."""
    return asset_pb2.Outcome.Value(f"OUTCOME_{outcome}")


def asset_fields(view: AssetView) -> dict[str, Any]:
    """Returns the fields of the message of an asset by name, those of the messages in it too.

    The message that has such a field is built of them without copying any other message.
    """
    if not view.is_shown:
        return _asset_identity(view)
    record, known = view.record, view.references
    fields = {name: value for name in _SCALARS[view.kind.name] if (value := getattr(record, name)) is not None}
    if record.extension:
        fields["extension"] = to_struct(record.extension)
    if record.change:
        fields["change_description"] = change_fields(view)
    if record.edited:
        fields["edited"] = edited_fields(record.edited, known)
    if view.kind.holds_charts:
        fields["charts"] = _references(record.charts, known)
    if record.domain:
        fields["domains"] = _references([record.domain], known)
    for name, default in view.kind.defaults.items():
        fields.setdefault(name, default)
    fields["id"] = str(record.id)
    fields["fully_qualified_name"] = view.fqn
    fields["service"] = _reference(known[record.service_id])
    fields["service_type"] = view.service.attributes["service_type"]
    fields["owners"] = _references(record.owners, known)
    fields["tags"] = _tags(labels.decode(record.tags, record.tag_labels), known)
    fields["version"] = version.as_number(record.version)
    fields["updated_at"] = _timestamp_fields(record.updated_at)
    fields["etag"] = etag_of(record)
    return fields


def unwanted_columns(fields: frozenset[str]) -> frozenset[str]:
    """Returns the columns that may be large and that no field of a read mask shows; an empty mask shows all."""
    shown = {"change" if field == "change_description" else field for field in fields}
    return LARGE - shown if fields else frozenset()


def _asset_identity(view: AssetView) -> dict[str, Any]:
    """Returns what a caller who may write an asset, but not view it, sees of it."""
    record = view.record
    return {
        "id": str(record.id),
        "name": record.name,
        "fully_qualified_name": view.fqn,
        "version": version.as_number(record.version),
        "etag": etag_of(record),
    }


def entity_message(view: EntityView) -> entity_pb2.Entity:
    """Returns the message of an entity."""
    record, kind = view.record, ENTITY_KINDS[view.record.kind]
    if not view.is_shown:
        identity = {"id": str(record.id), "name": record.name, "fully_qualified_name": record.fqn}
        return entity_pb2.Entity(**{record.kind: ENTITY_MESSAGES[record.kind](**identity)})
    fields = {name: value for name, value in record.attributes.items() if value is not None}
    if "config" in fields:
        fields["config"] = to_struct(fields["config"])
    above = [view.above.get(id_, str(id_)) for id_ in record.parents]
    for place, field in enumerate(kind.parents):
        if field == "parents":
            fields[field] = above
        elif place < len(above):
            fields[field] = above[place]
    one = ENTITY_MESSAGES[record.kind](
        **fields,
        id=str(record.id),
        name=record.name,
        fully_qualified_name=record.fqn,
        display_name=record.display_name,
        description=record.description,
        deleted=record.deleted,
        updated_at=_timestamp_fields(record.updated_at),
        updated_by=record.updated_by,
    )
    return entity_pb2.Entity(**{record.kind: one})


def to_timestamp(moment: datetime) -> Timestamp:
    """Returns an aware moment as a timestamp."""
    return Timestamp(**_timestamp_fields(moment))


def _timestamp_fields(moment: datetime) -> dict[str, int]:
    since = moment - EPOCH
    return {"seconds": since.days * 86_400 + since.seconds, "nanos": since.microseconds * 1_000}


def from_timestamp(sent: Timestamp) -> datetime:
    """Returns a timestamp as an aware moment, which has microseconds."""
    return EPOCH + timedelta(seconds=sent.seconds, microseconds=sent.nanos // 1_000)


def to_struct(values: Mapping[str, Any]) -> Struct:
    """Returns plain values as a struct."""
    # Always as a message: where others expect a struct, some versions of protobuf take its fields for its values.
    fields: Any = {key: _value_fields(value) for key, value in values.items()}
    return Struct(fields=fields)


def _value_fields(value: Any) -> dict[str, Any]:
    """Returns the fields of a plain value as a `Value`."""
    match value:
        case str():
            return {"string_value": value}
        case None:
            return {"null_value": 0}
        case bool():
            return {"bool_value": value}
        case int() | float():
            return {"number_value": value}
        case dict():
            return {"struct_value": to_struct(value)}
    return {"list_value": {"values": [_value_fields(item) for item in value]}}


def _reference(reference: Reference) -> dict[str, Any]:
    id_, kind, name, fqn, display_name, deleted, hidden = reference
    type_ = _REFERENCE_TYPES.get(kind, kind)
    if hidden:
        return {"type": type_, "hidden": True}
    fields: dict[str, Any] = {"id": str(id_), "type": type_, "name": name, "fully_qualified_name": fqn}
    if display_name:
        fields["display_name"] = display_name
    if deleted:
        fields["deleted"] = True
    return fields


def _references(ids: Iterable[UUID], known: Mapping[UUID, Reference]) -> list[dict[str, Any]]:
    # An older version may refer to what has been removed since.
    return [_reference(known[id_]) if id_ in known else {"id": str(id_), "deleted": True} for id_ in ids]


def _tags(held: Mapping[UUID, labels.Label], known: Mapping[UUID, Reference]) -> list[dict[str, str]]:
    tags = [
        {"tag_fqn": _fqn(id_, known), "source": "Classification", "label_type": type_, "state": state}
        for id_, (type_, state) in held.items()
    ]
    return sorted(tags, key=itemgetter("tag_fqn"))


def edited_fields(edited: Mapping[str, list[str]], known: Mapping[UUID, Reference]) -> dict[str, Any]:
    """Returns the fields of the message of stored marks."""
    marks = Marks.decode(edited)
    return {
        "fields": list(marks.fields),
        # A tag that has been removed for good has no name any more.
        "tags": sorted(known[tag].fqn for tag in marks.tags if tag in known),
        "extension_keys": sorted(marks.extension_keys),
    }


def change_message(view: AssetView) -> asset_pb2.ChangeDescription:
    """Returns the message of what a version changed."""
    return asset_pb2.ChangeDescription(**change_fields(view))


def change_fields(view: AssetView) -> dict[str, Any]:
    """Returns the fields of the message of what a version changed."""
    description = change.decode(view.record.change, lambda id_: _named_in_change(id_, view.references))
    return {
        "previous_version": version.as_number(description.previous),
        "fields_added": [{"name": name, "new_value": _value_fields(new)} for name, _, new in description.added],
        "fields_updated": [
            {"name": name, "old_value": _value_fields(old), "new_value": _value_fields(new)}
            for name, old, new in description.updated
        ],
        "fields_deleted": [{"name": name, "old_value": _value_fields(old)} for name, old, _ in description.deleted],
    }


def _named_in_change(id_: UUID, known: Mapping[UUID, Reference]) -> Any:
    is_hidden = id_ in known and known[id_].hidden
    return _reference(known[id_]) if is_hidden else _fqn(id_, known)


def _fqn(id_: UUID, known: Mapping[UUID, Reference]) -> str:
    return known[id_].fqn if id_ in known else str(id_)


def _scalars(kind: str) -> list[str]:
    """Returns the fields that a message and its record hold alike, under the same name."""
    record = ASSET_KINDS[kind].table.columns
    handled = {
        "id",
        "version",
        "extension",
        "owners",
        "domain",
        "tags",
        "charts",
        "edited",
        "updated_at",
    }
    fields = ASSET_MESSAGES[kind].resource.DESCRIPTOR.fields
    return [field.name for field in fields if field.name in record and field.name not in handled]


_SCALARS = {kind: _scalars(kind) for kind in ASSET_MESSAGES}
