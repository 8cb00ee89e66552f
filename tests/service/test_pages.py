"""Pages of lists: their size, their order, and the validity of their tokens."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import product
from typing import Any

import pytest

from dashboard_catalog.catalog.reading import page_tokens
from dashboard_catalog.catalog.reading.filters import AssetFilters
from tests.service.assets import on_one_database
from tests.service.caller import Caller, Json, Refused

ORDERS = ["name", "name desc", "updated_at", "updated_at desc"]
ID = "0" * 32
MIB = 1024 * 1024


def dashboard(name: str, **fields: Any) -> Json:
    return {"dashboard": {"name": name, "service": "superset", **fields}}


def names_in(answer: Json) -> list[str]:
    """Returns the names of the assets or entities in a page."""
    assets = [*answer.get("dashboards", []), *answer.get("charts", [])]
    entities = [one for entity in answer.get("entities", []) for one in entity.values()]
    return [each["name"] for each in [*assets, *entities]]


async def pages(call: Callable[..., Awaitable[Json]], **request: Any) -> AsyncIterator[Json]:
    """Walks a listing page by page."""
    token = ""
    while True:
        page = await call(page_token=token, **request)
        yield page
        token = page.get("nextPageToken", "")
        if not token:
            return


async def walked(call: Callable[..., Awaitable[Json]], **request: Any) -> list[list[str]]:
    return [names_in(page) async for page in pages(call, **request)]


async def test_a_page_has_fifty_results_by_default_and_a_thousand_at_most(superset: Caller) -> None:
    items = [{"chart": {"name": f"x{number:04}", "service": "superset"}} for number in range(1001)]
    assert (await superset.bulk(items[:1000], items[1000:])).counts == {"created": 1001}

    async def sizes(**request: Any) -> list[int]:
        return [len(page) for page in await walked(superset.list_charts, name_prefix="x", **request)]

    assert await sizes(page_size=1000) == await sizes(page_size=1001) == await sizes(page_size=2**31 - 1) == [1000, 1]
    assert len(names_in(await superset.list_charts(page_size=0))) == 50
    assert await sizes(read_mask="name") == [50] * 20 + [1]


@on_one_database
async def test_a_negative_page_size_is_refused(superset: Caller) -> None:
    calls: list[Callable[[int], Awaitable[Json]]] = [
        lambda size: superset.list_dashboards(page_size=size),
        lambda size: superset.list_charts(page_size=size),
        lambda size: superset.list_entities(kind="KIND_USER", page_size=size),
    ]
    for call, size in product(calls, (-1, -(2**31))):
        with pytest.raises(Refused) as refused:
            await call(size)
        assert (refused.value.code, refused.value.violations) == ("INVALID_ARGUMENT", {"page_size": "OUT_OF_RANGE"})


async def test_pages_hold_everything_once_in_order(superset: Caller) -> None:
    # Twelve have the same time, so only their ids can order them; the others differ.
    await superset.bulk([dashboard(f"d{number:02}") for number in range(12)])
    for number in (3, 11, 7):
        await superset.upsert_dashboard(**dashboard(f"d{number:02}", displayName="later"))
    await superset.upsert_dashboard(**dashboard("\U0001f600" * 256))

    for order in ORDERS:
        whole = names_in(await superset.list_dashboards(order_by=order))
        assert len(set(whole)) == len(whole) == 13
        for size in (1, 5, 12, 13):
            found = await walked(superset.list_dashboards, order_by=order, page_size=size)
            assert [name for page in found for name in page] == whole, (order, size)
            # No page is empty, and only the last one is not full.
            assert [len(page) for page in found[:-1]] == [size] * (len(found) - 1)
            assert found[-1]
    by_time = {order: names_in(await superset.list_dashboards(order_by=order)) for order in ORDERS}
    assert by_time["name desc"] == by_time["name"][::-1]
    assert by_time["updated_at desc"] == by_time["updated_at"][::-1]
    assert by_time["updated_at"][-4:] == ["d03", "d11", "d07", "\U0001f600" * 256]


async def test_existing_assets_are_listed_once_while_others_are_added(superset: Caller) -> None:
    for order in ORDERS:
        there = [f"{order}/d{number:02}" for number in range(10)]
        await superset.bulk([dashboard(name) for name in there[:5]], [dashboard(name) for name in there[5:]])

        seen: list[str] = []
        async for page in pages(superset.list_dashboards, name_prefix=f"{order}/", order_by=order, page_size=3):
            seen += names_in(page)
            if len(seen) < 12:
                # Before all, among the assets already listed, among those to come, and after all.
                places = (f"{order}/{place}-{len(seen)}" for place in ("a", "d00", "d05", "d99"))
                await superset.bulk([dashboard(place) for place in places])

        assert sorted(name for name in seen if name in there) == there, order
        assert len(set(seen)) == len(seen), order
        # Ascending, assets added after the current page are listed too.
        assert (len(seen) > 10) is (order != "updated_at desc")


async def test_pages_of_entities_hold_everything_once_in_order(superset: Caller) -> None:
    deep = "x" * 250
    domains: list[Json] = [{"domain": {"name": '"' * 250}}]
    fqn = '"' + '"' * 500 + '"'
    for _ in range(3):
        domains.append({"domain": {"name": '"' * 250, "parent": fqn}})
        fqn += '."' + '"' * 500 + '"'
    await superset.bulk([{"entity": domain} for domain in [*domains, {"domain": {"name": deep}}]])

    whole = names_in(await superset.list_entities(kind="KIND_DOMAIN"))
    assert len(whole) == 7
    for size in (1, 2, 7):
        found = await walked(superset.list_entities, kind="KIND_DOMAIN", page_size=size)
        assert [name for page in found for name in page] == whole
    services = await walked(superset.list_entities, kind="KIND_BI_SERVICE", page_size=1)
    assert services == [["looker"], ["superset"]]


async def test_a_page_is_limited_to_three_mebibytes(superset: Caller) -> None:
    text = "x" * 100_000
    items = [dashboard(f"d{number:02}", description=text) for number in range(40)]
    users = [{"entity": {"user": {"name": f"u{number:02}", "description": text}}} for number in range(40)]
    await superset.bulk(items[:20], items[20:], users[:20], users[20:])

    for call, request in ((superset.list_dashboards, {}), (superset.list_entities, {"kind": "KIND_USER"})):
        found = [page async for page in pages(call, name_prefix="d" if not request else "u", page_size=40, **request)]
        assert [len(names_in(page)) for page in found] == [31, 9]
        # Most of it is the description, which has the same length in Python.
        assert all(len(repr(page)) < 3.01 * MIB for page in found)
    # Fields that a read mask leaves out do not count.
    masked = await walked(superset.list_dashboards, page_size=40, read_mask="name,updatedAt")
    assert [len(page) for page in masked] == [40]


async def test_the_total_counts_everything_that_the_filters_match(superset: Caller) -> None:
    await superset.bulk([dashboard(f"d{number}", project="p" if number % 2 else "q") for number in range(7)])
    await superset.delete_dashboard(fully_qualified_name="superset.d1")

    totals = [page.get("total") async for page in pages(superset.list_dashboards, page_size=4, include_total=True)]
    assert totals == ["6", "6"]
    for request, total in (
        ({"project": "p"}, "2"),
        ({"project": "p", "deleted": "DELETED_INCLUDE"}, "3"),
        ({"deleted": "DELETED_ONLY"}, "1"),
        ({"project": "nothing"}, "0"),
        ({"service": "nothing"}, "0"),
        ({"owner": "user:nobody"}, "0"),
    ):
        assert (await superset.list_dashboards(**request, include_total=True))["total"] == total, request
    assert "total" not in await superset.list_dashboards()
    assert (await superset.list_charts(include_total=True))["total"] == "4"


@on_one_database
async def test_a_token_is_valid_only_with_its_filters_and_order(superset: Caller) -> None:
    await superset.bulk([dashboard(f"d{number}") for number in range(4)])
    token = (await superset.list_dashboards(page_size=2, service="superset", order_by="name desc"))["nextPageToken"]
    same: Json = {"service": "superset", "order_by": "name desc", "page_token": token}

    # The page size may change.
    for shown in ({"page_size": 1}, {"page_size": 500, "read_mask": "name"}, {"include_total": True}):
        assert names_in(await superset.list_dashboards(**same | shown))[0] == "d1"
    # Spelling out a default changes nothing.
    assert await superset.list_dashboards(**same, deleted="DELETED_EXCLUDE")
    others: list[Json] = [
        {"service": ""},
        {"service": "looker"},
        {"order_by": "name"},
        {"order_by": "updated_at desc"},
        {"deleted": "DELETED_INCLUDE"},
        {"service_type": "Superset"},
        {"name_prefix": "d"},
        {"owner": "user:ann"},
        {"domain": "finance"},
        {"tag": "PII"},
        {"chart": "superset.c1"},
        {"project": "p"},
    ]
    for other in others:
        with pytest.raises(Refused) as refused:
            await superset.list_dashboards(**same | other)
        assert refused.value.violations == {"page_token": "INVALID_PAGE_TOKEN"}, other
    with pytest.raises(Refused) as refused:
        await superset.list_charts(**same)
    assert refused.value.violations == {"page_token": "INVALID_PAGE_TOKEN"}


@on_one_database
async def test_a_token_of_entities_is_valid_only_with_its_kind_and_filters(superset: Caller) -> None:
    token = (await superset.list_entities(kind="KIND_TAG", page_size=1))["nextPageToken"]

    assert len(names_in(await superset.list_entities(kind="KIND_TAG", page_token=token))) == 3
    for other in ({"kind": "KIND_USER"}, {"name_prefix": "P"}, {"deleted": "DELETED_INCLUDE"}):
        with pytest.raises(Refused) as refused:
            await superset.list_entities(**{"kind": "KIND_TAG", "page_token": token, **other})
        assert refused.value.violations == {"page_token": "INVALID_PAGE_TOKEN"}


@on_one_database
async def test_text_that_is_not_a_token_is_refused(superset: Caller) -> None:
    await superset.bulk([dashboard(f"d{number}") for number in range(3)])
    token = (await superset.list_dashboards(page_size=1))["nextPageToken"]
    text = base64.urlsafe_b64decode(token)
    altered = [text.replace(b"d0", b"d9"), text[:-1], text + b"\0", text.replace(b"\0", b" "), text[::-1], b"[" * 3000]
    garbage = ["x", "!", "ä", "=", "null", token[:-4], token[1:], token * 2, token + "\n", " " + token]

    for bad in [*garbage, *(base64.urlsafe_b64encode(each).decode() for each in altered)]:
        with pytest.raises(Refused) as refused:
            await superset.list_dashboards(page_token=bad)
        assert refused.value.code == "INVALID_ARGUMENT"
        assert refused.value.violations == {"page_token": "INVALID_PAGE_TOKEN"}, bad
        with pytest.raises(Refused) as refused:
            await superset.list_entities(kind="KIND_USER", page_token=bad)
        assert refused.value.violations == {"page_token": "INVALID_PAGE_TOKEN"}, bad
    with pytest.raises(Refused) as refused:
        await superset.list_dashboards(page_token="A" * 4097)
    assert refused.value.violations == {"page_token": "TOO_LONG"}


async def test_a_forged_token_is_a_position_in_the_list_or_refused(superset: Caller) -> None:
    """Its digest is not secret."""
    places = [
        *([], [""], ["d"], ["d", "x"], ["d", "-1"], ["d", ID, ID], [f"{2**200}", ID], ["\U0010ffff" * 700, ID]),
        *([time, ID] for time in ("2026-11-24", "0001-01-01T00:00:00", "9999-12-31T23:59:59.999999+00:00", "now", "1")),
        *(["0001-01-01T00:00:00+23:59", ID], ["9999-12-31T23:59:59-23:59", ID], ["0001-01-01T00:00:00+00:00", ID]),
    ]
    accepted = 0
    for place in places:
        calls: list[tuple[Any, Json, Any]] = [(superset.list_entities, {"kind": "KIND_USER"}, ("user", "", "exclude"))]
        for order in ORDERS:
            filters = AssetFilters(order_by=order)
            calls.append((superset.list_dashboards, {"order_by": order}, ("dashboard", filters)))
        for call, request, listing in calls:
            try:
                await call(**request, page_token=page_tokens.encode(listing, place))
            except Refused as error:
                refused = error.violations
            else:
                accepted += 1
                continue
            assert refused == {"page_token": "INVALID_PAGE_TOKEN"}, place
    assert accepted == 26


async def test_the_next_page_continues_after_a_removed_asset(superset: Caller) -> None:
    await superset.bulk([dashboard(f"d{number}") for number in range(4)])
    token = (await superset.list_dashboards(page_size=2))["nextPageToken"]
    for name in ("d1", "d2"):
        await superset.delete_dashboard(fully_qualified_name=f"superset.{name}", hard=True)

    assert names_in(await superset.list_dashboards(page_token=token)) == ["d3"]
