"""Large assets and pages: any client can read them, and the server reads no more than it sends."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import grpc.aio
import pytest

from dashboard_catalog import server
from dashboard_catalog.calls.answer_room import AnswerRoom
from dashboard_catalog.catalog.model.ids import new_id
from dashboard_catalog.contract.limits import MAX_ASSET_BYTES
from dashboard_catalog.store.assets import CHARTS, DASHBOARDS, AssetTable
from dashboardcatalog.v1 import dashboard_service_pb2 as messages
from dashboardcatalog.v1.dashboard_pb2 import DashboardSpec
from dashboardcatalog.v1.reference_pb2 import EntityReference, TagLabel
from tests.patience import until
from tests.service.caller import Caller, Json, Service
from tests.service.servers import running
from tests.store.database_work import chart, storing

WIDE = "\N{CHART WITH UPWARDS TREND}"
TEXT = "x" * 100_000


async def _store(service: Service, caller: Caller, table: AssetTable[Any], rows: list[Json]) -> None:
    """Stores assets of `superset` directly, because it takes a while to load large ones."""
    superset = await caller.get_entity(kind="KIND_BI_SERVICE", fully_qualified_name="superset")
    service_id = UUID(superset["entity"]["biService"]["id"])
    values = {name: getattr(chart(), name) for name in ("change_number", "updated_at", "updated_by", "call_id")}
    records = [table.record(**values, by_ingestion=True, service_id=service_id, id=new_id(), **row) for row in rows]
    await service.database.write(storing(table, *records))


@contextmanager
def whole_rows(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Collects how many dashboards are read at once with their large values."""
    counts: list[int] = []
    whole = AssetTable.whole

    async def counting(*args: Any) -> list[Any]:
        found = await whole(*args)
        counts.append(len(found))
        return found

    with monkeypatch.context() as patched:
        patched.setattr(AssetTable, "whole", counting)
        yield counts


async def _largest(service: Service, admin: Caller) -> DashboardSpec:
    """Returns a dashboard with everything at its limit. What it refers to exists."""
    names = [f"{number:04}{WIDE * 252}" for number in range(2_000)]
    await _store(service, admin, CHARTS, [{"name": name, "display_name": WIDE * 1_024} for name in names])
    people = [{"user": {"name": f"{number:03}{WIDE * 250}", "displayName": WIDE * 1_024}} for number in range(100)]
    tags = [{"tag": {"name": f"{number:03}{WIDE * 250}", "classification": "PII"}} for number in range(100)]
    assert (await admin.bulk([{"entity": entity} for entity in people + tags])).counts == {"created": 200}
    spec = DashboardSpec(
        name=WIDE * 256,
        service="superset",
        display_name=WIDE * 1_024,
        description=WIDE * 100_000,
        charts=[f"superset.{name}" for name in names],
        owners=[EntityReference(type="user", name=one["user"]["name"]) for one in people],
        tags=[TagLabel(tag_fqn=f"PII.{one['tag']['name']}") for one in tags],
    )
    spec.extension["costCentre"] = "x" * 65_500
    return spec


async def test_the_largest_dashboard_can_be_written_read_and_listed(service: Service, superset: Caller) -> None:
    spec = await _largest(service, superset)
    # The change names every chart twice, and both descriptions.
    changed = DashboardSpec()
    changed.CopyFrom(spec)
    changed.charts[:] = list(spec.charts)[::-1]
    changed.description = f"y{WIDE}"
    fqn = f"superset.{spec.name}"
    older = messages.GetDashboardRequest(fully_qualified_name=fqn, version=0.1)
    # A channel with the default limit of 4 MiB.
    stub, metadata = superset._stubs["Dashboard"], superset.metadata

    created = (await stub.CreateDashboard(messages.CreateDashboardRequest(dashboard=spec), metadata=metadata)).dashboard
    updated = await stub.UpsertDashboard(messages.UpsertDashboardRequest(dashboard=changed), metadata=metadata)
    first = await stub.GetDashboard(older, metadata=metadata)
    listed = (await stub.ListDashboards(messages.ListDashboardsRequest(), metadata=metadata)).dashboards[0]

    assert created.omitted_fields == ["charts.display_name", "charts.fully_qualified_name", "owners.display_name"]
    assert listed.omitted_fields[:2] == ["change_description", "charts.display_name"]
    assert [change.name for change in listed.change_description.fields_updated] == ["description", "charts"]
    for dashboard, sent in ((created, spec), (first.dashboard, spec), (updated.dashboard, changed), (listed, changed)):
        assert dashboard.ByteSize() <= MAX_ASSET_BYTES
        assert [f"superset.{chart.name}" for chart in dashboard.charts] == sent.charts
        assert all(chart.id for chart in dashboard.charts)
        assert (dashboard.description, dashboard.extension) == (sent.description, sent.extension)
        assert [owner.name for owner in dashboard.owners] == [owner.name for owner in sent.owners]
        assert [tag.tag_fqn for tag in dashboard.tags] == [tag.tag_fqn for tag in sent.tags]
    # What a read mask leaves out makes room.
    mask = "owners,changeDescription"
    masked = (await superset.get_dashboard(fully_qualified_name=fqn, read_mask=mask))["dashboard"]
    assert masked["omittedFields"] == ["change_description"]
    assert masked["owners"][0]["displayName"] == WIDE * 1_024


async def test_a_page_is_read_as_far_as_it_is_shown(
    service: Service, superset: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 150
    names = [f"d{number:03}" for number in range(count)]
    rows = [{"name": name, "description": f"{name}{TEXT}"[:100_000]} for name in names]
    await _store(service, superset, DASHBOARDS, rows)

    for order, expected in (("name", names), ("name desc", names[::-1]), ("updated_at", None)):
        found: list[Json] = []
        token = ""
        with whole_rows(monkeypatch) as counts:
            while True:
                page = await superset.list_dashboards(page_size=1_000, page_token=token, order_by=order)
                found += page["dashboards"]
                if not (token := page.get("nextPageToken", "")):
                    break
        assert expected is None or [each["name"] for each in found] == expected
        assert {each["name"]: each["description"] for each in found} == {
            row["name"]: row["description"] for row in rows
        }
        # 31 fit on a page, and they are read about ten at a time.
        assert max(counts) <= 11
        assert sum(counts) <= count + 5 * 11

    with whole_rows(monkeypatch) as counts:
        page = await superset.list_dashboards(page_size=1_000, read_mask="name,charts,changeDescription")
    assert ([each["name"] for each in page["dashboards"]], counts) == (names, [])
    one = (await superset.get_dashboard(fully_qualified_name="superset.d007"))["dashboard"]
    assert one["description"] == rows[7]["description"]


async def test_entities_are_read_as_far_as_they_are_shown(superset: Caller) -> None:
    made = [{"user": {"name": f"u{number:02}", "description": f"{number:02}{TEXT}"[:100_000]}} for number in range(35)]
    await superset.bulk([{"entity": entity} for entity in made])

    first = await superset.list_entities(kind="KIND_USER", page_size=1_000, name_prefix="u")
    second = await superset.list_entities(
        kind="KIND_USER", page_size=1_000, name_prefix="u", page_token=first["nextPageToken"]
    )

    users = [entity["user"] for entity in first["entities"] + second["entities"]]
    assert [(user["name"], user["description"]) for user in users] == [
        (one["user"]["name"], one["user"]["description"]) for one in made
    ]
    assert len(first["entities"]) == 31
    one = await superset.get_entity(kind="KIND_USER", fully_qualified_name="u07")
    assert one["entity"]["user"] == users[7]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_an_answer_that_nobody_reads_is_in_the_way_of_large_answers_to_the_same_caller(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = AnswerRoom(26 * 2**20, 13 * 2**20)
    monkeypatch.setattr(server, "AnswerRoom", lambda: room)
    async with running(database_url, tmp_path / "data") as (_, service):
        admin, other = service.caller("admin", "admin"), service.caller("vera", "data_consumer")
        await admin.add_small_catalog()
        await _store(service, admin, DASHBOARDS, [{"name": f"d{n}", "description": TEXT} for n in range(40)])
        options = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65_536)]
        async with grpc.aio.insecure_channel(service.address, options=options) as channel:
            # A stream of answers is read only when somebody asks for the next one.
            path = "/dashboardcatalog.v1.DashboardService/ListDashboards"
            request = messages.ListDashboardsRequest(page_size=1_000)
            list_dashboards: Any = channel.unary_stream(path, type(request).SerializeToString)
            unread = list_dashboards(request, metadata=admin.metadata)
            await until(lambda: 0 < room._taken["admin"] < 4 * 2**20)
            waiting = asyncio.create_task(admin.list_dashboards(page_size=1_000))
            await until(lambda: bool(room._waiting))

            # Small answers do not wait, and neither do those to others.
            assert (await admin.list_charts(page_size=50))["charts"]
            assert len((await other.list_dashboards(page_size=1_000))["dashboards"]) == 31
            assert (await other.get_dashboard(fully_qualified_name="superset.d1"))["dashboard"]["description"] == TEXT
            assert not waiting.done()
            unread.cancel()
            assert len((await waiting)["dashboards"]) == 31
        await until(lambda: not room._taken)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_answers_to_writes_and_to_short_lists_take_room_when_they_are_large(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = AnswerRoom(13 * 2**20, 13 * 2**20)
    monkeypatch.setattr(server, "AnswerRoom", lambda: room)
    async with running(database_url, tmp_path / "data") as (_, service):
        admin = service.caller("admin", "admin")
        await admin.add_small_catalog()
        names = [f"{number:03}{WIDE * 250}" for number in range(600)]
        await _store(service, admin, CHARTS, [{"name": name} for name in names])
        spec = {"name": "wide", "service": "superset", "charts": [f"superset.{name}" for name in names]}
        await admin.create_dashboard(dashboard=spec)
        await until(lambda: not room._taken)

        # Somebody else has nearly everything.
        await room.take("other", 12 * 2**20)
        for call in (
            admin.list_dashboards(page_size=1, name_prefix="wide"),
            admin.upsert_dashboard(dashboard={"name": "wide", "service": "superset", "description": "text"}),
        ):
            waiting = asyncio.create_task(call)
            await until(lambda: bool(room._waiting))
            room.give_back("other", 12 * 2**20)
            await room.take("other", 0)
            answer = await waiting
            assert len(answer.get("dashboard", answer.get("dashboards", [{}])[0])["charts"]) == 600
            await until(lambda: not room._taken)
            await room.take("other", 12 * 2**20)
