"""What is shown beside each rate: ratios to other rates of the same turn, latencies and shares, with their goals."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from benchmarks.medians import percentiles
from benchmarks.recorder import Measure

COMPARED = "comparison: "
"""What stands before the name of the catalog's work that another service does."""
DOOR = "HTTP "
"""What stands before work that gRPC does as `unary`."""
DOOR_FLOOR = "HTTP alone: "
"""What stands before work whose requests go to an HTTP server with no catalog."""
ALONE = ", one caller"
"""What stands after work that one caller does."""
ECHO = "echo"
EDGE = "edge"
IDLE_WATCHERS = "watch, 1,000 idle watchers"
ONE_LOAD = "bulk services, 1 at once"
"""The load of a whole BI service. Other numbers stand for loads at the same time, each into a BI service of its own."""
WORKERS = ", 2 workers"
"""What stands after loads into a server of two processes."""

PERIODS = ("first load", "nothing changed", "everything changed")

# How figures are printed before their names; ratios by default.
_FORMATS = {"us over echo": "{:.0f}", "% of a core": "{:.1f}", "per second": "{:,.0f}", "x comparison": "{:.1f}"}
_LATENCIES = ("ms p50", "ms p99")


class Goal(NamedTuple):
    """A limit for a figure.

    Attributes:
        database: Where it holds; empty for everywhere.
    """

    work: str
    figure: str
    limit: float
    is_maximum: bool = False
    database: str = ""

    def is_met_by(self, value: float) -> bool:
        """Returns whether a value is within the limit."""
        return value <= self.limit if self.is_maximum else value >= self.limit


GOALS = (
    Goal(EDGE, "of echo", 0.85),
    Goal(EDGE, "us over echo", 30, is_maximum=True),
    Goal("bulk charts, first load", "of bare", 0.18, database="PostgreSQL"),
    Goal("bulk charts, first load", "of same", 0.5, database="PostgreSQL"),
    Goal("bulk dashboards, first load", "of bare", 0.16, database="PostgreSQL"),
    Goal("bulk dashboards, first load", "of same", 0.5, database="PostgreSQL"),
    *(
        Goal(f"bulk {kind}s, {period}", "of bare", limit, database="PostgreSQL")
        for kind in ("chart", "dashboard")
        for period, limit in (("nothing changed", 0.8), ("everything changed", 0.13))
    ),
    *(
        Goal(f"bulk {kind}s, {period}", "of PostgreSQL", 0.8, database="SQLite")
        for kind in ("chart", "dashboard")
        for period in PERIODS
    ),
    Goal("unary get", "of edge", 0.95),
    Goal("unary upsert", "of edge", 0.75),
    Goal("watch, changes delivered", "per second", 20_000),
    Goal(IDLE_WATCHERS, "% of a core", 2, is_maximum=True),
    Goal("search", "ms p99", 100, is_maximum=True),
    Goal("search with facets", "ms p99", 100, is_maximum=True),
)


def is_beside(work: str) -> bool:
    """Returns whether work is only there to compare the catalog with it."""
    return work.startswith((ECHO, DOOR_FLOOR, COMPARED, "bare: ", "same: "))


def goal_of(database: str, work: str, figure: str) -> Goal | None:
    """Returns the goal for a figure; None if there is none."""
    for goal in GOALS:
        if (goal.work, goal.figure) == (work, figure) and goal.database in ("", database):
            return goal
    return None


def shown(figure: str, value: float) -> str:
    """Returns a figure as text, such as "0.16 of bare"."""
    decimals = "{:.1f}" if value < 100 else "{:,.0f}"
    pattern = decimals if figure in _LATENCIES else _FORMATS.get(figure, "{:.2f}")
    return f"{pattern.format(value)} {figure}"


def figures_of(
    measure: Measure, beside: Mapping[str, Measure], postgresql: Mapping[str, Measure]
) -> Iterator[tuple[str, float]]:
    """Yields the name and the value of each figure of a measurement.

    Args:
        beside: The measurements of the same turn by their work.
        postgresql: Those on PostgreSQL in the same round, if the turn is on another database.
    """
    for name, work in _compared_with(measure.work):
        if work in beside:
            yield name, measure.rate / beside[work].rate
    if measure.work in postgresql and measure.work.startswith(("bulk ", "unary ")):
        yield "of PostgreSQL", measure.rate / postgresql[measure.work].rate
    if measure.work.startswith(EDGE) and (echo := beside.get(measure.work.replace(EDGE, ECHO))):
        yield "us over echo", measure.cpu_each[1] - echo.cpu_each[1]
    if measure.work == IDLE_WATCHERS:
        yield "% of a core", measure.cpu[1] / measure.seconds * 100
    if goal_of(measure.database, measure.work, "per second"):
        yield "per second", measure.rate
    if measure.each:
        yield from zip(_LATENCIES, percentiles(measure.each), strict=True)


def _compared_with(work: str) -> Iterator[tuple[str, str]]:
    """Yields pairs of a figure's name and the other work."""
    kind = next((kind for kind in ("chart", "dashboard") if work.startswith(f"bulk {kind}s")), None)
    if kind:
        yield "of bare", f"bare: {kind}s"
    if kind and work.endswith(PERIODS[0]):
        yield "of same", f"same: {kind}s"
    if work.startswith(EDGE):
        yield "of echo", work.replace(EDGE, ECHO)
    if work.startswith("unary "):
        yield "of edge", EDGE + ALONE if work.endswith(ALONE) else EDGE
    if work.startswith(DOOR) and not work.startswith(DOOR_FLOOR):
        yield "of gRPC", work.replace(DOOR, "unary ")
        yield "of HTTP alone", work.replace(DOOR, DOOR_FLOOR)
    if work.startswith("bulk services"):
        yield "of 1 process", work.removesuffix(WORKERS) if work.endswith(WORKERS) else ""
        yield "of 1 at once", ONE_LOAD + WORKERS * work.endswith(WORKERS) if not work.startswith(ONE_LOAD) else ""
    yield "x comparison", COMPARED + work
