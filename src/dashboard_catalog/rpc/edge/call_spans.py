"""The spans of calls over gRPC, named and described as OpenTelemetry's conventions for RPC say."""

from collections.abc import Iterable
from typing import Any

from opentelemetry.trace import Span, Status, StatusCode

from dashboard_catalog.rpc.edge.method import Method
from dashboard_catalog.tracing.spans import CALL_ID, REASON, Spans, is_fault


def begin(spans: Spans, method: Method, metadata: Iterable[tuple[str, Any]], call_id: str) -> Span | None:
    """Begins the span of a call; returns None for an open method, since probes and tools are of no interest.

    Args:
        spans: Makes it.
        method: What is called.
        metadata: What the caller has sent before its request.
        call_id: Id of the call.
    """
    if method.is_open:
        return None
    return spans.of_call(
        method.name, metadata, {"rpc.system.name": "grpc", "rpc.method": method.name, CALL_ID: call_id}
    )


def end(span: Span, code: str, reason: str | None) -> None:
    """Ends the span of a call.

    Args:
        span: The span.
        code: Name of the code that the call has ended with.
        reason: Reason of the error, if any.
    """
    span.set_attribute("rpc.response.status_code", code)
    if reason:
        span.set_attribute(REASON, reason)
    if is_fault(code):
        span.set_attribute("error.type", code)
        span.set_status(Status(StatusCode.ERROR))
    span.end()
