"""Small collectors, which keep what they are sent: one over HTTP, one over gRPC, and one that never answers."""

import gzip
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import grpc.aio
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ResourceMetrics
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span


class Received:
    """What a collector has been sent."""

    def __init__(self) -> None:
        self.spans: list[ResourceSpans] = []
        self.metrics: list[ResourceMetrics] = []

    def names(self) -> set[str]:
        """Returns the names of all spans."""
        return {span.name for span in self.all_spans()}

    def all_spans(self) -> list[Span]:
        """Returns all spans."""
        return [span for sent in self.spans for scope in sent.scope_spans for span in scope.spans]

    def metric(self, name: str) -> Metric | None:
        """Returns a metric as it was sent last."""
        found = [
            metric
            for sent in self.metrics
            for scope in sent.scope_metrics
            for metric in scope.metrics
            if metric.name == name
        ]
        return found[-1] if found else None


def resource(sent: ResourceSpans | ResourceMetrics) -> dict[str, str]:
    """Returns what was sent about the process that sent it."""
    return {one.key: one.value.string_value for one in sent.resource.attributes}


@contextmanager
def over_http() -> Iterator[tuple[str, Received]]:
    """Yields the endpoint of a collector, and what it receives."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path == "/v1/traces":
                received.spans += trace_service_pb2.ExportTraceServiceRequest.FromString(body).resource_spans
            else:
                received.metrics += metrics_service_pb2.ExportMetricsServiceRequest.FromString(body).resource_metrics
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", received
        finally:
            server.shutdown()
            thread.join()


class _Traces(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, received: Received) -> None:
        self._received = received

    async def Export(self, request: Any, _context: Any) -> Any:
        self._received.spans += request.resource_spans
        return trace_service_pb2.ExportTraceServiceResponse()


class _Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    def __init__(self, received: Received) -> None:
        self._received = received

    async def Export(self, request: Any, _context: Any) -> Any:
        self._received.metrics += request.resource_metrics
        return metrics_service_pb2.ExportMetricsServiceResponse()


@asynccontextmanager
async def over_grpc() -> AsyncIterator[tuple[str, Received]]:
    """Yields the endpoint of a collector, and what it receives."""
    received, server = Received(), grpc.aio.server()
    add_traces: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
    add_traces(_Traces(received), server)
    add_metrics: Any = metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server
    add_metrics(_Metrics(received), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"http://127.0.0.1:{port}", received
    finally:
        await server.stop(None)


@contextmanager
def silent() -> Iterator[str]:
    """Yields the endpoint of a collector that takes connections, and then says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def nowhere() -> str:
    """Returns an endpoint at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"
