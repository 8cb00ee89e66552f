"""Messages of every type in the contract, with values at the edges of its rules."""

from collections.abc import Iterator
from functools import cache
from math import inf, nan
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from protovalidate import Validator

from buf.validate import validate_pb2
from dashboard_catalog.contract.limits import rules_of
from dashboardcatalog.v1 import (
    asset_pb2,
    bulk_pb2,
    bulk_session_pb2,
    catalog_service_pb2,
    chart_pb2,
    chart_service_pb2,
    dashboard_pb2,
    dashboard_service_pb2,
    entity_pb2,
    export_pb2,
    reference_pb2,
    search_pb2,
    watch_pb2,
)

_FILES = (
    *(asset_pb2, bulk_pb2, bulk_session_pb2, catalog_service_pb2, chart_pb2, chart_service_pb2, dashboard_pb2),
    *(dashboard_service_pb2, entity_pb2, export_pb2, reference_pb2, search_pb2, watch_pb2),
)
TYPES: list[Descriptor] = [type_ for file in _FILES for type_ in file.DESCRIPTOR.message_types_by_name.values()]

_VALIDATOR = Validator()
_UUID = "123e4567-e89b-12d3-a456-426614174000"
_TEXTS = (
    *("https://a", _UUID, "a", ""),
    *(
        "ü",
        "😀",
        "\0",
        "a\0b",
        "\n",
        "a\n",
        "a\r",
        "\x1f",
        "\x7f",
        "\x80",
        "\x9f",
        "\xa0",
        "\u2028",
        "a::b",
        "::",
        "a:",
    ),
    *(
        _UUID.upper(),
        f"{_UUID}\n",
        _UUID.replace("-", ""),
        _UUID.replace("1", "g"),
        _UUID.replace("1", "१"),
        f" {_UUID}",
    ),
    *("http://", "HTTP://a", "http:/a", "\nhttp://a", "https", "javascript:a", "/a:b", "a/b:c", "a b", "?", "\n:"),
)
_DOUBLES = (0.1, 0.0, -0.0, 0.05, 0.0999999999, 1e308, nan, inf, -inf)
_WHOLE = {FieldDescriptor.TYPE_INT32: "int32", FieldDescriptor.TYPE_INT64: "int64"}


def is_valid(message: Message) -> bool:
    """Returns what the validator says."""
    return not _VALIDATOR.collect_violations(message, fail_fast=True)


def ordinary(type_: Descriptor) -> Message:
    """Returns a valid message in which every field is set, except that a `oneof` has one."""
    message = GetMessageClass(type_)()
    message.CopyFrom(_ordinary(type_))
    return message


@cache
def _ordinary(type_: Descriptor) -> Message:
    message = GetMessageClass(type_)()
    for field in type_.fields:
        is_taken = field.containing_oneof is not None and message.WhichOneof(field.containing_oneof.name)
        if not is_taken:
            set_field(message, field, next(value for value in values(field) if _keeps_rules(type_, field, value)))
    return message


@cache
def values(field: FieldDescriptor) -> list[Any]:
    """Returns values of a field at, below and above its limits; lists also with the most elements, and too many."""
    return list(_values(field))


def _values(field: FieldDescriptor) -> Iterator[Any]:
    if not field.is_repeated:
        yield from _single_values(field, rules_of(field))
        return
    rules = rules_of(field).repeated
    elements = list(_single_values(field, rules.items))
    yield from ([element] for element in elements)
    yield []
    for element in elements[:2]:
        yield from ([element] * count for count in (2, rules.max_items, rules.max_items + 1))
    yield elements[:2]


def set_field(message: Any, field: FieldDescriptor, value: Any) -> None:
    """Sets a field of a message, also to a message or a list."""
    message.ClearField(field.name)
    if field.is_repeated:
        getattr(message, field.name).extend(value)
    elif field.message_type is not None:
        getattr(message, field.name).CopyFrom(value)
    else:
        setattr(message, field.name, value)


def _keeps_rules(type_: Descriptor, field: FieldDescriptor, value: Any) -> bool:
    message = GetMessageClass(type_)()
    set_field(message, field, value)
    paths = [violation.proto.field for violation in _VALIDATOR.collect_violations(message)]
    return all(not path or path.elements[0].field_name != field.name for path in paths)


def _single_values(field: Any, rules: validate_pb2.FieldRules) -> Iterator[Any]:
    match field.type:
        case FieldDescriptor.TYPE_STRING:
            yield from _texts(rules.string)
        case FieldDescriptor.TYPE_ENUM:
            numbers = [value.number for value in field.enum_type.values]
            yield from (*reversed(numbers), -1, max(numbers) + 1)
        case FieldDescriptor.TYPE_INT32 | FieldDescriptor.TYPE_INT64:
            limits = getattr(rules, _WHOLE[field.type])
            yield from (1, 0, limits.gte - 1, limits.gte, limits.lte, limits.lte + 1, 2**31 - 1)
        case FieldDescriptor.TYPE_DOUBLE:
            yield from (*_DOUBLES, rules.double.gte)
        case FieldDescriptor.TYPE_BOOL:
            yield from (True, False)
        case _:
            is_ours = field.message_type.full_name.startswith("dashboardcatalog.")
            yield from ([ordinary(field.message_type)] if is_ours else [])
            yield GetMessageClass(field.message_type)()


def _texts(rules: validate_pb2.StringRules) -> Iterator[str]:
    yield from _TEXTS
    for member in getattr(rules, "in"):
        yield from (member, member.lower(), f"{member}\n", f" {member}")
    for limit in {rules.max_len, rules.max_bytes} - {0}:
        for length in (limit, limit + 1):
            yield from ("a" * length, "a" * (length - 1) + "\n", "é" * length, "😀" * length)
            yield from (
                "é" * (length // 2),
                "a" + "é" * (length // 2),
                "😀" * (length // 4),
                "a" + "😀" * (length // 4),
            )
