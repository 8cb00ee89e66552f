"""Statements that write one record, run for many records in the fastest way that each driver offers.

On PostgreSQL, COPY writes new rows.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Dialect, Insert, TableClause, Update

from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.conversions import Row, row_writer


class _Form(NamedTuple):
    """A statement in one dialect, and the function that turns a record into its parameters."""

    sql: str
    row: Callable[[Any], Row]


class RecordStatement:
    """A statement that writes one record.

    Args:
        statement: Its parameters have the names of the record's fields, or those names with the prefix `b_`.
    """

    def __init__(self, statement: Insert | Update) -> None:
        self._statement = statement
        self._forms: dict[str, _Form] = {}

    async def run(self, connection: WriteConnection, records: Sequence[Any]) -> None:
        """Runs the statement once per record. Does nothing when there are none."""
        if not records:
            return
        form = self._form(connection.dialect)
        rows = list(map(form.row, records))
        if isinstance(self._statement, Insert) and connection.dialect.name == "postgresql":
            await _copy(connection, self._statement.table, rows)
        else:
            await connection.run_rows(form.sql, rows)

    def _form(self, dialect: Dialect) -> _Form:
        form = self._forms.get(dialect.name)
        if form is None:
            form = self._forms[dialect.name] = _form(self._statement, dialect)
        return form


def _form(statement: Insert | Update, dialect: Dialect) -> _Form:
    compiled = statement.compile(dialect=dialect)
    parameters = compiled.positiontup or []
    fields = [name.removeprefix("b_") for name in parameters]
    return _Form(compiled.string, row_writer(fields, [compiled.binds[name].type for name in parameters], dialect))


async def _copy(connection: WriteConnection, table: TableClause, rows: list[Row]) -> None:
    """Copies rows into a table; each row has all columns, in the table's order."""
    await connection.copy_rows(table.name, list(table.c.keys()), rows)
