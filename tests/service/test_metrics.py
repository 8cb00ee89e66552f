"""What metrics count of calls and loads, with bounded labels."""

import asyncio
import math
from typing import Any

import grpc
import grpc.aio
import pytest

from dashboard_catalog.server import CatalogServer
from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.locks import lock_catalog
from tests.metrics_reading import Scraped, of_process
from tests.patience import until
from tests.service.caller import Caller, Refused, Service
from tests.service.indexing import indexing
from tests.service.servers import SharedServer, running
from tests.service.streams import Stream

UPSERT = "dashboardcatalog.v1.DashboardService/UpsertDashboard"
GET = "dashboardcatalog.v1.DashboardService/GetDashboard"
STRANGE = "ann <script>alert(1)</script>"


@pytest.fixture
def server(service: Service, database_url: str, shared_servers: dict[str, SharedServer]) -> CatalogServer:
    """The server behind `service`."""
    server = shared_servers[database_url.partition("+")[0]].server
    assert server.address == service.address
    return server


class Change:
    """The difference between two scrapes of a server, which other tests have used before."""

    def __init__(self, server: CatalogServer) -> None:
        self._server = server
        self._before = of_process(server.metrics)

    def of(self, name: str, **labels: str) -> float:
        """Returns by how much the samples of a metric have grown."""
        return self.now.of(name, **labels) - self._before.of(name, **labels)

    @property
    def now(self) -> Scraped:
        return of_process(self._server.metrics)


async def test_calls_are_counted_by_method_and_code(superset: Caller, server: CatalogServer) -> None:
    change = Change(server)
    for _ in range(3):
        await superset.upsert_dashboard(dashboard={"name": "d", "service": "superset"})
    for name in ("superset.d", "superset.nowhere"):
        await asyncio.gather(superset.get_dashboard(fully_qualified_name=name), return_exceptions=True)
    assert change.of("call_duration_seconds_count", door="grpc", method=UPSERT, code="OK") == 3
    assert change.of("call_duration_seconds_count", method=GET, code="OK") == 1
    assert change.of("call_duration_seconds_count", method=GET, code="NOT_FOUND") == 1
    for kind, calls in (("write", 3), ("read", 2)):
        assert change.of("batch_calls_sum", kind=kind) == calls
        assert change.of("batch_wait_seconds_count", kind=kind) == change.of("batch_calls_count", kind=kind) > 0
        assert change.of("batch_wait_seconds_sum", kind=kind) > 0
    transactions = change.of("transaction_duration_seconds_count")
    assert change.of("database_connection_wait_seconds_count") >= transactions
    assert change.of("transaction_duration_seconds_count", kind="write") >= 3
    assert change.now.of("database_connections", state="idle") > 0
    assert change.now.of("calls_running") == 0
    # The index of the shared server, which has no indexer here.
    assert len(change.now.named("search_documents")) == 1


async def test_a_load_is_counted_by_outcome(superset: Caller, bot: Caller, server: CatalogServer) -> None:
    await superset.upsert_dashboard(dashboard={"name": "old", "service": "superset"})
    items: list[Any] = [{"dashboard": {"name": f"d{number}", "service": "superset"}} for number in range(5)]
    wrong = {"dashboard": {"name": "wrong", "service": "superset", "charts": ["superset.nowhere"]}}
    change = Change(server)
    await bot.bulk(items, [*items[:2], wrong])
    # What only validates is not counted.
    await bot.bulk(items, options={"validateOnly": True})
    assert change.of("bulk_items_total", outcome="created") == 5
    assert change.of("bulk_items_total", outcome="unchanged") == 2
    assert change.of("bulk_items_total", outcome="failed") == 1
    assert change.of("bulk_items_total") == 8
    assert change.of("bulk_failures_total", reason="INVALID_REQUEST") == change.of("bulk_failures_total") == 1
    assert change.of("bulk_chunk_duration_seconds_count") == 2
    swept = await bot.bulk(items, options={"service": "superset", "sweep": {}}, finish={"totalItems": len(items)})
    assert not swept.refused, swept.refused
    assert change.of("bulk_sweeps_total", outcome="DONE") == change.of("bulk_sweeps_total") == 1
    assert change.now.of("bulk_sessions_open") == change.now.of("bulk_queue_items") == 0
    assert change.now.of("streams_open") == 0


async def test_a_stream_that_is_open_and_its_items_in_memory_are_counted(
    superset: Caller, bot: Caller, server: CatalogServer
) -> None:
    del superset
    locked, free = asyncio.Event(), asyncio.Event()

    async def hold(connection: WriteConnection) -> None:
        await lock_catalog(connection, to_write=True)
        locked.set()
        await free.wait()

    change = Change(server)
    async with Stream(bot) as stream:
        await stream.send()
        assert "started" in await stream.read()
        holding = asyncio.create_task(server.database.write(hold))
        await locked.wait()
        try:
            assert change.now.of("database_connections", state="in_use") >= 1
            await stream.send(*({"chart": {"name": f"c{number}", "service": "superset"}} for number in range(4, 7)))
            await until(lambda: change.now.of("bulk_queue_items"))
            found = change.now
        finally:
            free.set()
            await holding
        assert not (await stream.end()).refused
    assert found.of("bulk_queue_items") == 3
    assert found.of("bulk_sessions_open") == 1
    assert found.of("streams_open", method="dashboardcatalog.v1.DashboardService/BulkUpsert") == 1
    await until(lambda: change.now.of("streams_open") == 0)
    assert change.now.of("bulk_sessions_open") == change.now.of("bulk_queue_items") == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_search_index_is_measured(database_url: str, tmp_path: Any) -> None:
    async with running(database_url, tmp_path / "data") as (server, service):

        def measured(name: str) -> float:
            return of_process(server.metrics).of(f"search_{name}")

        admin = service.caller("admin", "admin")
        await admin.upsert_entity(entity={"biService": {"name": "superset", "serviceType": "Superset"}})
        await admin.upsert_chart(chart={"name": "c", "service": "superset"})
        assert measured("building") == 1
        assert math.isnan(measured("lag_seconds"))
        assert measured("documents") == 0
        async with indexing(service.database, service.index.folder):
            await until(lambda: not measured("building"))
            assert measured("documents") == 2
            assert not math.isnan(measured("lag_seconds"))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_alerts_watch_is_shown_before_it_happens(database_url: str, tmp_path: Any) -> None:
    async with running(database_url, tmp_path / "data") as (server, _):
        server.metrics.keys.failed()
        found = of_process(server.metrics)

    def outcomes(name: str) -> dict[str, float]:
        return {sample.labels["outcome"]: sample.value for sample in found.named(name)}

    assert outcomes("bulk_sweeps_total") == {"DONE": 0, "TOO_MANY": 0, "EMPTY_SESSION": 0, "UNREADABLE_ITEM": 0}
    assert outcomes("bulk_items_total").items() >= {"created": 0, "suppressed": 0, "failed": 0}.items()
    assert outcomes("policy_loads_total") == {"loaded": 1, "refused": 0, "failed": 0}
    assert outcomes("key_loads_total") == {"loaded": 0, "failed": 1}


async def test_denials_and_wrong_tokens_are_counted(service: Service, superset: Caller, server: CatalogServer) -> None:
    del superset
    change = Change(server)
    consumer = service.caller("carl", "data_consumer")
    for _ in range(2):
        with pytest.raises(Refused):
            await consumer.upsert_dashboard(dashboard={"name": "d", "service": "superset"})
    assert change.of("denied_total", action="create") == change.of("denied_total") == 2
    for metadata in ([], [("authorization", "Bearer nonsense")]):
        consumer.metadata = metadata
        with pytest.raises(Refused):
            await consumer.get_dashboard(fully_qualified_name="superset.d")
    assert change.of("authentication_failures_total", reason="TOKEN_MISSING") == 1
    assert change.of("authentication_failures_total", reason="TOKEN_MALFORMED") == 1


async def test_watchers_and_their_changes_are_counted(
    superset: Caller, server: CatalogServer, service: Service
) -> None:
    change = Change(server)
    reader = service.caller("wanda", "data_consumer")
    watching = asyncio.create_task(reader.stream("WatchChanges"))
    await until(lambda: change.now.of("watchers"))
    assert change.now.of("streams_open", method="dashboardcatalog.v1.CatalogService/WatchChanges") == 1
    await until(lambda: server.catalog._watches._horizon._followers)
    await superset.upsert_dashboard(dashboard={"name": "d", "service": "superset"})
    await until(lambda: change.of("watch_changes_total"))
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await until(lambda: not change.now.of("watchers"))
    assert change.now.of("streams_open") == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_no_label_is_of_a_callers_making(service: Service, superset: Caller, server: CatalogServer) -> None:
    del superset
    change = Change(server)
    metadata = [*service.caller(STRANGE, "admin").metadata, ("x-request-id", "made-up-id")]
    async with grpc.aio.insecure_channel(service.address) as channel:
        for path in ("/made.up.Service/Get", "/made-up", "/dashboardcatalog.v1.DashboardService/MadeUp"):
            call: Any = channel.unary_unary(path)
            with pytest.raises(grpc.aio.AioRpcError):
                await call(b"", metadata=metadata)
        known: Any = channel.unary_unary(f"/{GET}")
        for body in (b"", b"\xff made up", b"\x12\x0bmade.up.one"):
            with pytest.raises(grpc.aio.AioRpcError):
                await known(body, metadata=metadata)
    assert change.of("call_duration_seconds_count", method="unknown", code="UNIMPLEMENTED") == 3
    labels = {value for sample in change.now.samples for value in sample.labels.values()}
    assert not [value for value in labels if "made" in value or STRANGE in value]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_call_that_is_refused_for_load_is_counted(database_url: str, tmp_path: Any) -> None:
    async with running(database_url, tmp_path / "data", max_concurrent_calls=1) as (server, service):
        admin = service.caller("admin", "admin")
        server._gate.enter()
        with pytest.raises(Refused) as refused:
            await admin.get_dashboard(fully_qualified_name="superset.d")
        assert refused.value.reason == "TOO_MANY_CALLS"
        found = of_process(server.metrics)
        assert (found.of("calls_running"), found.of("calls_limit")) == (1, 1)
        assert found.of("calls_refused_total", reason="TOO_MANY_CALLS") == found.of("calls_refused_total") == 1
        server._gate.leave()
        # Another server of this process shows nothing of the first.
        async with running(database_url, tmp_path / "data") as (other, _):
            found = of_process(other.metrics)
            assert (found.of("calls_running"), found.of("calls_limit")) == (0, 1_000)
            assert not found.named("calls_refused_total")
