"""What messages are made of bodies, also of OpenMetadata's, and what is said of those that make none."""

from typing import Any

import pytest
from google.protobuf import json_format

from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.messages import full_name, make_item
from dashboard_catalog.sources.problems import Problem

NAMED = {"name": "n", "service": "s"}


def made(body: dict[str, Any], kind: Kind = Kind.DASHBOARD) -> dict[str, Any]:
    result = make_item(kind, body)
    assert result.problems == []
    message = json_format.MessageToDict(result.item)
    inner: dict[str, Any] = message[kind] if kind.is_asset else message["entity"]
    return inner


def problems(body: dict[str, Any], kind: Kind = Kind.DASHBOARD) -> list[str]:
    return [str(problem) for problem in make_item(kind, body).problems]


def test_a_body_of_the_contract_is_taken_as_it_is() -> None:
    body = {
        **NAMED,
        "displayName": "N",
        "description": "# Text",
        "dashboardType": "Report",
        "sourceUrl": "https://x",
        "project": "p",
        "charts": ["s.a", 's."b.c"'],
        "owners": [{"type": "user", "name": "ann"}],
        "domain": "d.e",
        "tags": [{"tagFQN": "PII.Email", "labelType": "Automated", "state": "Suggested"}],
        "extension": {"cost": 3.0, "nested": {"unknownKey": None, "list": [True, "x"]}},
        "sourceHash": "f" * 32,
    }
    assert made(body) == body


def test_names_of_fields_may_be_in_snake_case() -> None:
    assert made(NAMED | {"display_name": "N", "tags": [{"tag_fqn": "a.b"}]}) == NAMED | {
        "displayName": "N",
        "tags": [{"tagFQN": "a.b"}],
    }


def test_null_counts_as_absent() -> None:
    assert made(NAMED | {"displayName": None, "charts": None, "extension": None, "domains": None}) == NAMED


def test_null_in_an_extension_is_kept_since_it_clears() -> None:
    assert made(NAMED | {"extension": {"cost": None}})["extension"] == {"cost": None}


@pytest.mark.parametrize(
    "given",
    [
        {"domains": ["a.b"]},
        {"domains": [{"id": "1", "type": "domain", "name": "b", "fullyQualifiedName": "a.b"}]},
        {"domain": {"type": "domain", "fullyQualifiedName": "a.b"}},
        {"domain": "a.b", "domains": ["a.b"]},
        {"domains": ["a.b", "a.b"]},
    ],
)
def test_a_list_of_one_domain_is_a_domain(given: dict[str, Any]) -> None:
    assert made(NAMED | given) == NAMED | {"domain": "a.b"}


@pytest.mark.parametrize("given", [{"domains": ["a", "b"]}, {"domain": "b", "domains": ["a"]}])
def test_two_domains_are_an_error_that_names_the_field(given: dict[str, Any]) -> None:
    assert make_item(Kind.CHART, NAMED | given).problems == [
        Problem("chart.domains", "names 2 domains (a, b); the catalog keeps one")
    ]


def test_an_empty_list_of_domains_is_absent() -> None:
    assert made(NAMED | {"domains": []}) == NAMED


def test_references_stand_for_names_as_openmetadata_answers_them() -> None:
    body = {
        "name": "n",
        "service": {"id": "1", "type": "dashboardService", "name": "s", "fullyQualifiedName": "s"},
        "charts": [{"id": "2", "type": "chart", "fullyQualifiedName": "s.c"}],
    }
    assert made(body) == NAMED | {"charts": ["s.c"]}


def test_what_the_catalog_does_not_keep_is_dropped_and_told() -> None:
    body = NAMED | {
        "dataModels": ["s.model.m"],
        "lifeCycle": {"created": {"timestamp": 1}},
        "followers": [],
        "owners": [
            {"type": "user", "name": "ann", "href": "x"},
            {"type": "user", "name": "bob", "href": "y"},
        ],
        "tags": [{"tagFQN": "a.b", "style": {}}, {"tagFQN": "g.t", "source": "Glossary"}],
    }
    result = make_item(Kind.DASHBOARD, body)
    assert sorted(result.dropped) == [
        "dashboard.dataModels",
        "dashboard.followers",
        "dashboard.lifeCycle",
        "dashboard.owners.href",
        "dashboard.owners.href",
        "dashboard.tags (of a glossary)",
        "dashboard.tags.style",
    ]
    assert [label.tag_fqn for label in result.item.dashboard.tags] == ["a.b"]
    assert [owner.name for owner in result.item.dashboard.owners] == ["ann", "bob"]


def test_a_chart_does_not_keep_its_dashboards() -> None:
    assert make_item(Kind.CHART, NAMED | {"dashboards": ["s.d"]}).dropped == ["chart.dashboards"]


def test_entities_are_wrapped_and_what_is_only_answered_is_not_sent() -> None:
    body = {"name": "ann", "email": "ann@x", "isBot": True, "id": "1", "updatedAt": 17, "deleted": False}
    result = make_item(Kind.USER, body)
    assert result.dropped == []
    assert json_format.MessageToDict(result.item) == {
        "entity": {"user": {"name": "ann", "email": "ann@x", "isBot": True}}
    }
    config = {"values": ["a"], "multiSelect": False}
    assert made({"name": "p", "appliesTo": "chart", "config": config}, Kind.CUSTOM_PROPERTY) == {
        "customProperty": {"name": "p", "appliesTo": "chart", "config": config}
    }


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"name": 3}, "dashboard.name: is a number, not a text"),
        ({"displayName": True}, "dashboard.display_name: is true or false, not a text"),
        ({"charts": "s.c"}, "dashboard.charts: is a text, not a list"),
        ({"charts": ["s.c", 3]}, "dashboard.charts[1]: is a number, not a text"),
        ({"charts": [None]}, "dashboard.charts[0]: is null, not a text"),
        ({"charts": [{"id": "1"}]}, "dashboard.charts[0]: is an object, not a text"),
        ({"owners": ["ann"]}, "dashboard.owners[0]: is a text, not an object"),
        ({"owners": [{"type": 1}]}, "dashboard.owners[0].type: is a number, not a text"),
        ({"tags": {"tagFQN": "a.b"}}, "dashboard.tags: is an object, not a list"),
        ({"domains": 3}, "dashboard.domain: is a number, not a text"),
    ],
)
def test_a_value_of_another_type_is_told_with_its_path(given: dict[str, Any], problem: str) -> None:
    assert problems(NAMED | given) == [problem]


def test_all_problems_of_a_body_are_told_at_once() -> None:
    assert len(problems({"name": 3, "service": [], "charts": [1, 2]})) == 4


@pytest.mark.parametrize(
    "given",
    [
        {"extension": [1]},
        {"extension": {"k": 10**400}},
        {"extension": {"k": "\ud800"}},
        {"name": "\ud800"},
        {"displayName": "a", "display_name": "b"},
    ],
)
def test_what_the_parser_refuses_is_one_line(given: dict[str, Any]) -> None:
    [problem] = problems(NAMED | given)
    assert problem
    assert "\n" not in problem


def test_a_name_is_told_as_far_as_it_is_known() -> None:
    assert full_name({"name": "a.b", "service": "s"}) == 's."a.b"'
    assert full_name({"name": "a", "service": {"fullyQualifiedName": "s"}}) == "s.a"
    assert full_name({"name": "a"}) == "a"
    assert full_name({"name": 3, "service": "s"}) == ""
