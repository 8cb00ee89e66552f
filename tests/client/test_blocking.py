"""Loads for callers without asyncio: they work like the others, and leave no thread behind."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from dashboard_catalog_client import CatalogClient, SyncLoad, connect
from dashboardcatalog.v1.chart_pb2 import ChartSpec
from tests.client.forgetful import Forgetful
from tests.patience import PATIENCE

pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def catalog(forgetful: Forgetful) -> Iterator[CatalogClient]:
    with connect(forgetful.address) as catalog:
        yield catalog


@pytest.fixture(autouse=True)
def no_thread_is_left(forgetful: Forgetful) -> Iterator[None]:
    yield
    end = time.monotonic() + PATIENCE
    while forgetful.open_streams and time.monotonic() < end:
        time.sleep(0.01)
    assert forgetful.open_streams == 0
    assert [thread for thread in threading.enumerate() if thread.name == "bulk-upsert"] == []


def charts(count: int, refused: int = 0) -> Iterator[ChartSpec]:
    yield from (ChartSpec(name=f"{'bad' if number < refused else 'c'}{number}", service="s") for number in range(count))


def outcome(load: SyncLoad) -> tuple[list[str], int]:
    failed = [failure.fqn for failure in load]
    assert load.summary is not None
    return failed, load.summary.created


def test_a_load_reports_its_failures_its_progress_and_its_summary(catalog: CatalogClient) -> None:
    seen: list[int] = []
    load = catalog.bulk_upsert(charts(2_500, refused=2), seen.append)
    assert (load.start_offset, load.summary) == (None, None)
    assert outcome(load) == (["bad0", "bad1"], 2_498)
    assert seen == [1_000, 2_000, 2_500]
    assert load.start_offset == 0


def test_a_broken_connection_is_reported_and_the_load_continues(catalog: CatalogClient, forgetful: Forgetful) -> None:
    lost: list[grpc.aio.AioRpcError] = []
    forgetful.cut_before = 2
    load = catalog.bulk_upsert(charts(2_500, refused=2), on_connection_lost=lost.append)
    assert outcome(load) == (["bad0", "bad1"], 2_498)
    assert [error.details() for error in lost] == ["cut"]


def test_another_load_continues_its_session(catalog: CatalogClient) -> None:
    first = catalog.bulk_upsert(charts(2_500, refused=2))
    for _ in first:
        break
    again = catalog.bulk_upsert(charts(2_500, refused=2), session_id=first.session_id)
    assert outcome(again) == (["bad0", "bad1"], 2_498)


def test_a_load_runs_once(catalog: CatalogClient) -> None:
    load = catalog.bulk_upsert(charts(3))
    assert outcome(load) == ([], 3)
    with pytest.raises(RuntimeError, match="a load runs once"):
        outcome(load)


@pytest.mark.parametrize("where", ["items", "progress"])
def test_an_exception_in_the_caller_s_code_ends_the_load(catalog: CatalogClient, where: str) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError(where)

    def failing() -> Iterator[ChartSpec]:
        yield from charts(1_500)
        fail()

    items = failing() if where == "items" else charts(1_500)
    load = catalog.bulk_upsert(items, fail if where == "progress" else None)
    with pytest.raises(ZeroDivisionError, match=where):
        _ = list(load)
    assert load.summary is None


def test_an_exception_while_the_caller_handles_a_failure_ends_the_load(catalog: CatalogClient) -> None:
    def interrupt() -> None:
        for _ in catalog.bulk_upsert(charts(20_000, refused=1)):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()


def test_an_error_of_the_call_is_raised(catalog: CatalogClient, forgetful: Forgetful) -> None:
    def give_up(error: grpc.aio.AioRpcError) -> None:
        raise error

    forgetful.cut_before = 1
    with pytest.raises(grpc.RpcError) as raised:
        _ = list(catalog.bulk_upsert(charts(3), on_connection_lost=give_up))
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


def test_several_loads_run_at_once(catalog: CatalogClient) -> None:
    with ThreadPoolExecutor(3) as pool:
        loads = [catalog.bulk_upsert(charts(count, refused=1)) for count in (3_000, 2_000, 10)]
        assert list(pool.map(outcome, loads)) == [(["bad0"], 2_999), (["bad0"], 1_999), (["bad0"], 9)]


async def test_it_works_where_an_event_loop_is_already_running(catalog: CatalogClient) -> None:
    # As in a notebook.
    assert outcome(catalog.bulk_upsert(charts(3))) == ([], 3)
