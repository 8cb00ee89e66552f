"""The fields of each kind that can be written, as messages of the contract have them."""

from collections.abc import Mapping
from functools import cache

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from dashboard_catalog.sources.kinds import Kind
from dashboardcatalog.v1 import bulk_pb2

_OUTPUT_ONLY = frozenset(("id", "fully_qualified_name", "deleted", "updated_at", "updated_by"))


@cache
def fields_of(kind: Kind) -> Mapping[str, FieldDescriptor]:
    """Returns the fields that can be written, by name, in the order of the contract."""
    item = bulk_pb2.BulkUpsertItem.DESCRIPTOR
    message = _type_of(item, kind) if kind.is_asset else _type_of(_type_of(item, "entity"), kind)
    return {one.name: one for one in message.fields if one.name not in _OUTPUT_ONLY}


def _type_of(descriptor: Descriptor, name: str) -> Descriptor:
    message = descriptor.fields_by_name[name].message_type
    if message is None:
        raise TypeError(f"{name} is not a message")
    return message
