"""Filters of a list that name something are checked, and every filter reaches the store."""

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import pytest

from dashboard_catalog.catalog.reading import filters
from dashboard_catalog.catalog.reading.filters import AssetFilters, FilterLookup
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.list_filters import ListFilters

FOUND = [UUID(int=1)]
# `asset_lists` derives these from other filters: the BI services, and the order.
ELSEWHERE = {"service": "s", "service_type": "t", "order_by": "name desc"}
SENT: dict[str, Any] = {
    "owner": "team:a.b:c",
    "domain": "finance.emea",
    "tag": "PII",
    "chart": "s.c",
    "dashboard": '"s.1".d',
    "project": "p",
    "missing": ("owners",),
    "updated_by": "ann",
    "updated_after": datetime(2026, 1, 1, tzinfo=UTC),
    "updated_before": datetime(2026, 2, 1, tzinfo=UTC),
    "name_prefix": "n",
    "deleted": "only",
}


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("service", "a.b"),
        ("domain", "a..b"),
        ("tag", 'a"'),
        ("chart", "a"),
        ("dashboard", "a.b.c"),
        ("owner", "ann"),
        ("owner", "domain:ann"),
        ("owner", "user:"),
    ],
)
def test_a_filter_that_does_not_parse_is_a_violation(field: str, wrong: str) -> None:
    sent: dict[str, Any] = {field: wrong}

    (violation,) = AssetFilters(**sent).violations()

    assert (violation.field, violation.reason) == (field, ViolationReason.INVALID_FORMAT)


def test_filters_that_parse_are_not_violations() -> None:
    assert AssetFilters(**SENT, service='"s.1"').violations() == []


def _finding(found: Sequence[UUID], seen: list[tuple[str, ...]]) -> Any:
    async def find(_lookup: FilterLookup, *parts: str) -> Sequence[UUID]:
        seen.append(parts)
        return found

    return {name: naming._replace(find=naming.find and find) for name, naming in filters._NAMING.items()}


async def _resolved(**sent: Any) -> ListFilters | None:
    lookup = FilterLookup(cast("ReadConnection", None), lambda _kind, services: services)
    return await lookup.resolve(AssetFilters(**sent), services=None)


async def test_every_filter_reaches_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, ...]] = []
    monkeypatch.setattr(filters, "_NAMING", _finding(FOUND, seen))
    assert {*SENT, *ELSEWHERE} == {field.name for field in dataclasses.fields(AssetFilters)}

    for field, value in SENT.items():
        resolved = await _resolved(**{field: value})
        assert resolved not in (None, ListFilters()), field
    assert await _resolved(**ELSEWHERE) == ListFilters()
    assert sorted(seen) == [("PII",), ("finance", "emea"), ("s", "c"), ("s.1", "d"), ("team", "a.b:c")]


async def test_an_unknown_name_matches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "_NAMING", _finding([], []))

    assert await _resolved(project="p", owner="user:ann") is None
    assert await _resolved(project="p") == ListFilters(project="p")
