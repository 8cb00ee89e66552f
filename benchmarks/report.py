"""Prints a run: a table for people, in Markdown unless it goes to a terminal, and sentences about goals and changes."""

from collections.abc import Iterator

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.changes import Changes
from benchmarks.figures import GOALS, Goal, goal_of, shown
from benchmarks.medians import Spread
from benchmarks.run import Row, Run

# Markdown has no lines within a cell, so a file gets the width of the longest row.
_FILE_WIDTH, _NARROWEST, _WIDEST = 240, 100, 180
# The conditions that begin a line.
_BEGIN_LINES = ("commit", "rounds")
_COLUMNS = ("work", "per second", "beside it (goal)", "microseconds")
_CHANGE = "change (server)"


def show(run: Run, baseline: Run | None, console: Console | None = None) -> None:
    """Prints a run.

    Args:
        baseline: An earlier run. Each row then shows its change.
        console: Where to print it.
    """
    console = console or _console()
    changes = Changes(run, baseline) if baseline else None
    for line in _head(run):
        console.print(line, highlight=False)
    console.print(_table(run, changes, is_terminal=console.is_terminal))
    for line in (*_legend(run), *_goals(run), *(_changes(changes) if changes else ())):
        console.print(line, highlight=False)


def _console() -> Console:
    console = Console()
    width = min(max(console.width, _NARROWEST), _WIDEST) if console.is_terminal else _FILE_WIDTH
    return Console(width=width)


def _head(run: Run) -> Iterator[str]:
    lines: list[list[str]] = [[]]
    for name, value in run.conditions.items():
        if name in _BEGIN_LINES:
            lines.append([])
        lines[-1].append(f"{name} {value}")
    yield from ("; ".join(line) for line in lines if line)


def _table(run: Run, changes: Changes | None, *, is_terminal: bool) -> Table:
    columns = [*_COLUMNS, *([_CHANGE] if changes else [])]
    table = Table(*columns, box=box.SIMPLE_HEAD if is_terminal else box.MARKDOWN, pad_edge=not is_terminal)
    for column in (table.columns[1], *table.columns[3:]):
        column.justify, column.no_wrap = "right", True
    database = ""
    for row in run.rows:
        if row.database != database:
            database = row.database
            table.add_row(database if is_terminal else f"**{database}**", style="bold")
        table.add_row(*_cells(row), *([_change(changes, row)] if changes else ()))
    return table


def _cells(row: Row) -> Iterator[str]:
    yield row.work
    yield f"{row.rate.median:,.0f}" + (f" ±{row.rate.deviation:3.0%}" if row.rate.deviation else "")
    yield ", ".join(_with_goal(row, name, value) for name, value in row.figures.items())
    yield " + ".join(f"{cpu.median:,.0f}" for cpu in row.cpu.values())


def _with_goal(row: Row, name: str, value: Spread) -> str:
    text = shown(name, value.median)
    goal = goal_of(row.database, row.work, name)
    if goal is None:
        return text
    return f"{text} ({goal.limit:,g}{'' if goal.is_met_by(value.median) else ' missed'})"


def _change(changes: Changes, row: Row) -> str:
    change = changes.of(row)
    if change is None:
        return "new"
    server = "" if change.server is None else f" ({_percent(change.server)})"
    return f"{_percent(change.rate)}{'!' if change.is_slower else ''}{server}"


def _percent(share: float) -> str:
    """Returns a change as text, without a minus before zero."""
    return f"{round(share, 2) + 0.0:+.0%}"


def _legend(run: Run) -> Iterator[str]:
    memory = ", ".join(f"{name} {size} MiB" for name, size in run.memory.items())
    yield (
        "Medians of all rounds, ± the largest distance from them. Microseconds: processor time per item of client + "
        f"server + database. The server's peak memory: {memory}."
    )


def _goals(run: Run) -> Iterator[str]:
    found = list(_measured(run))
    missed = [
        f"{_name(row)}: {_with_goal(row, goal.figure, value)}"
        for row, goal, value in found
        if not goal.is_met_by(value.median)
    ]
    yield f"Goals: {len(found) - len(missed)} of {len(found)} met."
    reached = {id(goal) for _, goal, _ in found}
    unmeasured = dict.fromkeys(goal.work for goal in GOALS if id(goal) not in reached)
    if unmeasured:
        yield f"These goals were not measured, at least on one database: {'; '.join(unmeasured)}."


def _measured(run: Run) -> Iterator[tuple[Row, Goal, Spread]]:
    for row in run.rows:
        for name, value in row.figures.items():
            if goal := goal_of(row.database, row.work, name):
                yield row, goal, value


def _changes(changes: Changes) -> Iterator[str]:
    yield "Change: of the rate since the baseline, and of the server's processor time."
    if (machine := changes.of_machine()) is not None:
        text = f"Floors, the comparison and empty calls: {_percent(machine)} in the median."
        yield f"{text} So much has the machine changed."
    slower = [f"{_name(row)} {_percent(change.rate)}" for row, change in changes.slower()]
    yield f"Slower than the baseline by more than noise: {'; '.join(slower) or 'nothing'}."
    if missing := changes.missing():
        yield f"In the baseline only: {'; '.join(map(_name, missing))}."
    yield from changes.conditions()


def _name(row: Row) -> str:
    return f"{row.database} {row.work}".strip()
