"""Ingestion under former names: it reaches the renamed asset, and says so."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from dashboard_catalog.store.database import Database
from dashboard_catalog.store.tables import FORMER_NAME
from tests.service.assets import Assets, all_rows, each_kind, fqns
from tests.service.caller import Bulk, Caller, Json, Refused, Service
from tests.service.counting import counted
from tests.service.exports import comparable, export, import_
from tests.service.ingesting import ALL_RESULTS, spec
from tests.service.servers import SharedServer


async def all_former_names(database: Database) -> set[tuple[str, str]]:
    """Returns (kind, name) of all former names."""
    async with database.read() as connection:
        rows = await connection.execute(select(FORMER_NAME.c.kind, FORMER_NAME.c.name))
        return {(row.kind, row.name) for row in rows}


async def _ingest(caller: Caller, kind: str, *specs: Json, **options: Any) -> list[Json]:
    bulk = await caller.bulk([{kind: each} for each in specs], options=ALL_RESULTS | options)
    assert bulk.refused is None, bulk.refused
    return bulk.results


def _shown(result: Json) -> tuple[str, str, list[str]]:
    return result["fullyQualifiedName"], result["outcome"].removeprefix("OUTCOME_"), result.get("keptFields", [])


@each_kind
async def test_ingestion_under_a_former_name_reaches_the_renamed_asset(
    service: Service, superset: Caller, bot: Caller, kind: str
) -> None:
    assets = Assets(superset, kind)
    first = spec("a", description="Theirs")
    await _ingest(bot, kind, first)
    await assets.update("a", "description", description="Ours")
    id_ = (await assets.rename("a", "b"))["id"]
    await assets.rename("b", "c")

    for name in ("a", "b"):
        (result,) = await _ingest(bot, kind, spec(name, description="Theirs", displayName=name))
        assert _shown(result) == ("superset.c", "UPDATED", ["name", "description"])
        assert result["id"] == id_
    (result,) = await _ingest(bot, kind, spec("c", displayName="b"))
    assert _shown(result) == ("superset.c", "UNCHANGED", [])
    stored, outcome = await Assets(bot, kind).upsert("a", displayName="Unary")
    assert (stored["id"], stored["name"], outcome) == (id_, "c", "UPDATED")
    # As an edit would, but of what ingestion calls so.
    (result,) = await _ingest(superset, kind, spec("b", sourceUrl="https://over.example"), overrideMetadata=True)
    assert _shown(result) == ("superset.c", "UPDATED", ["name"])
    assert len((await getattr(superset, f"list_{kind}s")(name_prefix=""))[f"{kind}s"]) == (5 if kind == "chart" else 1)

    with pytest.raises(Refused) as caught:
        await Assets(bot, kind).create("a")
    assert (caught.value.code, caught.value.metadata["moved_to"]) == ("ALREADY_EXISTS", "superset.c")
    refused = await bot.bulk([{kind: spec("a", domain="never")}])
    assert refused.failures == {0: {f"{kind}.domain": "UNKNOWN_REFERENCE"}}
    before = await all_rows(service.database)
    rehearsed = await bot.bulk(
        [{kind: spec("a", sourceUrl="https://r.example")}], options={"validateOnly": True} | ALL_RESULTS
    )
    assert _shown(rehearsed.results[0]) == ("superset.c", "UPDATED", ["name"])
    assert await all_rows(service.database) == before
    # For the other kind, which begins without any of these names.
    await assets.delete("c", hard=True)


@each_kind
async def test_a_deleted_asset_is_reached_by_a_former_name_too(superset: Caller, bot: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    await _ingest(bot, kind, spec("a"))
    id_ = (await assets.rename("a", "b"))["id"]
    await assets.rename("b", "c")

    await assets.delete("c")
    (result,) = await _ingest(bot, kind, spec("a", sourceUrl="https://back.example"))
    assert _shown(result) == ("superset.c", "SUPPRESSED", ["name"])
    await assets.restore("c")
    await Assets(bot, kind).delete("c")
    (result,) = await _ingest(bot, kind, spec("b", sourceUrl="https://again.example"))
    assert _shown(result) == ("superset.c", "RESTORED", ["name"])

    # Another asset has the name now.
    await assets.create("a")
    (result,) = await _ingest(bot, kind, spec("a", sourceUrl="https://other.example"))
    assert (_shown(result), result["id"] == id_) == (("superset.a", "UPDATED", []), False)


@each_kind
async def test_unchanged_items_under_former_names_are_recognised_without_a_statement_per_item(
    service: Service, superset: Caller, bot: Caller, kind: str
) -> None:
    items = [spec(f"a{number}", description=f"D{number}") for number in range(20)]
    await _ingest(bot, kind, *items)
    for number in range(20):
        await Assets(superset, kind).rename(f"a{number}", f"b{number}")
    # The first load after a renaming looks at everything.
    loaded = await _ingest(bot, kind, *items)
    assert [_shown(each) for each in loaded] == [(f"superset.b{n}", "UNCHANGED", ["name"]) for n in range(20)]
    before = await all_rows(service.database)

    taken = []
    for some in (items[:1], items):
        with counted(service.database) as counted_calls:
            results = await _ingest(bot, kind, *some)
        assert [_shown(each) for each in results] == [
            (f"superset.b{number}", "UNCHANGED", ["name"]) for number in range(len(some))
        ]
        taken.append(counted_calls.statements)
    assert len(taken[0]) == len(taken[1])
    # Recognised by their digests: nothing was read in full.
    assert not [text for text in taken[1] if f"{kind}.description" in text]
    assert await all_rows(service.database) == before


async def test_dashboards_refer_to_renamed_charts_by_former_names(superset: Caller, bot: Caller) -> None:
    await superset.rename_chart(fully_qualified_name="superset.c1", new_name="x1")
    await superset.rename_chart(fully_qualified_name="looker.c1", new_name="y1")
    charts = ["superset.c1", "looker.c1", "superset.x1", "superset.c2"]

    for outcome in ("CREATED", "UNCHANGED"):
        (result,) = await _ingest(bot, "dashboard", spec("d", charts=charts))
        assert _shown(result) == ("superset.d", outcome, [])
    shown = (await superset.get_dashboard(fully_qualified_name="superset.d"))["dashboard"]
    assert fqns(shown["charts"]) == ["superset.x1", "looker.y1", "superset.c2"]

    # A chart that failed in the chunk is named by either of its names.
    items: list[Json] = [
        {"chart": spec("c1", domain="never")},
        {"dashboard": spec("e1", charts=["superset.c1"])},
        {"dashboard": spec("e2", charts=["superset.x1"])},
    ]
    failed = await bot.bulk(items)
    assert failed.failures == {
        0: {"chart.domain": "UNKNOWN_REFERENCE"},
        1: {"dashboard.charts[0]": "FAILED_REFERENCE"},
        2: {"dashboard.charts[0]": "FAILED_REFERENCE"},
    }
    # What people have deleted is left out under its former name, too.
    await superset.delete_chart(fully_qualified_name="superset.x1")
    (result,) = await _ingest(bot, "dashboard", spec("e3", charts=["superset.c1", "superset.c2"]))
    assert _shown(result) == ("superset.e3", "CREATED", ["charts.superset.x1"])


async def test_a_former_and_a_present_name_in_one_chunk_are_one_asset(superset: Caller, bot: Caller) -> None:
    for kind in ("chart", "dashboard"):
        assets = Assets(superset, kind)
        await assets.create("a")
        await assets.rename("a", "b")
        await assets.rename("b", "c")

        differ = [{kind: spec(name, displayName=name)} for name in ("b", "c", "a")]
        for _ in range(2):
            bulk = await bot.bulk(differ, options=ALL_RESULTS)
            assert bulk.failures == {1: {f"{kind}.name": "INVALID_VALUE"}, 2: {f"{kind}.name": "INVALID_VALUE"}}
            assert "offset 0 is also superset.c" in bulk.statuses[1].message
        assert (await assets.get("c"))["version"] == 0.4
        equal = [{kind: spec(name, displayName="b")} for name in ("c", "a", "c")]
        assert (await bot.bulk(equal)).counts == {"unchanged": 3}
        unreadable = [{kind: spec("c", domain="never")}, {kind: spec("a")}]
        assert (await bot.bulk(unreadable)).failures == {
            0: {f"{kind}.domain": "UNKNOWN_REFERENCE"},
            1: {f"{kind}.name": "INVALID_VALUE"},
        }


async def _swept(caller: Caller, *items: Json) -> Bulk:
    sweep: Json = {"sessionId": str(uuid4()), "service": "looker", "sweep": {"maxDeletedPercent": 100}}
    return await caller.bulk(list(items), options=sweep, finish={"totalItems": len(items)})


async def test_a_sweep_spares_what_was_mentioned_by_a_former_name(superset: Caller, bot: Caller) -> None:
    def item(name: str, **fields: Any) -> Json:
        return {"dashboard": {"name": name, "service": "looker", **fields}}

    charts = [{"chart": {"name": name, "service": "looker"}} for name in ("c1", "c2", "c3")]
    await bot.bulk(charts, [item("d1"), item("d2", charts=["looker.c2"]), item("d3")])
    for kind, name in (("dashboard", "d1"), ("chart", "c1"), ("chart", "c2")):
        await getattr(superset, f"rename_{kind}")(fully_qualified_name=f"looker.{name}", new_name=f"new-{name}")

    swept = await _swept(bot, charts[0], item("d1"), item("d2", charts=["looker.c2"]))

    assert swept.summary["sweep"]["outcome"] == "SWEEP_OUTCOME_DONE"
    assert sorted(swept.summary["sweep"]["sample"]) == ["looker.c3", "looker.d3"]
    # A dashboard that goes takes along no chart that was mentioned so.
    await superset.rename_dashboard(fully_qualified_name="looker.d2", new_name="e2")
    await bot.bulk([item("d1"), item("d2", charts=["looker.c2"]), item("d4", charts=["looker.c2"])])
    swept = await _swept(bot, item("d1", charts=["looker.c1"]), charts[1])
    assert sorted(swept.summary["sweep"]["sample"]) == ["looker.d4", "looker.e2"]
    live = await superset.list_charts(service="looker")
    assert [each["name"] for each in live["charts"]] == ["new-c1", "new-c2"]


@pytest.fixture
async def second(other_database_url: str, shared_servers: dict[str, SharedServer]) -> AsyncIterator[Service]:
    """A server with an empty catalog on the other kind of database."""
    async with shared_servers[other_database_url.partition("+")[0]].service(other_database_url) as there:
        yield there


async def test_former_names_are_exported_and_imported(service: Service, superset: Caller, second: Service) -> None:
    for kind in ("chart", "dashboard"):
        assets = Assets(superset, kind)
        await assets.create("a")
        for before, after in (("a", "b"), ("b", "c")):
            await assets.rename(before, after)
    await superset.rename_entity(kind="KIND_DOMAIN", fully_qualified_name="finance", new_name="money")
    exported = (await export(superset)).items
    admin, bot = second.caller("root", "admin"), second.caller("loader", "ingestion_bot")
    imported = await import_(admin, exported)
    assert (imported.refused, imported.failures) == (None, {})
    assert await all_former_names(second.database) == await all_former_names(service.database)
    assert comparable((await export(admin)).items) == comparable(exported)
    for kind in ("chart", "dashboard"):
        (result,) = await _ingest(bot, kind, spec("b", domain="finance.tax"))
        assert _shown(result) == ("superset.c", "UPDATED", ["name"])
    # What has a name keeps it: here, what is imported had it before.
    await superset.delete_dashboard(fully_qualified_name="superset.c", hard=True)
    await superset.create_dashboard(dashboard=spec("a"))
    (dashboard,) = [item for item in exported if item.dashboard.name == "c"]
    assert (await import_(superset, [dashboard])).failures == {}
    kept = {name for kind, name in await all_former_names(service.database) if kind == "dashboard"}
    assert kept == {"b"}
