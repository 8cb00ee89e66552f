"""Histograms for what happens with every call: an observation takes a tenth of the time that those of the library take.

All observations come from one thread, the event loop's, so they need no lock. Another thread may collect meanwhile: it
may miss the latest observation, and nothing else.
"""

import time
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import HistogramMetricFamily, Metric
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString


class Cell:
    """The observations with one set of labels."""

    __slots__ = ("_bounds", "counts", "exemplars", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0
        self.exemplars: dict[int, Exemplar] = {}

    def observe(self, value: float, exemplar: Mapping[str, str] | None = None) -> None:
        """Counts a value.

        Args:
            exemplar: Labels by which people find the call that it belongs to.
        """
        bucket = bisect_left(self._bounds, value)
        self.counts[bucket] += 1
        self.total += value
        if exemplar is not None:
            self.exemplars[bucket] = Exemplar(dict(exemplar), value, time.time())


class Histogram:
    """A histogram, as a collector of the library.

    Args:
        name: Its full name.
        text: What it measures.
        labels: Names of its labels.
        bounds: The upper bounds of its buckets, without infinity.
        registry: Where it is registered.
    """

    def __init__(
        self, name: str, text: str, labels: Sequence[str], *, bounds: Sequence[float], registry: CollectorRegistry
    ) -> None:
        self._name = name
        self._help = text
        self._labels = labels
        self._bounds = tuple(bounds)
        self._limits = [*map(floatToGoString, self._bounds), "+Inf"]
        self._cells: dict[tuple[str, ...], Cell] = {}
        if not labels:
            self.labels()
        registry.register(self)

    def labels(self, *values: str) -> Cell:
        """Returns the observations with these values of the labels."""
        return self._cells.get(values) or self._cells.setdefault(values, Cell(self._bounds))

    def observe(self, value: float) -> None:
        """Counts a value in a histogram without labels."""
        self._cells[()].observe(value)

    def describe(self) -> Iterable[Metric]:
        """Returns the family without samples."""
        return [self._family()]

    def collect(self) -> Iterable[Metric]:
        """Returns the family with its samples."""
        family = self._family()
        for values, cell in list(self._cells.items()):
            counts, exemplars = accumulate(cell.counts), cell.exemplars
            buckets: list[Any] = [
                (limit, count, exemplars.get(place))
                for place, (limit, count) in enumerate(zip(self._limits, counts, strict=True))
            ]
            family.add_metric(values, buckets, cell.total)
        return [family]

    def _family(self) -> HistogramMetricFamily:
        return HistogramMetricFamily(self._name, self._help, labels=self._labels)
