"""Masks of writes accept only writable fields, and the error for another path lists them."""

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
def test_output_only_fields_of_an_entity_are_refused(path: str) -> None:
    with pytest.raises(CatalogError) as refused:
        masks.written_fields(FieldMask(paths=["email", path]), USER)
    [violation] = refused.value.violations
    assert (violation.field, violation.reason) == ("update_mask.paths[1]", "UNKNOWN_FIELD")
    assert violation.description == "unknown field; expected one of display_name, description, email, is_bot"


def test_fields_that_never_change_are_refused() -> None:
    with pytest.raises(CatalogError) as refused:
        masks.written_fields(FieldMask(paths=["name", "service", "project"]), SPECS)
    [violation] = refused.value.violations
    assert (violation.reason, violation.description) == ("IMMUTABLE", "name and service cannot be changed")


def test_a_read_mask_names_fields_of_the_response() -> None:
    fields = masks.fields_of(FieldMask(paths=["id", "updatedAt"]), dashboard_pb2.Dashboard.DESCRIPTOR, "read_mask")
    assert fields == {"id", "updated_at"}
