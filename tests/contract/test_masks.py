"""Masks of writes name what can be written, and say what there is where they do not."""

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from dashboard_catalog.contract import masks
from dashboard_catalog.errors import CatalogError
from dashboardcatalog.v1 import chart_pb2, dashboard_pb2, entity_pb2

SPECS = [dashboard_pb2.DashboardSpec.DESCRIPTOR, chart_pb2.ChartSpec.DESCRIPTOR]
USER = [entity_pb2.User.DESCRIPTOR]


def test_a_path_names_a_field_of_any_of_the_messages_in_both_spellings() -> None:
    mask = FieldMask(paths=["chartType", "display_name", "displayName"])
    assert masks.written_fields(mask, SPECS) == [{"display_name"}, {"display_name", "chart_type"}]


@pytest.mark.parametrize("path", ["id", "deleted", "updatedAt", "updated_by", "fullyQualifiedName", "nothing"])
def test_what_an_entity_only_answers_is_not_written(path: str) -> None:
    with pytest.raises(CatalogError) as refused:
        masks.written_fields(FieldMask(paths=["email", path]), USER)
    [violation] = refused.value.violations
    assert (violation.field, violation.reason) == ("update_mask.paths[1]", "UNKNOWN_FIELD")
    assert violation.description == "unknown field; expected one of display_name, description, email, is_bot"


def test_what_never_changes_is_refused() -> None:
    with pytest.raises(CatalogError) as refused:
        masks.written_fields(FieldMask(paths=["name", "service", "project"]), SPECS)
    [violation] = refused.value.violations
    assert (violation.reason, violation.description) == ("IMMUTABLE", "name and service cannot be changed")


def test_a_mask_of_what_is_read_names_what_is_answered() -> None:
    fields = masks.fields_of(FieldMask(paths=["id", "updatedAt"]), dashboard_pb2.Dashboard.DESCRIPTOR, "read_mask")
    assert fields == {"id", "updated_at"}
