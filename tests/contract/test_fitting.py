"""What is left out of assets and lists that are too large, and in which order."""

import pytest

from dashboard_catalog.contract import fitting
from dashboard_catalog.contract.fitting import fit, fit_names
from dashboardcatalog.v1 import chart_pb2, dashboard_pb2

LONG = "x" * 1_000


def _dashboard() -> dashboard_pb2.Dashboard:
    dashboard = dashboard_pb2.Dashboard(id="1", name="d", description=LONG)
    dashboard.change_description.fields_added.add(name="description").new_value.string_value = LONG
    for references in (dashboard.charts, dashboard.owners):
        references.add(id="2", type="user", name="n", fully_qualified_name=LONG, display_name=LONG)
    dashboard.edited.fields.append("description")
    dashboard.edited.tags.append(LONG)
    return dashboard


def test_parts_are_left_out_in_their_order_until_the_asset_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    order = list(fitting._PARTS)
    dashboard = _dashboard()
    for count in range(len(order) + 1):
        dashboard = _dashboard()
        limit = dashboard.ByteSize() - 900 * count
        monkeypatch.setattr(fitting, "MAX_ASSET_BYTES", limit)
        fit(dashboard)

        assert dashboard.omitted_fields == order[:count]
        assert dashboard.ByteSize() <= limit
    # What identifies something always stays.
    assert [(each.id, each.type, each.name) for each in dashboard.charts] == [("2", "user", "n")]
    assert (dashboard.description, list(dashboard.edited.fields)) == (LONG, ["description"])
    assert [change.name for change in dashboard.change_description.fields_added] == ["description"]


def test_only_parts_that_are_there_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "MAX_ASSET_BYTES", 100)
    chart = chart_pb2.Chart(name="c", description=LONG)
    chart.owners.add(id="2", fully_qualified_name=LONG)

    fit(chart)

    assert chart.omitted_fields == ["owners.fully_qualified_name"]


def test_kept_fields_beyond_the_limit_are_named_by_their_field() -> None:
    few = ["description", "charts.superset.a", "extension.costCentre"]
    assert fit_names(few) == few

    charts = [f"charts.superset.{number:04}{LONG}" for number in range(100)]
    kept = fit_names([*charts, "tags.PII.Email", "domain"])

    assert kept[:60] == charts[:60]
    assert kept[-3:] == ["charts", "tags", "domain"]
    assert sum(map(len, kept)) < 65_536 + 100
