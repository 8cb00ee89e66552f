"""The tables of the README hold what the code has: every setting with its default and its help, every command."""

import re
from pathlib import Path

from pydantic.fields import FieldInfo
from typer.core import TyperGroup
from typer.main import get_command

from dashboard_catalog.cli.main import app
from dashboard_catalog.settings import Settings

README = Path(__file__).parents[2].joinpath("README.md").read_text()
DATA_FOLDER = "`~/.local/share/dashboard-catalog`, on macOS `~/Library/Application Support/dashboard-catalog`"


def test_the_table_of_settings_is_that_of_the_code() -> None:
    rows = [
        f"| `{name.upper()}` | {_default(name, field)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    assert "\n".join(["|---|---|---|", *rows, ""]) in README


def test_every_command_is_in_the_table_of_commands() -> None:
    table = README.partition("## The command\n")[2].partition("\n## ")[0]
    told = {name for row in re.findall(r"^\| (`.+?`) \|", table, re.MULTILINE) for name in _names(row)}
    assert told - {"dashboard-catalog"} == set(_commands(get_command(app)))


def _default(name: str, field: FieldInfo) -> str:
    if name == "data_dir":
        return DATA_FOLDER
    default = field.get_default(call_default_factory=True)
    if default is None or default == "":
        return ""
    return f"`{str(default).lower()}`" if isinstance(default, bool) else f"`{default}`"


def _names(row: str) -> list[str]:
    """Returns the commands of a row, without the names of their arguments."""
    return [re.sub(r" [A-Z]+$", "", name) for name in re.findall("`(.+?)`", row)]


def _commands(command: object, above: str = "") -> list[str]:
    if not isinstance(command, TyperGroup):
        return [above]
    return [name for key, each in command.commands.items() for name in _commands(each, f"{above} {key}".strip())]
