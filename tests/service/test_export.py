"""ExportCatalog and the bulk option preserve: what is exported makes an equal catalog elsewhere."""

from collections.abc import AsyncIterator

import pytest

from tests.service.caller import Caller
from tests.service.exports import comparable, export, import_, named
from tests.service.ingesting import ANN, ingest, labels, spec, update
from tests.service.servers import SharedServer


@pytest.fixture
async def elsewhere(other_database_url: str, shared_servers: dict[str, SharedServer]) -> AsyncIterator[Caller]:
    """An admin of an empty catalog on the other kind of database."""
    async with shared_servers[other_database_url.partition("+")[0]].service(other_database_url) as there:
        yield there.caller("importer", "admin")


async def fill(admin: Caller, bot: Caller) -> None:
    """Adds assets and entities in every state that they can be in, to the small catalog."""
    # Parents that are changed after their children, so that the order of changes is not that of levels.
    for name, parents in (("root", []), ("mid", ["root"]), ("leaf", ["mid", "sales"])):
        await admin.upsert_entity(entity={"team": {"name": name, "parents": parents}})
    await admin.upsert_entity(entity={"tag": {"name": "Inner", "classification": "PII", "parent": "PII.Email"}})
    await admin.upsert_entity(entity={"team": {"name": "root", "description": "above"}})
    await admin.upsert_entity(entity={"tag": {"name": "Email", "classification": "PII", "displayName": "E-mail"}})
    # Marks, several versions, labels that are not the usual ones.
    await ingest(bot, {"name": "d1", "charts": ["superset.c2", "superset.c1", "looker.c1"], "owners": ANN})
    await update(
        admin,
        description="a",
        tags=[*labels("Tier.Gold"), *labels("PII.Email", state="Suggested", label_type="Derived")],
        owners=[{"type": "team", "name": "sales"}],
        domain="finance.tax",
        extension={"costCentre": "x", "budget": 7},
    )
    await update(admin, "extension", "description", extension={"costCentre": None})
    await ingest(bot, {"name": "d1", "displayName": "D", "sourceHash": "abc", "tags": labels("PII.Phone")})
    # Deleted: with charts, by an edit, by ingestion, and references to what is deleted.
    await ingest(bot, {"name": "own"}, {"name": "lone"}, kind="chart")
    await admin.create_dashboard(dashboard=spec("gone", charts=["superset.own"]))
    await admin.delete_dashboard(fully_qualified_name="superset.gone")
    await admin.create_dashboard(
        dashboard=spec("holds", charts=["superset.c3"], owners=[{"type": "user", "name": "bob"}])
    )
    await admin.delete_chart(fully_qualified_name="superset.c3")
    await admin.delete_entity(kind="KIND_USER", fully_qualified_name="bob")
    await bot.delete_chart(fully_qualified_name="superset.lone")
    # A change that names what has been removed for good.
    await admin.create_chart(chart={"name": "temp", "service": "looker"})
    await admin.create_dashboard(dashboard=spec("d3", charts=["looker.temp"]))
    await update(admin, "charts", name="d3")
    await admin.delete_chart(fully_qualified_name="looker.temp", hard=True)
    await admin.delete_entity(kind="KIND_BI_SERVICE", fully_qualified_name="looker")


async def test_an_import_makes_an_equal_catalog(superset: Caller, bot: Caller, elsewhere: Caller) -> None:
    await fill(superset, bot)

    first = await export(superset, deleted="DELETED_INCLUDE")
    imported = await import_(elsewhere, first.items)
    second = await export(elsewhere, deleted="DELETED_INCLUDE")

    assert imported.failures == {}
    assert imported.counts == {"created": len(first.items)}
    assert comparable(second.items) == comparable(first.items)
    assert len(first.items) == 30
    # Everything comes after what it refers to, so that it can be imported item by item.
    order = named(first.items)
    assert order.index("team root") < order.index("team mid") < order.index("team leaf")
    assert order.index("tag Email") < order.index("tag Inner")
    # What is imported behaves like the original.
    for kind in ("dashboard", "chart"):
        listings = []
        for caller in (superset, elsewhere):
            answer = await getattr(caller, f"list_{kind}s")(deleted="DELETED_INCLUDE", page_size=1000)
            listings.append([{**asset, "etag": ""} for asset in answer[f"{kind}s"]])
        assert listings[0] == listings[1]
    found = await elsewhere.list_dashboards(owner="team:sales", tag="PII", domain="finance", chart="superset.c1")
    assert [one["name"] for one in found["dashboards"]] == ["d1"]
    again = await import_(elsewhere, first.items)
    assert again.failures == {place: {"": "ALREADY_EXISTS"} for place in range(len(first.items))}
