"""What is read of a spec, and which specs are said to be valid without the validator."""

from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.struct_pb2 import Struct

from benchmarks import data
from buf.validate import validate_pb2
from dashboard_catalog.catalog.model.commands import SentLabel, SentReference
from dashboard_catalog.contract.spec_reading import read_spec
from dashboardcatalog.v1.chart_pb2 import ChartSpec
from dashboardcatalog.v1.dashboard_pb2 import DashboardSpec
from tests.contract.contract_messages import is_valid, ordinary, set_field, values


def spec_of(fields: dict[str, Any], rules: validate_pb2.MessageRules | None = None, **sent: Any) -> Any:
    """Returns a spec of a type outside of the contract, with optional fields of some types beside name and service."""
    file = descriptor_pb2.FileDescriptorProto(name="read.proto", package="read", syntax="proto3")
    type_ = file.message_type.add(name="Spec")
    for index, (name, type_of_field) in enumerate(
        ({"name": Field.TYPE_STRING, "service": Field.TYPE_STRING} | fields).items()
    ):
        type_.oneof_decl.add(name=f"_{name}")
        type_.field.add(
            name=name, number=index + 1, type=type_of_field, label=1, oneof_index=index, proto3_optional=True
        )
    if rules is not None:
        type_.options.Extensions[validate_pb2.message].CopyFrom(rules)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return GetMessageClass(pool.FindMessageTypeByName("read.Spec"))(**sent)


def test_false_and_zero_are_values() -> None:
    fields = {"certified": Field.TYPE_BOOL, "views": Field.TYPE_INT64, "share": Field.TYPE_DOUBLE}
    spec = spec_of(fields, certified=False, views=0)
    assert read_spec(spec).values == {"certified": False, "views": 0}


def test_a_spec_with_a_rule_that_is_not_known_is_not_said_to_be_valid() -> None:
    rules = validate_pb2.MessageRules(cel_expression=["this.name != 'a'"])
    assert read_spec(spec_of({}, name="a")).is_certainly_valid
    assert not read_spec(spec_of({}, rules, name="a")).is_certainly_valid


def test_empty_texts_lists_and_structs_are_absent() -> None:
    assert read_spec(DashboardSpec(description="", owners=[], charts=[], extension=Struct())).values == {}


def test_every_field_is_read_once_as_a_plain_value() -> None:
    spec = DashboardSpec(name="a", service="s", display_name="A", charts=["s.c", "s.d"])
    spec.owners.add(type="user", id="1", name="ann", fully_qualified_name="ann")
    spec.tags.add(tag_fqn="PII.Email")
    spec.tags.add(tag_fqn="PII.Name", source="Classification", label_type="Derived", state="Suggested")
    spec.extension["views"] = 3

    sent = read_spec(spec)

    assert (sent.name, sent.service) == ("a", "s")
    assert sent.values == {
        "display_name": "A",
        "charts": ["s.c", "s.d"],
        "owners": [SentReference("user", "1", "ann", "ann")],
        "tags": [SentLabel("PII.Email", "Manual", "Confirmed"), SentLabel("PII.Name", "Derived", "Suggested")],
        "extension": {"views": 3},
    }


@pytest.mark.parametrize("type_", [ChartSpec.DESCRIPTOR, DashboardSpec.DESCRIPTOR], ids=lambda type_: type_.name)
def test_a_spec_that_is_said_to_be_valid_is_valid(type_: Descriptor) -> None:
    assert read_spec(ordinary(type_)).is_certainly_valid
    for field in type_.fields:
        for value in values(field):
            spec: Any = ordinary(type_)
            set_field(spec, field, value)
            assert is_valid(spec) or not read_spec(spec).is_certainly_valid, f"{field.name}: {value!r:.100}"


@pytest.mark.parametrize("list_", ["owners", "tags"])
def test_a_spec_that_is_said_to_be_valid_has_valid_elements(list_: str) -> None:
    elements = DashboardSpec.DESCRIPTOR.fields_by_name[list_].message_type
    assert elements is not None
    for field in elements.fields:
        for value in values(field):
            spec: Any = ordinary(DashboardSpec.DESCRIPTOR)
            set_field(getattr(spec, list_)[0], field, value)
            assert is_valid(spec) or not read_spec(spec).is_certainly_valid, f"{field.name}: {value!r:.100}"


def test_ordinary_specs_are_said_to_be_valid() -> None:
    specs = [item.chart for item in data.charts(50)] + [item.dashboard for item in data.dashboards(50)]
    assert all(read_spec(spec).is_certainly_valid for spec in specs)
