"""The printed table, and the changes since an earlier run."""

import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from benchmarks import report
from benchmarks.changes import Changes
from benchmarks.figures import EDGE, GOALS
from benchmarks.machine import build
from benchmarks.medians import Spread
from benchmarks.run import Row, Run

FIRST = "bulk dashboards, first load"
CONDITIONS = {"Python": "3.11.7", "commit": "abc", "started": "today", "load at the start": "0.1"}
CONDITIONS |= {"rounds": "3", "items": "10,000"}


def row(work: str, rates: Sequence[float], *, server: float = 100, **figures: float) -> Row:
    once = {name.replace("_", " "): Spread.of([value]) for name, value in figures.items()}
    cpu = {"client": Spread.of([0]), "server": Spread.of([server]), "database": Spread.of([0])}
    return Row("PostgreSQL", work, Spread.of(rates), cpu, once)


def run(*rows: Row, **conditions: str) -> Run:
    return Run({**CONDITIONS, **conditions}, {"PostgreSQL": 170}, rows)


def printed(now: Run, baseline: Run | None = None, *, width: int = 240, is_terminal: bool = False) -> list[str]:
    file = io.StringIO()
    report.show(now, baseline, Console(file=file, width=width, force_terminal=is_terminal, color_system=None))
    return file.getvalue().splitlines()


def cells(lines: list[str], work: str) -> list[str]:
    (line,) = (line for line in lines if line.startswith(f"| {work} "))
    return [cell.strip() for cell in line.split("|")[1:-1]]


def test_a_row_shows_its_median_its_spread_and_which_goals_it_misses() -> None:
    lines = printed(run(row(FIRST, [9_000, 10_000, 12_000], server=94, of_bare=0.1, of_same=0.51, x_comparison=1.6)))
    beside = "0.10 of bare (0.16 missed), 0.51 of same (0.5), 1.6 x comparison"
    assert cells(lines, FIRST) == [FIRST, "10,000 ±20%", beside, "0 + 94 + 0"]
    assert "Goals: 1 of 2 met." in lines
    assert lines[:3] == ["Python 3.11.7", "commit abc; started today; load at the start 0.1", "rounds 3; items 10,000"]


def test_goals_for_what_was_not_measured_are_named() -> None:
    one = Spread.of([1])
    every = [Row(goal.database, goal.work, one, {}, {goal.figure: one}) for goal in GOALS]
    assert not any("not measured" in line for line in printed(run(*every)))
    (line,) = (line for line in printed(run(*every[1:])) if "not measured" in line)
    assert line == f"These goals were not measured, at least on one database: {EDGE}."


def test_each_row_shows_its_change_since_the_baseline() -> None:
    before = run(
        row(FIRST, [9_000, 10_000, 11_000]),
        row("unary get", [100]),
        row("search", [1_000]),
        row("unary update", [50]),
        Python="3.12",
        commit="def",
    )
    now = run(
        row(FIRST, [8_000, 8_100, 8_900], server=150),
        row("unary get", [103], server=90),
        row("new work", [1]),
        row("search", [999]),
    )
    lines = printed(now, before)
    shown = [cells(lines, work)[-1] for work in (FIRST, "unary get", "search", "new work")]
    assert shown == ["-19%! (+50%)", "+3% (-10%)", "+0% (+0%)", "new"]
    assert f"Slower than the baseline by more than noise: PostgreSQL {FIRST} -19%." in lines
    assert "In the baseline only: PostgreSQL unary update." in lines
    assert [line for line in lines if line.endswith("in the baseline")] == ["Python: 3.11.7, and 3.12 in the baseline"]


@pytest.mark.parametrize(
    ("before", "now", "is_slower"),
    [
        ([100, 110, 120], [80, 85, 99], True),
        # Within what rounds differ by.
        ([100, 110, 120], [80, 85, 100], False),
        # Too little to mean anything.
        ([100.0], [96.0], False),
        ([100.0], [94.0], True),
        ([80, 85, 99], [100, 110, 120], False),
    ],
)
def test_a_row_is_slower_only_if_that_is_more_than_noise(
    before: list[float], now: list[float], *, is_slower: bool
) -> None:
    changes = Changes(run(row(FIRST, now)), run(row(FIRST, before)))
    assert bool(list(changes.slower())) == is_slower


def test_floors_show_the_change_of_the_machine_and_not_of_the_catalog() -> None:
    floors = [row("bare: charts", [rate], server=0) for rate in (10, 20)]
    lines = printed(run(floors[0], row(FIRST, [100])), run(floors[1], row(FIRST, [100])))
    assert cells(lines, "bare: charts")[-1] == "-50%!"
    assert "Slower than the baseline by more than noise: nothing." in lines
    assert any("empty calls: -50% in the median." in line for line in lines)


@pytest.mark.parametrize("width", [120, 180])
def test_a_terminal_shows_all_of_every_row(width: int) -> None:
    long = row(
        "bulk dashboards, everything changed", [123_456], server=2_356, of_bare=0.09, of_same=0.2, x_comparison=9
    )
    lines = printed(run(long), run(long), width=width, is_terminal=True)
    assert max(map(len, lines)) <= width
    words = " ".join(lines).split()
    for word in ("everything", "123,456", "2,356", "0.09", "missed),", "0.20", "comparison"):
        assert word in words
    assert "…" not in " ".join(lines)


def test_the_build_of_an_interpreter_is_told_from_its_configuration() -> None:
    assert build({"CONFIG_ARGS": "'--enable-shared'", "PY_CFLAGS": "-O3"}) == "without PGO, without LTO"
    assert build({"CONFIG_ARGS": "'--enable-optimizations' '--with-lto'"}) == "with PGO, with LTO"
    assert build({"CONFIG_ARGS": "'--with-lto=thin'"}) == "without PGO, with LTO"
    assert build({"CONFIG_ARGS": "'--with-lto=no'"}) == "without PGO, without LTO"
    assert build({"PY_CORE_CFLAGS": "-fprofile-use", "PY_CORE_LDFLAGS": "-flto"}) == "with PGO, with LTO"
    assert build({}) == "without PGO, without LTO"
