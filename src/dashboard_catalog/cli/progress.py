"""Shows the progress of a long command: as a bar on a terminal, otherwise as a line every few seconds."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
)
from rich.table import Column
from rich.text import Text

from dashboard_catalog.cli import output

SECONDS_BETWEEN_LINES = 5.0
_READING, _LOADING, _WAITING = "Reading", "Loading", "Waiting for the server"


class _Count(ProgressColumn):
    """The items that are done, out of all if that is known."""

    def __init__(self, unit: str) -> None:
        super().__init__(Column(no_wrap=True))
        self._unit = unit

    def render(self, task: Task) -> Text:
        total = "" if task.total is None else f" of {task.total:,.0f}"
        return Text(f"{task.completed:,.0f}{total} {self._unit}")


class _Pace(ProgressColumn):
    """Items per second, and the seconds that remain; nothing while nothing moves."""

    def __init__(self, doing: str) -> None:
        super().__init__(Column(no_wrap=True))
        self._doing = doing

    def render(self, task: Task) -> Text:
        if task.description != self._doing or task.speed is None:
            return Text("")
        remaining = task.time_remaining
        left = "" if remaining is None else f", {remaining:,.0f} s left"
        return Text(f"{task.speed:,.0f}/s{left}", style="progress.data.speed")


class Shown(Protocol):
    """Shows the progress of a command."""

    def reading(self, items: int) -> None:
        """Shows the number of items that were found in the source so far."""

    def begin(self, total: int) -> None:
        """Shows that the work on this many items begins."""

    def done(self, items: int) -> None:
        """Shows the number of items that are done."""

    def waiting(self) -> None:
        """Shows that nothing is done until the server answers again."""

    def say(self, text: str) -> None:
        """Shows a text beside the progress."""


@contextmanager
def progress(doing: str = _LOADING, unit: str = "items") -> Iterator[Shown]:
    """Shows the progress while the block runs, and leaves nothing of it on a terminal.

    Args:
        doing: What is done.
        unit: What is counted.
    """
    console = output.notices()
    if not console.is_terminal:
        yield _Lines(unit)
        return
    # Where there is little room, the bar becomes shorter; the texts stay whole.
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        _Count(unit),
        _Pace(doing),
    )
    with Progress(*columns, console=console, transient=True) as shown:
        yield _Bar(shown, shown.add_task(_READING, total=None), doing)


class _Bar:
    def __init__(self, shown: Progress, task: TaskID, doing: str) -> None:
        self._doing = doing
        self._shown = shown
        self._task = task
        self._is_waiting = False

    def reading(self, items: int) -> None:
        self._shown.update(self._task, completed=items)

    def begin(self, total: int) -> None:
        self._shown.reset(self._task, total=total, description=self._doing)

    def done(self, items: int) -> None:
        if self._is_waiting:
            self._is_waiting = False
            # The speed must not count the time of waiting.
            self._shown.reset(self._task, completed=items, description=self._doing)
        else:
            self._shown.update(self._task, completed=items)

    def waiting(self) -> None:
        self._is_waiting = True
        self._shown.update(self._task, description=_WAITING, refresh=True)

    def say(self, text: str) -> None:
        self._shown.console.print(output.cell(text), soft_wrap=True)


class _Lines:
    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._total = 0
        self._began = self._last = time.monotonic()

    def reading(self, items: int) -> None:
        if self._is_time():
            output.say(f"{items:,} {self._unit} read")

    def begin(self, total: int) -> None:
        self._total = total
        self._began = time.monotonic()

    def done(self, items: int) -> None:
        if self._is_time():
            rate = items / (self._last - self._began)
            output.say(f"{items:,} of {self._total:,} {self._unit}, {rate:,.0f} per second")

    def waiting(self) -> None:
        """Shows nothing: what is said about it is enough."""

    def say(self, text: str) -> None:
        output.say(text)

    def _is_time(self) -> bool:
        now = time.monotonic()
        if now - self._last < SECONDS_BETWEEN_LINES:
            return False
        self._last = now
        return True
