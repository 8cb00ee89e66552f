"""What searches find, in which order, and how they count and show it."""

from collections.abc import AsyncIterator
from shutil import copy
from typing import Any

import pytest

from dashboard_catalog.catalog import catalog
from dashboard_catalog.catalog.model.qualified_names import quote
from dashboardcatalog.v1.dashboard_service_pb2 import DeleteDashboardRequest
from tests.conftest import DATABASES, sqlite_url
from tests.patience import PATIENCE
from tests.postgres import PostgresServer
from tests.service.caller import Refused, Service
from tests.service.counting import reads
from tests.service.searching import Searcher, fill, names, searchable, snippets, until_indexed


@pytest.fixture(scope="module", params=DATABASES)
def searched_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A migrated database for the tests of this module."""
    if request.param == "sqlite":
        file = tmp_path_factory.mktemp("searched") / "catalog.db"
        copy(request.getfixturevalue("migrated_sqlite"), file)
        return sqlite_url(file)
    request.getfixturevalue("migrated_postgres")
    server: PostgresServer = request.getfixturevalue("postgres")
    server.execute("CREATE DATABASE searched TEMPLATE migrated")
    return server.url("searched")


@pytest.fixture(scope="module")
async def searched(searched_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """A server with a catalog that no test of this module changes, except for things of its own."""
    async with searchable(searched_url, tmp_path_factory.mktemp("searched")) as service:
        admin = service.caller("admin", "admin")
        await fill(admin)
        await until_indexed(Searcher(admin))
        yield service


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets searches wait for the indexer as long as it takes on a slow machine."""
    monkeypatch.setattr(catalog, "_WAIT_SECONDS", PATIENCE)


@pytest.fixture
def admin(searched: Service) -> Searcher:
    """An administrator who searches."""
    return Searcher(searched.caller("admin", "admin"))


async def test_finds_dashboards_by_their_words(admin: Searcher) -> None:
    expected = {
        # An equal name, then all words in the name, then the rest.
        "revenue": ["revenue", "Revenue by region", "ops"],
        "region revenue": ["Revenue by region", "revenue"],
        "REVENUE BY REGION": ["Revenue by region", "revenue"],
        '"revenue by region"': ["Revenue by region", "revenue"],
        '"region revenue"': [],
        # The last word may be only begun.
        "reg": ["salesByRegion_v2", "Revenue by region", "revenue"],
        "king rev": ["ops"],
        "rev king": [],
        "rev the": [],
        '"rev"': [],
        # Words are split at case, digits and punctuation.
        "region": ["Revenue by region", "salesByRegion_v2", "revenue"],
        "sales_by_region v2": ["salesByRegion_v2"],
        "salesbyregion": ["salesByRegion_v2"],
        "SalesByRegionV2": ["salesByRegion_v2"],
        # Case, accents and width make no difference.
        "CAFE": ["salesByRegion_v2"],
        "ＺＵＲＩＣＨ": ["ops"],
        # Characters.
        "売上": ["売上ダッシュボード"],
        "上売": [],
        "東京": ["売上ダッシュボード"],
        # Display name, project, labels, charts and custom properties.
        "operations": ["ops"],
        "emea": ["revenue", "salesByRegion_v2"],
        "sensitive": ["revenue"],
        "pii email": ["Revenue by region"],
        '"handle with care"': ["revenue"],
        "pipeline": ["salesByRegion_v2"],
        "cc-77": ["ops"],
        # The chart of another BI service does not count.
        "secret chart": [],
        # Negations.
        "revenue -draft": ["revenue", "ops"],
        'revenue -"by region"': ["ops"],
        "-revenue": ["salesByRegion_v2", "売上ダッシュボード"],
        # Everything, by name.
        "": ["Revenue by region", "ops", "revenue", "salesByRegion_v2", "売上ダッシュボード"],
        "  ": ["Revenue by region", "ops", "revenue", "salesByRegion_v2", "売上ダッシュボード"],
        "???": [],
    }
    assert {query: await admin.dashboards(query) for query in expected} == expected


async def test_fields_of_a_query_narrow_what_is_found(admin: Searcher) -> None:
    expected = {
        "owner:ann": ["Revenue by region", "revenue"],
        'owner:"Ann Lee"': ["Revenue by region", "revenue"],
        "owner:user:ann owner:team:sales": ["Revenue by region", "revenue", "salesByRegion_v2"],
        "owner:team:ann": [],
        "owner:nobody": [],
        "-owner:ann": ["ops", "salesByRegion_v2", "売上ダッシュボード"],
        "tag:PII": ["Revenue by region", "revenue"],
        "tag:PII.Sensitive": ["Revenue by region", "revenue"],
        "tag:PII.Email": ["Revenue by region"],
        "tag:email": ["Revenue by region"],
        'tag:"handle with care" -tag:email': ["revenue"],
        "domain:finance": ["revenue", "salesByRegion_v2"],
        "domain:finance.tax": ["salesByRegion_v2"],
        "domain:TAX": ["salesByRegion_v2"],
        "service:looker": ["Revenue by region", "売上ダッシュボード"],
        'service:"superset production" rev': ["revenue", "ops"],
        "type:looker": ["Revenue by region", "売上ダッシュボード"],
        "type:report": ["salesByRegion_v2"],
        "type:dashboard type:report service:superset": ["ops", "revenue", "salesByRegion_v2"],
        "project:EMEA": ["revenue", "salesByRegion_v2"],
        "kind:chart": [],
        "kind:dashboard owner:ann revenue": ["revenue", "Revenue by region"],
        "colour:revenue": [],
        "owner:": [],
    }
    assert {query: await admin.dashboards(query) for query in expected} == expected
    assert await admin.names("type:bar") == ["c1", "c3"]
    assert await admin.names("kind:bi-service") == ["looker", "superset"]
    assert await admin.names("kind:chart kind:domain") == ["c1", "c2", "c3", "finance", "tax"]
    assert await admin.names("ann") == ["ann"]


async def test_a_query_may_name_many_values(admin: Searcher, searched: Service) -> None:
    values = ["tag:email", "tag:sensitive", "-tag:PII.Email", "domain:FINANCE", "owner:ann", "project:EMEA"]
    with reads(searched) as few:
        await admin.names(" ".join(values))
    with reads(searched) as many:
        assert await admin.dashboards(" ".join(values * 12)) == ["revenue"]
    assert len(many) <= len(few)


async def test_typos_count_only_where_nothing_matches_as_written(admin: Searcher) -> None:
    expected = {
        "revenu": ["revenue", "Revenue by region", "ops"],
        "revneue": ["revenue", "Revenue by region", "ops"],
        "rexenue": ["revenue", "Revenue by region", "ops"],
        "rexexue": [],
        "opertaoins": ["ops"],
        "opartaoins": [],
        "opz": [],
        "regoin draft": ["Revenue by region"],
        '"revneue"': [],
        "-revneue draft": ["Revenue by region"],
        # Found as written, so that its near miss `month` does not count.
        "mouth": ["revenue", "salesByRegion_v2"],
        "東亰": [],
    }
    assert {query: await admin.dashboards(query) for query in expected} == expected
    assert (await admin.search("revneue", kinds=["KIND_DASHBOARD"]))["total"] == "3"


async def test_filters_narrow_what_is_found(admin: Searcher) -> None:
    assert await admin.names(service="looker") == ["Revenue by region", "c3", "looker", "売上ダッシュボード"]
    assert await admin.names(service_type="Superset", kinds=["KIND_BI_SERVICE", "KIND_CHART"]) == [
        "c1",
        "c2",
        "superset",
    ]
    assert await admin.names("revenue", owner="user:ann") == ["revenue", "Revenue by region"]
    assert await admin.names(domain="finance") == ["revenue", "salesByRegion_v2"]
    assert await admin.names(tag="PII.Sensitive") == ["Revenue by region", "revenue"]
    assert await admin.names(project="emea", missing=["MISSING_TAGS", "MISSING_DOMAIN"]) == []
    assert await admin.names(project="emea", missing=["MISSING_TAGS"]) == ["salesByRegion_v2"]
    assert await admin.names(service="nobody") == []
    assert await admin.names(owner="user:nobody") == []
    assert await admin.names("ann", kinds=["KIND_TEAM", "KIND_USER"]) == ["ann"]


async def test_each_result_shows_where_it_matches(admin: Searcher) -> None:
    async def shown(query: str, **request: str) -> dict[str, dict[str, list[str]]]:
        answer = await admin.search(query, kinds=["KIND_DASHBOARD"], **request)
        return {name: snippets(each) for name, each in zip(names(answer), answer.get("results", []), strict=True)}

    assert await shown("sales region mon") == {
        "salesByRegion_v2": {"name": ["sales", "Region"], "description": ["month", "month"]}
    }
    assert await shown("salesbyreg") == {"salesByRegion_v2": {"name": ["salesByRegion"]}}
    assert await shown("king zurich") == {"ops": {"extension.costCentre": ["Zürich"], "extension.notes": ["king"]}}
    assert await shown('"by region" emea', read_mask="name") == {
        "revenue": {"description": ["by region"], "project": ["emea"]},
        "salesByRegion_v2": {"name": ["ByRegion"], "project": ["emea"]},
    }
    assert await shown("sensitive") == {"revenue": {"tags": ["Sensitive"]}}
    assert await shown("pipelin") == {"salesByRegion_v2": {"charts": ["pipeline"]}}
    assert await shown("売上 2024") == {"売上ダッシュボード": {"name": ["売上"], "description": ["売上", "2024"]}}
    assert await shown("kaffe reprot") == {}
    assert await shown("reprot") == {"Revenue by region": {"description": ["report"]}}
    assert await shown("owner:ann -draft") == {"revenue": {}}

    [result] = (await admin.search("target"))["results"]
    [snippet] = result["snippets"]
    assert len(snippet["text"]) <= 200
    assert snippet["text"].startswith("x ")
    assert snippets(result) == {"description": ["target"]}


async def test_facets_count_all_results(admin: Searcher) -> None:
    facets = ["KIND", "SERVICE", "SERVICE_TYPE", "OWNER", "TAG", "DOMAIN", "PROJECT", "CHART_TYPE", "MISSING"]

    async def counts(query: str = "", **request: Any) -> dict[str, dict[str, int]]:
        answer = await admin.search(query, facets=[f"FACET_{facet}" for facet in facets], page_size=1, **request)
        assert [each["facet"] for each in answer["facets"]] == [f"FACET_{facet}" for facet in facets]
        found = {each["facet"].removeprefix("FACET_"): each for each in answer["facets"]}
        return {
            facet: {value["value"]: int(value["count"]) for value in each.get("values", [])}
            | ({"others": int(each["otherCount"])} if "otherCount" in each else {})
            for facet, each in found.items()
        }

    assert await counts(kinds=["KIND_DASHBOARD", "KIND_CHART"]) == {
        "KIND": {"KIND_DASHBOARD": 5, "KIND_CHART": 3},
        "SERVICE": {"superset": 5, "looker": 3},
        "SERVICE_TYPE": {"Superset": 5, "Looker": 3},
        "OWNER": {"user:ann": 2, "team:sales": 1},
        "TAG": {"PII.Email": 1, "PII.Sensitive": 1},
        "DOMAIN": {"finance": 1, "finance.tax": 1},
        "PROJECT": {"emea": 2},
        "CHART_TYPE": {"Bar": 2, "Line": 1},
        "MISSING": {"MISSING_DOMAIN": 6, "MISSING_TAGS": 6, "MISSING_OWNERS": 5, "MISSING_DESCRIPTION": 2},
    }
    cut = await counts("-revenue", kinds=["KIND_DASHBOARD", "KIND_CHART"], service="superset", facet_size=1)
    assert cut["KIND"] == {"KIND_CHART": 2, "others": 1}
    assert cut["SERVICE"] == {"superset": 3}
    assert cut["OWNER"] == {"team:sales": 1}
    # A facet counts its values under all filters, its own too. What a filter finds, its facet counts.
    assert (await counts(service="looker"))["SERVICE"] == {"looker": 4}
    assert (await counts("nothing"))["KIND"] == {}

    answer = await admin.search(facets=["FACET_SERVICE", "FACET_OWNER", "FACET_TAG"], kinds=["KIND_DASHBOARD"])
    shown = [[value.get("displayName", "") for value in each["values"]] for each in answer["facets"]]
    assert shown == [["Superset Production", ""], ["Ann Lee", ""], ["", "Handle with care"]]


@pytest.mark.parametrize("order_by", ["", "name", "updated_at desc"])
async def test_pages_hold_every_result_once(admin: Searcher, order_by: str) -> None:
    for query in ("", "revenue", "-draft"):
        whole = await admin.search(query, order_by=order_by, page_size=100)
        assert "nextPageToken" not in whole
        seen: list[str] = []
        token = ""
        while True:
            page = await admin.search(query, order_by=order_by, page_size=2, page_token=token)
            assert page["total"] == whole["total"]
            seen += names(page)
            token = page.get("nextPageToken", "")
            if not token:
                break
        assert seen == names(whole)
        assert len(seen) == int(whole["total"])


async def test_orders(admin: Searcher) -> None:
    by_name = await admin.search("revenue", order_by="name")
    assert names(by_name) == ["Revenue by region", "ops", "revenue"]
    assert all("score" not in result for result in by_name["results"])
    scored = await admin.search("revenue")
    assert [result["score"] for result in scored["results"]] == sorted(
        (result["score"] for result in scored["results"]), reverse=True
    )
    newest = await admin.search(order_by="updatedAt desc", kinds=["KIND_DASHBOARD", "KIND_CHART"])
    times = [(result.get("dashboard") or result.get("chart"))["updatedAt"] for result in newest["results"]]
    assert times == sorted(times, reverse=True)


async def test_requests_that_are_wrong_name_their_fields(admin: Searcher) -> None:
    async def refused(**request: Any) -> dict[str, str]:
        with pytest.raises(Refused) as caught:
            await admin.search(**request)
        assert caught.value.code == "INVALID_ARGUMENT"
        return caught.value.violations

    token = (await admin.search("revenue", page_size=1))["nextPageToken"]
    assert await refused(query="other", page_size=1, page_token=token) == {"page_token": "INVALID_PAGE_TOKEN"}
    assert await refused(query="revenue", service="looker", page_token=token) == {"page_token": "INVALID_PAGE_TOKEN"}
    assert await refused(query="revenue", order_by="name", page_token=token) == {"page_token": "INVALID_PAGE_TOKEN"}
    assert await refused(
        order_by="size", owner="ann", tag="a..b", domain='"', service="a.b", page_token="x", read_mask="nothing"
    ) == {
        "order_by": "INVALID_VALUE",
        "owner": "INVALID_FORMAT",
        "tag": "INVALID_FORMAT",
        "domain": "INVALID_FORMAT",
        "service": "INVALID_FORMAT",
        "page_token": "INVALID_PAGE_TOKEN",
        "read_mask.paths[0]": "UNKNOWN_FIELD",
    }
    assert await refused(
        query="x" * 1_001,
        page_size=-1,
        facet_size=-1,
        kinds=["KIND_UNSPECIFIED"],
        missing=[77],
        facets=[77],
        order_by="size",
    ) == {
        "missing[0]": "INVALID_VALUE",
        "facets[0]": "INVALID_VALUE",
        "order_by": "INVALID_VALUE",
        "query": "TOO_LONG",
        "page_size": "OUT_OF_RANGE",
        "facet_size": "OUT_OF_RANGE",
        "kinds[0]": "REQUIRED",
    }
    assert await refused(facets=["FACET_KIND", "FACET_KIND"]) == {"facets": "INVALID_VALUE"}
    assert await refused(after="?") == {"catalog-after": "INVALID_FORMAT"}


async def test_a_read_mask_leaves_the_fields_that_it_names(admin: Searcher) -> None:
    answer = await admin.search(read_mask="name,serviceType", kinds=["KIND_DASHBOARD", "KIND_USER"], order_by="name")
    assert [result.get("dashboard") or result["entity"] for result in answer["results"]] == [
        {"name": "Revenue by region", "serviceType": "Looker"},
        {"user": {"name": "ann"}},
        {"user": {"name": "bob.b"}},
        {"name": "ops", "serviceType": "Superset"},
        {"name": "revenue", "serviceType": "Superset"},
        {"name": "salesByRegion_v2", "serviceType": "Superset"},
        {"name": "売上ダッシュボード", "serviceType": "Looker"},
    ]


async def test_what_a_caller_may_not_view_is_neither_found_nor_counted(searched: Service) -> None:
    limited = Searcher(searched.caller("lena", "data_consumer", services=["looker"]))
    facets = ["FACET_SERVICE", "FACET_OWNER", "FACET_KIND"]
    answer = await limited.search("revenue", facets=facets)
    assert names(answer) == ["Revenue by region"]
    assert answer["total"] == "1"
    assert [[value["value"] for value in each["values"]] for each in answer["facets"]] == [
        ["looker"],
        ["user:ann"],
        ["KIND_DASHBOARD"],
    ]
    assert await limited.names("service:superset") == []
    assert await limited.names(service="superset") == []
    assert await limited.names(kinds=["KIND_BI_SERVICE", "KIND_CHART"]) == ["c3", "looker"]
    # As if it did not exist: near misses count.
    assert await limited.names("operations") == []
    nobody = Searcher(searched.caller("nora"))
    with pytest.raises(Refused) as caught:
        await nobody.search("revenue")
    assert (caught.value.code, caught.value.reason) == ("PERMISSION_DENIED", "ACTION_DENIED")


async def test_a_search_finds_what_was_written_before_it(admin: Searcher, searched: Service) -> None:
    other = Searcher(searched.caller("other", "admin"))
    for text in ("zebra", "giraffe"):
        spec = {"name": "fresh", "service": "superset", "description": text}
        await admin.caller.upsert_dashboard(dashboard=spec)
        assert await admin.names(f"fresh {text}") == ["fresh"]
    call = admin.caller._stubs["Dashboard"].DeleteDashboard(
        DeleteDashboardRequest(fully_qualified_name="superset.fresh"), metadata=admin.caller.metadata
    )
    await call
    after = dict(await call.trailing_metadata())["catalog-after"]
    # What is not indexed yet is left out because it is read from the database.
    assert await other.names("giraffe") == []
    answer = await other.search("giraffe", after=after)
    assert answer.get("total", "0") == "0"
    assert await admin.names("giraffe", deleted="DELETED_ONLY") == ["fresh"]
    await admin.caller.delete_dashboard(fully_qualified_name="superset.fresh", hard=True)
    assert await admin.names("giraffe", deleted="DELETED_INCLUDE") == []


async def test_results_are_shown_as_they_are_stored(admin: Searcher, searched: Service) -> None:
    other = Searcher(searched.caller("other", "admin"))
    spec = {"name": "moving", "service": "superset", "owners": [{"type": "user", "name": "ann"}]}
    await admin.caller.upsert_dashboard(dashboard=spec)
    assert await admin.names("moving", owner="user:ann", missing=["MISSING_DESCRIPTION"]) == ["moving"]
    spec = spec | {"owners": [{"type": "team", "name": "sales"}], "description": "It moves."}
    await admin.caller.upsert_dashboard(dashboard=spec)
    # Whether or not the index has followed.
    assert await other.names("moving", owner="user:ann") == []
    assert await other.names("moving", missing=["MISSING_DESCRIPTION"]) == []
    [result] = (await other.search("moving"))["results"]
    assert [owner["name"] for owner in result["dashboard"]["owners"]] == ["sales"]
    await admin.caller.delete_dashboard(fully_qualified_name="superset.moving", hard=True)
    assert await admin.names("moving") == []


async def test_names_of_every_kind_are_found_as_they_are_written(admin: Searcher) -> None:
    for name in ("-minus", "owner:ann", 'say "hi"', "***", "a.b", "Zoë Über", "kind:chart x"):
        await admin.caller.upsert_entity(entity={"team": {"name": name}})
        assert name in await admin.names(name)
        assert name in await admin.names(name.upper(), kinds=["KIND_TEAM"])
        await admin.caller.delete_entity(kind="KIND_TEAM", fully_qualified_name=quote(name), hard=True)
