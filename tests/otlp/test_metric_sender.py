"""What is measured last is sent, also while the collector is slow."""

import asyncio
from threading import Event
from typing import Any, cast

from opentelemetry.sdk.metrics.export import MetricExporter, MetricsData
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, Gauge

from dashboard_catalog.otlp.metric_sender import MetricSender
from tests.patience import PATIENCE, until


class SlowExporter:
    """Keeps the first export until `answers` is set."""

    def __init__(self) -> None:
        self.answers = Event()
        self.sent: list[float] = []

    def export(self, data: MetricsData) -> None:
        metric: Any = data.resource_metrics[0].scope_metrics[0].metrics[0]
        self.sent.append(metric.data.data_points[0].value)
        self.answers.wait(PATIENCE)

    def shutdown(self) -> None:
        """Does nothing."""


async def test_the_last_export_waits_for_the_one_that_is_under_way() -> None:
    registry, exporter = CollectorRegistry(), SlowExporter()
    measured = Gauge("measured", "Measured.", registry=registry)
    measured.set(1)
    sender = MetricSender(cast("MetricExporter", exporter), Resource.create(), seconds=0.01)
    sender.start(registry.collect)
    await until(lambda: exporter.sent)

    measured.set(2)
    closing = asyncio.create_task(sender.close(PATIENCE))
    # Long enough for the last export to find the other one.
    await asyncio.sleep(0.1)
    exporter.answers.set()
    await closing

    assert exporter.sent == [1, 2]
