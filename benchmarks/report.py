"""The table: absolute figures, and ratios to the floors of the same run with their goals."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.comparison.measures import COMPARED
from benchmarks.doors import DOOR, FLOOR
from benchmarks.measures import Measured
from benchmarks.recorder import Measure

_BULK = ("first load", "nothing changed", "everything changed")
_COLUMNS = ("database", "work", "per second", "ratios, each with its goal", "client", "server", "database")


class Goal(NamedTuple):
    """A minimum for the ratio of a rate to another rate."""

    floor: str
    least: float


# The goals; SQLite is also compared with PostgreSQL.
_GOALS: Mapping[str, Sequence[Goal]] = {
    "first load": (Goal("bare", 0.25), Goal("same", 0.5)),
    "nothing changed": (Goal("bare", 0.8),),
    "everything changed": (Goal("bare", 0.15),),
    "upsert": (Goal("echo", 0.6),),
    "get": (Goal("echo", 0.7),),
    "update": (Goal("echo", 0.6),),
}


def show(echo: Sequence[Measure], databases: Iterable[Measured]) -> None:
    """Prints the table.

    Args:
        echo: The echo on a plain server, and behind the edge.
    """
    table = Table(*_COLUMNS, box=box.MARKDOWN)
    for column in table.columns[2:3] + table.columns[4:]:
        column.justify = "right"
    for measure in echo:
        _add(table, measure, "")
    elsewhere: dict[str, float] = {}
    memory = []
    for measured in databases:
        name = measured.measures[0].database
        for measure in measured.measures:
            if measure.note is not None:
                _add(table, measure, "; ".join(filter(None, (_of_doors(measure, measured.measures), measure.note))))
                continue
            kind = "dashboard" if "dashboard" in measure.work else "chart"
            by_floor = measured.floors[kind]._asdict().items()
            floors = {floor_name: floor.rows / floor.seconds for floor_name, floor in by_floor}
            rates = {**floors, "echo": echo[0].rate}
            ratios = [*_ratios(measure, rates, elsewhere.get(measure.work)), *_compared(measure, measured.comparison)]
            _add(table, measure, ", ".join(ratios))
            elsewhere.setdefault(measure.work, measure.rate)
        for measure in measured.comparison:
            _add(table, measure, "")
        for kind, rates_of in measured.floors.items():
            for floor, (rows, seconds, program, server) in rates_of._asdict().items():
                _add(table, Measure(name, f"{floor}: {kind}s", rows, seconds, (program, 0, server)), "")
        memory.append(f"{name} {measured.memory} MiB")
    console = Console(width=180)
    console.print(table)
    console.print(
        f"client, server, database: microseconds of processor time an item. Server's peak memory: {', '.join(memory)}."
    )


def _add(table: Table, measure: Measure, ratios: str) -> None:
    cpu = [f"{seconds / measure.items * 1e6:,.0f}" for seconds in measure.cpu]
    table.add_row(measure.database, measure.work, f"{measure.rate:,.0f}", ratios, *cpu)


def _ratios(measure: Measure, rates: Mapping[str, float], elsewhere: float | None) -> list[str]:
    goals = next(goals for work, goals in _GOALS.items() if measure.work.endswith(work))
    shown = [f"{measure.rate / rates[goal.floor]:.2f} of {goal.floor} ({goal.least})" for goal in goals]
    if elsewhere is not None:
        at_least = " (1.0)" if measure.work.endswith(_BULK) else ""
        shown.append(f"{measure.rate / elsewhere:.2f} of PostgreSQL{at_least}")
    return shown


def _of_doors(measure: Measure, measures: Iterable[Measure]) -> str:
    """Returns the ratios of work at the HTTP door to the same by gRPC, and with no catalog; empty for other work."""
    work = measure.work.removeprefix(DOOR)
    others = {"gRPC": f"unary {work}", "HTTP alone": f"{FLOOR}{work}"}
    rates = {other.work: other.rate for other in measures}
    return ", ".join(f"{measure.rate / rates[name]:.2f} of {of}" for of, name in others.items() if name in rates)


def _compared(measure: Measure, comparison: Iterable[Measure]) -> Iterator[str]:
    for other in comparison:
        if other.work == COMPARED + measure.work:
            yield f"{measure.rate / other.rate:.1f} x the comparison"
