"""The floors write the same rows in transactions of the same size."""

from itertools import chain

import pytest

from benchmarks.floors import parts


@pytest.mark.parametrize(("count", "sizes"), [(1, [7]), (3, [2, 2, 3]), (7, [1] * 7)])
def test_rows_are_divided_evenly_and_none_is_lost(count: int, sizes: list[int]) -> None:
    rows = [(number,) for number in range(7)]
    divided = list(parts(rows, count))
    assert [len(some) for some in divided] == sizes
    assert list(chain(*divided)) == rows
