"""Loads that end by an exception, early, by cancellation or with an expired token leave nothing behind."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import Any

import grpc
import pytest

from dashboard_catalog.auth.issuing import issue_token
from dashboard_catalog.auth.signing_key import load_or_create_key
from dashboard_catalog_client import AsyncCatalogClient, Item, chunks, connect_async, reason_of
from dashboard_catalog_client.chunks import _WINDOW_ITEMS, MAX_ITEMS
from dashboard_catalog_client.pending import CHUNKS_IN_FLIGHT
from dashboardcatalog.v1.chart_pb2 import ChartSpec
from tests.client.conftest import Restarting
from tests.client.forgetful import Forgetful
from tests.patience import for_some_lifetime, until

pytestmark = pytest.mark.usefixtures("impatient")

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Odd(Exception):
    """An exception that only a caller raises."""


@pytest.fixture
async def catalog(forgetful: Forgetful) -> AsyncIterator[AsyncCatalogClient]:
    async with connect_async(forgetful.address) as catalog:
        yield catalog


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "MAX_ITEMS", 4)


def charts(count: int, refused: int = 0) -> Iterator[ChartSpec]:
    yield from (ChartSpec(name=f"{'bad' if number < refused else 'c'}{number}", service="s") for number in range(count))


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize(
    "error",
    [Odd(), grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata())],
    ids=["any", "of gRPC"],
)
@pytest.mark.parametrize("where", ["items", "async items", "progress", "token"])
async def test_an_exception_in_the_caller_s_code_ends_the_load(
    forgetful: Forgetful, where: str, error: Exception
) -> None:
    def fail(*_: object) -> Any:
        raise error

    def failing() -> Iterator[Any]:
        yield from charts(9)
        fail()

    async def failing_async() -> AsyncIterator[Any]:
        for item in failing():
            yield item

    sources: dict[str, Callable[[], Any]] = {"items": failing, "async items": failing_async}
    items = sources.get(where, lambda: charts(9))()
    async with connect_async(forgetful.address, token=fail if where == "token" else None) as catalog:
        load = catalog.bulk_upsert(items, fail if where == "progress" else None)
        with pytest.raises(type(error)) as raised:
            _ = [failure async for failure in load]
    assert raised.value is error
    # It is not mistaken for the end of the items or for a broken connection.
    assert load.summary is None
    assert forgetful.streams <= 1
    await until(lambda: forgetful.open_streams == 0)


async def test_an_error_in_the_callback_for_a_lost_connection_ends_the_load(
    catalog: AsyncCatalogClient, forgetful: Forgetful
) -> None:
    def give_up(error: grpc.aio.AioRpcError) -> None:
        raise error

    forgetful.cut_before = 1
    with pytest.raises(grpc.aio.AioRpcError, match="cut"):
        _ = [failure async for failure in catalog.bulk_upsert(charts(3), on_connection_lost=give_up)]
    assert forgetful.streams == 1


async def test_a_load_that_is_left_early_leaves_nothing_behind(
    catalog: AsyncCatalogClient, forgetful: Forgetful
) -> None:
    ended: list[str] = []

    async def endless() -> AsyncIterator[Any]:
        try:
            for item in charts(3_000, refused=1):
                yield item
            await asyncio.Event().wait()
        finally:
            ended.append("source")

    before = asyncio.all_tasks()
    async for failure in catalog.bulk_upsert(endless()):
        assert failure.fqn == "bad0"
        break
    await until(lambda: not asyncio.all_tasks() - before and forgetful.open_streams == 0)
    assert ended == ["source"]


@pytest.mark.parametrize("waits_for", ["source", "server", "retry"])
async def test_a_cancelled_load_leaves_nothing_behind(
    catalog: AsyncCatalogClient, forgetful: Forgetful, waits_for: str
) -> None:
    waiting = asyncio.Event()

    async def halting() -> AsyncIterator[Any]:
        waiting.set()
        await asyncio.Event().wait()
        yield

    async def run() -> None:
        items = halting() if waits_for == "source" else charts(5_000)
        lost: Callable[[Any], None] = lambda _: waiting.set()  # noqa: E731
        load = catalog.bulk_upsert(items, lambda _: waiting.set(), lost)
        _ = [failure async for failure in load]

    if waits_for == "retry":
        forgetful.cut_before = 0
    before = asyncio.all_tasks()
    running = asyncio.create_task(run())
    await waiting.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await until(lambda: not asyncio.all_tasks() - before and forgetful.open_streams == 0)


async def test_a_load_runs_once(catalog: AsyncCatalogClient) -> None:
    load = catalog.bulk_upsert(charts(3))
    assert [failure async for failure in load] == []
    with pytest.raises(RuntimeError, match="a load runs once"):
        _ = [failure async for failure in load]


async def test_two_loads_run_at_once(catalog: AsyncCatalogClient) -> None:
    async def run(count: int) -> tuple[int, int]:
        load = catalog.bulk_upsert(charts(count, refused=2))
        failed = [failure.item.message.chart.name async for failure in load]
        assert failed == ["bad0", "bad1"]
        assert load.summary is not None
        return load.summary.created, load.summary.failed

    assert list(await asyncio.gather(run(3_000), run(2_000), run(10))) == [(2_998, 2), (1_998, 2), (8, 2)]


async def test_a_load_without_items_succeeds(catalog: AsyncCatalogClient) -> None:
    load = catalog.bulk_upsert([])
    assert [failure async for failure in load] == []
    assert load.summary is not None
    assert load.start_offset == 0


async def test_memory_is_limited_to_the_window_and_the_chunks_in_flight(catalog: AsyncCatalogClient) -> None:
    most = calls = 0

    def count(_done: int) -> None:
        nonlocal most, calls
        calls += 1
        if calls % 20 == 0:
            most = max(most, sum(type(one) is Item for one in gc.get_objects()))

    # Charts of one service; then of alternating services, which are held as long as possible.
    for items in (charts(100_000), (ChartSpec(name="c", service=f"s{at % 5_000}") for at in range(100_000))):
        load = catalog.bulk_upsert(items, count)
        assert [failure async for failure in load] == []
    assert 0 < most <= _WINDOW_ITEMS + (CHUNKS_IN_FLIGHT + 1) * MAX_ITEMS


async def test_the_source_is_read_only_as_fast_as_the_server_follows(
    catalog: AsyncCatalogClient, forgetful: Forgetful
) -> None:
    read = 0

    def counted() -> Iterator[ChartSpec]:
        nonlocal read
        for chart in charts(100_000):
            read += 1
            yield chart

    async def run() -> None:
        _ = [failure async for failure in catalog.bulk_upsert(counted())]

    forgetful.is_silent = True
    running = asyncio.create_task(run())
    await until(lambda: read >= CHUNKS_IN_FLIGHT * MAX_ITEMS)
    await asyncio.sleep(0.3)
    assert read == CHUNKS_IN_FLIGHT * MAX_ITEMS + 1
    running.cancel()
    await asyncio.wait([running])


@ON_SQLITE
@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("can_renew", [True, False])
@for_some_lifetime
async def test_a_token_that_expires_during_a_load_is_renewed_if_possible(
    server: Restarting, can_renew: bool, lifetime: float
) -> None:
    key = load_or_create_key(server.settings.data_dir)
    fetched: list[str] = []

    def fetch() -> str:
        seconds = timedelta(seconds=60 if fetched else lifetime)
        fetched.append(issue_token(key, "loader", ("ingestion_bot",), bot=True, lifetime=seconds))
        return fetched[-1]

    async def slowly() -> AsyncIterator[Any]:
        for chart in charts(12):
            if chart.name == "c5":
                await asyncio.sleep(lifetime)
            yield chart

    lost: list[grpc.aio.AioRpcError] = []
    async with connect_async(server.address, token=fetch if can_renew else fetch()) as catalog:
        load = catalog.bulk_upsert(slowly(), on_connection_lost=lost.append)
        if can_renew:
            assert [failure.fqn async for failure in load] == [f"s.c{number}" for number in range(12)]
        else:
            with pytest.raises(grpc.aio.AioRpcError) as ended:
                _ = [failure async for failure in load]
            assert reason_of(ended.value) == "TOKEN_EXPIRED"
    assert lost == []
    assert len(fetched) == (2 if can_renew else 1)


@ON_SQLITE
async def test_a_token_that_expires_repeatedly_is_not_renewed_forever(server: Restarting) -> None:
    key = load_or_create_key(server.settings.data_dir)
    expired = issue_token(key, "loader", ("ingestion_bot",), lifetime=timedelta(microseconds=1))
    fetched: list[str] = []

    def fetch() -> str:
        fetched.append(expired)
        return expired

    async with connect_async(server.address, token=fetch) as catalog:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            _ = [failure async for failure in catalog.bulk_upsert(charts(3))]
    assert reason_of(refused.value) == "TOKEN_EXPIRED"
    assert len(fetched) == 2
