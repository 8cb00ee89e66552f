"""Output shows stored text and cannot control the terminal."""

import sys
from errno import ENOSPC
from io import StringIO

import pytest
from rich.text import Text

from dashboard_catalog.cli import output
from dashboard_catalog.cli.ingest.report import Report


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain [bold]text[/bold]", "plain [bold]text[/bold]"),
        ("zwölf 图表 📊", "zwölf 图表 📊"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("right\u202eleft", r"right\u202eleft"),
    ],
)
def test_control_characters_are_spelled_out(text: str, shown: str) -> None:
    assert output.printable(text) == shown


def test_a_row_stays_one_line_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    table = output.table("name", "text")
    table.add_row(output.cell("[red]x"), output.cell("y" * 5_000))
    output.results().print(table)
    header, row = capsys.readouterr().out.splitlines()
    assert header.split() == ["name", "text"]
    assert row.split() == ["[red]x", "y" * 5_000]


class Full(StringIO):
    def write(self, _text: str) -> int:
        raise OSError(ENOSPC, "No space left on device")


def test_a_report_that_cannot_be_written_names_standard_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Full())
    with pytest.raises(OSError, match="No space") as failed:
        Report("items.ndjson", shown=None).print_for_people(dry_run=False)
    assert failed.value.filename == "standard output"


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "is_coloured"),
    [(Terminal(), {}, True), (Terminal(), {"NO_COLOR": "1"}, False), (StringIO(), {}, False)],
)
def test_colours_are_for_terminals_and_for_those_who_want_them(
    monkeypatch: pytest.MonkeyPatch, stream: StringIO, environment: dict[str, str], is_coloured: bool
) -> None:
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("TERM", "xterm-256color")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    output.print_lines([Text("+ new", "green")])
    assert ("\x1b[32m" in stream.getvalue()) is is_coloured
    assert "+ new" in stream.getvalue()
