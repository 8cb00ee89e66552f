"""The commands of `db` through a real PgBouncer, which gives each transaction another connection."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from dashboard_catalog.store import migrate
from dashboard_catalog.store.conversions import Row
from dashboard_catalog.store.driver_errors import NEEDS_PGBOUNCER
from tests.cli.conftest import COMMAND, Run
from tests.conftest import sqlite_url
from tests.pgbouncer import PgBouncer, needs_pgbouncer, pgbouncer
from tests.postgres import PostgresServer
from tests.store.database_work import query
from tests.store.filling import contents, fill

pytestmark = needs_pgbouncer


@pytest.fixture(scope="module")
def pooler(postgres: PostgresServer) -> Iterator[PgBouncer]:
    with pgbouncer(postgres) as pooler:
        yield pooler


@pytest.fixture
def name(postgres: PostgresServer) -> Iterator[str]:
    """An empty database."""
    name = f"pooled_{uuid4().hex}"
    postgres.execute(f"CREATE DATABASE {name} STRATEGY FILE_COPY")
    yield name
    postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_the_schema_is_made_checked_and_left_alone(
    run: Run, pooler: PgBouncer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = ["--database-url", pooler.url(name)]
    assert run("db", "check", *url, "--pgbouncer").exit_code == 2
    for _ in range(2):
        upgraded = run("db", "upgrade", *url, "--pgbouncer")
        assert upgraded.exit_code == 0, upgraded.output
        assert "pgbouncer=true" not in upgraded.output
    monkeypatch.setenv("DASHBOARD_CATALOG_PGBOUNCER", "true")
    for _ in range(3):
        assert run("db", "check", *url).exit_code == 0


async def test_upgrades_at_the_same_time_wait_for_each_other(
    pooler: PgBouncer, postgres: PostgresServer, name: str
) -> None:
    async def run_alone(command: str) -> int:
        """Runs a command in a process of its own, whose driver names statements like that of any other."""
        arguments = [*COMMAND, "db", command, "--database-url", pooler.url(name), "--pgbouncer"]
        return await (await asyncio.create_subprocess_exec(*arguments)).wait()

    assert await asyncio.gather(*[run_alone("upgrade") for _ in range(2)]) == [0, 0]
    assert await run_alone("check") == 0
    assert await asyncio.to_thread(migrate.drift, postgres.url(name)) == []


def test_a_catalog_is_copied_in_and_out(
    run: Run, pooler: PgBouncer, name: str, migrated_sqlite: Path, tmp_path: Path
) -> None:
    filled, copy = tmp_path / "filled.db", tmp_path / "copy.db"
    filled.write_bytes(migrated_sqlite.read_bytes())
    asyncio.run(fill(sqlite_url(filled), 10))
    for source, target in ((f"sqlite:///{filled}", pooler.url(name)), (pooler.url(name), f"sqlite:///{copy}")):
        copied = run("db", "copy", source, target, "--pgbouncer")
        assert copied.exit_code == 0, copied.output
    assert _rows(copy) == _rows(filled)


def _rows(file: Path) -> dict[str, list[Row]]:
    """Returns what is copied; rows that make lists fast follow from it."""
    found = asyncio.run(contents(sqlite_url(file)))
    return {name: rows for name, rows in found.items() if not name.endswith("_reference")}


def test_without_the_setting_the_commands_name_it(pooler: PgBouncer, name: str) -> None:
    # In processes of their own, whose drivers give statements the same names.
    command = [*COMMAND, "db", "check", "--database-url", pooler.url(name)]
    results = [subprocess.run(command, capture_output=True, text=True, check=False) for _ in range(2)]

    assert [result.returncode for result in results] == [2, 2]
    assert "the database has no schema yet" in results[0].stderr
    assert results[1].stderr.endswith(": " + NEEDS_PGBOUNCER + "\n")


def test_the_settings_of_the_documentation_reach_each_connection(pooler: PgBouncer, postgres: PostgresServer) -> None:
    """The example in docs/operations.md, without the server."""
    page = Path(__file__).parents[2].joinpath("docs", "operations.md").read_text()
    example = page.partition("```sql\n")[2].partition("```")[0]
    postgres.execute("CREATE ROLE catalog LOGIN", example)
    try:
        url = pooler.url("postgres").replace("postgres@", "catalog@")
        for setting, value in (("jit", "off"), ("enable_seqscan", "off"), ("statement_timeout", "1min")):
            assert query(url, f"SHOW {setting}") == [(value,)]
    finally:
        postgres.execute("DROP ROLE catalog")
