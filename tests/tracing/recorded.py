"""The spans that a server has made, as a test looks at them."""

from collections.abc import Iterable, Iterator

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from dashboard_catalog.tracing.spans import Spans
from tests.patience import until


class Recorded:
    """Spans, as they have ended.

    Attributes:
        spans: What makes them.
    """

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.spans = Spans(provider)

    def clear(self) -> None:
        """Forgets all spans."""
        self._exporter.clear()

    def __iter__(self) -> Iterator[ReadableSpan]:
        return iter(self._exporter.get_finished_spans())

    def named(self, name: str) -> list[ReadableSpan]:
        """Returns the spans whose names end like this, in the order of their beginnings."""
        return sorted((span for span in self if span.name.endswith(name)), key=lambda span: span.start_time or 0)

    def one(self, name: str) -> ReadableSpan:
        """Returns the only span whose name ends like this."""
        (span,) = self.named(name)
        return span

    async def call(self, name: str) -> ReadableSpan:
        """Returns the only span of a call whose name ends like this, as soon as it has ended."""
        await until(lambda: self.named(name))
        return self.one(name)

    def below(self, parent: ReadableSpan) -> list[ReadableSpan]:
        """Returns the spans directly below one, in the order of their beginnings."""
        found = [span for span in self if span.parent and span.parent.span_id == _id(parent)]
        return sorted(found, key=lambda span: span.start_time or 0)

    def only_below(self, parent: ReadableSpan) -> ReadableSpan:
        """Returns the only span directly below one."""
        (span,) = self.below(parent)
        return span


def linked(span: ReadableSpan) -> set[int]:
    """Returns the ids of the spans that a span has links to."""
    return {link.context.span_id for link in span.links}


def ids(spans: Iterable[ReadableSpan]) -> set[int]:
    """Returns the ids of spans."""
    return {_id(span) for span in spans}


def attributes(span: ReadableSpan) -> dict[str, object]:
    """Returns the attributes of a span."""
    return dict(span.attributes or {})


def _id(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.span_id)
