"""Makes what sends, from the exporters of OpenTelemetry's SDK. They read their variables themselves."""

from importlib.metadata import version
from uuid import uuid4

from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource

from dashboard_catalog.otlp.metric_sender import MetricSender
from dashboard_catalog.otlp.span_sender import SpanSender

_SPAN_EXPORTERS = {"grpc": GrpcSpanExporter, "http/protobuf": HttpSpanExporter}
_METRIC_EXPORTERS = {"grpc": GrpcMetricExporter, "http/protobuf": HttpMetricExporter}


def new_span_sender(protocol: str) -> SpanSender:
    """Returns what sends spans."""
    return SpanSender(_SPAN_EXPORTERS[protocol](), _resource())


def new_metric_sender(protocol: str, seconds: float) -> MetricSender:
    """Returns what sends metrics, each time after some seconds."""
    return MetricSender(_METRIC_EXPORTERS[protocol](), _resource(), seconds)


def _resource() -> Resource:
    """Returns what all spans and metrics of this process say of it. The variables for it win over the defaults."""
    defaults = {
        "service.name": "dashboard-catalog",
        "service.version": version("dashboard-catalog"),
        "service.instance.id": _INSTANCE,
    }
    return Resource.create({**defaults, **OTELResourceDetector().detect().attributes})


# Every process has its own: their counters must not mix.
_INSTANCE = str(uuid4())
