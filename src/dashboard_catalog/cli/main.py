"""The command's entry: puts the commands together and decides the exit status.

0: done. 1: some items failed. 2: used wrongly, or could not be done.
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

COULD_NOT_BE_DONE = 2


class _Commands(TyperGroup):
    """Says in one place why a command could not be done."""

    # Typer's own class of contexts is private.
    def invoke(self, ctx: Any) -> object:
        """Runs the command; what it cannot do becomes a text on standard error and the exit status 2."""
        try:
            return super().invoke(ctx)
        except (CommandError, SettingsError, SourceError) as error:
            output.complain(str(error))
        except KeyboardInterrupt:
            output.complain("interrupted")
        raise typer.Exit(COULD_NOT_BE_DONE)


app = typer.Typer(
    cls=_Commands,
    help="Keep the metadata of BI dashboards: run the catalog, load it, look into it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Plain help folds what is long; the one in boxes cuts it.
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
    """Holds the options of the command as a whole."""


app.command()(serve)
app.command()(ingest)
app.command()(get)
app.command("list")(list_)
app.add_typer(token.app, name="token")
app.add_typer(db.app, name="db")


def main() -> None:
    """Runs the command line."""
    app()
