"""Makes the spans of a process: of calls, batches, chunks, transactions and statements.

A part that gets no `Spans` makes none, and pays for one comparison with None. What happens inside a call makes spans
only if the span of the call is recorded.

Attributes hold no values of requests, no tokens and no subjects: a trace leads to the log by the id of its call.
Exceptions are not recorded, because the texts of drivers quote values.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import (
    Link,
    Span,
    SpanKind,
    Status,
    StatusCode,
    TracerProvider,
    format_trace_id,
    get_current_span,
    set_span_in_context,
)

from dashboard_catalog.error_codes import Code
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.tracing.incoming import trace_of

CALL_ID = "dashboard_catalog.call_id"
REASON = "dashboard_catalog.reason"

Attributes = Mapping[str, str | int]

# As the conventions for gRPC say. The other codes are the fault of callers, or nobody's.
_FAULTS = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", Code.UNIMPLEMENTED, Code.INTERNAL, Code.UNAVAILABLE, "DATA_LOSS"})


class Spans:
    """Makes spans.

    Args:
        provider: Where they go, and which of them are recorded.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("dashboard_catalog", version("dashboard-catalog"))

    def of_call(self, name: str, headers: Iterable[tuple[str, Any]], attributes: Attributes) -> Span:
        """Begins the span of a call, in the trace of its caller if there is one.

        Args:
            name: Of the span.
            headers: What the caller has sent, as `trace_of` takes it.
            attributes: Those that a sampler may look at.
        """
        return self._tracer.start_span(name, trace_of(headers), SpanKind.SERVER, attributes)

    def under(self, parent: Span, name: str, attributes: Attributes, *, kind: SpanKind = SpanKind.INTERNAL) -> Span:
        """Begins a span below another one."""
        return self._tracer.start_span(name, set_span_in_context(parent, Context()), kind, attributes)

    def of_batch(self, name: str, callers: Sequence[Span | None]) -> Span | None:
        """Begins the span of what several calls share: below the first that is recorded, with links to the others.

        Args:
            name: Of the span.
            callers: The span of each call, or None if it is not recorded.
        """
        # One call can have many items in a batch.
        recorded = list(dict.fromkeys(caller for caller in callers if caller is not None))
        if not recorded:
            return None
        first, *others = recorded
        span = self._tracer.start_span(
            name,
            set_span_in_context(first, Context()),
            attributes={"dashboard_catalog.batch.size": len(callers)},
            links=[Link(other.get_span_context()) for other in others],
        )
        for other in others:
            # So that the traces of these calls lead to the batch, too.
            if other.is_recording():
                other.add_link(span.get_span_context())
        return span

    @contextmanager
    def within(self, name: str, attributes: Attributes) -> Iterator[None]:
        """Surrounds a part of the call that the task serves with a span, if that of the call is recorded."""
        parent = recorded_span()
        if parent is None:
            yield
            return
        with current(self.under(parent, name, attributes)):
            yield

    @contextmanager
    def alone(self, name: str, attributes: Attributes) -> Iterator[None]:
        """Surrounds something that serves no call with a span of its own trace."""
        with current(self._tracer.start_span(name, Context(), attributes=attributes)):
            yield


@contextmanager
def current(span: Span) -> Iterator[None]:
    """Makes a span the parent of what begins in the block, and ends it with the block."""
    token = attach(set_span_in_context(span))
    try:
        with ended(span):
            yield
    finally:
        detach(token)


@contextmanager
def ended(span: Span) -> Iterator[None]:
    """Ends a span with the block, and notes how that has failed."""
    try:
        yield
    except BaseException as error:
        fail(span, error)
        raise
    finally:
        span.end()


def enter(span: Span) -> None:
    """Makes a span the parent of everything that begins in this task from now on."""
    attach(set_span_in_context(span))


def recorded_span() -> Span | None:
    """Returns the span that is the parent of what begins now; None if it is not recorded or has ended."""
    span = get_current_span()
    return span if span.is_recording() else None


def trace_id_of(span: Span | None) -> str | None:
    """Returns the id of the trace of a span, as log lines show it; None if the span is not recorded."""
    return format_trace_id(span.get_span_context().trace_id) if span is not None and span.is_recording() else None


def is_fault(code: str) -> bool:
    """Returns whether a call that ends with this code has failed through no fault of its caller."""
    return code in _FAULTS


def fail(span: Span, error: BaseException) -> None:
    """Notes why what a span stands for has not succeeded. A refusal that is the fault of callers is no error."""
    if isinstance(error, CatalogError):
        span.set_attribute(REASON, error.reason.value)
        if not is_fault(error.code.value):
            return
    if isinstance(error, Exception):
        span.set_attribute("error.type", type(error).__qualname__)
        span.set_status(Status(StatusCode.ERROR))
