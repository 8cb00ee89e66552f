"""Tables on a terminal of 80 columns, and in a pipe."""

import pytest

from dashboard_catalog.cli import output
from dashboard_catalog.cli.tables import print_fields, print_rows

TITLES = ["dashboard", "display name", "owners", "tags", "version"]
SHORT = [
    "superset.sales",
    "Sales of all regions by quarter and by product",
    "user:amira\nuser:jonas",
    "Tier.Gold",
    "0.1",
]
LONG = 'superset."A dashboard with a name that is long, v2.1"'
URL = "https://grafana.example.com/d/" + "x" * 80


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 80 columns."""
    monkeypatch.setattr(output, "width", lambda: 80)


@pytest.mark.usefixtures("terminal")
def test_long_texts_are_shortened_so_that_names_stay_whole(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(TITLES, [SHORT, ["superset.x", "図表" * 30, "", "", "0.2"]])
    assert capsys.readouterr().out.splitlines() == [
        "dashboard       display name                      owners      tags       version",
        "superset.sales  Sales of all regions by quarter…  user:amira  Tier.Gold  0.1",
        "                                                  user:jonas",
        "superset.x      図表図表図表図表図表図表図表図 …                         0.2",
    ]


@pytest.mark.usefixtures("terminal")
def test_long_names_stand_above_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(TITLES, [SHORT, [LONG, "Display", "user:jonas", "Tier.Gold", "0.1"]])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "dashboard"
    assert lines[1].split() == ["display", "name", "owners", "tags", "version"]
    assert lines[-2] == LONG
    assert lines[-1].split() == ["Display", "user:jonas", "Tier.Gold", "0.1"]
    assert max(map(len, lines)) <= 80


def test_in_a_pipe_a_row_is_one_line_and_nothing_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(["name", "text"], [["[red]x", "y" * 5_000], [LONG, "z"]])
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split() == ["name", "text"]
    assert first.split() == ["[red]x", "y" * 5_000]
    assert second == f"{LONG}  z"


@pytest.mark.usefixtures("terminal")
def test_long_values_are_wrapped_between_words(capsys: pytest.CaptureFixture[str]) -> None:
    print_fields([("name", LONG), ("description", f"Many words, {'again ' * 12}{URL} and the end.\nAnother line.")])
    assert capsys.readouterr().out.splitlines() == [
        f"name         {LONG}",
        "description  Many words, again again again again again again again again again",
        "             again again again",
        f"             {URL}",
        "             and the end.",
        "             Another line.",
    ]


def test_control_characters_are_spelled_out(capsys: pytest.CaptureFixture[str]) -> None:
    print_fields([("name", "\x1b[31mred")])
    print_rows(["name"], [["\x07"]])
    assert capsys.readouterr().out.split() == ["name", r"\x1b[31mred", "name", r"\x07"]
