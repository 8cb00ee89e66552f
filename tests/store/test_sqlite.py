"""A SQLite file that is locked by another process, on a full disk, or with many writers."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store import migrate, sqlite_connections
from dashboard_catalog.store.connections import ReadConnection, WriteConnection
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.sqlite_file import sqlite_file
from tests.store.database_work import check_unavailable, rows, statements

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

_HOLD = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
connection.execute("ROLLBACK")
"""


def _held_elsewhere(file: Path, seconds: float) -> subprocess.Popen[bytes]:
    """Returns a process that holds the file's only lock, once it holds it."""
    process = subprocess.Popen([sys.executable, "-c", _HOLD, str(file), str(seconds)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


async def test_a_write_waits_for_another_process_that_holds_the_lock(database: Database, tmp_path: Path) -> None:
    with _held_elsewhere(tmp_path / "catalog.db", 0.3):
        assert await rows(database) == []
        await database.write(statements("INSERT INTO t VALUES (1, 0)"))
    assert await rows(database) == [(1, 0)]


async def test_a_file_that_stays_busy_is_unavailable(
    database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_connections, "_BUSY_SECONDS", 0.02)
    hurried = Database(database_url)
    with _held_elsewhere(tmp_path / "catalog.db", 60) as process:
        with pytest.raises(CatalogError) as raised:
            await hurried.write(statements("INSERT INTO t VALUES (1, 0)"))
        process.kill()
    check_unavailable(raised.value, Reason.CONFLICTING_WRITE)
    await hurried.write(statements("INSERT INTO t VALUES (1, 0)"))
    assert await rows(database) == [(1, 0)]
    await hurried.close()


async def test_a_full_disk_is_unavailable(database: Database) -> None:
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000) SELECT i, 0 FROM n"
    with pytest.raises(CatalogError) as raised:
        await database.write(statements("PRAGMA max_page_count = 1", f"INSERT INTO t {numbers}"))
    check_unavailable(raised.value, Reason.DATABASE_UNAVAILABLE)
    assert await rows(database) == []


async def test_writers_of_one_process_queue_and_readers_do_not_wait_for_them(database: Database) -> None:
    async def work(connection: WriteConnection) -> None:
        (count,) = (await connection.execute(text("SELECT count(*) FROM t"))).one()
        await connection.execute(text("INSERT INTO t VALUES (:a, 0)"), {"a": count})

    reads = [rows(database) for _ in range(20)]
    await asyncio.gather(*[database.write(work) for _ in range(100)], *reads)

    assert len(await rows(database)) == 100


@pytest.mark.parametrize("page_bytes", [4096, 8192])
async def test_new_files_have_larger_pages_and_the_log_is_as_long_with_any(database_url: str, page_bytes: int) -> None:
    url = database_url.replace("catalog.db", "new.db")
    if page_bytes == 4096:
        with closing(sqlite3.connect(sqlite_file(url))) as older:
            older.execute("PRAGMA page_size=4096")
            older.execute("VACUUM")
    await asyncio.to_thread(migrate.upgrade, url)

    database = Database(url)
    async with database.read() as connection:
        [pages] = (await connection.execute(text("PRAGMA wal_autocheckpoint"))).one()
        assert (await connection.execute(text("PRAGMA page_size"))).one() == (page_bytes,)
    await database.close()
    assert pages * page_bytes == pytest.approx(64_000_000, abs=page_bytes)


async def test_only_the_connection_that_writes_has_a_cache_for_what_a_chunk_changes(database: Database) -> None:
    async def cached(connection: ReadConnection) -> int:
        [pages] = (await connection.execute(text("PRAGMA cache_size"))).one()
        return -1024 * int(pages)

    async with database.read() as connection:
        assert await cached(connection) == 16 * 1024 * 1024
    assert await database.write(cached) == 32 * 1024 * 1024


def test_only_its_owner_can_read_a_new_file(tmp_path: Path, database_url: str) -> None:
    assert sqlite_file(database_url) == tmp_path / "catalog.db"
    umask = os.umask(0)
    try:
        migrate.upgrade(f"sqlite+aiosqlite:///{tmp_path}/new.db")
        with sqlite3.connect(tmp_path / "new.db", isolation_level=None) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE t (x)")
            modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.glob("new.db*")}
    finally:
        os.umask(umask)
    assert modes == {"new.db": 0o600, "new.db-wal": 0o600, "new.db-shm": 0o600}

    (tmp_path / "new.db").chmod(0o644)
    with capture_logs() as logs:
        migrate.upgrade(f"sqlite+aiosqlite:///{tmp_path}/new.db")
    assert [(line["event"], line["mode"]) for line in logs] == [("database_open_to_others", "0644")]
