"""What all tests share: their databases, and how Hypothesis looks for examples.

Each test that asks for a database gets one without rows, on SQLite and on PostgreSQL. A test for only one of the two
says which: `@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)`. PostgreSQL starts with the first test
that needs it. The migrations run once on each.
"""

import gc
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.given_database import GIVEN_URL, VARIABLE, GivenDatabase
from tests.postgres import THROWAWAY, PostgresServer, postgres_server
from tests.reused_database import ReusedDatabase

DATABASES = ["sqlite", "postgresql"]

# The same examples everywhere, however slow the machine is. `make fuzz` is for the others.
settings.register_profile(
    "catalog",
    deadline=None,
    max_examples=50,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("catalog")


def pytest_collection_finish() -> None:
    """Spares the garbage collector from looking through thousands of tests again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps the servers of the tests apart from those of the developer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture
def log_as_before() -> Iterator[None]:
    """Restores logging after a test that sets it up, as `serve` does."""
    root = logging.getLogger()
    handlers, level, configuration = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers, root.level = handlers, level
    structlog.configure(**configuration)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server far from UTC, so that a time without a zone is noticed."""
    if GIVEN_URL is not None:
        pytest.skip(f"it needs a PostgreSQL server of its own, but {VARIABLE} provides a database")
    # Databases come and go in moments, and what a plan is must not depend on when statistics were last collected.
    settings = {**THROWAWAY, "autovacuum": "off"}
    with postgres_server(**settings, timezone="Pacific/Chatham", max_connections=200) as server:
        yield server


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that each test gets a copy of."""
    file = tmp_path_factory.mktemp("migrated") / "catalog.db"
    _upgrade(sqlite_url(file))
    return file


@pytest.fixture(scope="session")
def migrated_postgres(request: pytest.FixtureRequest) -> Iterator[ReusedDatabase | GivenDatabase]:
    """The database that one test after the other gets."""
    if GIVEN_URL is not None:
        provided = GivenDatabase(GIVEN_URL)
        yield provided
        provided.close()
        return
    postgres: PostgresServer = request.getfixturevalue("postgres")
    postgres.execute("CREATE DATABASE migrated")
    _upgrade(postgres.url("migrated"))
    database = ReusedDatabase(postgres, "migrated")
    yield database
    database.close()


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated database without rows, for one test; a test that asks for `cluster` gets the one of `cluster_url`."""
    if request.param == "sqlite":
        file = tmp_path / "catalog.db"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), file)
        yield sqlite_url(file)
    elif request.param == "cluster":
        yield request.getfixturevalue("cluster_url")
    else:
        reused: ReusedDatabase | GivenDatabase = request.getfixturevalue("migrated_postgres")
        yield reused.renewed()


@pytest.fixture
def cluster_url(postgres: PostgresServer, migrated_postgres: ReusedDatabase) -> Iterator[str]:
    """A migrated database without rows that says it is a cluster, so that servers do there what they do on one."""
    name = f"test_{uuid4().hex}"
    postgres.execute(f"CREATE DATABASE {name} TEMPLATE {migrated_postgres.template}")
    postgres.execute(
        "INSERT INTO pg_catalog.pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)"
        " VALUES (99999, 'citus', 10, 'pg_catalog'::regnamespace, false, '0')",
        database=name,
    )
    yield postgres.url(name)
    postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=DATABASES)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without tables, for one test."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path / "catalog.db")
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        name = f"test_{uuid4().hex}"
        server.execute(f"CREATE DATABASE {name} STRATEGY FILE_COPY")
        yield server.url(name)
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _upgrade(url: str) -> None:
    # Imported here, so that tests without a database load faster.
    from dashboard_catalog.store.migrate import upgrade  # noqa: PLC0415

    upgrade(url)


def sqlite_url(file: Path) -> str:
    """Returns the URL of an SQLite file."""
    return f"sqlite+aiosqlite:///{file}"
