"""Loads over broken connections: every item is written once and every failure is reported once."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count, product
from types import SimpleNamespace
from typing import Any

import grpc
import pytest

from dashboard_catalog_client import AsyncCatalogClient, BulkLoad, chunks, connect_async, reason_of, retries
from dashboardcatalog.v1.chart_pb2 import ChartSpec
from dashboardcatalog.v1.dashboard_pb2 import DashboardSpec
from dashboardcatalog.v1.entity_pb2 import BiService, Entity
from tests.client.conftest import Restarting
from tests.client.cutting import CuttingProxy, never
from tests.client.forgetful import Forgetful
from tests.patience import until

pytestmark = pytest.mark.usefixtures("impatient")

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "MAX_ITEMS", 4)


@pytest.fixture
async def catalog(server: Restarting, proxy: CuttingProxy) -> AsyncIterator[AsyncCatalogClient]:
    async with connect_async(proxy.address, token=server.token) as catalog:
        yield catalog


def items_of(service: str) -> list[Any]:
    """Returns 24 items in eight chunks; every third chart is refused, and so is the last dashboard."""
    return [
        Entity(bi_service=BiService(name=service, service_type="Superset")),
        *[ChartSpec(name=f"c{number}", service=service if number % 3 else "nowhere") for number in range(15)],
        *[DashboardSpec(name=f"d{number}", service=service, charts=[f"{service}.c1"]) for number in range(7)],
        DashboardSpec(name="d7", service=service, charts=[f"{service}.c0"]),
    ]


def refused_of(service: str) -> list[str]:
    return [*[f"nowhere.c{number}" for number in range(0, 15, 3)], f"{service}.d7"]


async def run(load: BulkLoad, failed: list[str] | None = None) -> list[str]:
    """Runs a load, and returns the names of the refused items.

    Args:
        failed: A list for the names, which is filled even if the load ends with an error.
    """
    failed = [] if failed is None else failed
    async for failure in load:
        failed.append(failure.fqn)
    return failed


def counts(load: BulkLoad) -> dict[str, int]:
    assert load.summary is not None
    return {field.name: value for field, value in load.summary.ListFields()}


@pytest.mark.parametrize(
    ("database_url", "code"),
    [
        *product(["sqlite"], [grpc.StatusCode.OK, grpc.StatusCode.CANCELLED, grpc.StatusCode.INTERNAL]),
        *product(["sqlite", "postgresql"], [grpc.StatusCode.UNAVAILABLE]),
    ],
    indirect=["database_url"],
    ids=str,
)
async def test_a_stream_may_be_cut_before_any_response(
    catalog: AsyncCatalogClient, proxy: CuttingProxy, code: grpc.StatusCode
) -> None:
    proxy.code = code
    for cut_before in count():
        proxy.cut_once(cut_before)
        service = f"s{cut_before}"
        seen: list[int] = []
        load = catalog.bulk_upsert(items_of(service), seen.append)

        assert await run(load) == refused_of(service)
        assert counts(load) == {"created": 18, "failed": 6}
        assert seen == sorted(set(seen))
        assert seen[-1] == 24
        if proxy.connections == 1:
            break
    assert cut_before >= 3


@ON_SQLITE
async def test_two_responses_per_connection_are_enough_for_a_load(
    catalog: AsyncCatalogClient, proxy: CuttingProxy
) -> None:
    proxy.cut = lambda _connection, response: response == 2
    lost: list[grpc.aio.AioRpcError] = []
    load = catalog.bulk_upsert(items_of("s"), on_connection_lost=lost.append, give_up_seconds=5)
    assert await run(load) == refused_of("s")
    assert counts(load) == {"created": 18, "failed": 6}
    assert proxy.connections >= 3
    assert 1 <= len(lost) < proxy.connections


async def test_a_load_that_has_ended_early_knows_what_the_server_has_processed(
    catalog: AsyncCatalogClient, proxy: CuttingProxy
) -> None:
    proxy.cut = lambda connection, response: response == (0 if connection else 2)
    load = catalog.bulk_upsert(items_of("s"), give_up_seconds=0)
    with pytest.raises(grpc.aio.AioRpcError):
        await run(load)
    proxy.cut = lambda _connection, response: response == 0
    assert await load.processed(5) is None
    proxy.cut = never
    processed = await load.processed(5)
    again = catalog.bulk_upsert(items_of("s"), session_id=load.session_id)
    assert await run(again) == refused_of("s")
    assert processed == again.start_offset
    assert await catalog.bulk_upsert(items_of("s"), validate_only=True).processed(5) is None


@ON_SQLITE
async def test_too_many_failures_are_reported_wherever_the_stream_is_cut(
    catalog: AsyncCatalogClient, proxy: CuttingProxy
) -> None:
    for cut_before in count():
        proxy.cut_once(cut_before)
        load = catalog.bulk_upsert(items_of(f"s{cut_before}"), max_failures=3)
        failed: list[str] = []
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await run(load, failed)
        assert reason_of(ended.value) == "TOO_MANY_FAILURES"
        assert failed == refused_of("s")[:4]
        assert counts(load)["failed"] == 4
        if proxy.connections == 1:
            break
    assert cut_before >= 3


@ON_SQLITE
async def test_a_summary_does_not_count_before_the_stream_has_ended(
    catalog: AsyncCatalogClient, proxy: CuttingProxy
) -> None:
    proxy.cut_ends = 1
    load = catalog.bulk_upsert(items_of("s"))
    assert await run(load) == refused_of("s")
    assert counts(load) == {"created": 18, "failed": 6}
    assert proxy.connections == 2

    proxy.connections = 0
    load = catalog.bulk_upsert(items_of("t"), max_failures=3)
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await run(load)
    assert reason_of(ended.value) == "TOO_MANY_FAILURES"
    assert counts(load)["failed"] == 4


async def test_results_that_arrive_before_their_acknowledgement_are_reported_once(forgetful: Forgetful) -> None:
    forgetful.results_apart = True
    items = [ChartSpec(name=f"{'' if number % 3 else 'bad'}{number}", service="s") for number in range(24)]
    expected = [f"bad{number}" for number in range(0, 24, 3)]
    async with connect_async(forgetful.address) as catalog:
        for cut_before in count():
            forgetful.responses, forgetful.streams, forgetful.cut_before = 0, 0, cut_before
            load = catalog.bulk_upsert(items)
            assert await run(load) == expected
            assert counts(load) == {"created": 16, "failed": 8}
            if forgetful.streams == 1:
                break
    # The start, eight results, six acknowledgements, the summary.
    assert cut_before == 16


async def test_a_stream_that_ends_before_all_items_were_acknowledged_is_resumed(forgetful: Forgetful) -> None:
    # The start, and an acknowledgement of each of the six chunks.
    for end_before in range(7):
        forgetful.responses, forgetful.end_before = 0, end_before
        async with connect_async(forgetful.address) as catalog:
            load = catalog.bulk_upsert([ChartSpec(name=f"c{number}", service="s") for number in range(24)])
            assert await run(load) == []
        assert counts(load) == {"created": 24}


async def test_grpc_does_not_retry_by_itself(forgetful: Forgetful) -> None:
    forgetful.cut_before = 0
    lost: list[grpc.aio.AioRpcError] = []
    async with connect_async(forgetful.address) as catalog:
        load = catalog.bulk_upsert([ChartSpec(name="c", service="s")], on_connection_lost=lost.append)
        assert await run(load) == []
    assert [error.details() for error in lost] == ["cut"]
    assert forgetful.streams == 2


@ON_SQLITE
async def test_a_load_without_progress_gives_up_and_another_continues(
    catalog: AsyncCatalogClient, proxy: CuttingProxy
) -> None:
    proxy.cut = lambda connection, response: response == (4 if connection == 0 else 1)
    first = catalog.bulk_upsert(items_of("s"), give_up_seconds=0.3)
    with pytest.raises(grpc.aio.AioRpcError) as given_up:
        await run(first)
    assert (given_up.value.code(), given_up.value.details()) == (grpc.StatusCode.UNAVAILABLE, "cut")
    assert proxy.connections > 3

    proxy.cut = never
    second = catalog.bulk_upsert(items_of("s"), session_id=first.session_id)
    assert await run(second) == refused_of("s")
    assert counts(second) == {"created": 18, "failed": 6}
    assert (first.start_offset, first.summary) == (0, None)
    assert second.start_offset


@ON_SQLITE
async def test_waiting_for_the_source_does_not_count_as_failing(
    catalog: AsyncCatalogClient, proxy: CuttingProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(retries, "time", SimpleNamespace(monotonic=lambda: now))

    async def slowly() -> AsyncIterator[Any]:
        for item in items_of("s"):
            if isinstance(item, DashboardSpec) and item.name == "d6":
                for connections in range(1, 5):
                    await cut(connections)
            yield item

    async def cut(connections: int) -> None:
        nonlocal now
        await until(lambda: proxy.connections == connections)
        await asyncio.sleep(0.1)
        now += 20
        proxy.cut_now()

    load = catalog.bulk_upsert(slowly(), give_up_seconds=30)
    assert await run(load) == refused_of("s")
    assert counts(load) == {"created": 18, "failed": 6}
    assert proxy.connections == 5


@ON_SQLITE
async def test_a_validating_load_does_not_continue_after_an_acknowledgement(
    catalog: AsyncCatalogClient, proxy: CuttingProxy
) -> None:
    proxy.cut_once(before=1)
    load = catalog.bulk_upsert(items_of("s"), validate_only=True)
    assert await run(load) == refused_of("s")

    proxy.cut_once(before=2)
    load = catalog.bulk_upsert(items_of("s"), validate_only=True)
    with pytest.raises(grpc.aio.AioRpcError, match="cut"):
        await run(load)


@ON_SQLITE
async def test_a_load_whose_session_moved_to_another_connection_ends_with_a_clear_error(
    catalog: AsyncCatalogClient,
) -> None:
    begun, taken_over = asyncio.Event(), asyncio.Event()

    async def halting() -> AsyncIterator[Any]:
        for item in items_of("s"):
            if isinstance(item, DashboardSpec):
                await taken_over.wait()
            yield item

    async def take_over(load: BulkLoad) -> list[str]:
        await begun.wait()
        newer = catalog.bulk_upsert(items_of("s"), session_id=load.session_id)
        try:
            return await run(newer)
        finally:
            taken_over.set()

    older = catalog.bulk_upsert(halting(), lambda _done: begun.set())
    failed, ended = await asyncio.gather(take_over(older), run(older), return_exceptions=True)
    assert failed == refused_of("s")
    assert isinstance(ended, grpc.aio.AioRpcError)
    assert reason_of(ended) == "SESSION_SUPERSEDED"
    assert ended.details() == "a newer connection writes this session; this one has ended"
