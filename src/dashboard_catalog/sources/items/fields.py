"""The messages of the contract that items of each kind become, and the fields of each that can be written."""

from collections.abc import Mapping
from functools import cache

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from dashboard_catalog.sources.kinds import Kind
from dashboardcatalog.v1 import bulk_pb2

_OUTPUT_ONLY = frozenset(("id", "fully_qualified_name", "deleted", "updated_at", "updated_by"))


@cache
def fields_of(kind: Kind) -> Mapping[str, FieldDescriptor]:
    """Returns the fields that can be written, by name, in the order of the contract."""
    return {one.name: one for one in message_of(kind).fields if one.name not in _OUTPUT_ONLY}


def message_of(kind: Kind) -> Descriptor:
    """Returns the message of an item of a kind."""
    item = bulk_pb2.BulkUpsertItem.DESCRIPTOR
    return message_at(item if kind.is_asset else message_at(item, "entity"), kind)


def message_at(holder: Descriptor, name: str) -> Descriptor:
    """Returns the message that a field of another message holds."""
    message = holder.fields_by_name[name].message_type
    if message is None:
        raise TypeError(f"{name} is not a message")
    return message
