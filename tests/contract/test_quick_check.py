"""What the quick check passes is valid, and it passes ordinary messages."""

from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import data
from buf.validate import validate_pb2
from dashboard_catalog.contract.quick_check import is_certainly_valid
from tests.contract.contract_messages import TYPES, is_valid, ordinary, set_field, values


@pytest.mark.parametrize("type_", TYPES, ids=lambda type_: type_.name)
def test_what_is_passed_is_valid_whatever_one_field_has(type_: Descriptor) -> None:
    for field in type_.fields:
        message = ordinary(type_)
        message.ClearField(field.name)
        assert is_valid(message) or not is_certainly_valid(message), f"{field.name}: absent"
        for value in values(field):
            message = ordinary(type_)
            set_field(message, field, value)
            assert is_valid(message) or not is_certainly_valid(message), f"{field.name}: {value!r:.100}"


@st.composite
def messages(draw: st.DrawFn, types: st.SearchStrategy[Descriptor], depth: int = 0) -> Message:
    """Draws a message, ordinary but for some fields at any depth."""
    type_ = draw(types)
    message = ordinary(type_)
    for field in type_.fields:
        choice = draw(st.integers(0, 9))
        if choice == 0:
            message.ClearField(field.name)
        elif choice < 3:
            set_field(message, field, draw(st.sampled_from(values(field))))
        elif field.message_type in TYPES and depth < 3:
            inner = messages(st.just(field.message_type), depth + 1)
            set_field(message, field, draw(st.lists(inner, max_size=3) if field.is_repeated else inner))
    return message


@given(messages(st.sampled_from(TYPES)))
def test_what_is_passed_is_valid_whatever_several_fields_have(message: Message) -> None:
    assert is_valid(message) or not is_certainly_valid(message)


def test_an_ordinary_message_of_every_type_is_passed() -> None:
    assert [type_.name for type_ in TYPES if not is_certainly_valid(ordinary(type_))] == []


def test_ordinary_items_are_passed() -> None:
    items = [*data.entities(), *data.charts(50), *data.dashboards(50)]
    assert all(map(is_certainly_valid, items))


def message_with(rules: dict[str, Any], *, is_list: bool = False, of_message: dict[str, Any] | None = None) -> Message:
    """Returns a message of a type outside of the contract, with rules for its text `a`, which is `a`."""
    file = descriptor_pb2.FileDescriptorProto(name="tried.proto", package="tried", syntax="proto3")
    type_ = file.message_type.add(name="Tried")
    field = type_.field.add(name="a", number=1, type=Field.TYPE_STRING, label=1)
    if is_list:
        field.label = Field.LABEL_REPEATED
    field.options.Extensions[validate_pb2.field].CopyFrom(validate_pb2.FieldRules(**rules))
    if of_message:
        type_.options.Extensions[validate_pb2.message].CopyFrom(validate_pb2.MessageRules(**of_message))
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return GetMessageClass(pool.FindMessageTypeByName("tried.Tried"))(a=["a"] if is_list else "a")


CEL = {"cel": [{"id": "not.a", "expression": "this != 'a'", "message": "must not be a"}]}


@pytest.mark.parametrize(
    "message",
    [
        message_with({"string": {"const": "b"}}),
        message_with({"string": {"email": True}}),
        message_with({"string": {"pattern": "^b$"}}),
        message_with({"string": {"max_len": 9}} | CEL),
        message_with({"string": {"max_len": 9}, "ignore": validate_pb2.IGNORE_ALWAYS}),
        message_with({"string": {"max_len": 9}}, of_message=CEL),
        message_with({"repeated": {"min_items": 2}}, is_list=True),
        message_with({"repeated": {"items": {"string": {"const": "b"}}}}, is_list=True),
        message_with({"repeated": {"items": CEL}}, is_list=True),
        message_with({"repeated": {"items": {"required": True}}}, is_list=True),
        message_with(CEL, is_list=True),
    ],
    ids=lambda message: str(message.DESCRIPTOR.fields[0].GetOptions()),
)
def test_a_message_with_a_rule_that_is_not_known_is_not_passed(message: Message) -> None:
    assert not is_certainly_valid(message)


def test_a_message_with_known_rules_is_passed_outside_of_the_contract_too() -> None:
    assert is_certainly_valid(message_with({"string": {"max_len": 1}}))
    assert not is_certainly_valid(message_with({"string": {"min_len": 2}}))
    assert is_certainly_valid(
        message_with({"repeated": {"max_items": 1, "items": {"string": {"in": ["a"]}}}}, is_list=True)
    )
    assert not is_certainly_valid(message_with({"repeated": {"items": {"string": {"in": ["b"]}}}}, is_list=True))
