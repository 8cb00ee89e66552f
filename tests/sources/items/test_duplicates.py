"""Different items of one name, wherever they are in a source."""

from typing import Any

import pytest
from google.protobuf import json_format

from dashboard_catalog.sources.items.duplicates import Duplicates
from dashboard_catalog.sources.kinds import Kind
from dashboardcatalog.v1 import bulk_pb2


def item(kind: Kind, **fields: object) -> bulk_pb2.BulkUpsertItem:
    body: dict[str, Any] = {kind: fields} if kind.is_asset else {"entity": {kind: fields}}
    return json_format.ParseDict(body, bulk_pb2.BulkUpsertItem())


FIRST = item(Kind.CHART, name="n", service="s", display_name="N", extension={"a": 1, "b": 2})


def test_an_equal_item_is_no_duplicate() -> None:
    duplicates = Duplicates()
    again = item(Kind.CHART, name="n", service="s", display_name="N", extension={"b": 2, "a": 1})
    assert duplicates.other_place(Kind.CHART, FIRST, "f:1") is None
    assert duplicates.other_place(Kind.CHART, again, "f:2") is None


@pytest.mark.parametrize("service", ["s", '"s"'])
def test_an_item_that_differs_from_the_first_one_of_its_name_is_a_duplicate(service: str) -> None:
    duplicates = Duplicates()
    other = item(Kind.CHART, name="n", service=service, display_name="M")
    assert duplicates.other_place(Kind.CHART, FIRST, "f:1") is None
    for _ in range(2):
        assert duplicates.other_place(Kind.CHART, other, "f:2") == "f:1"


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Kind.DASHBOARD, {"name": "n", "service": "s"}),
        (Kind.CHART, {"name": "n", "service": "t"}),
        (Kind.CHART, {"name": "m", "service": "s"}),
        (Kind.TAG, {"name": "n", "classification": "a"}),
        (Kind.TAG, {"name": "n", "classification": "b"}),
        (Kind.DOMAIN, {"name": "n", "parent": "a"}),
        (Kind.DOMAIN, {"name": "n"}),
        (Kind.CUSTOM_PROPERTY, {"name": "n", "applies_to": "chart"}),
        (Kind.CUSTOM_PROPERTY, {"name": "n", "applies_to": "dashboard"}),
        (Kind.USER, {"name": "n"}),
    ],
)
def test_items_of_other_kinds_and_names_are_no_duplicates(kind: Kind, fields: dict[str, object]) -> None:
    duplicates = Duplicates()
    named = [
        (Kind.CHART, FIRST),
        (Kind.TAG, item(Kind.TAG, name="n", classification="c")),
        (Kind.DOMAIN, item(Kind.DOMAIN, name="n", parent="b")),
        (Kind.CUSTOM_PROPERTY, item(Kind.CUSTOM_PROPERTY, name="x", applies_to="chart")),
        (Kind.TEAM, item(Kind.TEAM, name="n")),
    ]
    for other_kind, other in named:
        assert duplicates.other_place(other_kind, other, "f:1") is None
    assert duplicates.other_place(kind, item(kind, **fields, description="d"), "f:2") is None
    assert duplicates.other_place(kind, item(kind, **fields), "f:3") == "f:2"


def test_an_item_without_a_name_stands_for_nothing() -> None:
    duplicates = Duplicates()
    for description in "ab":
        assert duplicates.other_place(Kind.CHART, item(Kind.CHART, description=description), "f:1") is None
