"""`dashboard-catalog db`: the schema of the database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dashboard_catalog.cli import output
from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.cli.options import with_signature
from dashboard_catalog.cli.settings_options import load_without_listening, options_of
from dashboard_catalog.settings import Settings


def upgrade(**given: Any) -> None:
    """Create the tables, or migrate them to the schema of this version.

    On SQLite, `serve` does this when it starts.
    """
    # Imported here, since it is slow to load and most commands do not need it.
    from dashboard_catalog.store import migrate  # noqa: PLC0415

    settings = load_without_listening(given)
    file = _sqlite_file(settings)
    if file is not None and file.parent == settings.data_dir:
        _create_folder(settings.data_dir)
    _on_database(settings, migrate.upgrade)


def check(**given: Any) -> None:
    """Check that the database has the schema of this version. Exit status: 0 if it does, 2 if not.

    On a cluster whose tables are distributed, also check that all of them are.
    """
    settings = load_without_listening(given)
    if (file := _sqlite_file(settings)) is not None and not file.exists():
        # SQLite would create the file.
        raise CommandError(f"{file} does not exist: run `db upgrade`")
    _on_database(settings, _checked)


@contextmanager
def explained(settings: Settings) -> Iterator[None]:
    """Turns the errors of the database inside the block into a text for people."""
    import asyncpg  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    from dashboard_catalog.store.driver_errors import cause_of  # noqa: PLC0415
    from dashboard_catalog.store.schema import SchemaError  # noqa: PLC0415

    try:
        yield
    except (OSError, SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise CommandError(f"{settings.shown_database_url} cannot be used: {cause_of(error)}") from error
    except SchemaError as error:
        raise CommandError(f"{settings.shown_database_url}: {error}") from error


def _on_database(settings: Settings, work: Callable[[str], bool | None]) -> None:
    if (file := _sqlite_file(settings)) is not None and not file.parent.is_dir():
        raise CommandError(f"the folder {file.parent} does not exist")
    with explained(settings):
        is_later = work(settings.database_url)
    schema = "a later schema, which this version can use" if is_later else "the schema of this version"
    output.say(f"{settings.shown_database_url} has {schema}.")


def _checked(url: str) -> bool:
    """Checks the schema, and on a cluster that no table was left behind on one node."""
    from dashboard_catalog.store import migrate  # noqa: PLC0415
    from dashboard_catalog.store.distribution.distribute import undistributed  # noqa: PLC0415
    from dashboard_catalog.store.schema import SchemaError  # noqa: PLC0415

    is_later = migrate.check(url)
    if not is_later and (names := undistributed(url)):
        raise SchemaError(f"not distributed: {', '.join(names)}: run `db distribute`")
    return is_later


def _create_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError as error:
        raise CommandError(f"{folder} is not a folder") from error
    except OSError as error:
        raise CommandError(f"cannot create {folder}: {error.strerror}") from error


def _sqlite_file(settings: Settings) -> Path | None:
    from dashboard_catalog.store.sqlite_file import sqlite_file  # noqa: PLC0415

    return sqlite_file(settings.database_url) if settings.uses_sqlite else None


for command in (upgrade, check):
    with_signature(command, options_of(("database_url", "pgbouncer", "data_dir")))
