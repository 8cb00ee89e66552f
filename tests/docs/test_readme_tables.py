"""The README lists every setting with default and help, and every command; and it fits a small terminal."""

import re

import pytest
from pydantic.fields import FieldInfo
from typer.core import TyperGroup
from typer.main import get_command

from dashboard_catalog.cli.app import app
from dashboard_catalog.settings import Settings
from tests.docs.conftest import ROOT

README = ROOT.joinpath("README.md").read_text()
DATA_FOLDER = "`~/.local/share/dashboard-catalog`, on macOS `~/Library/Application Support/dashboard-catalog`"


def setting_items() -> list[str]:
    """Returns the list of settings, one text per item."""
    return [
        f"- `{name.upper()}`{_default(name, field)}: {field.description}"
        for name, field in Settings.model_fields.items()
    ]


def test_the_list_of_settings_matches_the_code() -> None:
    listed = README.partition("\n- `ADDRESS`")[2].partition("\n\n")[0]
    assert " ".join(f"- `ADDRESS`{listed}".split()) == " ".join(setting_items())


def test_every_command_is_in_the_table_of_commands() -> None:
    table = README.partition("## The command\n")[2].partition("\n## ")[0]
    listed = {name for row in re.findall(r"^\| (`.+?`) \|", table, re.MULTILINE) for name in _names(row)}
    assert listed - {"dashboard-catalog"} == set(_commands(get_command(app)))


def _default(name: str, field: FieldInfo) -> str:
    if name == "data_dir":
        return f" ({DATA_FOLDER})"
    default = field.get_default(call_default_factory=True)
    if default is None or default == "":
        return ""
    return f" (`{str(default).lower() if isinstance(default, bool) else default}`)"


def _names(row: str) -> list[str]:
    """Returns the commands of a row, without the names of their arguments."""
    return [re.sub(r"( [A-Z]+)+$", "", name) for name in re.findall("`(.+?)`", row)]


def _commands(command: object, above: str = "") -> list[str]:
    if not isinstance(command, TyperGroup):
        return [above]
    return [name for key, each in command.commands.items() for name in _commands(each, f"{above} {key}".strip())]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_pages_for_newcomers_fit_a_terminal_of_80_columns(name: str) -> None:
    lines = ROOT.joinpath(name).read_text().splitlines()
    assert [line for line in lines if len(line.expandtabs()) > 80] == []
