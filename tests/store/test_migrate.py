"""The migrations create the tables of the code, once, completely or not at all, even if others run them too."""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.script import Script
from sqlalchemy import inspect
from sqlalchemy.ext.asyncio import create_async_engine

from dashboard_catalog.store import migrate
from dashboard_catalog.store.records import CATALOG_ID
from dashboard_catalog.store.tables import METADATA, VERSION_TABLE
from tests.store.database_work import query

HEAD = max(file.name[:4] for file in (Path(migrate.__file__).parent / "migrations" / "versions").glob("0*.py"))


def tables_in(url: str) -> set[str]:
    """Returns the names of all tables of a database."""

    async def ask() -> set[str]:
        engine = create_async_engine(url)
        try:
            async with engine.connect() as connection:
                return set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))
        finally:
            await engine.dispose()

    return asyncio.run(ask())


def test_the_migrations_create_the_tables_of_the_code(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url)

    assert migrate.drift(empty_database_url) == []
    assert tables_in(empty_database_url) == {*METADATA.tables, VERSION_TABLE}
    migrate.check(empty_database_url)


def test_a_different_table_is_detected(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url)
    query(empty_database_url, "DROP TABLE chart_history")

    assert migrate.drift(empty_database_url)


def test_a_second_upgrade_changes_nothing(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url)
    query(empty_database_url, "UPDATE service_sequence SET last_change = 7")
    migrate.upgrade(empty_database_url)

    assert query(empty_database_url, "SELECT last_change FROM service_sequence") == [(7,)]


def test_the_schema_comes_with_the_sequence_of_the_catalog_itself(database_url: str) -> None:
    ((service_id, last_change),) = query(database_url, "SELECT service_id, last_change FROM service_sequence")

    assert (str(service_id).replace("-", ""), last_change) == (CATALOG_ID.hex, 0)


def test_a_schema_of_another_version_is_reported(empty_database_url: str) -> None:
    with pytest.raises(migrate.SchemaOutdated, match=f"has no schema yet, this version needs {HEAD}: run `db upgrade`"):
        migrate.check(empty_database_url)

    command.upgrade(migrate._config(empty_database_url), "0001")
    with pytest.raises(migrate.SchemaOutdated, match=f"is at 0001, this version needs {HEAD}"):
        migrate.check(empty_database_url)
    query(empty_database_url, "UPDATE service_sequence SET last_change = 7")

    migrate.upgrade(empty_database_url)
    migrate.check(empty_database_url)
    assert query(empty_database_url, "SELECT last_change FROM service_sequence") == [(7,)]


def test_a_schema_of_a_later_version_serves_an_older_server(database_url: str) -> None:
    query(database_url, "UPDATE dashboard_catalog_version SET version_num = '9999'")

    migrate.check(database_url)


def test_a_schema_of_a_later_version_is_not_changed(database_url: str) -> None:
    query(database_url, "UPDATE dashboard_catalog_version SET version_num = '9999'")

    with pytest.raises(migrate.SchemaLater, match=f"is at 9999, .* up to {HEAD}"):
        migrate.upgrade(database_url)

    assert query(database_url, "SELECT version_num FROM dashboard_catalog_version") == [("9999",)]
    assert migrate.drift(database_url) == []


_FAILING = """
from alembic import op
from sqlalchemy import Column, Integer
revision, down_revision, branch_labels, depends_on = "9999", "{head}", None, None

def upgrade():
    op.create_table("half", Column("a", Integer()))
    op.execute("INSERT INTO half VALUES (1)")
    op.execute("INSERT INTO nowhere VALUES (1)")
"""


def test_a_failed_migration_leaves_nothing_behind(empty_database_url: str, tmp_path: Path) -> None:
    migrate.upgrade(empty_database_url)
    before = tables_in(empty_database_url)
    folder = tmp_path / "migrations"
    shutil.copytree(Path(migrate.__file__).parent / "migrations", folder)
    (folder / "versions" / "9999_failing.py").write_text(_FAILING.format(head=HEAD))
    config = migrate._config(empty_database_url)
    config.set_main_option("script_location", str(folder))

    for _ in range(2):
        with pytest.raises(Exception, match="nowhere"):
            command.upgrade(config, "head")
        assert tables_in(empty_database_url) == before
        migrate.check(empty_database_url)


def test_a_migration_can_be_written_from_the_template(empty_database_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(Path(migrate.__file__).parent / "migrations", folder)
    config = migrate._config(empty_database_url)
    config.set_main_option("script_location", str(folder))

    script = command.revision(config, "Add a column", rev_id="9999")

    assert isinstance(script, Script)
    file = Path(script.path)
    assert "Follows: " + HEAD in file.read_text()
    assert "pass" in file.read_text()
    columns = [f'    op.add_column("{table}", sa.Column("new", sa.Text()))\n' for table in ("chart", "chart_history")]
    file.write_text(file.read_text().replace("    pass\n", "".join(columns)))
    command.upgrade(config, "head")
    query(empty_database_url, "SELECT new FROM chart UNION SELECT new FROM chart_history")


_AT_ONCE = """
import sys, time
from dashboard_catalog.store import migrate
print("ready", flush=True)
sys.stdin.read()
migrate.upgrade(sys.argv[1])
"""


def test_several_processes_can_upgrade_concurrently(empty_database_url: str) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _AT_ONCE, empty_database_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PYTHONPATH": ":".join(filter(None, sys.path))},
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
    ended = [process.wait(30) for process in processes]
    errors = [process.stderr.read().decode() for process in processes if process.stderr]
    for process in processes:
        process.stdout.close()  # type: ignore[union-attr]
        process.stderr.close()  # type: ignore[union-attr]

    assert ended == [0, 0], errors
    assert migrate.drift(empty_database_url) == []
