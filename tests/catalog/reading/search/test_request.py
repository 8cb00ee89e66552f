from uuid import UUID

import pytest

from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.reading.filters import AssetFilters
from dashboard_catalog.catalog.reading.search.request import PageEnd, SearchRequest
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.index.fields import Thing

NOBODY = Principal("", frozenset(), frozenset(), services=None, bot=False, expires_at=None)
THING = Thing("x" * 256, "custom_property", UUID(int=1))


def request(query: str = "", page_token: str = "") -> SearchRequest:
    return SearchRequest(NOBODY, AssetFilters(), query, page_token=page_token)


def test_a_token_says_where_a_page_ended_and_pages_end_after_ten_thousand_results() -> None:
    token = request().token_after(PageEnd(9_999, THING))
    assert request(page_token=token).position() == PageEnd(9_999, THING)
    assert request().token_after(PageEnd(10_000, THING)) == ""
    assert request().token_after(PageEnd()) == ""


@pytest.mark.parametrize("position", [PageEnd(-1, THING), PageEnd(9, THING._replace(kind="other"))])
def test_a_position_that_no_page_has_is_refused(position: PageEnd) -> None:
    token = request().token_after(position)
    with pytest.raises(CatalogError) as refused:
        request(page_token=token).position()
    assert [violation.field for violation in refused.value.violations] == ["page_token"]
