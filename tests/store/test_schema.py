"""A database is used only if it suits the catalog, and never at the expense of another application."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command

from dashboard_catalog.server import StartError, prepare
from dashboard_catalog.settings import Settings
from dashboard_catalog.store import migrate, schema
from dashboard_catalog.store.tables import VERSION_TABLE
from tests.postgres import PostgresServer
from tests.store.database_work import query
from tests.store.test_migrate import HEAD, tables_in

THEIRS = "CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)"


def _other_application(url: str, revision: str) -> None:
    query(url, THEIRS)
    query(url, f"INSERT INTO alembic_version VALUES ('{revision}')")


def _as_an_earlier_version_left_it(url: str, revision: str) -> None:
    """Makes a database of a version that recorded its revision where every application does."""
    command.upgrade(migrate._config(url), revision)
    query(url, f"DROP TABLE {VERSION_TABLE}")
    _other_application(url, revision)


def _refusal(url: str, folder: Path) -> str:
    """Returns why a database is refused, by every way to use it."""
    refusals = set()
    for use in (migrate.upgrade, migrate.check):
        with pytest.raises(schema.SchemaError) as raised:
            use(url)
        refusals.add(str(raised.value))
    with pytest.raises(StartError) as not_started:
        prepare(Settings.load({"address": "127.0.0.1:0", "database_url": url, "data_dir": folder}))
    (refusal,) = refusals
    assert refusal in str(not_started.value)
    return refusal


@pytest.mark.parametrize("revision", ["a1b2c3d4e5f6", "0002"])
def test_the_revision_of_another_application_is_neither_believed_nor_changed(
    empty_database_url: str, revision: str
) -> None:
    _other_application(empty_database_url, revision)
    query(empty_database_url, "CREATE TABLE users (id INTEGER)")

    with pytest.raises(migrate.SchemaOutdated, match="no schema yet"):
        migrate.check(empty_database_url)
    for _ in range(2):
        migrate.upgrade(empty_database_url)
        migrate.check(empty_database_url)

    assert query(empty_database_url, "SELECT version_num FROM alembic_version") == [(revision,)]
    assert query(empty_database_url, f"SELECT version_num FROM {VERSION_TABLE}") == [(HEAD,)]
    assert migrate.drift(empty_database_url) == []
    query(empty_database_url, "INSERT INTO users VALUES (1)")


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_a_database_of_an_earlier_version_is_taken_over(empty_database_url: str, revision: str) -> None:
    _as_an_earlier_version_left_it(empty_database_url, revision)
    query(empty_database_url, "UPDATE service_sequence SET last_change = 7")

    migrate.upgrade(empty_database_url)

    migrate.check(empty_database_url)
    assert query(empty_database_url, "SELECT last_change FROM service_sequence") == [(7,)]
    assert query(empty_database_url, f"SELECT version_num FROM {VERSION_TABLE}") == [(HEAD,)]
    # Servers of the earlier version still look here.
    assert query(empty_database_url, "SELECT version_num FROM alembic_version") == [(revision,)]
    assert migrate.drift(empty_database_url) == []


@pytest.mark.parametrize(
    ("foreign", "names"),
    [
        ("CREATE TABLE dashboard (id INTEGER, name TEXT)", "table dashboard belongs"),
        ("CREATE VIEW chart AS SELECT 1 AS id", "table chart belongs"),
        ("CREATE TABLE dashboard_catalog_version (id INTEGER)", "table dashboard_catalog_version belongs"),
    ],
)
def test_a_table_of_another_application_stops_everything(
    empty_database_url: str, tmp_path: Path, foreign: str, names: str
) -> None:
    _other_application(empty_database_url, "0002")
    query(empty_database_url, foreign)
    before = tables_in(empty_database_url)

    assert _refusal(empty_database_url, tmp_path).startswith(
        f"the {names} to another application: use another database"
    )

    assert tables_in(empty_database_url) == before
    assert query(empty_database_url, "SELECT version_num FROM alembic_version") == [("0002",)]


def test_a_table_of_another_application_stops_a_later_migration(empty_database_url: str, tmp_path: Path) -> None:
    command.upgrade(migrate._config(empty_database_url), "0001")
    query(empty_database_url, "CREATE TABLE bulk_session (id INTEGER)")

    assert "table bulk_session belongs" in _refusal(empty_database_url, tmp_path)


@pytest.mark.parametrize(
    ("damage", "missing"),
    [
        ("DROP TABLE chart_history", "the table chart_history"),
        ("ALTER TABLE bulk_session DROP COLUMN swept", "the column bulk_session.swept"),
    ],
)
def test_tables_that_are_not_those_of_the_revision_are_named(
    database_url: str, tmp_path: Path, damage: str, missing: str
) -> None:
    query(database_url, damage)

    assert _refusal(database_url, tmp_path) == f"the schema is at {HEAD}, but {missing} is missing: restore a backup"

    query(database_url, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    with pytest.raises(schema.SchemaError, match=missing):
        migrate.check(database_url)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_an_old_postgresql_is_refused(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "_OLDEST_POSTGRESQL", 99)

    assert _refusal(database_url, tmp_path).endswith("is too old: use version 99 or later")


@pytest.fixture
def latin(postgres: PostgresServer) -> Iterator[str]:
    """A database that is not in UTF-8."""
    postgres.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C' LOCALE_PROVIDER libc")
    yield postgres.url("latin")
    postgres.execute("DROP DATABASE latin WITH (FORCE)")


def test_another_encoding_than_utf_8_is_refused(latin: str, tmp_path: Path) -> None:
    file = tmp_path / "catalog.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("PRAGMA encoding = 'UTF-16le'; CREATE TABLE users (id INTEGER)")

    assert _refusal(latin, tmp_path).startswith("the encoding of the database is LATIN1, but must be UTF8: use a")
    assert _refusal(f"sqlite+aiosqlite:///{file}", tmp_path).startswith("the encoding of the file is UTF-16le")


def test_names_that_sqlite_does_not_tell_apart_are_the_same(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'catalog.db'}"
    query(url, "CREATE TABLE Dashboard (Id INTEGER)")

    assert "table dashboard belongs" in _refusal(url, tmp_path)
