"""ExportCatalog and the bulk option preserve: what is exported makes an equal catalog elsewhere."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy.pool import QueuePool

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.calls.answer_room import AnswerRoom
from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.contract.caller import Caller as ReadBy
from dashboard_catalog.index.folders import IndexFolder
from dashboard_catalog.index.searching import SearchIndex
from dashboard_catalog.rpc.export_stream import serve_export
from dashboardcatalog.v1 import entity_pb2, export_pb2
from tests.service.caller import Caller, Json, Refused, Service
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


async def test_an_export_goes_on_after_any_message_as_if_nothing_had_changed(superset: Caller, bot: Caller) -> None:
    """What has changed since it began is exported as it was, and what has come since is not."""
    await fill(superset, bot)
    whole = await export(superset, deleted="DELETED_INCLUDE")
    assert whole.watch_token
    assert len(whole.tokens) > 10
    await superset.upsert_entity(entity={"user": {"name": "new"}})
    await update(superset, description="later", owners=[{"type": "user", "name": "new"}])
    await superset.upsert_entity(entity={"tag": {"name": "Email", "classification": "PII", "displayName": "later"}})
    await superset.upsert_entity(entity={"team": {"name": "root", "description": "later", "parents": ["sales"]}})
    await ingest(bot, {"name": "later"}, kind="chart")
    await update(superset, "charts", name="holds", charts=["superset.later"])
    await superset.delete_chart(fully_qualified_name="superset.c1")

    for place, token in enumerate(whole.tokens):
        rest = await export(superset, deleted="DELETED_INCLUDE", resume_token=token)
        assert not rest.watch_token
        assert rest.items == whole.items[len(whole.items) - len(rest.items) :], place
    last = await export(superset, deleted="DELETED_INCLUDE", resume_token=whole.tokens[-1])
    assert last.items == []
    # A new one shows what is there now.
    assert {"chart later", "user new"} < {*named((await export(superset, deleted="DELETED_INCLUDE")).items)}


async def test_what_is_removed_for_good_meanwhile_is_left_out(superset: Caller) -> None:
    await superset.create_dashboard(dashboard=spec("d1", charts=["superset.c1", "looker.c1"]))
    before = await export(superset)
    await update(superset, "charts", charts=["superset.c1"])
    await superset.delete_chart(fully_qualified_name="looker.c1", hard=True)

    rest = await export(superset, resume_token=before.tokens[0])

    (dashboard,) = [item.dashboard for item in rest.items if item.HasField("dashboard")]
    assert list(dashboard.charts) == ["superset.c1"]
    assert len(rest.items) == len(before.items) - 1


async def test_only_what_is_asked_for_is_exported(superset: Caller, bot: Caller) -> None:
    await fill(superset, bot)
    charts = named((await export(superset, kinds=["KIND_CHART"], services=['"looker"'])).items)
    assert charts == ["chart c1"]
    assets = named((await export(superset, kinds=["KIND_CHART", "KIND_DASHBOARD"])).items)
    # Without deleted ones, except a chart that a dashboard holds.
    assert sorted(assets) == [
        "chart c1",
        "chart c1",
        "chart c2",
        "chart c3",
        "dashboard d1",
        "dashboard d3",
        "dashboard holds",
    ]
    only = named((await export(superset, deleted="DELETED_ONLY")).items)
    assert sorted(only) == ["bi_service looker", "chart c3", "chart lone", "chart own", "dashboard gone", "user bob"]
    entities = named((await export(superset, services=["superset"], kinds=["KIND_BI_SERVICE", "KIND_USER"])).items)
    assert entities == ["bi_service superset", "user ann", "user bob"]


async def test_large_assets_are_exported_in_messages_that_every_client_accepts(superset: Caller) -> None:
    text = "ü" * 50_000
    await ingest(superset, *({"name": f"d{number}", "description": text} for number in range(40)))
    whole = await export(superset, kinds=["KIND_DASHBOARD"])
    assert len(whole.items) == 40
    assert len(whole.tokens) >= 3
    rest = await export(superset, kinds=["KIND_DASHBOARD"], resume_token=whole.tokens[1])
    assert rest.items == whole.items[len(whole.items) - len(rest.items) :]
    assert 0 < len(rest.items) < 40


async def test_an_item_that_was_too_large_for_a_stream_can_be_imported(superset: Caller, elsewhere: Caller) -> None:
    """A dashboard can be written by itself that is too large for an item of a bulk stream, and has changed a lot."""
    charts = [f"superset.{'x' * 250}{number}" for number in range(600)]
    await ingest(superset, *({"name": fqn.partition(".")[2]} for fqn in charts), kind="chart")
    await superset.create_dashboard(dashboard=spec("d1", charts=charts, description="\U0001f600" * 100_000))
    await update(superset, description="\U0001f601" * 100_000)

    whole = await export(superset)
    assert max(item.ByteSize() for item in whole.items) > 1_300_000
    imported = await import_(elsewhere, whole.items)
    assert imported.failures == {}
    assert comparable((await export(elsewhere)).items) == comparable(whole.items)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"services": ["none"]}, ("NOT_FOUND", {})),
        ({"services": ['a"b']}, ("INVALID_ARGUMENT", {"services[0]": "INVALID_FORMAT"})),
        ({"resume_token": "x"}, ("INVALID_ARGUMENT", {"resume_token": "INVALID_VALUE"})),
        ({"resume_token": "x" * (2**20 + 1)}, ("INVALID_ARGUMENT", {"resume_token": "TOO_LONG"})),
        ({"kinds": [0]}, ("INVALID_ARGUMENT", {"kinds[0]": "REQUIRED"})),
    ],
)
async def test_a_request_that_cannot_be_met_is_refused(
    superset: Caller, request_: Json, expected: tuple[str, dict[str, str]]
) -> None:
    with pytest.raises(Refused) as caught:
        await export(superset, **request_)
    assert (caught.value.code, caught.value.violations) == expected


async def test_a_token_is_good_only_for_its_export(superset: Caller) -> None:
    token = (await export(superset, kinds=["KIND_CHART"])).tokens[-1]
    for request in ({}, {"kinds": ["KIND_DASHBOARD"]}, {"kinds": ["KIND_CHART"], "deleted": "DELETED_ONLY"}):
        with pytest.raises(Refused) as caught:
            await export(superset, resume_token=token, **request)
        assert caught.value.violations == {"resume_token": "INVALID_VALUE"}
    assert (await export(superset, kinds=["KIND_CHART"], resume_token=token)).items == []


async def test_an_export_needs_the_right_to_preserve(
    service: Service, superset: Caller, bot: Caller, steward: Caller
) -> None:
    for caller in (bot, steward, service.caller("nobody")):
        with pytest.raises(Refused) as caught:
            await export(caller)
        assert (caught.value.code, caught.value.reason) == ("PERMISSION_DENIED", "ACTION_DENIED")
    # A limited token exports what it may view, without references to anything else.
    await superset.create_dashboard(dashboard=spec("d1", charts=["superset.c1", "looker.c1"]))
    limited = service.caller("limited", "admin", services=["superset"])
    items = named((await export(limited)).items)
    assert [item for item in items if item.startswith("bi_service")] == ["bi_service superset"]
    assert [item for item in items if item.startswith("chart")] == ["chart c1", "chart c2", "chart c3"]
    (dashboard,) = (await export(limited, kinds=["KIND_DASHBOARD"])).items
    assert list(dashboard.dashboard.charts) == ["superset.c1"]


async def test_a_slow_reader_holds_no_connection(service: Service, superset: Caller, tmp_path: Path) -> None:
    for start in (0, 35):
        await ingest(superset, *({"name": f"d{start + n}", "description": "x" * 100_000} for n in range(35)))
    catalog = Catalog(service.database, Authorizer(None), SearchIndex(IndexFolder(tmp_path)))
    principal = Principal("admin", frozenset({"admin"}), frozenset(), services=None, bot=False, expires_at=None)
    room = AnswerRoom()
    request = export_pb2.ExportCatalogRequest(kinds=[entity_pb2.KIND_DASHBOARD])
    async with aclosing(serve_export(catalog, room, request, ReadBy(principal, "call"))) as responses:
        sizes = []
        async for response in responses:
            assert cast("QueuePool", service.database._readers.pool).checkedout() == 0
            sizes.append(response.ByteSize())
            # No more than one piece is in memory.
            assert room._total - room._free <= 3 * 2**20
    assert len(sizes) > 3
    assert max(sizes) < 3 * 2**20 + 2**16
    assert room._free == room._total
