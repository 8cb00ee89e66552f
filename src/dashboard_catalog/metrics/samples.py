"""The samples of several processes, as plain values that one process sends to another, and as Prometheus reads them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.samples import Exemplar

_OPEN_METRICS = "application/openmetrics-text"
_PROCESS = "process"
# When a series began. Prometheus does not need it, and it would double the samples.
_CREATED = "_created"

Sample = tuple[str, dict[str, str], float, tuple[dict[str, str], float, float] | None]
"""Name, labels, value, and an exemplar: its labels, value and time."""


class Family(NamedTuple):
    """A metric with its samples."""

    name: str
    help: str
    type: str
    unit: str
    samples: list[Sample]


def taken_from(registry: CollectorRegistry) -> list[Family]:
    """Returns what a registry has."""
    return [Family(one.name, one.documentation, one.type, one.unit, list(_samples(one))) for one in registry.collect()]


def _samples(metric: Metric) -> Iterator[Sample]:
    for sample in metric.samples:
        if not sample.name.endswith(_CREATED):
            found = sample.exemplar
            exemplar = (dict(found.labels), found.value, float(found.timestamp or 0.0)) if found else None
            yield sample.name, dict(sample.labels), sample.value, exemplar


def content_type_of(accept: str) -> str:
    """Returns the content type of the format that a client accepts: OpenMetrics, or else the text format.

    Args:
        accept: The header of that name, in which strangers can write anything; empty if there is none.
    """
    kinds = {kind.partition(";")[0].strip() for kind in accept.split(",")}
    return openmetrics.CONTENT_TYPE_LATEST if _OPEN_METRICS in kinds else CONTENT_TYPE_PLAIN_0_0_4


def rendered(processes: Mapping[str, Iterable[Family]], content_type: str) -> bytes:
    """Returns the samples of processes.

    Args:
        processes: The samples by the name of their process, which becomes a label of each.
        content_type: Their format, as `content_type_of` returns it.
    """
    encode = openmetrics.generate_latest if content_type == openmetrics.CONTENT_TYPE_LATEST else generate_latest
    return encode(_Merged(processes))


class _Merged:
    """The samples of several processes, as a registry has them."""

    def __init__(self, processes: Mapping[str, Iterable[Family]]) -> None:
        self._processes = processes

    def collect(self) -> Iterable[Metric]:
        metrics: dict[str, Metric] = {}
        for process, families in self._processes.items():
            for family in families:
                metric = metrics.get(family.name)
                if metric is None:
                    metric = metrics[family.name] = Metric(family.name, family.help, family.type, family.unit)
                for name, labels, value, found in family.samples:
                    exemplar = Exemplar(*found) if found else None
                    metric.add_sample(name, {**labels, _PROCESS: process}, value, exemplar=exemplar)
        return metrics.values()
