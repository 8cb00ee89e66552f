"""`db distribute`: what it refuses on any database, and what it does on a real cluster where there is one."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from dashboard_catalog.server import prepare
from dashboard_catalog.settings import Settings
from dashboard_catalog.store.tables import METADATA, VERSION_TABLE
from tests.cli.conftest import Run
from tests.store.database_work import query

CLUSTER = "DASHBOARD_CATALOG_TEST_CITUS_URL"
"""Environment variable with the URL of a database for tests on a coordinator, with the extension and the workers."""

# The fixtures remove the variables of the catalog.
_CLUSTER_URL = os.environ.get(CLUSTER)


@pytest.mark.parametrize(
    ("database_url", "problem"),
    [
        ("sqlite", "only PostgreSQL with the extension citus can be distributed, not SQLite"),
        ("postgresql", "the extension citus is not installed: install Citus on this server"),
    ],
    indirect=["database_url"],
)
def test_a_database_without_citus_is_refused(run: Run, database_url: str, problem: str) -> None:
    result = run("db", "distribute", "--database-url", database_url)

    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert problem in result.stderr
    # Nothing else needs Citus.
    assert run("db", "check", "--database-url", database_url).exit_code == 0


@pytest.mark.parametrize("empty_database_url", ["postgresql"], indirect=True)
def test_a_database_without_a_schema_is_upgraded_first(run: Run, empty_database_url: str) -> None:
    result = run("db", "distribute", "--database-url", empty_database_url)

    assert result.exit_code == 2
    assert result.stderr.endswith("run `db upgrade`\n")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_tables_of_a_later_version_are_left_to_that_version(run: Run, database_url: str) -> None:
    query(database_url, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    result = run("db", "distribute", "--database-url", database_url)

    assert result.exit_code == 2
    assert "the schema is that of a later version: run `db distribute` of that version" in result.stderr


@pytest.mark.parametrize("shards", ["0", "64001", "many"])
def test_a_wrong_number_of_shards_is_refused(run: Run, shards: str) -> None:
    result = run("db", "distribute", "--database-url", "postgresql://127.0.0.1:1/x", "--shards", shards)

    assert result.exit_code == 2
    assert "--shards" in result.stderr


@pytest.fixture
def cluster() -> Iterator[str]:
    """A database on a real cluster, without tables."""
    if _CLUSTER_URL is None:
        pytest.skip(f"{CLUSTER} does not name a cluster with Citus")
    url = _CLUSTER_URL.replace("postgresql://", "postgresql+asyncpg://", 1)
    [[name]] = query(url, "SELECT current_database()")
    assert "test" in name, "the test drops all tables of the database, so its name must contain `test`"
    _drop_tables(url)
    yield url
    _drop_tables(url)


def test_a_cluster_gets_every_table_with_its_rows_once(run: Run, cluster: str) -> None:
    assert run("db", "upgrade", "--database-url", cluster).exit_code == 0
    query(cluster, "INSERT INTO service_sequence SELECT gen_random_uuid(), n FROM generate_series(1, 500) AS n")

    first = run("db", "distribute", "--database-url", cluster, "--shards", "4")
    again = run("db", "distribute", "--database-url", cluster)

    assert first.exit_code == again.exit_code == 0
    assert "service_sequence: distributed by service_id, 501 rows\n" in first.stderr
    assert "entity: copied to every node\n" in first.stderr
    assert again.stderr.splitlines()[0].endswith(" with 4 shards. 15 tables were distributed before.")
    assert query(cluster, "SELECT count(*), sum(last_change) FROM service_sequence") == [(501, 125_250)]
    # The coordinator keeps nothing that nobody sees.
    assert query(cluster, "SELECT pg_relation_size('service_sequence')") == [(0,)]
    assert query(cluster, "SELECT relreplident::text FROM pg_class WHERE oid = 'chart_reference'::regclass") == [("f",)]


def test_a_table_that_a_migration_adds_is_named_until_it_is_distributed(run: Run, cluster: str, tmp_path: Path) -> None:
    assert run("db", "upgrade", "--database-url", cluster).exit_code == 0
    assert run("db", "check", "--database-url", cluster).exit_code == 0
    assert run("db", "distribute", "--database-url", cluster, "--shards", "4").exit_code == 0
    query(cluster, "SELECT undistribute_table('removed')")

    checked = run("db", "check", "--database-url", cluster)
    assert checked.exit_code == 2
    assert checked.stderr.endswith(": not distributed: removed: run `db distribute`\n")
    with capture_logs() as logs:
        prepare(Settings.load({"database_url": cluster, "data_dir": tmp_path}))
    assert [log["tables"] for log in logs if log["event"] == "tables_not_distributed"] == [["removed"]]
    distributed = run("db", "distribute", "--database-url", cluster)
    assert distributed.stderr.startswith("removed: distributed by service_id\n")
    assert run("db", "check", "--database-url", cluster).exit_code == 0


def test_another_number_of_shards_changes_nothing(run: Run, cluster: str) -> None:
    assert run("db", "upgrade", "--database-url", cluster).exit_code == 0
    assert run("db", "distribute", "--database-url", cluster, "--shards", "4").exit_code == 0

    refused = run("db", "distribute", "--database-url", cluster, "--shards", "8")

    assert refused.exit_code == 2
    assert "the tables have 4 shards already" in refused.stderr


def _drop_tables(url: str) -> None:
    for name in (*METADATA.tables, VERSION_TABLE):
        query(url, f"DROP TABLE IF EXISTS {name} CASCADE")
