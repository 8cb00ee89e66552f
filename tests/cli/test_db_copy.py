"""`db copy`, as a command: what it says, and how it is interrupted."""

import asyncio
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from dashboard_catalog.store import migrate
from tests.cli.conftest import Run, Start
from tests.conftest import sqlite_url
from tests.postgres import PostgresServer
from tests.store.database_work import query
from tests.store.filling import contents, fill


@pytest.fixture
def filled(migrated_sqlite: Path, tmp_path: Path) -> Path:
    file = tmp_path / "filled.db"
    file.write_bytes(migrated_sqlite.read_bytes())
    asyncio.run(fill(sqlite_url(file), 10))
    return file


def test_a_copy_says_what_it_has_done(run: Run, filled: Path, tmp_path: Path) -> None:
    urls = [f"sqlite:///{filled}", f"sqlite:///{tmp_path / 'copy.db'}"]
    copied = run("db", "copy", *urls)

    assert copied.exit_code == 0, copied.output
    rows = sum(len(of) for name, of in asyncio.run(contents(sqlite_url(filled))).items() if "reference" not in name)
    assert re.fullmatch(rf"{rows} rows copied from {urls[0]} to {urls[1]} in [0-9.]+ s\.\n", copied.stderr)
    again = run("db", "copy", *urls)
    assert again.exit_code == 2
    assert again.stderr.startswith(f"Error: {urls[1]} is not empty")


@pytest.mark.parametrize(
    ("urls", "text"),
    [
        (("mysql://h/x", "sqlite:///y"), "FROM: mysql is not supported"),
        (("sqlite:///x", "sqlite://"), "TO: SQLite needs a file"),
        (("sqlite:////nothing/x.db", "sqlite:////y.db"), "/nothing/x.db does not exist"),
        (("postgresql://ann:secret@127.0.0.1:1/x", "sqlite:///y.db"), "postgresql://ann:***@127.0.0.1:1/x cannot be"),
    ],
)
def test_an_unusable_database_is_one_line(
    run: Run, urls: tuple[str, str], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASHBOARD_CATALOG_WORKERS", "4")
    result = run("db", "copy", *urls)
    assert result.exit_code == 2
    assert re.fullmatch(rf"Error: {re.escape(text)}.*\n", result.stderr)
    assert "secret" not in result.output


@pytest.mark.parametrize("empty_database_url", ["postgresql"], indirect=True)
def test_a_copy_that_was_interrupted_or_killed_goes_on(
    process: Start, filled: Path, empty_database_url: str, postgres: PostgresServer
) -> None:
    migrate.upgrade(empty_database_url)
    command = ("db", "copy", f"sqlite:///{filled}", empty_database_url)
    database = empty_database_url.partition("?")[0].rpartition("/")[2]
    # The tables before this one are copied, then the copy waits.
    lock = subprocess.Popen(
        [postgres.programs / "psql", "-U", "postgres", "-h", postgres.folder, database],
        stdin=subprocess.PIPE,
        text=True,
    )
    assert lock.stdin
    lock.stdin.write("BEGIN; LOCK TABLE entity IN SHARE MODE;\n")
    lock.stdin.flush()
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'entity'::regclass"
    for how, status in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
        copying = process(*command)
        while query(empty_database_url, waiting) != [(1,)]:
            assert copying.poll() is None, copying.communicate()
            time.sleep(0.05)
        copying.send_signal(how)
        _, said = copying.communicate(timeout=20)
        assert copying.returncode == status, said
        if how is signal.SIGINT:
            assert re.fullmatch(
                r"Error: interrupted\. \d+ of \d+ rows copied\. Run the same command again to go on\.\n", said
            )
        # What a client that is gone has sent last may still wait for the lock.
        query(empty_database_url, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted")
    lock.communicate("ROLLBACK;\n")

    copying = process(*command)
    _, said = copying.communicate(timeout=60)

    assert copying.returncode == 0, said
    of_source, of_copy = (asyncio.run(contents(url)) for url in (sqlite_url(filled), empty_database_url))
    assert all(of_copy[name] == rows for name, rows in of_source.items() if not name.endswith("_reference"))


@pytest.mark.parametrize("empty_database_url", ["postgresql"], indirect=True)
def test_a_lost_connection_and_a_refused_row_are_one_line(run: Run, filled: Path, empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url)
    query(
        empty_database_url,
        "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$"
        " BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$",
    )
    query(empty_database_url, "CREATE TRIGGER lose BEFORE INSERT ON entity EXECUTE FUNCTION lose()")
    lost = run("db", "copy", f"sqlite:///{filled}", empty_database_url)
    assert lost.exit_code == 2
    assert lost.stderr.count("\n") == 1
    # What the driver notices first: the message of the server, or the end of the connection.
    noticed = "(the connection to PostgreSQL failed|told to close the connection|cannot be reached)"
    assert re.search(rf"{noticed}\. \d+ of \d+ rows copied\. Run the same command again to go on\.$", lost.stderr)
    assert lost.stdout == ""

    query(empty_database_url, "DROP TRIGGER lose ON entity")
    query(empty_database_url, "ALTER TABLE entity ADD CONSTRAINT fits CHECK (length(name) < 4)")
    refused = run("db", "copy", f"sqlite:///{filled}", empty_database_url)
    assert refused.exit_code == 2
    assert refused.stderr.count("\n") == 1
    assert "the database refuses a row: " in refused.stderr
    assert '"fits"' in refused.stderr
