"""The entry point of the command: collects the subcommands and sets the exit status.

0: success. 1: some items failed. 2: wrong use, or the command failed.
"""

from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from dashboard_catalog.cli import db, output, token
from dashboard_catalog.cli.failures import CommandError
from dashboard_catalog.cli.get import get
from dashboard_catalog.cli.ingest.command import ingest
from dashboard_catalog.cli.list import list_
from dashboard_catalog.cli.serve import serve
from dashboard_catalog.settings import SettingsError
from dashboard_catalog.sources.problems import SourceError

FAILED = 2


class _Commands(TyperGroup):
    """Turns exceptions into error texts, in one place for all commands."""

    # Typer's own class of contexts is private, hence Any.
    def invoke(self, ctx: Any) -> object:
        """Runs the command; an error becomes a text on standard error and exit status 2."""
        try:
            return super().invoke(ctx)
        except (CommandError, SettingsError, SourceError) as error:
            output.complain(str(error))
        except KeyboardInterrupt:
            output.complain("interrupted")
        raise typer.Exit(FAILED)


app = typer.Typer(
    cls=_Commands,
    help="A catalog of BI dashboards: run the server, load metadata, look things up.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Plain help wraps long texts; help in boxes cuts them.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        output.write_line(version("dashboard-catalog"))
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Has the options of the command as a whole."""


app.command()(serve)
app.command()(ingest)
app.command()(get)
app.command("list")(list_)
app.add_typer(token.app, name="token")
app.add_typer(db.app, name="db")


def main() -> None:
    """Runs the command line."""
    app()
