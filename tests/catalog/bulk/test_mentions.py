"""Which assets a session mentions in its BI service."""

from collections.abc import Sequence

import pytest

from dashboard_catalog.catalog.bulk.mentions import Mentions
from dashboard_catalog.catalog.model.commands import AssetName, ChunkItem
from dashboard_catalog.catalog.model.kinds import CHART_KIND, DASHBOARD_KIND
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError

REFUSED = CatalogError(Reason.INVALID_REQUEST, "no")


def _item(kind: str, named: AssetName | str, charts: Sequence[str] = ()) -> ChunkItem:
    return ChunkItem(0, kind, named, REFUSED, charts)


def _mentions(*items: ChunkItem) -> Mentions:
    mentions = Mentions()
    mentions.add(items, "sales.eu")
    return mentions


def test_assets_of_the_service_are_mentioned_even_if_they_are_refused() -> None:
    mentions = _mentions(_item("chart", AssetName("sales.eu", "c")), _item("dashboard", AssetName("other", "d")))

    assert mentions.include(CHART_KIND, "c")
    assert not mentions.include(DASHBOARD_KIND, "c")
    assert not mentions.include(DASHBOARD_KIND, "d")
    assert mentions.kinds() == [CHART_KIND]
    assert not mentions.unreadable


def test_charts_of_dashboards_are_spared_but_do_not_make_charts_a_mentioned_kind() -> None:
    charts = ['"sales.eu".held', "other.elsewhere", "a..b"]
    mentions = _mentions(_item("dashboard", AssetName("sales.eu", "d"), charts))

    assert mentions.include(CHART_KIND, "held")
    assert not mentions.include(CHART_KIND, "elsewhere")
    assert mentions.kinds() == [DASHBOARD_KIND]


@pytest.mark.parametrize(("kind", "unreadable"), [("", True), ("chart", True), ("user", False)])
def test_an_asset_without_a_readable_name_makes_mentions_unreadable(kind: str, unreadable: bool) -> None:
    assert _mentions(_item(kind, "")).unreadable is unreadable
