"""Turns metrics of prometheus_client into those of OpenTelemetry, as its data model says.

Metrics keep the names that they have for Prometheus, so that dashboards and alerts are the same for both. Histograms
with negative or sparse buckets are none of the catalog's, and are left out.

https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client import Metric as Family
from prometheus_client.samples import Sample

Collect = Callable[[], Iterable[Family]]
"""Returns all metrics as they are now."""

_SCOPE = InstrumentationScope("dashboard_catalog")
# By the last word of a name, in the spelling of UCUM.
_UNITS = {"seconds": "s", "bytes": "By", "ratio": "1"}
_NANOSECONDS = 1_000_000_000

_Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Span:
    """The time that cumulative values are about, in nanoseconds since 1970."""

    since: int
    now: int


def metrics_data(families: Iterable[Family], resource: Resource, *, since: int, now: int) -> MetricsData:
    """Returns metrics in the form that exporters take.

    Args:
        families: The metrics.
        resource: Whose they are.
        since: When counting began, unless a metric knows better; in nanoseconds since 1970.
        now: The time.
    """
    span = _Span(since, now)
    metrics = [metric for family in families for metric in _metrics_of(family, span)]
    scope = ScopeMetrics(scope=_SCOPE, metrics=metrics, schema_url="")
    return MetricsData([ResourceMetrics(resource=resource, scope_metrics=[scope], schema_url=resource.schema_url)])


def _metrics_of(family: Family, span: _Span) -> list[Metric]:
    """Returns the metrics of a family: one, unless its samples have several names."""
    unit = _UNITS.get(family.name.rpartition("_")[2], "")

    def metric(name: str, data: Sum | Gauge | Histogram) -> Metric:
        return Metric(name=name, description=family.documentation, unit=unit, data=data)

    if family.type == "counter":
        name = f"{family.name}_total"
        return [metric(name, _sum(family, name, span))]
    if family.type in {"histogram", "summary"}:
        return [metric(family.name, _histogram(family, span))]
    names = dict.fromkeys(sample.name for sample in family.samples)
    return [metric(name, _gauge(family, name, span)) for name in names]


def _sum(family: Family, name: str, span: _Span) -> Sum:
    created = _created(family)
    points = [
        NumberDataPoint(
            attributes=sample.labels,
            start_time_unix_nano=created.get(_labels(sample), span.since),
            time_unix_nano=span.now,
            value=sample.value,
            exemplars=_exemplars([sample], span),
        )
        for sample in family.samples
        if sample.name == name
    ]
    return Sum(data_points=points, aggregation_temporality=AggregationTemporality.CUMULATIVE, is_monotonic=True)


def _gauge(family: Family, name: str, span: _Span) -> Gauge:
    return Gauge(
        [
            NumberDataPoint(
                attributes=sample.labels, start_time_unix_nano=0, time_unix_nano=span.now, value=sample.value
            )
            for sample in family.samples
            if sample.name == name
        ]
    )


@dataclass(slots=True)
class _Distribution:
    """The samples of one histogram; of a summary, which has no buckets."""

    buckets: list[Sample] = field(default_factory=list)
    count: float = 0.0
    sum: float = 0.0


def _histogram(family: Family, span: _Span) -> Histogram:
    found: dict[_Labels, _Distribution] = {}
    for sample in family.samples:
        part = sample.name.removeprefix(family.name)
        if part in {"_bucket", "_count", "_sum"}:
            one = found.setdefault(_labels(sample), _Distribution())
            if part == "_bucket":
                one.buckets.append(sample)
            else:
                setattr(one, part[1:], sample.value)
    created = _created(family)
    points = [_point(labels, one, created.get(labels, span.since), span) for labels, one in found.items()]
    return Histogram(data_points=points, aggregation_temporality=AggregationTemporality.CUMULATIVE)


def _point(labels: _Labels, one: _Distribution, since: int, span: _Span) -> HistogramDataPoint:
    buckets = sorted((float(sample.labels["le"]), int(sample.value)) for sample in one.buckets)
    up_to = [count for _, count in buckets] or [int(one.count)]
    return HistogramDataPoint(
        attributes=dict(labels),
        start_time_unix_nano=since,
        time_unix_nano=span.now,
        count=up_to[-1],
        sum=one.sum,
        # For Prometheus, each bucket has what is in the smaller ones, too.
        bucket_counts=[count - below for count, below in zip(up_to, [0, *up_to], strict=False)],
        explicit_bounds=[bound for bound, _ in buckets if not math.isinf(bound)],
        # Not known, and the encoder leaves out None.
        min=None,  # type: ignore[arg-type]
        max=None,  # type: ignore[arg-type]
        exemplars=_exemplars(one.buckets, span),
    )


def _exemplars(samples: Iterable[Sample], span: _Span) -> list[Exemplar]:
    """Returns the exemplars of samples. A trace id becomes the field that is made for it."""
    found = []
    for sample in samples:
        if (given := sample.exemplar) is None:
            continue
        others = {name: value for name, value in given.labels.items() if name not in {"trace_id", "span_id"}}
        trace_id = given.labels.get("trace_id")
        found.append(
            Exemplar(
                filtered_attributes=others,
                value=float(given.value),
                time_unix_nano=int(float(given.timestamp) * _NANOSECONDS) if given.timestamp else span.now,
                # The encoder sends no trace without a span; 0 stands for none.
                span_id=int(given.labels.get("span_id", "0"), 16) if trace_id else None,
                trace_id=int(trace_id, 16) if trace_id else None,
            )
        )
    return found


def _created(family: Family) -> Mapping[_Labels, int]:
    """Returns when each series of a family began, as far as the family says."""
    name = f"{family.name}_created"
    return {_labels(sample): int(sample.value * _NANOSECONDS) for sample in family.samples if sample.name == name}


def _labels(sample: Sample) -> _Labels:
    """Returns the labels that a sample shares with the others of its series."""
    return tuple(sorted((name, value) for name, value in sample.labels.items() if name != "le"))
