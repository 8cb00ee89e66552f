"""Statements that write one record, run for many records in the fastest way that each driver offers.

On PostgreSQL, COPY writes new rows.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import BindParameter, Dialect, Insert, TableClause, Update

from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.conversions import Row, row_writer
from dashboard_catalog.store.fixed_statements import FixedStatement

# A commit in two phases takes about as long as this many statements.
_FEW = 4


class RecordStatement:
    """A statement that writes one record.

    Args:
        statement: Its parameters have the names of the record's fields, or those names with the prefix `b_`.
    """

    def __init__(self, statement: Insert | Update) -> None:
        self._statement = statement
        self._fixed = FixedStatement(statement, _record_writer)

    async def run(self, connection: WriteConnection, records: Sequence[Any]) -> None:
        """Runs the statement once per record. Does nothing when there are none."""
        if not records:
            return
        sql, values = self._fixed.form(connection.dialect)
        rows = list(map(values, records))
        if isinstance(self._statement, Insert) and _copies(connection, len(rows)):
            await _copy(connection, self._statement.table, rows)
        else:
            await connection.run_rows(sql, rows)


def _copies(connection: WriteConnection, count: int) -> bool:
    # After a COPY, a cluster commits in two phases, though only one node has anything to commit.
    return connection.dialect.name == "postgresql" and (count > _FEW or not connection.is_distributed)


def _record_writer(parameters: Sequence[BindParameter[Any]], dialect: Dialect) -> Callable[[Any], Row]:
    fields = [parameter.key.removeprefix("b_") for parameter in parameters]
    return row_writer(fields, [parameter.type for parameter in parameters], dialect)


async def _copy(connection: WriteConnection, table: TableClause, rows: list[Row]) -> None:
    """Copies rows into a table; each row has all columns, in the table's order."""
    await connection.copy_rows(table.name, list(table.c.keys()), rows)
