"""Whether what the index has found is still what a search asks for."""

import pytest

from dashboard_catalog.catalog.reading.search.bounds import Bounds
from dashboard_catalog.catalog.reading.search.viewing import Viewing
from dashboard_catalog.store.list_filters import ListFilters
from tests.catalog.model.records import dashboard

EVERYTHING = Viewing({"dashboard": None}, None, everything=True)


@pytest.mark.parametrize(("missing", "matches"), [(("owners",), True), (("description",), False), ((), True)])
def test_what_is_no_longer_missing_does_not_match(missing: tuple[str, ...], matches: bool) -> None:
    described = dashboard(description="What was sold.")
    assert Bounds(EVERYTHING, ListFilters(missing=missing)).matches("dashboard", described) is matches
