"""Medians of repeated measurements, and how far the measurements are apart."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """Repeated measurements of one value.

    Attributes:
        low: The least of them.
        high: The greatest of them.
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """Returns the spread of at least one value."""
        measured = list(values)
        return cls(statistics.median(measured), min(measured), max(measured))

    @property
    def deviation(self) -> float:
        """The largest distance from the median, as a share of it; zero if the median is."""
        return max(self.high - self.median, self.median - self.low) / self.median if self.median else 0.0

    def overlaps(self, other: "Spread") -> bool:
        """Returns whether some value is within both."""
        return self.low <= other.high and other.low <= self.high


def percentiles(each: Sequence[float]) -> tuple[float, float]:
    """Returns the median and the 99th percentile of at least two values."""
    found = statistics.quantiles(each, n=100, method="inclusive")
    return found[49], found[98]
