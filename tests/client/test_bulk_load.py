"""The client's bulk load against a real server: it groups items, resumes, and reports every failure once."""

import asyncio
from typing import Any

import grpc
import pytest

from dashboard_catalog_client import LoadOptions, connect, connect_async, item_of
from dashboardcatalog.v1.bulk_pb2 import MISSING_REFERENCES_DROP
from dashboardcatalog.v1.chart_pb2 import ChartSpec
from dashboardcatalog.v1.dashboard_pb2 import DashboardSpec
from dashboardcatalog.v1.entity_pb2 import BiService, Entity
from tests.client.conftest import Restarting

SERVICE = Entity(bi_service=BiService(name="s", service_type="Superset"))


def _items(charts: int, dashboards: int) -> list[Any]:
    bad = [ChartSpec(name=f"bad{number}", service="nowhere") for number in range(5)]
    return [
        SERVICE,
        *[ChartSpec(name=f"c{number}", service="s") for number in range(charts)],
        *bad,
        *[DashboardSpec(name=f"d{number}", service="s", charts=[f"s.c{number}"]) for number in range(dashboards)],
    ]


async def test_a_load_reports_its_failures_its_progress_and_its_summary(server: Restarting) -> None:
    seen: list[int] = []
    async with connect_async(server.address, token=server.token) as catalog:
        load = catalog.bulk_upsert(_items(1500, 20), seen.append)
        failed = [failure.fqn async for failure in load]

    assert failed == [f"nowhere.bad{number}" for number in range(5)]
    assert seen == sorted(seen)
    assert seen[-1] == 1526
    assert load.summary is not None
    assert (load.summary.created, load.summary.failed) == (1521, 5)


async def test_kinds_may_be_mixed(server: Restarting) -> None:
    def walk() -> Any:
        for number in range(700):
            yield ChartSpec(name=f"c{number}", service="s")
            yield DashboardSpec(name=f"d{number}", service="s", charts=[f"s.c{number}"])
        yield SERVICE

    seen: list[int] = []
    async with connect_async(server.address, token=server.token) as catalog:
        load = catalog.bulk_upsert(walk(), seen.append)
        assert [failure async for failure in load] == []
    assert load.summary is not None
    assert load.summary.created == 1401
    # One chunk per kind.
    assert len(seen) <= 3


async def test_a_load_can_do_without_what_is_missing(server: Restarting) -> None:
    items = [SERVICE, DashboardSpec(name="d", service="s", charts=["s.missing"])]
    async with connect_async(server.address, token=server.token) as catalog:
        load = catalog.bulk_upsert(items, missing_references=MISSING_REFERENCES_DROP)
        assert [failure async for failure in load] == []
    assert load.summary is not None
    assert load.summary.created == 2


async def test_an_item_that_is_too_large_fails_alone_at_any_size(server: Restarting) -> None:
    sizes = [100, 600 * 2**10, 5 * 2**20]
    charts = [ChartSpec(name=f"c{size}", service="s", description="x" * size) for size in sizes]
    async with connect_async(server.address, token=server.token) as catalog:
        load = catalog.bulk_upsert([SERVICE, *(item_of(chart, f"row {at}") for at, chart in enumerate(charts))])
        failures = [failure async for failure in load]

    assert [(failure.item.place, failure.fqn) for failure in failures] == [
        ("row 1", "s.c614400"),
        ("row 2", "s.c5242880"),
    ]
    assert all("an item must be at most 524288 bytes" in failure.status.message for failure in failures)
    assert failures[1].item.message.chart == charts[2]
    assert load.summary is not None
    assert (load.summary.created, load.summary.failed) == (2, 2)


async def test_a_load_survives_restarts_of_the_server(server: Restarting) -> None:
    async with connect_async(server.address, token=server.token) as catalog:
        load = catalog.bulk_upsert(_items(6_000, 1_000), give_up_seconds=60)

        async def restart() -> None:
            for _ in range(2):
                await asyncio.sleep(0.2)
                await server.stop()
                await server.start()

        restarting = asyncio.create_task(restart())
        failed = [failure.fqn async for failure in load]
        await restarting

    assert failed == [f"nowhere.bad{number}" for number in range(5)]
    assert load.summary is not None
    assert (load.summary.created, load.summary.updated, load.summary.failed) == (7_001, 0, 5)


async def test_another_process_continues_a_session_and_gets_its_failures(server: Restarting) -> None:
    options = LoadOptions(session_id="11111111-2222-4333-8444-555555555555")
    async with connect_async(server.address, token=server.token) as catalog:
        first = catalog.bulk_upsert(_items(3_000, 10), **options)
        async for _ in first:
            # The process ends at its first failure.
            break
        again = catalog.bulk_upsert(_items(3_000, 10), **options)
        failed = [failure.fqn async for failure in again]

    assert failed == [f"nowhere.bad{number}" for number in range(5)]
    assert again.summary is not None
    assert (again.summary.created, again.summary.updated) == (3_011, 0)


async def test_an_error_other_than_unavailable_ends_the_load(server: Restarting) -> None:
    async with connect_async(server.address, token="no token") as catalog:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            _ = [failure async for failure in catalog.bulk_upsert([SERVICE])]

    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_load_gives_up_if_no_server_answers() -> None:
    async with connect_async("127.0.0.1:1") as catalog:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            _ = [failure async for failure in catalog.bulk_upsert([SERVICE], give_up_seconds=0.5)]

    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_callers_without_asyncio_can_load(server: Restarting) -> None:
    def load() -> tuple[list[str], int]:
        with connect(server.address, token=lambda: server.token) as catalog:
            loading = catalog.bulk_upsert(_items(10, 3))
            failed = [failure.fqn for failure in loading]
        assert loading.summary is not None
        return failed, loading.summary.created

    assert await asyncio.to_thread(load) == ([f"nowhere.bad{number}" for number in range(5)], 14)
