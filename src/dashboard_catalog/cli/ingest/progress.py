"""Shows the progress of a load: as a bar on a terminal, otherwise as a line every few seconds."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from dashboard_catalog.cli import output

SECONDS_BETWEEN_LINES = 5.0


class _RateColumn(ProgressColumn):
    """Items per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s", style="progress.data.speed")


class Shown(Protocol):
    """Shows the progress of a load."""

    def done(self, items: int) -> None:
        """Shows the number of items that are done."""

    def say(self, text: str) -> None:
        """Shows a text beside the progress."""


@contextmanager
def progress(total: int) -> Iterator[Shown]:
    """Shows the number of done items, out of `total`, while the block runs."""
    console = output.notices()
    if not console.is_terminal:
        yield _Lines(total)
        return
    columns = (TextColumn("Loading"), BarColumn(), MofNCompleteColumn(), _RateColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as shown:
        yield _Bar(shown, shown.add_task("", total=total))


class _Bar:
    def __init__(self, shown: Progress, task: TaskID) -> None:
        self._shown = shown
        self._task = task

    def done(self, items: int) -> None:
        self._shown.update(self._task, completed=items)

    def say(self, text: str) -> None:
        self._shown.console.print(output.cell(text), soft_wrap=True)


class _Lines:
    def __init__(self, total: int) -> None:
        self._total = total
        self._began = self._last = time.monotonic()

    def done(self, items: int) -> None:
        now = time.monotonic()
        if now - self._last >= SECONDS_BETWEEN_LINES:
            self._last = now
            self.say(f"{items:,} of {self._total:,} items, {items / (now - self._began):,.0f} per second")

    def say(self, text: str) -> None:
        output.say(text)
