"""`dashboard-catalog db`: the schema of the database."""

from collections.abc import Callable
from typing import Any

import typer

from dashboard_catalog.cli import output
from dashboard_catalog.cli.failures import CommandError
from dashboard_catalog.cli.options import with_signature
from dashboard_catalog.cli.settings_options import load_without_listening, options_of
from dashboard_catalog.settings import Settings

app = typer.Typer(help="Bring the database to this version's schema, or check it.", no_args_is_help=True)


def upgrade(**given: Any) -> None:
    """Run the migrations that are missing; does nothing if there are none.

    On SQLite `serve` does so by itself.
    """
    # Here, not above: it takes long to load, and most other commands do without.
    from dashboard_catalog.store import migrate  # noqa: PLC0415

    settings = load_without_listening(given)
    _on_database(settings, migrate.upgrade)


def check(**given: Any) -> None:
    """Say whether the database is at the schema of this version: exit status 0 if it is, 2 if not."""
    from dashboard_catalog.store import migrate  # noqa: PLC0415

    settings = load_without_listening(given)
    try:
        _on_database(settings, migrate.check)
    except migrate.SchemaOutdated as error:
        raise CommandError(f"{settings.shown_database_url}: {error}") from error


def _on_database(settings: Settings, work: Callable[[str], None]) -> None:
    import asyncpg  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    try:
        if settings.uses_sqlite:
            settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        work(settings.database_url)
    except (OSError, SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        # The driver's own words; SQLAlchemy adds the statement.
        cause = getattr(error, "orig", None) or error
        raise CommandError(f"{settings.shown_database_url} cannot be used: {cause}") from error
    output.say(f"{settings.shown_database_url} is at the schema of this version.")


for command in (upgrade, check):
    with_signature(command, options_of(("database_url", "data_dir")))
    app.command()(command)
