"""The items in a source, and the kind of each."""

from pathlib import Path
from typing import Any

import pytest

from dashboard_catalog.sources.files.records import Document, Holding
from dashboard_catalog.sources.items.found import BadItem, Found, FoundItem
from dashboard_catalog.sources.items.own_format import items_in
from dashboard_catalog.sources.items.paging import Paging
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.problems import SourceError
from dashboard_catalog.sources.wishes import Wishes
from dashboardcatalog.v1 import entity_pb2

NAMED = {"name": "n", "service": "s"}


def items(value: Any, holding: Holding | None = None, **wishes: Any) -> list[Found]:
    return list(items_in(Document("file", Path("file"), (value,), holding), Wishes(**wishes)))


@pytest.mark.parametrize(
    ("value", "kind", "body"),
    [
        ({"dashboard": NAMED}, Kind.DASHBOARD, NAMED),
        ({"chart": NAMED}, Kind.CHART, NAMED),
        ({"entity": {"user": {"name": "n"}}}, Kind.USER, {"name": "n"}),
        ({"user": {"name": "n"}}, Kind.USER, {"name": "n"}),
        ({"biService": {"name": "n"}}, Kind.BI_SERVICE, {"name": "n"}),
        ({"bi_service": {"name": "n"}}, Kind.BI_SERVICE, {"name": "n"}),
        (NAMED | {"chartType": "Line"}, Kind.CHART, NAMED | {"chartType": "Line"}),
        (NAMED | {"dashboards": []}, Kind.CHART, NAMED | {"dashboards": []}),
        (NAMED | {"charts": []}, Kind.DASHBOARD, NAMED | {"charts": []}),
        (NAMED | {"dashboardType": None}, Kind.DASHBOARD, NAMED | {"dashboardType": None}),
        (NAMED | {"project": "p"}, Kind.DASHBOARD, NAMED | {"project": "p"}),
    ],
)
def test_an_item_names_its_kind(value: Any, kind: Kind, body: Any) -> None:
    assert items(value) == [FoundItem("file", kind, body)]


def test_every_kind_in_the_contract_is_known() -> None:
    assert {kind.wire for kind in Kind} == set(entity_pb2.Kind.values()) - {entity_pb2.KIND_UNSPECIFIED}
    assert [Kind.named(kind.wire) for kind in Kind] == list(Kind)


@pytest.mark.parametrize("default", [Kind.DASHBOARD, Kind.CHART])
def test_a_body_of_an_ambiguous_kind_gets_the_default_kind(default: Kind) -> None:
    assert items(NAMED, kind=default) == [FoundItem("file", default, NAMED)]
    assert items(NAMED | {"chartType": "x"}, kind=default)[0].kind is Kind.CHART


def test_a_body_of_an_ambiguous_kind_without_a_default_is_an_error_with_its_place() -> None:
    with pytest.raises(SourceError, match=r"file, item 2 could be a dashboard or a chart.*--kind"):
        items([NAMED | {"charts": []}, NAMED])


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (3, "is not a JSON object"),
        (None, "is not a JSON object"),
        ({}, "is not a dashboard, a chart or an entity: it has no keys"),
        ({"foo": 1}, "is not a dashboard, a chart or an entity: it has the keys foo"),
        (
            dict.fromkeys("abcdefg"),
            "is not a dashboard, a chart or an entity: it has the keys a, b, c, d, e and 2 more",
        ),
        (
            {"items": [], "options": {}},
            "is a request of BulkUpsert: give its options to the command, and only its items in the source",
        ),
    ],
)
def test_a_value_that_is_not_an_item_is_a_problem_with_its_place(value: Any, problem: str) -> None:
    assert items(value) == [BadItem("file", problem)]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (
            NAMED | {"chartType": "Line", "project": "p"},
            "has chartType like a chart and project like a dashboard",
        ),
        (
            {"name": "n"},
            'has no service, as dashboards and charts must; an entity is written as {"entity": {"user": {...}}}',
        ),
        ({"service": "s"}, "has no name"),
    ],
)
def test_an_item_that_is_incomplete_or_ambiguous_is_a_problem(value: Any, problem: str) -> None:
    assert items(value) == [BadItem("file", problem, body=value)]


@pytest.mark.parametrize(
    ("value", "tool"),
    [
        ({"title": "t", "panels": [], "schemaVersion": 39}, "a dashboard of Grafana"),
        ({"dashboard": {"title": "t", "panels": [], "schemaVersion": 39}, "meta": {}}, "a dashboard of Grafana"),
        ({"dashboard": {"rows": [], "schemaVersion": 14}}, "a dashboard of Grafana"),
        ({"proposedSnapshot": {}}, "metadata of DataHub"),
        ({"entityType": "chart", "entityUrn": "urn:li:chart:1", "aspectName": "status"}, "metadata of DataHub"),
        ({"count": 1, "result": [{"dashboard_title": "t"}]}, "a dashboard of Superset"),
        ({"slice_name": "t", "viz_type": "pie"}, "a chart of Superset"),
        ({"name": "n", "dashcards": []}, "a dashboard of Metabase"),
        ({"title": "t", "dashboard_elements": []}, "a dashboard of Looker"),
        ({"@odata.context": "x", "value": []}, "an answer of Power BI"),
    ],
)
def test_an_item_of_another_tool_is_an_error_that_names_it(value: Any, tool: str) -> None:
    with pytest.raises(SourceError, match=f"^file, item 2 is {tool}.*. Expected "):
        items([{"chart": NAMED}, value])


def test_pages_hold_items_and_all_of_them_must_be_there_in_any_order_and_file() -> None:
    body: dict[str, Any] = NAMED | {"charts": []}
    first = {"data": [body], "paging": {"after": "x", "total": 3}}
    last = {"data": [body, body], "paging": {"total": 3}}
    chart = {"data": [NAMED | {"chartType": "Line"}], "paging": {"total": 1}}

    def problems(*files: tuple[Any, ...]) -> list[tuple[str, str]]:
        paging = Paging()
        for number, values in enumerate(files):
            source = Document(f"file{number}", Path("file"), values)
            assert all(found.kind for found in items_in(source, Wishes(), paging))
        return list(paging.problems())

    assert problems((first, last, chart)) == problems((last,), (chart,), (first,)) == []
    assert problems((first, {"data": [], "paging": {"after": None}})) != []
    more = "says that there are more pages: give all pages at once, or ask for a larger page"
    assert problems((first,), (chart,)) == [("file0", more)]
    assert problems(({"dashboards": [body], "nextPageToken": "x"},)) == [("file0", more)]
    [(place, fewer)] = problems((chart, last))
    assert (place, fewer[:50]) == ("file0, value 2", "says that there are 3 items, but only 2 are there:")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"serviceType": "Looker"}, Kind.BI_SERVICE),
        ({"email": "n@example.com", "teams": []}, Kind.USER),
        ({"teamType": "Group"}, Kind.TEAM),
        ({"domainType": "Aggregate"}, Kind.DOMAIN),
        ({"mutuallyExclusive": False}, Kind.CLASSIFICATION),
        ({"classification": {"name": "c"}, "mutuallyExclusive": False}, Kind.TAG),
        ({"serviceType": "Looker", "service": {"name": "s"}, "chartType": "Line"}, Kind.CHART),
    ],
)
def test_entities_of_openmetadata_have_a_kind(body: dict[str, Any], kind: Kind) -> None:
    assert [found.kind for found in items({"data": [{"name": "n"} | body], "paging": {"total": 1}})] == [kind]


def test_an_asset_that_names_no_service_is_of_the_given_one() -> None:
    value = [{"chart": {"name": "c"}}, {"name": "d", "charts": []}, {"user": {"name": "u"}}, {"chart": NAMED}]
    found = items(value, service="a.b")
    assert [(one.body or {}).get("service") for one in found] == ['"a.b"', '"a.b"', None, "s"]


def test_an_entity_must_name_its_kind() -> None:
    [found] = items({"entity": {"name": "n"}})
    assert isinstance(found, BadItem)
    assert "biService, user, team" in found.problem


def test_lists_and_objects_of_lists_contain_items() -> None:
    value = {"dashboards": [NAMED], "charts": [NAMED, {"chart": NAMED}], "entities": [{"tag": {"name": "n"}}]}
    assert [(found.place, found.kind) for found in items(value)] == [
        ("file, dashboards 1", Kind.DASHBOARD),
        ("file, charts 1", Kind.CHART),
        ("file, charts 2", Kind.CHART),
        ("file, entities 1", Kind.TAG),
    ]
    assert [found.kind for found in items([{"chart": NAMED}])] == [Kind.CHART]
    assert [found.kind for found in items({"items": [{"chart": NAMED}]})] == [Kind.CHART]


@pytest.mark.parametrize(
    ("holding", "value", "kind"),
    [
        ("service", {"name": "s", "serviceType": "Looker"}, Kind.BI_SERVICE),
        ("service", {"biService": {"name": "s"}}, Kind.BI_SERVICE),
        ("entity", {"team": {"name": "t"}}, Kind.TEAM),
        ("chart", NAMED, Kind.CHART),
        ("dashboard", NAMED, Kind.DASHBOARD),
        ("dashboard", {"dashboard": NAMED}, Kind.DASHBOARD),
    ],
)
def test_a_file_of_a_folder_determines_the_kind(holding: Holding, value: Any, kind: Kind) -> None:
    assert [found.kind for found in items(value, holding)] == [kind]


@pytest.mark.parametrize(
    ("holding", "value", "problem"),
    [
        ("chart", {"dashboard": NAMED}, "is a dashboard, in a list of charts"),
        ("entity", {"chart": NAMED}, "is a chart, in a list of entities"),
        ("service", {"user": {"name": "n"}}, "is a user, in a list of BI services"),
    ],
)
def test_another_kind_in_such_a_file_is_a_problem(holding: Holding, value: Any, problem: str) -> None:
    [body] = value.values()
    assert items(value, holding) == [BadItem("file", problem, body=body)]
