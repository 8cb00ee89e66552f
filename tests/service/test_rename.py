"""Another name for an asset: its version, its former names, and what calls and edits get to know of them."""

from collections.abc import Awaitable
from typing import Any

import pytest
from sqlalchemy import select

from dashboard_catalog.store.database import Database
from dashboard_catalog.store.tables import FORMER_NAME
from tests.service.assets import Assets, all_rows, each_kind
from tests.service.caller import Caller, Json, Refused, Service


async def refusal(call: Awaitable[Any]) -> tuple[str, str]:
    """Returns the code of a call that fails, and the `moved_to` in the metadata."""
    with pytest.raises(Refused) as caught:
        await call
    return caught.value.code, caught.value.metadata.get("moved_to", "")


async def former_names(database: Database) -> set[str]:
    """Returns all former names."""
    async with database.read() as connection:
        return set((await connection.execute(select(FORMER_NAME.c.name))).scalars())


@each_kind
async def test_a_new_name_is_a_version_and_everything_else_stays(service: Service, superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    tags: list[Json] = [{"tagFQN": "PII.Email"}]
    before = await assets.create("a", description="Ours", tags=tags, owners=[{"type": "user", "name": "ann"}])

    rehearsed = await assets.rename("a", "b", validate_only=True)
    assert (rehearsed["fullyQualifiedName"], rehearsed["version"]) == ("superset.b", 0.2)
    assert (await assets.get("a")) == before

    renamed = await assets.rename("a", "b", etag=before["etag"])

    different = ("name", "fullyQualifiedName", "version", "etag", "updatedAt", "changeDescription")
    same = {field: value for field, value in before.items() if field not in different}
    assert {field: value for field, value in renamed.items() if field not in different} == same
    assert (renamed["name"], renamed["fullyQualifiedName"], renamed["version"]) == ("b", "superset.b", 0.2)
    change: Json = {"name": "name", "oldValue": "a", "newValue": "b"}
    assert renamed["changeDescription"] == {"fieldsUpdated": [change], "previousVersion": 0.1}
    older = await assets.get("b", version=0.1)
    assert (older["id"], older["name"], older["fullyQualifiedName"]) == (before["id"], "a", "superset.a")
    # What it refers to still finds it, and lists know the name of today only.
    listed = await getattr(superset, f"list_{kind}s")(tag="PII.Email", owner="user:ann")
    assert [each["name"] for each in listed[f"{kind}s"]] == ["b"]
    assert await getattr(superset, f"list_{kind}s")(name_prefix="a", deleted="DELETED_INCLUDE") == {}

    rows = await all_rows(service.database)
    assert await assets.rename("b", "b") == await assets.get("b") == renamed
    assert await refusal(assets.rename("b", "c", etag=before["etag"])) == ("ABORTED", "")
    assert await refusal(Assets(service.caller("eve", "data_consumer"), kind).rename("b", "c")) == (
        "PERMISSION_DENIED",
        "",
    )
    assert await all_rows(service.database) == rows
    for new_name in ("", "x" * 257, "a::b", "a\nb"):
        assert (await refusal(assets.rename("b", new_name)))[0] == "INVALID_ARGUMENT"


@each_kind
async def test_calls_for_a_former_name_are_not_found_and_told_the_name_of_today(
    service: Service, superset: Caller, bot: Caller, kind: str
) -> None:
    assets = Assets(superset, kind)
    await assets.create("a", owners=[{"type": "user", "name": "ann"}])
    await assets.rename("a", 'b "x".y')
    moved = ("NOT_FOUND", 'superset."b ""x"".y"')

    for caller in (superset, bot, service.caller("ann", "data_consumer")):
        calls = Assets(caller, kind)
        assert await refusal(calls.get("a")) == moved
        assert await refusal(calls.get("a", version=0.1, deleted="DELETED_INCLUDE")) == moved
        assert await refusal(calls.update("a", "description", description="D")) == moved
        assert await refusal(calls.delete("a")) == moved
        assert await refusal(calls.rename("a", "c")) == moved
    assert await refusal(assets.restore("a")) == moved
    assert await refusal(assets.delete("a", hard=True)) == moved
    assert await assets.delete("a", allow_missing=True) == {}
    # Who may not do it to the renamed asset is denied, and who may not view it learns nothing.
    eve = Assets(service.caller("eve", "data_consumer"), kind)
    assert await refusal(eve.delete("a")) == ("PERMISSION_DENIED", "")
    blind = Assets(service.caller("lim", "admin", services=["looker"]), kind)
    assert await refusal(blind.get("a")) == await refusal(blind.get("never")) == ("PERMISSION_DENIED", "")
    assert await refusal(blind.delete("a")) == await refusal(blind.delete("never"))
    # Each kind has names of its own.
    if kind == "dashboard":
        assert await refusal(Assets(superset, "chart").get("a")) == ("NOT_FOUND", "")


@each_kind
async def test_a_name_is_a_former_one_until_something_takes_it(service: Service, superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    first = await assets.create("a")
    for before, after in (("a", "b"), ("b", "c"), ("c", "d")):
        await assets.rename(before, after)
    assert await former_names(service.database) == {"a", "b", "c"}

    back = await assets.rename("d", "b")
    assert (back["id"], back["version"]) == (first["id"], 0.5)
    assert await former_names(service.database) == {"a", "c", "d"}

    # An edit takes a former name for a new asset, by whatever write.
    created = await assets.create("a")
    upserted, outcome = await assets.upsert("c")
    other = await assets.create("x")
    await assets.rename("x", "d")
    assert len({each["id"] for each in (first, created, upserted, other)}) == 4
    assert (outcome, await former_names(service.database)) == ("CREATED", {"x"})
    assert (await assets.get("a"))["id"] == created["id"]

    # Names are taken by deleted assets too. Those cannot be renamed.
    await assets.delete("a")
    assert (await refusal(assets.rename("b", "a")))[0] == "ALREADY_EXISTS"
    assert (await refusal(assets.rename("b", "c")))[0] == "ALREADY_EXISTS"
    assert (await refusal(assets.rename("a", "z")))[0] == "NOT_FOUND"

    await assets.delete("d", hard=True)
    assert await former_names(service.database) == set()
    assert await refusal(assets.get("x")) == ("NOT_FOUND", "")
    # For the other kind, which begins without any of these names.
    for name in ("a", "b", "c"):
        await assets.delete(name, hard=True)


async def test_edits_refer_to_the_name_of_today(service: Service, superset: Caller) -> None:
    await superset.rename_chart(fully_qualified_name="superset.c1", new_name="new")

    with pytest.raises(Refused) as caught:
        await superset.create_dashboard(
            dashboard={"name": "d", "service": "superset", "charts": ["superset.c2", "superset.c1"]}
        )

    assert caught.value.violations == {"dashboard.charts[1]": "UNKNOWN_REFERENCE"}
    assert "superset.new" in caught.value.message
    limited = service.caller("lim", "admin", services=["looker"])
    with pytest.raises(Refused) as caught:
        await limited.create_dashboard(dashboard={"name": "d", "service": "looker", "charts": ["superset.c1"]})
    assert "superset.new" not in caught.value.message
    await superset.create_dashboard(dashboard={"name": "d", "service": "superset", "charts": ["superset.new"]})
    await superset.rename_chart(fully_qualified_name="superset.new", new_name="newer")
    shown = (await superset.get_dashboard(fully_qualified_name="superset.d"))["dashboard"]
    assert ([each["name"] for each in shown["charts"]], shown["version"]) == (["newer"], 0.1)
    assert len((await superset.list_dashboards(chart="superset.newer"))["dashboards"]) == 1
