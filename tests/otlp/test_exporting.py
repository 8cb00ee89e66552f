"""Traces of real servers as a collector gets them, and servers whose collector is away."""

import asyncio
import os
import shutil
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Event

import pytest
from structlog.testing import capture_logs

from dashboard_catalog.auth.signing_key import load_or_create_key
from dashboard_catalog.metrics.declared import Metrics
from dashboard_catalog.otlp import metric_sender
from dashboard_catalog.otlp.exporting import exporting
from dashboard_catalog.otlp.threads import done_in_thread
from dashboard_catalog.otlp.wanted import OtlpError
from dashboard_catalog.tracing.spans import Spans
from tests.conftest import sqlite_url
from tests.otlp.receiver import nowhere, over_grpc, over_http, resource, silent
from tests.patience import PATIENCE, until
from tests.server_process import Process, process
from tests.service.caller import Caller, Service
from tests.service.servers import running

UPSERT = "dashboardcatalog.v1.DashboardService/UpsertDashboard"


@pytest.fixture
def url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """A database of its own."""
    return sqlite_url(Path(shutil.copy(migrated_sqlite, tmp_path / "catalog.db")))


async def _load(admin: Caller) -> None:
    await admin.add_small_catalog()
    await admin.upsert_dashboard(dashboard={"name": "d", "service": "superset"})


async def test_what_was_recorded_is_sent_by_the_end(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.version=9")
    with over_http() as (endpoint, received):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        async with exporting(os.environ) as export:
            assert export.tracer_provider
            async with running(url, tmp_path, spans=Spans(export.tracer_provider)) as (_, service):
                await _load(service.caller("admin", "admin"))

    assert {UPSERT, "write batch", "transaction", "chunk", "COMMIT"} <= received.names()
    about = resource(received.spans[0])
    assert about["service.name"] == "dashboard-catalog"
    assert about["service.version"] == "9"
    assert about["deployment.environment.name"] == "test"
    assert about["service.instance.id"]


@asynccontextmanager
async def _served(url: str, folder: Path) -> AsyncIterator[tuple[Process, Caller]]:
    """Runs `serve` with the variables of the environment, until the end of the block."""
    async with process(address="127.0.0.1:0", data_dir=folder, database_url=url) as served:
        address = (await served.line("serving"))["address"]
        key = load_or_create_key(folder)
        async with Service(address, key, None, None) as service:  # type: ignore[arg-type]  # no test looks at them
            yield served, service.caller("admin", "admin")


async def test_the_server_and_its_indexer_send_their_traces_and_metrics_over_grpc(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with over_grpc() as (endpoint, received):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        monkeypatch.setenv("OTEL_SERVICE_NAME", "our-catalog")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        async with _served(url, tmp_path / "data") as (served, admin):
            await _load(admin)
            # What was written before the indexer has built the index makes no span of its own.
            async with asyncio.timeout(PATIENCE):
                while "index changes" not in received.names():
                    await admin.upsert_dashboard(dashboard={"name": f"d{len(received.spans)}", "service": "superset"})
                    await asyncio.sleep(0.1)
            served.process.send_signal(signal.SIGTERM)
            assert await served.ended() == 0

    assert {UPSERT, "write batch", "transaction", "chunk", "COMMIT"} <= received.names()
    processes = {resource(sent)["service.instance.id"] for sent in received.spans}
    assert len(processes) == 2
    assert {resource(sent)["service.name"] for sent in received.spans} == {"our-catalog"}
    # Each sends what it has measured at its end, too.
    assert {resource(sent)["service.instance.id"] for sent in received.metrics} == processes
    calls = received.metric("dashboard_catalog_call_duration_seconds")
    assert calls
    methods = {one.value.string_value for point in calls.histogram.data_points for one in point.attributes}
    assert UPSERT in methods
    below = {span.parent_span_id for span in received.all_spans()}
    assert all(span.span_id in below for span in received.all_spans() if span.name == "index changes")


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
async def test_calls_and_the_end_of_a_server_do_not_wait_for_a_collector(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    with silent() as endpoint:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        # In seconds, or in milliseconds, as others read it: longer than the test may take.
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3600000")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
        async with exporting(os.environ, close_seconds=0.1) as export:
            assert export.tracer_provider
            async with running(url, tmp_path, spans=Spans(export.tracer_provider)) as (_, service):
                await _load(service.caller("admin", "admin"))


@pytest.mark.parametrize(
    ("protocol", "name", "value"),
    [("http/protobuf", "OTEL_BSP_SCHEDULE_DELAY", "0"), ("grpc", "OTEL_EXPORTER_OTLP_COMPRESSION", "made-up")],
)
async def test_a_value_that_the_sdk_refuses_is_an_error_of_the_variables(
    monkeypatch: pytest.MonkeyPatch, protocol: str, name: str, value: str
) -> None:
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": nowhere(), "OTEL_EXPORTER_OTLP_PROTOCOL": protocol, name: value}
    for one, content in variables.items():
        monkeypatch.setenv(one, content)
    with pytest.raises(OtlpError, match="refuses the value of a variable OTEL_"):
        async with exporting(os.environ):
            pass


async def test_a_collector_that_does_not_answer_takes_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metric_sender, "_EXPORT_SECONDS", 0.01)
    with silent() as endpoint, capture_logs() as logged:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", endpoint)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3600")
        monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "1")
        before = threading.active_count()
        async with exporting(os.environ, close_seconds=0.1) as export:
            export.send_metrics(Metrics().registry.collect)
            await until(lambda: len(logged) >= 20)
            assert {line["event"] for line in logged} == {"metrics_not_sent"}
            # That of the collector, and one that is just ending.
            assert threading.active_count() <= before + 2


async def test_a_server_whose_collector_is_away_ends_in_order(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", nowhere())
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3600")
    async with _served(url, tmp_path / "data") as (served, admin):
        await _load(admin)
        served.process.send_signal(signal.SIGTERM)
        await served.line("stopped")
        assert await served.ended() == 0


async def test_work_that_does_not_end_is_given_up() -> None:
    never = Event()
    async with asyncio.timeout(PATIENCE):
        await done_in_thread(never.wait, 0.01)
        never.set()
        # And what ends is waited for.
        done: list[int] = []
        await done_in_thread(lambda: done.append(1), PATIENCE)
    assert done == [1]
