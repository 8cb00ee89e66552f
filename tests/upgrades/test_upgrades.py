"""A database that a server of an earlier schema has filled loses nothing in an upgrade, and this version can use it."""

import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import make_url

from dashboard_catalog.store import migrate
from tests.conftest import DATABASES, sqlite_url
from tests.postgres import PostgresServer
from tests.service.servers import running
from tests.store.database_work import query
from tests.upgrades.kept import check_kept
from tests.upgrades.rows import REVISIONS, Contents, contents, load_postgresql, load_sqlite
from tests.upgrades.using import Use
from tests.upgrades.whole import check_whole

_OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"

Filled = Callable[[str, str], str]
"""Returns the URL of a database of a kind, which was filled with a schema."""


@dataclass(frozen=True, slots=True)
class Upgraded:
    """A database that was filled with an earlier schema.

    Attributes:
        revision: The earlier schema.
        before: Its rows before the upgrade.
        after: Its rows after it.
    """

    revision: str
    url: str
    before: Contents
    after: Contents


@pytest.fixture(scope="module")
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """Fills databases."""
    names = []

    def fill(kind: str, revision: str) -> str:
        file = tmp_path_factory.mktemp("upgrades") / "catalog.db"
        load_sqlite(file, revision)
        if kind == "sqlite":
            return sqlite_url(file)
        names.append(f"test_{uuid4().hex}")
        server = request.getfixturevalue("postgres")
        server.execute(f"CREATE DATABASE {names[-1]} STRATEGY FILE_COPY")
        load_postgresql(server.url(names[-1]), revision, file)
        return str(server.url(names[-1]))

    yield fill
    for name in names:
        request.getfixturevalue("postgres").execute(f"DROP DATABASE {name} WITH (FORCE)")


_FILLED = [(kind, revision) for kind in DATABASES for revision in REVISIONS]
# Servers of the oldest schema, the first ones with a feed, and the newest ones.
_USED = [(kind, revision) for kind, revision in _FILLED if revision in (REVISIONS[0], "0004", REVISIONS[-1])]


@pytest.fixture(scope="module", params=_FILLED, ids="-".join)
def upgraded(request: pytest.FixtureRequest, filled: Filled) -> Upgraded:
    """A filled database of each earlier schema, on both kinds of databases, after an upgrade."""
    kind, revision = request.param
    url = filled(kind, revision)
    before = contents(url)
    migrate.upgrade(url)
    return Upgraded(revision, url, before, contents(url))


def test_there_is_a_filled_database_of_every_schema_but_the_newest() -> None:
    versions = Path(migrate.__file__).parent / "migrations" / "versions"
    revisions = sorted(file.name[:4] for file in versions.glob("0*.py"))

    assert REVISIONS in (revisions, revisions[:-1]), "see tests/upgrades/make.py"


def test_an_upgrade_keeps_all_rows_and_adds_only_what_the_migrations_say(upgraded: Upgraded) -> None:
    assert migrate.drift(upgraded.url) == []
    check_kept(upgraded.url, upgraded.revision, upgraded.before, upgraded.after)
    check_whole(upgraded.after)


@pytest.fixture
async def use(upgraded: Upgraded, tmp_path: Path) -> AsyncIterator[Use]:
    """Callers of a server on the upgraded database."""
    async with running(upgraded.url, tmp_path / "server") as (_, service):
        yield Use(service, upgraded.url, upgraded.after, tmp_path)


@pytest.mark.parametrize("upgraded", _USED, ids="-".join, indirect=True)
async def test_this_version_uses_what_servers_of_earlier_schemas_wrote(use: Use) -> None:
    await use.read_all_versions()
    await use.list_by_every_filter()
    await use.read_sessions()
    token = await use.follow_from_the_beginning()
    async with use.searched():
        await use.write_each_kind()
        await use.revert()
        await use.resume()
        await use.rename()
    await use.follow_on(token)


_KILLED = """
import os, signal, sys
from sqlalchemy import Engine, event
from dashboard_catalog.store import migrate

@event.listens_for(Engine, "before_cursor_execute")
def kill(connection, cursor, statement, *_):
    if sys.argv[2] in statement and connection.engine.url.database:
        os.kill(os.getpid(), signal.SIGKILL)

migrate.upgrade(sys.argv[1])
"""


# Only PostgreSQL keeps the migrations before the one that was killed.
@pytest.mark.parametrize(
    ("kind", "statement", "reached"),
    [("sqlite", "CREATE TABLE removed", "0003"), ("postgresql", "DROP INDEX chart_by_writer", "0007")],
    ids=DATABASES,
)
def test_an_upgrade_that_is_killed_goes_on_next_time(filled: Filled, kind: str, statement: str, reached: str) -> None:
    url = filled(kind, "0003")
    before = contents(url)

    command = [sys.executable, "-c", _KILLED, url, statement]
    killed = subprocess.run(command, env={"PYTHONPATH": ":".join(filter(None, sys.path))}, check=False)
    assert killed.returncode == -9
    ((revision,),) = query(url, "SELECT version_num FROM dashboard_catalog_version")
    assert revision == reached
    migrate.upgrade(url)

    assert migrate.drift(url) == []
    check_kept(url, "0003", before, contents(url))


@pytest.mark.parametrize("kind", ["postgresql"])
def test_an_upgrade_finds_the_indexes_that_operators_have_created_before(
    filled: Filled, kind: str, postgres: PostgresServer
) -> None:
    url = filled(kind, "0007")
    database = str(make_url(url).database)
    statements = re.findall("^CREATE INDEX CONCURRENTLY .+;$", _OPERATIONS.read_text(), re.MULTILINE)
    assert len(statements) == 12
    postgres.execute(*statements, database=database)
    created = "SELECT oid FROM pg_class WHERE relname LIKE '%state_time' ORDER BY oid"
    before = query(url, created)

    migrate.upgrade(url)

    assert migrate.drift(url) == []
    assert query(url, created) == before


@pytest.mark.parametrize("kind", DATABASES)
def test_an_upgrade_records_what_servers_without_a_feed_have_made_of_entities(filled: Filled, kind: str) -> None:
    url = filled(kind, "0007")
    migrate.upgrade(url)
    before = contents(url)
    newest = {row["change_number"] for row in before["entity"]}
    # Such a server writes only the entity.
    query(url, "DELETE FROM entity_change WHERE id IN (SELECT id FROM entity WHERE name IN ('ann', 'sales'))")

    migrate.upgrade(url)
    migrate.upgrade(url)

    after = contents(url)
    assert newest <= {row["change_number"] for row in after["entity_change"]}
    recorded = [(row["fqn"], row["change"]) for row in after["entity_change"] if row["name"] in ("ann", "sales")]
    assert sorted(recorded) == [("ann", "created"), ("sales", "created")]
    check_whole(after)
