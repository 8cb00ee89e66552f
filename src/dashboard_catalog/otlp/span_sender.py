"""Sends spans in the background, in batches."""

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from dashboard_catalog.otlp.threads import done_in_thread


class SpanSender:
    """Sends spans.

    Args:
        exporter: Sends a batch of them.
        resource: Whose they are.

    Attributes:
        provider: Where spans go. Which are recorded is up to `OTEL_TRACES_SAMPLER`.
    """

    def __init__(self, exporter: SpanExporter, resource: Resource) -> None:
        # At the exit of the process it would wait for the collector for half a minute.
        self.provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self.provider.add_span_processor(BatchSpanProcessor(exporter))

    async def close(self, seconds: float) -> None:
        """Sends what is left, but gives up after some seconds."""
        await done_in_thread(self.provider.shutdown, seconds)
