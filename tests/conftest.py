"""Databases for the tests: each test that asks for one gets its own, on SQLite and on PostgreSQL.

A test for only one of the two says which:
`@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)`. PostgreSQL starts with the first test
that needs it. The migrations run once on each; every test gets a copy of the result.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.postgres import THROWAWAY, PostgresServer, postgres_server

DATABASES = ["sqlite", "postgresql"]


@pytest.fixture(scope="session", autouse=True)
def state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps the servers of the tests apart from those of the developer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server far from UTC, so that a time without a zone is noticed."""
    with postgres_server(**THROWAWAY, timezone="Pacific/Chatham", max_connections=200) as server:
        yield server


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that each test gets a copy of."""
    file = tmp_path_factory.mktemp("migrated") / "catalog.db"
    _upgrade(_sqlite_url(file))
    return file


@pytest.fixture(scope="session")
def migrated_postgres(postgres: PostgresServer) -> str:
    """The database that each test gets a copy of."""
    postgres.execute("CREATE DATABASE migrated")
    _upgrade(postgres.url("migrated"))
    return "migrated"


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated database without rows, for one test."""
    if request.param == "sqlite":
        file = tmp_path / "catalog.db"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), file)
        yield _sqlite_url(file)
    else:
        template = request.getfixturevalue("migrated_postgres")
        yield from _postgres_database(request.getfixturevalue("postgres"), template)


@pytest.fixture(params=DATABASES)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without tables, for one test."""
    if request.param == "sqlite":
        yield _sqlite_url(tmp_path / "catalog.db")
    else:
        yield from _postgres_database(request.getfixturevalue("postgres"), "template1")


def _upgrade(url: str) -> None:
    # Imported here, so that tests without a database load faster.
    from dashboard_catalog.store.migrate import upgrade  # noqa: PLC0415

    upgrade(url)


def _sqlite_url(file: Path) -> str:
    return f"sqlite+aiosqlite:///{file}"


def _postgres_database(server: PostgresServer, template: str) -> Iterator[str]:
    name = f"test_{uuid4().hex}"
    server.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield server.url(name)
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")
