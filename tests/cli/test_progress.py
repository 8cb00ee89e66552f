"""The progress of a load, on a terminal."""

import io
import time
from contextlib import suppress

import pytest
from rich.console import Console

from dashboard_catalog.cli import output
from dashboard_catalog.cli.progress import progress

ERASE_LINE = "\x1b[2K"
UP_AND_ERASE = "\x1b[1A" + ERASE_LINE


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is written to a terminal of 80 columns."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=80, color_system=None)
    monkeypatch.setattr(output, "notices", lambda: console)
    return written


def last_line(terminal: io.StringIO) -> str:
    return terminal.getvalue().rpartition(ERASE_LINE)[2]


def test_the_bar_waits_without_a_speed_and_goes_on(terminal: io.StringIO) -> None:
    with progress() as shown:
        shown.reading(1_000)
        shown.begin(1_000_000)
        for items in (299_980, 299_990, 300_000):
            shown.done(items)
        # Another thread draws it.
        while "300,000 of 1,000,000 items" not in (line := last_line(terminal)):
            time.sleep(0.01)
        assert line.startswith("Loading ")
        assert "/s, " in line
        assert len(line) <= 80
        shown.say("connection lost")
        assert "connection lost\n" in terminal.getvalue()
        shown.waiting()
        assert last_line(terminal).startswith("Waiting for the server ")
        assert "300,000 of 1,000,000 items" in last_line(terminal)
        assert "/s" not in last_line(terminal)
        shown.done(400_000)
        assert last_line(terminal).startswith("Loading ")


def test_nothing_of_the_bar_is_left_after_an_error(terminal: io.StringIO) -> None:
    with suppress(KeyboardInterrupt), progress() as shown:
        shown.begin(10)
        raise KeyboardInterrupt
    assert terminal.getvalue().endswith(UP_AND_ERASE)
