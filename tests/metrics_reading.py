"""Reads what a scrape returns, as Prometheus does."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as text
from prometheus_client.samples import Sample

from dashboard_catalog.metrics.declared import Metrics
from dashboard_catalog.metrics.exchange import Exchange
from dashboard_catalog.metrics.samples import rendered

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


class Scraped(NamedTuple):
    """The samples of a scrape."""

    samples: list[Sample]

    def of(self, name: str, **labels: str) -> float:
        """Returns the sum of the samples of a metric that have these labels; 0 if there are none."""
        return sum(sample.value for sample in self.named(name) if has(sample.labels, labels))

    def named(self, name: str) -> list[Sample]:
        """Returns the samples of a metric, by its name without the prefix."""
        return [sample for sample in self.samples if sample.name == f"dashboard_catalog_{name}"]

    def label(self, name: str) -> set[str]:
        """Returns all values that a label has."""
        return {sample.labels[name] for sample in self.samples if name in sample.labels}


def has(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Says whether labels have these values."""
    return wanted.items() <= labels.items()


def read(content: str, content_type: str) -> Scraped:
    """Returns the samples of an answer, which must be in the format that it says."""
    parse: Callable[[str], object] = open_metrics if content_type.startswith("application/openmetrics") else text
    return Scraped([sample for family in parse(content) for sample in family.samples])  # type: ignore[attr-defined] # both yield families


def of_process(metrics: Metrics) -> Scraped:
    """Returns the samples of one process, in the form in which they would be scraped."""
    content = rendered(Exchange("0", metrics).gather(), CONTENT_TYPE_LATEST)
    return read(content.decode(), CONTENT_TYPE_LATEST)
