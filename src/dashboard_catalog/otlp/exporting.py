"""Sends what this process records and measures, until its end, if the standard variables ask for it."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from opentelemetry.trace import TracerProvider

from dashboard_catalog.otlp.wanted import OtlpError, Wanted, wanted

if TYPE_CHECKING:
    from dashboard_catalog.otlp.families import Collect
    from dashboard_catalog.otlp.metric_sender import MetricSender
    from dashboard_catalog.otlp.span_sender import SpanSender

CLOSE_SECONDS = 2.0
"""How long the end of a process waits for the collector."""


class Export:
    """What a process sends.

    Args:
        spans: Sends spans, if they are to be sent.
        metrics: Sends metrics, if they are to be sent.
    """

    def __init__(self, spans: "SpanSender | None", metrics: "MetricSender | None") -> None:
        self._spans = spans
        self._metrics = metrics

    @property
    def tracer_provider(self) -> TracerProvider | None:
        """Where spans go; None if there are to be none."""
        return self._spans.provider if self._spans else None

    def send_metrics(self, collect: "Collect") -> None:
        """Sends metrics again and again until the end, if they are to be sent.

        Args:
            collect: Returns them: `collect` of a registry of prometheus_client. It is called in a thread.
        """
        if self._metrics:
            self._metrics.start(collect)

    async def close(self, seconds: float) -> None:
        """Sends what is left. Gives up after a while, whatever the collector does."""
        await asyncio.gather(*(sender.close(seconds) for sender in (self._spans, self._metrics) if sender))


def check(environment: Mapping[str, str]) -> None:
    """Returns if everything that the variables ask for can be sent. Must not be called in an event loop.

    Raises:
        OtlpError: If not.
    """
    asked = wanted(environment)
    if asked.traces or asked.metrics:
        asyncio.run(_new_export(asked).close(CLOSE_SECONDS))


@asynccontextmanager
async def exporting(environment: Mapping[str, str], close_seconds: float = CLOSE_SECONDS) -> AsyncIterator[Export]:
    """Sends what the block records, and at its end what is left.

    Args:
        environment: The variables.
        close_seconds: How long the end may take.

    Raises:
        OtlpError: As `check`.
    """
    export = _new_export(wanted(environment))
    try:
        yield export
    finally:
        await export.close(close_seconds)


def _new_export(asked: Wanted) -> Export:
    if not (asked.traces or asked.metrics):
        return Export(None, None)
    # To start without the SDK would hide until somebody looks for a trace that none was ever sent.
    with _explained():
        from dashboard_catalog.otlp import senders  # noqa: PLC0415 - an extra

        spans = senders.new_span_sender(asked.traces) if asked.traces else None
        metrics = senders.new_metric_sender(asked.metrics, asked.interval_seconds) if asked.metrics else None
    return Export(spans, metrics)


@contextmanager
def _explained() -> Iterator[None]:
    """Says what the SDK cannot do. It reads its variables itself, and raises what it likes for their values."""
    try:
        yield
    except ImportError as error:
        raise OtlpError(
            "variables such as OTEL_EXPORTER_OTLP_ENDPOINT ask for traces or metrics over OTLP, but the OpenTelemetry "
            f"SDK is not installed ({error.name} is missing): install dashboard-catalog[otlp], or set "
            "OTEL_SDK_DISABLED=true"
        ) from error
    except Exception as error:
        raise OtlpError(f"the OpenTelemetry SDK refuses the value of a variable OTEL_*: {error}") from error
