"""Reads the specs of assets: each field once, as plain values, and whether they certainly keep their rules.

Texts, numbers and lists of texts map by their names, so a new one needs no line here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.struct_pb2 import Struct

from dashboard_catalog.catalog.model.commands import SentLabel, SentReference
from dashboard_catalog.catalog.model.labels import DEFAULT_LABEL
from dashboard_catalog.catalog.model.recurring import Recurring
from dashboard_catalog.contract.quick_check import (
    Texts,
    is_text,
    other_checks,
    texts_alone_check,
    texts_check,
    texts_of,
)
from dashboard_catalog.contract.value_checks import all_of, list_checks
from dashboard_catalog.contract.wire import from_struct
from dashboardcatalog.v1 import reference_pb2


@dataclass(slots=True)
class SentSpec:
    """A spec as plain values.

    Attributes:
        name: As sent; empty if it is absent.
        service: As sent; empty if it is absent.
        values: The other fields that are set, by name. Owners are a list of `SentReference`, tags one of `SentLabel`.
        is_certainly_valid: Whether the spec certainly keeps the rules of the contract.
    """

    name: str
    service: str
    values: dict[str, Any]
    is_certainly_valid: bool


def read_spec(spec: Any) -> SentSpec:
    """Returns the values of a spec."""
    return _reader_of(spec.DESCRIPTOR).read(spec)


_Read = Callable[[Any], tuple[Any, bool]]


class _Reader:
    """Reads the specs of one kind of assets."""

    def __init__(self, type_: Descriptor) -> None:
        texts = [field for field in type_.fields if is_text(field)]
        lists = [field.name for field in type_.fields if field.is_repeated]
        self._texts = texts_of([field.name for field in texts])
        self._texts_hold = texts_check(texts)
        self._others_hold = all_of(other_checks(type_, without=lists))
        # In the order of the fields, in which problems are named: the name, and what reads it if it is no text.
        self._fields = [(field.name, None if field in texts else _reader_of_field(field)) for field in type_.fields]

    def read(self, spec: Any) -> SentSpec:
        texts = self._texts(spec)
        is_valid = self._texts_hold(texts) and self._others_hold(spec)
        values: dict[str, Any] = {}
        next_text = iter(texts).__next__
        for field, read in self._fields:
            if read is None:
                if text := next_text():
                    values[field] = text
                continue
            value, holds = read(spec)
            is_valid = is_valid and holds
            if value is not None:
                values[field] = value
        return SentSpec(values.pop("name", ""), values.pop("service", ""), values, is_valid)


@cache
def _reader_of(type_: Descriptor) -> _Reader:
    return _Reader(type_)


def _reader_of_field(field: FieldDescriptor) -> _Read:
    """Returns what reads a field of a spec: its value, and whether that certainly keeps the rules of a list.

    The value is None if it is absent. Presence counts, not truth: false and 0 are values, an empty list is none.
    """
    name = field.name
    if field.is_repeated:
        read_list = _list_reader(field)
        return lambda spec: read_list(sent) if (sent := getattr(spec, name)) else (None, True)
    is_set = (lambda spec: spec.HasField(name)) if field.has_presence else (lambda spec: bool(getattr(spec, name)))
    if field.message_type is None:
        return lambda spec: (getattr(spec, name) if is_set(spec) else None, True)
    make = _MESSAGES[field.message_type.full_name]
    return lambda spec: (make(getattr(spec, name)) or None if is_set(spec) else None, True)


def _list_reader(field: FieldDescriptor) -> Callable[[Sequence[Any]], tuple[list[Any], bool]]:
    """Returns what reads a list, and says whether it certainly keeps its rules."""
    holds = all_of(list_checks(field))
    if field.message_type is None:
        return lambda sent: (found := list(sent), holds(found))
    names, make = _ELEMENTS[field.message_type.full_name]
    texts, element_holds = texts_of(names), texts_alone_check(field.message_type, names)
    known: Recurring[Texts, tuple[Any, bool]] = Recurring(lambda texts: (make(*texts), element_holds(texts)))

    def read(sent: Sequence[Any]) -> tuple[list[Any], bool]:
        found, is_valid = [], holds(sent)
        for one in map(texts, sent):
            element, is_valid_element = known[one]
            found.append(element)
            is_valid = is_valid and is_valid_element
        return found, is_valid

    return read


def _label(tag_fqn: str, _source: str, label_type: str, state: str) -> SentLabel:
    return SentLabel(tag_fqn, label_type or DEFAULT_LABEL.label_type, state or DEFAULT_LABEL.state)


# The texts of references and labels that are read, and what is made of them.
_ELEMENTS: Mapping[str, tuple[Sequence[str], Callable[..., Any]]] = {
    reference_pb2.EntityReference.DESCRIPTOR.full_name: (
        ("type", "id", "name", "fully_qualified_name"),
        SentReference,
    ),
    reference_pb2.TagLabel.DESCRIPTOR.full_name: (("tag_fqn", "source", "label_type", "state"), _label),
}
_MESSAGES: Mapping[str, Callable[[Any], Any]] = {Struct.DESCRIPTOR.full_name: from_struct}
