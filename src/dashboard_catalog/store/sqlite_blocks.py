"""Runs a statement for many rows, in SQLite's thread.

For each row, `executemany` gives up the interpreter's lock and waits for it again. Meanwhile the event loop may hold
it, for 5 milliseconds at a time. So many new rows are inserted in blocks, by one statement each.
"""

import re
import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

BLOCK = 250
"""Rows of a block. A statement for fewer rows is not worth preparing."""

_INSERT = re.compile(r"INSERT INTO \w+ \([\w, ]+\) VALUES (?P<row>\((?:\?, )*\?\))")


def run_many(connection: sqlite3.Connection, sql: str, rows: Sequence[Any]) -> int:
    """Runs a statement once for each row of parameters, and returns the number of rows that it has changed."""
    whole = len(rows) - len(rows) % BLOCK
    statement = _block_statement(sql) if whole else None
    if statement is None or len(rows[0]) * BLOCK > connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER):
        return connection.executemany(sql, rows).rowcount
    for first in range(0, whole, BLOCK):
        connection.execute(statement, list(chain.from_iterable(rows[first : first + BLOCK])))
    if rest := rows[whole:]:
        connection.executemany(sql, rest)
    return len(rows)


@lru_cache(maxsize=64)
def _block_statement(sql: str) -> str | None:
    """Returns the statement that inserts a block of rows, or None if a statement does more than insert its row."""
    insert = _INSERT.fullmatch(sql)
    return sql + f", {insert['row']}" * (BLOCK - 1) if insert else None
