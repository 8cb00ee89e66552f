"""What is wrong with a request is said at once, whether its annotations or its reader finds it."""

import pytest
from google.protobuf.message import Message

from dashboard_catalog.contract.request_checks import shape_violations
from dashboardcatalog.v1 import dashboard_service_pb2, export_pb2

UNCLOSED = 'superset."sales'


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (
            dashboard_service_pb2.RenameDashboardRequest(fully_qualified_name=UNCLOSED, new_name="a::b"),
            {"new_name", "fully_qualified_name"},
        ),
        (
            export_pb2.ExportCatalogRequest(services=[UNCLOSED], deleted=77),  # type: ignore[arg-type]
            {"services[0]", "deleted"},
        ),
    ],
)
def test_names_that_do_not_parse_are_refused_together_with_the_rest(request_: Message, fields: set[str]) -> None:
    assert {violation.field for violation in shape_violations(request_)} == fields
