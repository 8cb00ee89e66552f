"""Output shows stored text and cannot control the terminal."""

import pytest

from dashboard_catalog.cli import output


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
