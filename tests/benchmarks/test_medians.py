"""Medians and percentiles of repeated measurements."""

import pytest

from benchmarks.medians import Spread, percentiles


def test_a_spread_has_the_median_and_the_extremes_in_any_order() -> None:
    assert Spread.of([30, 10, 11]) == Spread(11, 10, 30)
    assert Spread.of([10, 20]) == Spread(15, 10, 20)
    assert Spread.of(iter([7])) == Spread(7, 7, 7)


def test_the_deviation_is_the_larger_distance_from_the_median() -> None:
    assert Spread(100, 80, 110).deviation == pytest.approx(0.2)
    assert Spread(100, 95, 140).deviation == pytest.approx(0.4)
    assert Spread.of([7]).deviation == 0
    assert Spread.of([0, 0]).deviation == 0


def test_spreads_overlap_if_they_share_a_value() -> None:
    spread = Spread(15, 10, 20)
    assert spread.overlaps(Spread(25, 20, 30))
    assert spread.overlaps(Spread(12, 11, 13))
    assert Spread(12, 11, 13).overlaps(spread)
    assert not spread.overlaps(Spread(25, 21, 30))
    assert not spread.overlaps(Spread(5, 1, 9))


def test_percentiles_are_within_what_was_measured() -> None:
    assert percentiles([float(number) for number in range(101)]) == (50, 99)
    assert percentiles([1, 3]) == pytest.approx((2, 2.98))
