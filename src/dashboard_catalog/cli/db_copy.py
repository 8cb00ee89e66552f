"""`dashboard-catalog db copy`: copies a whole database into an empty one."""

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

import typer

from dashboard_catalog import logs
from dashboard_catalog.cli import output
from dashboard_catalog.cli.endings import CommandError, Interrupted
from dashboard_catalog.cli.progress import Shown, progress
from dashboard_catalog.environment import environment_name
from dashboard_catalog.settings import Settings, SettingsError

if TYPE_CHECKING:
    from dashboard_catalog.store.copying.sides import Side

_URL = "sqlite:///FILE or postgresql://USER@HOST/DATABASE"


def copy(
    source: Annotated[str, typer.Argument(metavar="FROM", help=f"The database to copy: {_URL}.", show_default=False)],
    target: Annotated[
        str,
        typer.Argument(
            metavar="TO", help="An empty database, or one with an unfinished copy of FROM.", show_default=False
        ),
    ],
    pgbouncer: Annotated[
        bool | None,
        typer.Option(
            "--pgbouncer/--no-pgbouncer",
            envvar=environment_name("pgbouncer"),
            help="Connect to PostgreSQL through PgBouncer in transaction mode.",
        ),
    ] = None,
) -> None:
    """Copy everything, with history, into an empty database.

    Stop the servers of both databases first. TO gets its tables from this command. If the copy is
    interrupted, run the same command again: it goes on where it stopped. Until then, no server can use TO.

    Exit status: 0 if everything was copied, 2 if not, 130 after Ctrl-C.
    """
    # Imported here, since it is slow to load and `--help` does not need it.
    from dashboard_catalog.store.copying.sides import CopyError, prepared  # noqa: PLC0415

    of_source, of_target = _side(source, "FROM", pgbouncer), _side(target, "TO", pgbouncer)
    began = time.monotonic()
    with logs.silenced(), progress("Copying", "rows") as shown:
        counted = _Counted(shown)
        try:
            with prepared(of_source, of_target):
                _copy(of_source, of_target, counted)
        except CopyError as error:
            raise CommandError(f"{error}{counted.so_far}") from error
        except KeyboardInterrupt:
            raise Interrupted(f"interrupted{counted.so_far}") from None
    seconds = time.monotonic() - began
    output.say(f"{counted.rows:,} rows copied from {of_source.shown} to {of_target.shown} in {seconds:,.1f} s.")


def _side(url: str, name: str, pgbouncer: bool | None) -> "Side":
    from dashboard_catalog.store.copying.sides import Side  # noqa: PLC0415

    try:
        # What a server would need beside the database does not matter.
        settings = Settings.load(
            {"database_url": url, "address": "127.0.0.1:0", "workers": 1, "pgbouncer": bool(pgbouncer)},
            lambda field: name if field == "database_url" else environment_name(field),
        )
    except SettingsError as error:
        raise CommandError(str(error)) from error
    return Side(settings.database_url, settings.shown_database_url)


def _copy(source: "Side", target: "Side", shown: "_Counted") -> None:
    from dashboard_catalog.store.copying.database_copy import copy_database  # noqa: PLC0415

    asyncio.run(copy_database(source, target, shown))


class _Counted:
    """Shows the progress, and remembers it."""

    def __init__(self, shown: Shown) -> None:
        self._shown = shown
        self._total = 0
        self.rows = 0

    def begin(self, total: int) -> None:
        self._total = total
        self._shown.begin(total)

    def done(self, rows: int) -> None:
        self.rows = rows
        self._shown.done(rows)

    @property
    def so_far(self) -> str:
        """What to add to an error: how far the copy is, if it has begun."""
        if not self._total:
            return ""
        return f". {self.rows:,} of {self._total:,} rows copied. Run the same command again to go on."
