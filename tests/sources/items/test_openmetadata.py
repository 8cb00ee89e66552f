"""Bodies as OpenMetadata's API returns them."""

from typing import Any

import pytest

from dashboard_catalog.sources.items.messages import convert
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.problems import Problem
from tests.sources.items.bodies import NAMED, converted


@pytest.mark.parametrize(
    "given",
    [
        {"domains": ["a.b"]},
        {"domains": [{"id": "1", "type": "domain", "name": "b", "fullyQualifiedName": "a.b"}]},
        {"domain": {"type": "domain", "fullyQualifiedName": "a.b"}},
        {"domain": "a.b", "domains": ["a.b"]},
        {"domain": None, "domains": ["a.b"]},
        {"domains": ["a.b", "a.b"]},
    ],
)
def test_a_list_with_one_domain_is_a_domain(given: dict[str, Any]) -> None:
    assert converted(NAMED | given) == NAMED | {"domain": "a.b"}


@pytest.mark.parametrize("given", [{"domains": ["a", "b"]}, {"domain": "b", "domains": ["a"]}])
def test_two_domains_are_an_error_that_names_the_field(given: dict[str, Any]) -> None:
    assert convert(Kind.CHART, NAMED | given).problems == [
        Problem("chart.domains", "names 2 domains (a, b); the catalog keeps one")
    ]


def test_an_empty_list_of_domains_is_absent() -> None:
    assert converted(NAMED | {"domains": []}) == NAMED


def test_references_in_openmetadata_s_form_become_names() -> None:
    body = {
        "name": "n",
        "service": {"id": "1", "type": "dashboardService", "name": "s", "fullyQualifiedName": "s"},
        "charts": [{"id": "2", "type": "chart", "fullyQualifiedName": "s.c"}],
    }
    assert converted(body) == NAMED | {"charts": ["s.c"]}


def test_a_reference_without_a_fully_qualified_name_is_known_by_its_name() -> None:
    body = NAMED | {
        "service": {"id": "1", "type": "dashboardService", "name": "s.t"},
        "domain": {"id": "2", "type": "domain", "name": "d"},
    }
    assert converted(body) == {"name": "n", "service": '"s.t"', "domain": "d"}
    charts = [{"id": "3", "type": "chart", "name": "a.b"}, {"id": "4", "type": "chart", "fullyQualifiedName": "x.c"}]
    assert converted(body | {"charts": [*charts, "s.d"]})["charts"] == ['"s.t"."a.b"', "x.c", "s.d"]


@pytest.mark.parametrize(("given", "service"), [("s.t", '"s.t"'), ('"s.t"', '"s.t"'), ('s"t', '"s""t"'), ("s", "s")])
def test_a_raw_name_of_a_service_is_quoted(given: str, service: str) -> None:
    assert converted(NAMED | {"service": given})["service"] == service


def test_ids_of_another_catalog_give_way_to_names() -> None:
    reference = {"id": "067319fd-fa77-4b55-b481-f438489b0931", "type": "user"}
    named = {"type": "user", "name": "jane.doe", "fullyQualifiedName": '"jane.doe"'}
    added = {"displayName": "Jane", "href": "http://x", "deleted": False, "inherited": True, "description": ""}
    table = {"columns": ["id"], "rows": [{"id": "1", "name": "n"}]}
    body = NAMED | {
        "owners": [reference | named | added, reference],
        "extension": {"one": reference | named, "many": [reference | named, reference], "table": table},
    }
    assert converted(body) == NAMED | {
        "owners": [named, reference],
        "extension": {"one": named, "many": [named, reference], "table": table},
    }


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"owner": {"type": "user", "name": "ann"}}, ["ann"]),
        ({"owner": {"type": "user", "name": "ann"}, "owners": None}, ["ann"]),
        ({"owner": {"type": "user", "name": "ann"}, "owners": [{"type": "user", "name": "bob"}]}, ["bob", "ann"]),
        ({"owner": None, "owners": [{"type": "user", "name": "bob"}]}, ["bob"]),
    ],
)
def test_the_owner_of_an_older_openmetadata_is_one_of_the_owners(given: dict[str, Any], names: list[str]) -> None:
    assert [owner["name"] for owner in converted(NAMED | given)["owners"]] == names


@pytest.mark.parametrize("kind", [Kind.DASHBOARD, Kind.USER])
def test_what_is_deleted_in_the_source_is_not_loaded_as_if_it_were_not(kind: Kind) -> None:
    assert convert(kind, {"name": "n", "deleted": True}).problems == [
        Problem(f"{kind}.deleted", "is true; only what is not deleted can be loaded")
    ]


def test_what_another_catalog_says_about_its_copy_is_left_out_silently() -> None:
    copy = {"id": "1", "version": 0.3, "href": "x", "updatedAt": 1, "serviceType": "Superset", "changeDescription": {}}
    result = convert(Kind.DASHBOARD, NAMED | copy)
    assert result.dropped == []
    assert converted(NAMED | copy) == NAMED
