"""A SQLite file that is deleted, moved, replaced, damaged or slow while it is open."""

import asyncio
import resource
import shutil
import sqlite3
import threading
from contextlib import suppress
from operator import methodcaller
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store.connections import WriteConnection, driver_of
from dashboard_catalog.store.database import Database, TimeLimits
from dashboard_catalog.store.driver_errors import DAMAGED, MOVED
from tests.patience import PATIENCE, until
from tests.store.database_work import check_unavailable, rows, statements

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file of the database."""
    return tmp_path / "catalog.db"


def delete(file: Path) -> None:
    """Deletes the file and what SQLite keeps beside it."""
    for left in file.parent.glob(f"{file.name}*"):
        left.unlink()


def move(file: Path, to: Path) -> None:
    """Moves the file alone, in the place of another one if there is one."""
    file.replace(to)


def damage(file: Path) -> None:
    """Overwrites the beginning of the file."""
    with file.open("r+b") as opened:
        opened.write(b"garbage!" * 20)


def exists(file: Path) -> bool:
    """Says whether there is such a file."""
    return file.exists()


async def unavailable(database: Database, number: int = 1) -> None:
    """Asserts that neither a write nor a read succeeds."""
    for attempt in (database.write(statements(f"INSERT INTO t VALUES ({number}, 0)")), rows(database)):
        with pytest.raises(CatalogError) as raised:
            await attempt
        check_unavailable(raised.value, Reason.DATABASE_UNAVAILABLE)


def stored(file: Path) -> list[int]:
    """Returns the keys that a stranger finds in the file."""
    connection = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)
    try:
        return [a for (a,) in connection.execute("SELECT a FROM t ORDER BY a")]
    finally:
        connection.close()


@pytest.mark.parametrize("during_commit", [False, True])
async def test_a_write_to_a_file_that_goes_away_meanwhile_is_not_acknowledged(
    database: Database, file: Path, during_commit: bool
) -> None:
    async def work(connection: WriteConnection) -> None:
        await connection.execute(text("INSERT INTO t VALUES (1, 0)"))
        if during_commit:
            thread = driver_of(connection._connection)._thread
            on_statement = methodcaller(
                "set_trace_callback", lambda statement: delete(file) if statement == "COMMIT" else None
            )
            await thread.run(on_statement)
        else:
            delete(file)

    with pytest.raises(CatalogError) as raised:
        await database.write(work)
    check_unavailable(raised.value, Reason.DATABASE_UNAVAILABLE)
    assert not exists(file)


async def test_a_deleted_file_takes_no_write_and_is_not_created_anew(database: Database, file: Path) -> None:
    assert await database.probe() is None
    await database.write(statements("INSERT INTO t VALUES (1, 0)"))
    delete(file)

    await unavailable(database)
    assert await database.probe()
    assert await database.probe()
    assert not exists(file)


async def test_a_moved_file_is_complete_and_works_again_when_it_is_back(database: Database, file: Path) -> None:
    assert await database.probe() is None
    await database.write(statements("INSERT INTO t VALUES (1, 0)"))
    elsewhere = file.with_name("elsewhere.db")
    move(file, elsewhere)

    assert await database.probe() == MOVED
    await unavailable(database, 2)
    assert stored(elsewhere) == [1]
    move(elsewhere, file)
    assert await database.probe() is None
    await database.write(statements("INSERT INTO t VALUES (3, 0)"))
    assert [a for a, _ in await rows(database)] == [1, 3]


async def test_a_backup_that_replaces_the_file_is_opened_without_anything_of_the_file(
    database: Database, file: Path
) -> None:
    await database.write(statements("INSERT INTO t VALUES (1, 0)"))
    backup = file.with_name("backup.db")
    connection = sqlite3.connect(file)
    connection.execute("VACUUM INTO ?", (str(backup),))
    connection.close()
    await database.write(statements(*[f"INSERT INTO t VALUES ({a}, 0)" for a in range(2, 500)]))
    begun, replaced = asyncio.Event(), asyncio.Event()

    async def work(connection: WriteConnection) -> None:
        await connection.execute(text("INSERT INTO t VALUES (500, 0)"))
        begun.set()
        await replaced.wait()

    writing = asyncio.create_task(database.write(work))
    await begun.wait()
    move(backup, file)
    # Nothing opens the new file as long as a connection uses the old one.
    assert await database.probe() == MOVED
    with pytest.raises(CatalogError) as raised:
        await rows(database)
    check_unavailable(raised.value, Reason.DATABASE_UNAVAILABLE)
    replaced.set()
    with pytest.raises(CatalogError) as raised:
        await writing
    check_unavailable(raised.value, Reason.DATABASE_UNAVAILABLE)

    await database.probe()
    assert await database.probe() is None
    await database.write(statements("INSERT INTO t VALUES (501, 0)"))
    assert [a for a, _ in await rows(database)] == [1, 501]
    await database.close()
    assert stored(file) == [1, 501]


async def test_a_file_that_replaces_another_one_is_opened_when_no_process_uses_that_one(
    database: Database, database_url: str, file: Path
) -> None:
    indexer = Database(database_url)
    await database.write(statements("INSERT INTO t VALUES (1, 0)"))
    backup = file.with_name("backup.db")
    connection = sqlite3.connect(file)
    connection.execute("VACUUM INTO ?", (str(backup),))
    connection.close()
    async with indexer.read() as reading:
        await reading.execute(text("SELECT 1"))
        move(backup, file)
        assert await database.probe() == MOVED
        assert await database.probe() == MOVED
        with pytest.raises(CatalogError):
            await rows(database)
    await database.probe()
    assert await database.probe() is None
    await rows(database)
    await indexer.close()


async def test_a_damaged_file_is_reported_until_another_one_takes_its_place(
    database: Database, database_url: str, file: Path, migrated_sqlite: Path
) -> None:
    await database.close()
    damage(file)
    reopened = Database(database_url)
    await unavailable(reopened)
    assert await reopened.probe() == DAMAGED

    other = file.with_name("other.db")
    shutil.copy(migrated_sqlite, other)
    move(other, file)
    await reopened.probe()
    assert await reopened.probe() is None
    await reopened.close()


async def test_a_file_without_the_tables_is_reported(database: Database) -> None:
    await database.write(statements("DROP TABLE service_sequence"))
    assert "db upgrade" in (await database.probe() or "")


async def test_a_full_disk_is_reported_until_something_can_be_written_again(database: Database, file: Path) -> None:
    assert await database.probe() is None
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.with_name("catalog.db-wal").stat().st_size, hard))
    try:
        with pytest.raises(CatalogError) as raised:
            await database.write(statements("INSERT INTO t VALUES (1, 0)"))
        check_unavailable(raised.value, Reason.DATABASE_UNAVAILABLE)
        assert database.doubted.is_set()
        assert await database.probe()
        assert await database.probe()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert await database.probe() is None
    assert not database.doubted.is_set()
    await database.write(statements("INSERT INTO t VALUES (2, 0)"))
    assert await rows(database) == [(2, 0)]


async def test_a_statement_that_takes_too_long_is_given_up(database_url: str) -> None:
    hurried = Database(database_url, limits=TimeLimits(statement=0.1))
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(CatalogError) as raised:
            await hurried.write(statements(endless))
        check_unavailable(raised.value, Reason.DATABASE_UNAVAILABLE)
        # On a slow machine, this may take too long as well.
        while True:
            with suppress(CatalogError):
                await hurried.write(statements("CREATE TABLE IF NOT EXISTS t (a INTEGER)"))
                break
    await hurried.close()


async def test_closing_does_not_wait_for_a_dead_disk(database_url: str) -> None:
    hanging = Database(database_url, limits=TimeLimits(close=0.05))
    comes_back = threading.Event()

    async def work(connection: WriteConnection) -> None:
        raw = await connection._connection.get_raw_connection()
        await raw.driver_connection.create_function("wait", 0, lambda: comes_back.wait(60))  # type: ignore[union-attr]
        await connection.execute(text("SELECT wait()"))

    writing = asyncio.create_task(hanging.write(work))
    await asyncio.sleep(0.1)
    async with asyncio.timeout(PATIENCE):
        await hanging.close()
        with pytest.raises(asyncio.CancelledError):
            await writing
    comes_back.set()


async def test_a_file_is_closed_for_a_caller_who_was_cancelled_while_it_was_opened(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(database_url)
    source: Any = database._source
    opening, cancelled = threading.Event(), threading.Event()
    open_file = source._open_file

    def slowly(*given: Any) -> Any:
        opening.set()
        cancelled.wait(PATIENCE)
        return open_file(*given)

    monkeypatch.setattr(source, "_open_file", slowly)
    reading = asyncio.create_task(rows(database))
    await asyncio.to_thread(opening.wait, PATIENCE)
    reading.cancel()
    await asyncio.wait({reading})
    closed: list[object] = []
    monkeypatch.setattr(source, "closed", closed.append)
    cancelled.set()
    await until(lambda: closed)
    await database.close()
