"""One create and one get through every layer; start here if other tests of the service fail."""

import pytest

from tests.service.caller import Caller, Refused


async def test_a_created_dashboard_can_be_read(superset: Caller) -> None:
    spec = {"name": "d1", "service": "superset", "displayName": "Sales", "charts": ["superset.c1", "superset.c2"]}

    created = (await superset.create_dashboard(dashboard=spec))["dashboard"]
    read = (await superset.get_dashboard(fully_qualified_name="superset.d1"))["dashboard"]

    assert read == created
    assert created["version"] == 0.1
    assert [chart["fullyQualifiedName"] for chart in created["charts"]] == ["superset.c1", "superset.c2"]


async def test_an_absent_dashboard_is_not_found(superset: Caller) -> None:
    with pytest.raises(Refused) as refused:
        await superset.get_dashboard(fully_qualified_name="superset.d1")

    assert (refused.value.code, refused.value.reason) == ("NOT_FOUND", "NOT_FOUND")
    assert refused.value.details["ResourceInfo"] == {"resourceType": "dashboard", "resourceName": "superset.d1"}
