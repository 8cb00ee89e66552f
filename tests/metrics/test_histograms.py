"""Histograms count into the buckets that Prometheus expects, and keep the last exemplar of each."""

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client import Histogram as LibraryHistogram
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST

from dashboard_catalog.metrics.histograms import Histogram
from dashboard_catalog.metrics.samples import content_type_of, rendered, taken_from
from tests.metrics_reading import OPEN_METRICS, read

BOUNDS = (0.1, 1, 10)
VALUES = (0.0, 0.1, 0.5, 1.0, 1.5, 10.0, 11.0, 1e9)


def test_it_counts_like_the_histogram_of_the_library() -> None:
    own, others = CollectorRegistry(), CollectorRegistry()
    mine = Histogram("x_seconds", "Seconds.", ("kind",), bounds=BOUNDS, registry=own)
    theirs = LibraryHistogram("x_seconds", "Seconds.", ("kind",), buckets=BOUNDS, registry=others)
    for kind in ("read", "write"):
        for value in VALUES:
            mine.labels(kind).observe(value)
            theirs.labels(kind).observe(value)
    own_text, others_text = (rendered({"0": taken_from(one)}, CONTENT_TYPE_LATEST) for one in (own, others))
    assert own_text == others_text


def test_one_without_labels_is_there_before_anything_happens() -> None:
    registry = CollectorRegistry()
    histogram = Histogram("x_seconds", "Seconds.", (), bounds=BOUNDS, registry=registry)
    assert registry.get_sample_value("x_seconds_count") == 0
    histogram.observe(2)
    assert registry.get_sample_value("x_seconds_bucket", {"le": "10.0"}) == 1
    assert registry.get_sample_value("x_seconds_sum") == 2


@pytest.mark.parametrize("accept", [OPEN_METRICS, "text/plain"])
def test_the_last_exemplar_of_a_bucket_is_shown_in_openmetrics(accept: str) -> None:
    registry = CollectorRegistry()
    cell = Histogram("x_seconds", "Seconds.", ("kind",), bounds=BOUNDS, registry=registry).labels("read")
    for call in ("first", "last"):
        cell.observe(0.5, {"trace_id": "4bf9", "call_id": call})
    cell.observe(0.5)
    content_type = content_type_of(accept)
    content = rendered({"0": taken_from(registry)}, content_type)
    found = [sample.exemplar for sample in read(content.decode(), content_type).samples if sample.exemplar]
    shown = [(dict(exemplar.labels), exemplar.value) for exemplar in found]
    assert all(float(exemplar.timestamp or 0) > 0 for exemplar in found)
    assert shown == ([({"trace_id": "4bf9", "call_id": "last"}, 0.5)] if accept == OPEN_METRICS else [])
