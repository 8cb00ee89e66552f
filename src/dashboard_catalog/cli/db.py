"""`dashboard-catalog db`: the schema of the database."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer
from sqlalchemy.engine import make_url

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
    file = _sqlite_file(settings)
    if file is not None and file.parent == settings.data_dir:
        _make_folder(settings.data_dir)
    _on_database(settings, migrate.upgrade)


def check(**given: Any) -> None:
    """Say whether the database has the schema that this version needs: exit status 0 if it has, 2 if not."""
    from dashboard_catalog.store import migrate  # noqa: PLC0415

    settings = load_without_listening(given)
    if (file := _sqlite_file(settings)) is not None and not file.exists():
        # SQLite would make it by looking.
        raise CommandError(f"there is no {file}: run `db upgrade`")
    _on_database(settings, migrate.check)


def _on_database(settings: Settings, work: Callable[[str], None]) -> None:
    import asyncpg  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    from dashboard_catalog.store.migrate import SchemaLater, SchemaOutdated  # noqa: PLC0415

    if (file := _sqlite_file(settings)) is not None and not file.parent.is_dir():
        raise CommandError(f"there is no folder {file.parent}")
    try:
        work(settings.database_url)
    except (OSError, SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        # The driver's own words; SQLAlchemy adds the statement.
        cause = getattr(error, "orig", None) or error
        raise CommandError(f"{settings.shown_database_url} cannot be used: {cause}") from error
    except (SchemaLater, SchemaOutdated) as error:
        raise CommandError(f"{settings.shown_database_url}: {error}") from error
    output.say(f"{settings.shown_database_url} has the schema that this version needs.")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"cannot make {folder}: {error.strerror}") from error


def _sqlite_file(settings: Settings) -> Path | None:
    """Returns the file of the database; None if it is none."""
    return Path(make_url(settings.database_url).database or "") if settings.uses_sqlite else None


for command in (upgrade, check):
    with_signature(command, options_of(("database_url", "data_dir")))
    app.command()(command)
