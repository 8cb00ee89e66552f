"""A run: the rows of several rounds, their figures and goals, and the file."""

from dataclasses import astuple
from pathlib import Path

import pytest

from benchmarks.figures import ALONE, COMPARED, EDGE, IDLE_WATCHERS, ONE_LOAD, WORKERS, goal_of, shown
from benchmarks.recorder import Measure, Turn
from benchmarks.run import Row, Run, summarize

FIRST = "bulk dashboards, first load"


def measured(work: str, rate: float, *, database: str = "PostgreSQL", server: float = 0) -> Measure:
    """Returns a measurement of 1,000 items at a rate, with microseconds of the server per item."""
    return Measure(database, work, 1_000, 1_000 / rate, (0, server / 1e3, 0))


def turn(*measures: Measure, memory: int = 100) -> Turn:
    return Turn(next(measure.database for measure in measures if measure.database), measures, memory)


def rows(*rounds: list[Turn]) -> dict[tuple[str, str], Row]:
    return {row.key: row for row in summarize({}, rounds).rows}


def medians(row: Row) -> dict[str, float]:
    return {name: value.median for name, value in row.figures.items()}


def test_a_row_has_the_median_of_its_rounds_and_what_they_differ_by() -> None:
    rounds = [[turn(measured(FIRST, rate, server=server))] for rate, server in ((100, 9), (400, 5), (200, 7))]
    (row,) = rows(*rounds).values()
    assert astuple(row.rate) == pytest.approx((200, 100, 400))
    assert astuple(row.cpu["server"]) == pytest.approx((7, 5, 9))
    assert row.figures == {}


def test_a_ratio_is_the_median_of_the_ratios_of_each_turn() -> None:
    # The machine was slow in the second round, while the floor was measured.
    pairs = (100, 1_000), (100, 250), (120, 600)
    rounds = [[turn(measured(FIRST, rate), measured("bare: dashboards", floor))] for rate, floor in pairs]
    ratio = rows(*rounds)["PostgreSQL", FIRST].figures["of bare"]
    assert astuple(ratio) == pytest.approx((0.2, 0.1, 0.4))


def test_work_is_compared_with_its_own_floors_of_the_same_turn() -> None:
    floors = ("bare: charts", 1_000), ("same: charts", 500), ("bare: dashboards", 800), ("same: dashboards", 400)
    loads = ("bulk charts, first load", 100), (FIRST, 80), ("bulk charts, nothing changed", 700)
    found = rows([turn(*(measured(*one) for one in (*floors, *loads)), measured(COMPARED + FIRST, 20))])
    assert medians(found["PostgreSQL", "bulk charts, first load"]) == pytest.approx({"of bare": 0.1, "of same": 0.2})
    assert medians(found["PostgreSQL", "bulk charts, nothing changed"]) == pytest.approx({"of bare": 0.7})
    expected = {"of bare": 0.1, "of same": 0.2, "x comparison": 4}
    assert medians(found["PostgreSQL", FIRST]) == pytest.approx(expected)
    assert found["PostgreSQL", "bare: charts"].figures == found["PostgreSQL", COMPARED + FIRST].figures == {}


def test_calls_are_compared_with_an_empty_one_of_as_many_callers() -> None:
    calls = {"echo": 1_000, EDGE: 800, "unary get": 600, "HTTP get": 300, "HTTP alone: get": 900}
    calls |= {f"echo{ALONE}": 200, f"{EDGE}{ALONE}": 160, f"unary get{ALONE}": 80, f"HTTP get{ALONE}": 40}
    cpu = {EDGE: 240, "echo": 136, f"{EDGE}{ALONE}": 300, f"echo{ALONE}": 100}
    found = rows([turn(*(measured(work, rate, server=cpu.get(work, 0)) for work, rate in calls.items()))])
    shown = {work: medians(row) for (_, work), row in found.items()}
    assert shown.pop("echo") == shown.pop(f"echo{ALONE}") == shown.pop("HTTP alone: get") == {}
    assert shown == {
        EDGE: pytest.approx({"of echo": 0.8, "us over echo": 104}),
        f"{EDGE}{ALONE}": pytest.approx({"of echo": 0.8, "us over echo": 200}),
        "unary get": pytest.approx({"of edge": 0.75}),
        f"unary get{ALONE}": pytest.approx({"of edge": 0.5}),
        "HTTP get": pytest.approx({"of gRPC": 0.5, "of HTTP alone": 1 / 3}),
        f"HTTP get{ALONE}": pytest.approx({"of gRPC": 0.5}),
    }


def test_loads_at_once_are_compared_with_one_and_with_one_process() -> None:
    loads = {ONE_LOAD: 100, "bulk services, 2 at once": 150, ONE_LOAD + WORKERS: 110}
    loads |= {f"bulk services, 2 at once{WORKERS}": 165}
    found = rows([turn(*(measured(work, rate) for work, rate in loads.items()))])
    assert {work: medians(row) for (_, work), row in found.items()} == {
        ONE_LOAD: {},
        "bulk services, 2 at once": pytest.approx({"of 1 at once": 1.5}),
        ONE_LOAD + WORKERS: pytest.approx({"of 1 process": 1.1}),
        f"bulk services, 2 at once{WORKERS}": pytest.approx({"of 1 process": 1.1, "of 1 at once": 1.5}),
    }


def test_a_database_is_compared_with_postgresql_in_the_same_round_whatever_its_turn() -> None:
    def turns(fast: float, slow: float) -> list[Turn]:
        echo = measured("echo", 1_000, database="")
        return [turn(measured(FIRST, fast), echo), turn(measured(FIRST, slow, database="SQLite"), echo)]

    found = rows(turns(100, 80), turns(200, 100)[::-1], turns(400, 120))
    assert astuple(found["SQLite", FIRST].figures["of PostgreSQL"]) == pytest.approx((0.5, 0.3, 0.8))
    assert found["PostgreSQL", FIRST].figures == found["", "echo"].figures == {}
    assert list(found) == [("", "echo"), ("PostgreSQL", FIRST), ("SQLite", FIRST)]


def test_latencies_and_shares_are_medians_too() -> None:
    each = [[1.0, 3.0], [2.0, 4.0], [5.0, 7.0]]
    searches = [Measure("SQLite", "search", 2, 1, each=some) for some in each]
    idle = Measure("SQLite", IDLE_WATCHERS, 10, 10.0, (0, 0.25, 0))
    found = rows(*([turn(search, idle)] for search in searches))
    assert medians(found["SQLite", "search"]) == pytest.approx({"ms p50": 3, "ms p99": 3.98})
    assert medians(found["SQLite", IDLE_WATCHERS]) == pytest.approx({"% of a core": 2.5})


def test_rows_that_only_compare_are_the_last_of_their_database() -> None:
    works = "bare: dashboards", COMPARED + FIRST, FIRST, "HTTP alone: get", "HTTP get"
    turns = [turn(*(measured(work, 1, database=database) for work in works)) for database in ("SQLite", "PostgreSQL")]
    order = [FIRST, "HTTP get", "bare: dashboards", COMPARED + FIRST, "HTTP alone: get"]
    assert list(rows(turns)) == [(database, work) for database in ("PostgreSQL", "SQLite") for work in order]


def test_memory_is_the_maximum_of_all_rounds() -> None:
    rounds = [[turn(measured(FIRST, 1), memory=memory)] for memory in (170, 190, 180)]
    assert summarize({}, rounds).memory == {"PostgreSQL": 190}


def test_a_goal_holds_for_its_own_figure_on_its_own_database() -> None:
    edge = goal_of("", EDGE, "us over echo")
    assert edge is not None
    assert edge.is_met_by(30)
    assert not edge.is_met_by(31)
    first = goal_of("PostgreSQL", FIRST, "of bare")
    assert first is not None
    assert first.is_met_by(0.16)
    assert not first.is_met_by(0.159)
    assert goal_of("SQLite", FIRST, "of bare") is None
    assert goal_of("SQLite", FIRST, "of PostgreSQL") is not None
    assert goal_of("PostgreSQL", FIRST, "x comparison") is None
    assert goal_of("", f"{EDGE}{ALONE}", "us over echo") is None


def test_figures_are_printed_with_as_many_digits_as_they_need() -> None:
    values = {"of bare": 0.156, "us over echo": 104.4, "ms p99": 7.46, "% of a core": 0.84, "x comparison": 5.14}
    assert [shown(name, value) for name, value in values.items()] == [
        "0.16 of bare",
        "104 us over echo",
        "7.5 ms p99",
        "0.8 % of a core",
        "5.1 x comparison",
    ]
    assert shown("ms p99", 1_234.5) == "1,234 ms p99"


def test_a_file_keeps_a_run(tmp_path: Path) -> None:
    run = summarize({"Python": "3.11"}, [[turn(measured(FIRST, 100), measured("bare: dashboards", 400))]])
    run.save(tmp_path / "run.json")
    assert Run.load(tmp_path / "run.json") == run


@pytest.mark.parametrize("text", [None, "", "[1]", '{"rows": []}', "| echo | 7,514 |"])
def test_a_file_that_holds_no_run_is_refused_by_its_name(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "run.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ValueError, match=r"run\.json"):
        Run.load(file)
