"""A list is the same whichever way its pages are found: which one is taken depends on how much there is."""

from itertools import combinations
from typing import Any

import pytest

from dashboard_catalog.store import lists
from tests.service.caller import Caller, Json

ENTITIES: list[Json] = [
    {"biService": {"name": "grafana", "serviceType": "Grafana"}},
    {"domain": {"name": "vat", "parent": "finance.tax"}},
]
FILTERS: list[dict[str, str]] = [
    {"service": "superset"},
    {"service_type": "Looker"},
    {"owner": "user:ann"},
    {"domain": "finance"},
    {"domain": "finance.tax"},
    {"tag": "PII"},
    {"tag": "PII.Email"},
    {"tag": "Tier"},
    {"chart": "superset.c1"},
    {"project": "Sales"},
    {"name_prefix": "d1"},
]
ORDERS = ["name", "name desc", "updated_at", "updated_at desc"]
# How many are few, and how many of the next rows are looked at: sorted ranges alone, some of each, rows alone.
WAYS = [(-1, 0), (4, 5), (-1, 1_000)]


def dashboard(number: int) -> Json:
    tags = [tag for tag, every in (("PII.Email", 2), ("PII.Phone", 3), ("Tier.Gold", 4)) if number % every == 0]
    made = {
        "name": f"d{number:02}",
        "service": ["superset", "looker", "grafana"][number % 3],
        "tags": [{"tagFQN": tag} for tag in tags],
        "owners": [{"type": "user", "name": "ann"}] if number % 3 else [],
        "domain": ["finance", "finance.tax", "finance.tax.vat", ""][number % 4],
        "project": "Sales" if number % 5 else "",
        "charts": ["superset.c1"] if number % 2 else [],
    }
    return {"dashboard": made}


async def walked(caller: Caller, **request: Any) -> list[str]:
    """Returns the names of a list, read in pages of twelve."""
    found: list[str] = []
    token = ""
    while True:
        page = await caller.list_dashboards(page_size=12, page_token=token, read_mask="fullyQualifiedName", **request)
        assert len(found) < 100
        found += [each["fullyQualifiedName"] for each in page.get("dashboards", [])]
        if not (token := page.get("nextPageToken", "")):
            return found


async def test_a_list_is_the_same_whichever_way_it_is_found(superset: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    items = [dashboard(number) for number in range(40)]
    added = await superset.bulk(
        [{"entity": entity} for entity in ENTITIES], *(items[at : at + 8] for at in range(0, 40, 8))
    )
    assert not added.failures
    for number in (2, 17, 31):
        one = items[number]["dashboard"]
        await superset.delete_dashboard(fully_qualified_name=f"{one['service']}.{one['name']}")
    filters = [{}, *FILTERS, *(one | other for one, other in combinations(FILTERS, 2) if not one.keys() & other.keys())]
    requests = [
        {**some, "order_by": order, "deleted": deleted}
        for place, some in enumerate(filters)
        # All combinations would take minutes.
        for order in ORDERS[place % 2 :: 2]
        for deleted in (["DELETED_EXCLUDE", "DELETED_INCLUDE", "DELETED_ONLY"][place % 3 :: 3])
    ]
    expected = [await walked(superset, **request) for request in requests]
    assert len({tuple(found) for found in expected}) > 50

    for few, next_ in WAYS:
        monkeypatch.setattr(lists, "_FEW", few)
        monkeypatch.setattr(lists, "_NEXT_BY_NAME", next_)
        monkeypatch.setattr(lists, "_NEXT_BY_TIME", next_)
        for request, found in zip(requests, expected, strict=True):
            assert await walked(superset, **request) == found, (few, next_, request)
