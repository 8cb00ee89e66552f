"""Shows how far an ingestion is: a bar on a terminal, now and then a line elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from dashboard_catalog.cli import output

SECONDS_BETWEEN_LINES = 5.0


class _RateColumn(ProgressColumn):
    """Items a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s", style="progress.data.speed")


@contextmanager
def progress(total: int) -> Iterator[Callable[[int], None]]:
    """Gives a function that shows how many of `total` items are done."""
    console = output.notices()
    if not console.is_terminal:
        yield _lines(total)
        return
    columns = (TextColumn("Loading"), BarColumn(), MofNCompleteColumn(), _RateColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as shown:
        task = shown.add_task("", total=total)
        yield lambda done: shown.update(task, completed=done)


def _lines(total: int) -> Callable[[int], None]:
    began = last = time.monotonic()

    def show(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= SECONDS_BETWEEN_LINES:
            last = now
            output.say(f"{done:,} of {total:,} items, {done / (now - began):,.0f} a second")

    return show
