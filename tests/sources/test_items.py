"""The items in a source, and the kind of each."""

from pathlib import Path
from typing import Any

import pytest

from dashboard_catalog.sources.files import Document, Holding
from dashboard_catalog.sources.items import FoundItem, items_in
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.problems import SourceError
from dashboardcatalog.v1 import entity_pb2

NAMED = {"name": "n", "service": "s"}


def items(value: Any, holding: Holding | None = None, default: Kind | None = None) -> list[FoundItem]:
    return list(items_in(Document("file", Path("file"), (value,), holding), default))


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
    assert items(NAMED, default=default) == [FoundItem("file", default, NAMED)]
    assert items(NAMED | {"chartType": "x"}, default=default)[0].kind is Kind.CHART


def test_a_body_of_an_ambiguous_kind_without_a_default_is_an_error_with_its_place() -> None:
    with pytest.raises(SourceError, match=r"file, item 2 could be a dashboard or a chart.*--kind"):
        items([NAMED | {"charts": []}, NAMED])


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (3, "is not a JSON object"),
        (None, "is not a JSON object"),
        ({}, "is not a dashboard, a chart or an entity"),
        ({"foo": 1}, "is not a dashboard, a chart or an entity"),
        (
            NAMED | {"chartType": "Line", "project": "p"},
            "has chartType like a chart and project like a dashboard",
        ),
    ],
)
def test_a_value_that_is_not_an_item_is_a_problem_with_its_place(value: Any, problem: str) -> None:
    assert items(value) == [FoundItem("file", problem=problem)]


def test_an_entity_must_name_its_kind() -> None:
    [found] = items({"entity": {"name": "n"}})
    assert found.problem is not None
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
    assert items(value, holding) == [FoundItem("file", problem=problem)]
