"""Conversion of bodies to messages, and the problems of bodies that cannot be converted."""

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format

from dashboard_catalog.sources.files.records import Document
from dashboard_catalog.sources.items.found import FoundItem
from dashboard_catalog.sources.items.messages import convert, full_name
from dashboard_catalog.sources.items.own_format import items_in
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.wishes import Wishes
from dashboardcatalog.v1 import bulk_pb2
from tests.sources.items.bodies import NAMED, converted, problems


def test_a_body_of_the_contract_does_not_change() -> None:
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
    assert converted(body) == body


def test_fields_may_be_named_in_snake_case() -> None:
    assert converted(NAMED | {"display_name": "N", "tags": [{"tag_fqn": "a.b"}]}) == NAMED | {
        "displayName": "N",
        "tags": [{"tagFQN": "a.b"}],
    }


def test_null_counts_as_absent() -> None:
    assert converted(NAMED | {"displayName": None, "charts": None, "extension": None, "domains": None}) == NAMED


def test_null_in_an_extension_is_kept_because_it_clears_a_key() -> None:
    assert converted(NAMED | {"extension": {"cost": None}})["extension"] == {"cost": None}


def test_fields_that_the_catalog_does_not_store_are_dropped_and_listed() -> None:
    body = NAMED | {
        "dataModels": ["s.model.m"],
        "lifeCycle": {"created": {"timestamp": 1}},
        "followers": [],
        "owners": [
            {"type": "user", "name": "ann", "team": "x"},
            {"type": "user", "name": "bob", "team": "y"},
        ],
        "tags": [{"tagFQN": "a.b", "style": {}, "appliedBy": "x"}, {"tagFQN": "g.t", "source": "Glossary"}],
    }
    result = convert(Kind.DASHBOARD, body)
    assert sorted(result.dropped) == [
        "dashboard.dataModels",
        "dashboard.followers",
        "dashboard.lifeCycle",
        "dashboard.owners.team",
        "dashboard.owners.team",
        "dashboard.tags (glossary terms)",
        "dashboard.tags.appliedBy",
    ]
    assert [label.tag_fqn for label in result.item.dashboard.tags] == ["a.b"]
    assert [owner.name for owner in result.item.dashboard.owners] == ["ann", "bob"]


def test_a_chart_does_not_store_its_dashboards() -> None:
    assert convert(Kind.CHART, NAMED | {"dashboards": ["s.d"]}).dropped == ["chart.dashboards"]


def test_entities_are_wrapped_and_output_only_fields_are_not_sent() -> None:
    body = {"name": "ann", "email": "ann@x", "isBot": True, "id": "1", "updatedAt": 17, "deleted": False}
    result = convert(Kind.USER, body)
    assert result.dropped == []
    assert json_format.MessageToDict(result.item) == {
        "entity": {"user": {"name": "ann", "email": "ann@x", "isBot": True}}
    }
    config = {"values": ["a"], "multiSelect": False}
    assert converted({"name": "p", "appliesTo": "chart", "config": config}, Kind.CUSTOM_PROPERTY) == {
        "customProperty": {"name": "p", "appliesTo": "chart", "config": config}
    }


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"name": 3}, "dashboard.name: is a number, not a string"),
        ({"displayName": True}, "dashboard.display_name: is a boolean, not a string"),
        ({"charts": "s.c"}, "dashboard.charts: is a string, not a list"),
        ({"charts": ["s.c", 3]}, "dashboard.charts[1]: is a number, not a string"),
        ({"charts": [None]}, "dashboard.charts[0]: is null, not a string"),
        ({"charts": [{"id": "1"}]}, "dashboard.charts[0]: is an object without name or fullyQualifiedName"),
        ({"owners": ["ann"]}, "dashboard.owners[0]: is a string, not an object"),
        ({"owners": [{"type": 1}]}, "dashboard.owners[0].type: is a number, not a string"),
        ({"tags": {"tagFQN": "a.b"}}, "dashboard.tags: is an object, not a list"),
        ({"domains": 3}, "dashboard.domain: is a number, not a string"),
    ],
)
def test_a_value_of_another_type_is_a_problem_with_its_path(given: dict[str, Any], problem: str) -> None:
    assert problems(NAMED | given) == [problem]


def test_all_problems_of_a_body_are_found_together() -> None:
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
def test_an_error_of_the_parser_is_shown_on_one_line(given: dict[str, Any]) -> None:
    [problem] = problems(NAMED | given)
    assert problem
    assert "\n" not in problem


def test_a_full_name_has_all_known_parts() -> None:
    assert full_name({"name": "a.b", "service": "s"}) == 's."a.b"'
    assert full_name({"name": "a", "service": {"fullyQualifiedName": "s"}}) == "s.a"
    assert full_name({"name": "a"}) == "a"
    assert full_name({"name": 3, "service": "s"}) == ""


def test_an_exported_item_is_read_as_it_was_written() -> None:
    preserved = {
        "id": "01890000-0000-7000-8000-000000000001",
        "version": 0.7,
        "updatedAt": "2024-02-29T12:00:00.000001Z",
        "updatedBy": "ann",
        "byIngestion": True,
        "edited": {"fields": ["owners"], "tags": ["PII.Email"], "extensionKeys": ["a b"]},
        "deleted": True,
        "deletedWith": "01890000-0000-7000-8000-000000000002",
        "changeDescription": {
            "fieldsAdded": [{"name": "tags", "newValue": [{"tagFQN": "PII.Email", "state": "Confirmed"}]}],
            "fieldsUpdated": [{"name": "deleted", "oldValue": False, "newValue": True}],
            "fieldsDeleted": [{"name": "extension", "oldValue": [{"a b": {"c": [1, 2.5, None, {}]}}]}],
            "previousVersion": 0.6,
        },
        "formerNames": ["old", 'o"ld'],
    }
    spec = NAMED | {"extension": {"a b": {"c": [1, 2.5, None]}}, "tags": [{"tagFQN": "PII.Email"}]}
    for value in (
        {"chart": spec, "preserved": preserved},
        {"entity": {"team": {"name": "t", "parents": ["a", "b"]}}, "preserved": preserved},
    ):
        written = json_format.ParseDict(value, bulk_pb2.BulkUpsertItem())
        line = json.loads(json_format.MessageToJson(written))
        (found,) = items_in(Document("file", Path("file"), (line,), None), Wishes())
        assert isinstance(found, FoundItem)
        result = convert(found.kind, found.body, found.preserved)
        assert (result.problems, result.dropped) == ([], [])
        assert result.item == written

    (found,) = items_in(Document("file", Path("file"), ({"chart": spec, "preserved": {"id": 7, "x": 1}},)), Wishes())
    assert isinstance(found, FoundItem)
    result = convert(Kind.CHART, spec, found.preserved)
    assert [str(problem) for problem in result.problems] == ["preserved.id: is a number, not a string"]
    assert result.dropped == ["preserved.x"]
