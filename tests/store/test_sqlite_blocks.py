"""Many rows in blocks: the same rows, errors and counts as with `executemany`."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from dashboard_catalog.store.sqlite_blocks import BLOCK, run_many

INSERT = "INSERT INTO t (a, b) VALUES (?, ?)"


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        opened.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)")
        yield opened


@pytest.mark.parametrize("count", [1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 2 * BLOCK + 7])
def test_each_row_is_inserted_once_in_its_order(connection: sqlite3.Connection, count: int) -> None:
    rows = [(None, f"row {number}") for number in range(count)]

    assert run_many(connection, INSERT, rows) == count

    assert connection.execute("SELECT * FROM t ORDER BY a").fetchall() == [
        (place, text) for place, (_, text) in enumerate(rows, 1)
    ]


def test_new_rows_take_one_statement_for_each_block(connection: sqlite3.Connection) -> None:
    ran: list[str] = []
    connection.set_trace_callback(ran.append)

    run_many(connection, INSERT, [(number, "") for number in range(3 * BLOCK)])

    assert len(ran) == 3


def test_more_parameters_than_a_statement_may_have_are_no_error(connection: sqlite3.Connection) -> None:
    connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 2 * BLOCK - 1)

    assert run_many(connection, INSERT, [(number, "") for number in range(BLOCK)]) == BLOCK


def test_a_key_that_is_taken_is_the_same_error_as_for_a_single_row(connection: sqlite3.Connection) -> None:
    taken = (BLOCK // 2, "")
    connection.execute(INSERT, taken)
    with pytest.raises(sqlite3.IntegrityError) as single:
        connection.execute(INSERT, taken)

    with pytest.raises(sqlite3.IntegrityError) as many:
        run_many(connection, INSERT, [(number, "") for number in range(BLOCK)])

    assert str(many.value) == str(single.value)
    assert many.value.sqlite_errorname == single.value.sqlite_errorname


@pytest.mark.parametrize(
    "sql", [f"{INSERT} ON CONFLICT (a) DO UPDATE SET b = excluded.b", "REPLACE INTO t (a, b) VALUES (?, ?)"]
)
def test_other_statements_run_for_each_row(connection: sqlite3.Connection, sql: str) -> None:
    rows = [(number, "first") for number in range(BLOCK)]
    run_many(connection, INSERT, rows)

    assert run_many(connection, sql, [(number, "second") for number, _ in rows]) == BLOCK

    assert connection.execute("SELECT DISTINCT b FROM t").fetchall() == [("second",)]
