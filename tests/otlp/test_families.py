"""Metrics of prometheus_client as a collector of OpenTelemetry gets them."""

import os
from importlib.metadata import version

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
)
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, Summary

from dashboard_catalog.otlp.exporting import exporting
from tests.otlp.receiver import Received, over_grpc, over_http, resource
from tests.patience import until

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    calls = Counter("calls", "Calls.", ["method"], registry=registry)
    calls.labels("get").inc(3)
    calls.labels("put").inc(1, exemplar={"trace_id": TRACE, "call_id": "c1"})
    Gauge("open_sessions", "Sessions.", registry=registry).set(-2.5)
    seconds = Histogram("call_seconds", "Duration.", ["method"], buckets=[0.1, 1], registry=registry)
    for value in (0.05, 0.06, 0.5, 7):
        seconds.labels("get").observe(value, exemplar={"trace_id": TRACE, "call_id": "c2"} if value == 7 else None)
    Summary("size_bytes", "Sizes.", registry=registry).observe(10)
    Info("build", "Build.", registry=registry).info({"version": "1"})
    return registry


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables that both protocols share."""
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "20")


@pytest.mark.usefixtures("environment")
async def test_metrics_arrive_over_grpc(registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    async with over_grpc() as (endpoint, received):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        async with exporting(os.environ) as export:
            assert export.tracer_provider is None
            export.send_metrics(registry.collect)
            await until(lambda: received.metrics)
    _check(received)


@pytest.mark.usefixtures("environment")
async def test_metrics_arrive_over_http_again_and_again(
    registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with over_http() as (endpoint, received):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        async with exporting(os.environ) as export:
            export.send_metrics(registry.collect)
            await until(lambda: received.metrics)
            _check(received)
            more = Gauge("later", "Later.", registry=registry)
            more.set(1)
            await until(lambda: received.metric("later"))
            # What is measured last is sent at the end.
            more.set(2)
        assert _only(received.metric("later"), "gauge").as_double == 2


@pytest.mark.usefixtures("environment")
async def test_a_registry_that_fails_once_is_asked_again(
    registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = 0

    def collect() -> object:
        nonlocal times
        times += 1
        if times == 1:
            raise RuntimeError
        return registry.collect()

    with over_http() as (endpoint, received):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        async with exporting(os.environ) as export:
            export.send_metrics(collect)  # type: ignore[arg-type]  # the registry's own type, after it has failed
            await until(lambda: received.metrics)


def _check(received: Received) -> None:
    about = resource(received.metrics[0])
    assert about["service.name"] == "dashboard-catalog"
    assert about["service.instance.id"]
    assert about["service.version"] == version("dashboard-catalog")
    calls = received.metric("calls_total")
    assert calls
    assert calls.description == "Calls."
    assert calls.sum.is_monotonic
    assert calls.sum.aggregation_temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    points = {_labels(point)["method"]: point for point in calls.sum.data_points}
    assert {method: point.as_double for method, point in points.items()} == {"get": 3, "put": 1}
    assert 0 < points["get"].start_time_unix_nano <= points["get"].time_unix_nano
    _check_exemplar(points["put"], 1, "c1")
    assert _only(received.metric("open_sessions"), "gauge").as_double == -2.5
    duration = received.metric("call_seconds")
    assert duration
    assert duration.unit == "s"
    (point,) = duration.histogram.data_points
    assert list(point.explicit_bounds) == [0.1, 1]
    assert list(point.bucket_counts) == [2, 1, 1]
    assert (point.count, round(point.sum, 6)) == (4, 7.61)
    assert not point.HasField("min")
    _check_exemplar(point, 7, "c2")
    size = received.metric("size_bytes")
    assert size
    assert size.unit == "By"
    (point,) = size.histogram.data_points
    assert (list(point.explicit_bounds), list(point.bucket_counts), point.sum) == ([], [1], 10)
    assert _labels(_only(received.metric("build_info"), "gauge")) == {"version": "1"}


def _check_exemplar(point: NumberDataPoint | HistogramDataPoint, value: float, call_id: str) -> None:
    (exemplar,) = point.exemplars
    assert (exemplar.trace_id.hex(), exemplar.as_double) == (TRACE, value)
    assert [(one.key, one.value.string_value) for one in exemplar.filtered_attributes] == [("call_id", call_id)]


def _only(metric: Metric | None, kind: str) -> NumberDataPoint:
    assert metric
    (point,) = getattr(metric, kind).data_points
    assert isinstance(point, NumberDataPoint)
    return point


def _labels(point: NumberDataPoint) -> dict[str, str]:
    return {one.key: one.value.string_value for one in point.attributes}
