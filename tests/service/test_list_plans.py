"""A list returns the same whichever query plan the catalog chooses; the plan depends on the number of assets."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import combinations
from typing import Any

import pytest

from dashboard_catalog.store import list_pages as lists
from tests.service.caller import Caller, Json, Service

ENTITIES: list[Json] = [
    {"biService": {"name": "grafana", "serviceType": "Grafana"}},
    {"domain": {"name": "vat", "parent": "finance.tax"}},
]
FILTERS: list[Json] = [
    {"service": "superset"},
    {"service_type": "Looker"},
    {"owner": "user:ann"},
    {"domain": "finance"},
    {"domain": "finance.tax"},
    {"tag": "PII"},
    {"tag": "PII.Email"},
    {"tag": "Tier"},
    {"name_prefix": "a1"},
    {"missing": ["MISSING_DESCRIPTION"]},
    {"missing": ["MISSING_TAGS", "MISSING_OWNERS"]},
    {"missing": ["MISSING_DOMAIN"]},
    {"updated_by": "editor"},
]
OWN_FILTERS: dict[str, list[Json]] = {
    "dashboard": [{"chart": "superset.c1"}, {"project": "Sales"}],
    "chart": [{"dashboard": "superset.all"}],
}
ORDERS = ["name", "name desc", "updated_at", "updated_at desc"]
STATES = ["DELETED_EXCLUDE", "DELETED_INCLUDE", "DELETED_ONLY"]
# The limits for "few", for the rows to try at first and later, and for the matches whose BI services are looked for:
# only sorted ranges, mixtures, and only rows.
PLANS = [(-1, 0, 0, 0), (4, 2, 20, 1_000), (-1, 2, 1_000, 15), (-1, 1_000, 1_000, 0)]
COUNT, PAGE = 40, 12
DELETED = [number for number in range(COUNT) if number % 7 < 3]
EDITED = [number for number in range(COUNT) if number % 4 == 1]
SHOWN = "fullyQualifiedName,name,id,updatedAt,updatedBy,deleted"


def asset(kind: str, number: int) -> Json:
    tags = [tag for tag, every in (("PII.Email", 2), ("PII.Phone", 3), ("Tier.Gold", 4)) if number % every == 0]
    made = {
        "name": f"a{number:02}",
        "service": ["superset", "looker", "grafana"][number % 3],
        "tags": [{"tagFQN": tag} for tag in tags],
        "owners": [{"type": "user", "name": "ann"}] if number % 3 else [],
        "domain": ["finance", "finance.tax", "finance.tax.vat", ""][number % 4],
        "description": "Some text." if number % 2 else "",
    }
    if kind == "dashboard":
        made |= {"project": "Sales" if number % 5 else "", "charts": ["superset.c1"] if number % 2 else []}
    return made


def fqn(made: Json) -> str:
    return f"{made['service']}.{made['name']}"


def passes(made: Json, row: Json, held: set[str], filters: Mapping[str, Any]) -> bool:
    """Says what each filter means; `row` is what lists show, `held` are the charts of the dashboard in the request."""

    def at_or_below(name: str, wanted: str) -> bool:
        return f"{name}.".startswith(f"{wanted}.")

    meanings = {
        "service": lambda wanted: made["service"] == wanted,
        "service_type": lambda wanted: made["service"] == wanted.lower(),
        "owner": lambda _: bool(made["owners"]),
        "domain": lambda wanted: at_or_below(made["domain"], wanted),
        "tag": lambda wanted: any(at_or_below(tag["tagFQN"], wanted) for tag in made["tags"]),
        "name_prefix": made["name"].startswith,
        "missing": lambda wanted: not any(made[name.removeprefix("MISSING_").lower()] for name in wanted),
        "updated_by": lambda wanted: row["updatedBy"] == wanted,
        "updated_after": lambda wanted: time_of(row) >= datetime.fromisoformat(wanted),
        "updated_before": lambda wanted: time_of(row) < datetime.fromisoformat(wanted),
        "chart": lambda wanted: wanted in made["charts"],
        "project": lambda wanted: made["project"] == wanted,
        "dashboard": lambda _: fqn(made) in held,
    }
    return all(meanings[name](wanted) for name, wanted in filters.items())


def time_of(row: Json) -> datetime:
    return datetime.fromisoformat(row["updatedAt"])


async def walked(caller: Caller, kind: str, mask: str = "fullyQualifiedName", **request: Any) -> list[Json]:
    """Returns everything in a list, read page by page."""
    found: list[Json] = []
    token = ""
    while True:
        call = getattr(caller, f"list_{kind}s")
        page = await call(page_size=PAGE, page_token=token, read_mask=mask, **request)
        assert len(found) < 100
        found += page.get(f"{kind}s", [])
        if not (token := page.get("nextPageToken", "")):
            return found


def expected(rows: Sequence[Json], kind: str, requests: list[Json], held: set[str]) -> list[list[str]]:
    """Returns the names that each list should return, by looking at every asset and sorting them here."""
    made = {fqn(each): each for each in (asset(kind, number) for number in range(COUNT))}
    assert {row["fullyQualifiedName"] for row in rows} == made.keys()

    def key(row: Json, order: str) -> Any:
        return row["name"] if order == "name" else (time_of(row), row["id"])

    def listed(order_by: str, deleted: str, **filters: Any) -> list[str]:
        state = {"DELETED_EXCLUDE": [False], "DELETED_INCLUDE": [False, True], "DELETED_ONLY": [True]}[deleted]
        shown = [row for row in rows if row.get("deleted", False) in state]
        found = [row for row in shown if passes(made[row["fullyQualifiedName"]], row, held, filters)]
        order, _, descending = order_by.partition(" ")
        ordered = sorted(found, key=lambda row: key(row, order), reverse=bool(descending))
        return [row["fullyQualifiedName"] for row in ordered]

    return [listed(**request) for request in requests]


def requested(kind: str, rows: Sequence[Json]) -> list[Json]:
    """Returns each filter and every fourth pair, in some orders and states; all of them would take minutes."""
    times = sorted({row["updatedAt"] for row in rows}, key=datetime.fromisoformat)
    of_time = [{"updated_after": times[len(times) // 4]}, {"updated_before": times[len(times) * 3 // 4]}]
    every = [*FILTERS, *OWN_FILTERS[kind], *of_time]
    pairs = [one | other for one, other in combinations(every, 2) if not one.keys() & other.keys()]
    return [
        {**some, "order_by": order, "deleted": STATES[place % 3]}
        for place, some in enumerate([{}, *every, *pairs[::4], of_time[0] | of_time[1]])
        for order in ORDERS[place % 4 :: 4]
    ]


@pytest.mark.parametrize("kind", ["dashboard", "chart"])
async def test_a_list_is_the_same_with_every_query_plan(
    service: Service, superset: Caller, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    delete = getattr(superset, f"delete_{kind}")
    for row in await walked(superset, kind):
        await delete(fully_qualified_name=row["fullyQualifiedName"], hard=True)
    items = [asset(kind, number) for number in range(COUNT)]
    held = {fqn(item) for item in items[::2]} if kind == "chart" else set()
    added = await superset.bulk(
        [{"entity": entity} for entity in ENTITIES],
        *([{kind: item} for item in items[at : at + 8]] for at in range(0, COUNT, 8)),
        [{"dashboard": {"name": "all", "service": "superset", "charts": sorted(held)}}] if held else [],
    )
    assert not added.failures
    for number in DELETED:
        await delete(fully_qualified_name=fqn(items[number]))
    editor = service.caller("editor", "admin")
    edited = [{**items[number], "displayName": "Edited"} for number in EDITED if number not in DELETED]
    assert (await editor.bulk(*([{kind: item}] for item in edited))).counts == {"updated": len(edited)}
    rows = await walked(superset, kind, SHOWN, deleted="DELETED_INCLUDE")
    assert len([row for row in rows if row.get("deleted")]) == len(DELETED)
    requests = requested(kind, rows)
    names = expected(rows, kind, requests, held)
    assert len({tuple(found) for found in names}) > 30

    for few, at_first, next_, many in PLANS:
        monkeypatch.setattr(lists, "_FEW", few)
        monkeypatch.setattr(lists, "_NEXT_BY_NAME", next_)
        monkeypatch.setattr(lists, "_NEXT_BY_NAME_OF_ONE", next_)
        monkeypatch.setattr(lists, "_NEXT_AT_FIRST", at_first)
        monkeypatch.setattr(lists, "_NEXT_BY_TIME", next_)
        monkeypatch.setattr(lists, "_MANY", many)
        for request, found in zip(requests, names, strict=True):
            actual = await walked(superset, kind, **request)
            assert [row["fullyQualifiedName"] for row in actual] == found, (few, at_first, next_, many, request)
    # Pages so small are full of the next names of the only BI service.
    monkeypatch.setitem(globals(), "PAGE", 2)
    of_one = {"service": "superset", "updated_after": min(row["updatedAt"] for row in rows)}
    small = [{**of_one, "order_by": order, "deleted": state} for order in ORDERS[:2] for state in STATES]
    for request, found in zip(small, expected(rows, kind, small, held), strict=True):
        assert len(found) > 2, request
        assert [row["fullyQualifiedName"] for row in await walked(superset, kind, **request)] == found, request
