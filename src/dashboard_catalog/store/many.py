"""Runs one statement for many records, by the shortest way that each driver has.

SQLAlchemy looks at every value of every row several times. Here a row is a tuple that a driver takes as it is, but for
the values of a few columns; PostgreSQL gets new rows by COPY.
"""

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from asyncpg import InterfaceError
from sqlalchemy import ARRAY, Boolean, Dialect, Insert, TableClause, Update
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection

Row = tuple[Any, ...]

# Every driver that has them takes them as they are.
_TAKEN = (ARRAY, Boolean)


class _Form(NamedTuple):
    """A statement as one dialect takes it.

    Attributes:
        row: Makes the values of a record, in the order of the parameters.
        adapters: Place of each value that the driver does not take as it is, and what makes one that it takes.
    """

    sql: str
    row: Callable[[Any], Row]
    adapters: Sequence[tuple[int, Callable[[Any], Any]]]

    def rows(self, records: Iterable[Any]) -> list[Row]:
        return [self._adapted(self.row(record)) for record in records]

    def _adapted(self, row: Row) -> Row:
        values = list(row)
        for place, adapt in self.adapters:
            if values[place] is not None:
                values[place] = adapt(values[place])
        return tuple(values)


class ForMany:
    """A statement that writes a record, to be run for many.

    Args:
        statement: Its parameters are named as fields of the record, or `b_` and the name.
    """

    def __init__(self, statement: Insert | Update) -> None:
        self._statement = statement
        self._forms: dict[str, _Form] = {}

    async def run(self, connection: AsyncConnection, records: Sequence[Any]) -> None:
        """Runs it for each of `records`; does nothing if there are none."""
        if not records:
            return
        form = self._form(connection.dialect)
        if isinstance(self._statement, Insert) and connection.dialect.name == "postgresql":
            await _copy(connection, self._statement.table, form.rows(records))
        else:
            await connection.exec_driver_sql(form.sql, form.rows(records))

    def _form(self, dialect: Dialect) -> _Form:
        form = self._forms.get(dialect.name)
        if form is None:
            form = self._forms[dialect.name] = _form(self._statement, dialect)
        return form


def _form(statement: Insert | Update, dialect: Dialect) -> _Form:
    compiled = statement.compile(dialect=dialect)
    parameters = compiled.positiontup or []
    fields = [name.removeprefix("b_") for name in parameters]
    adapters = [
        (place, adapt)
        for place, type_ in enumerate(compiled.binds[name].type.dialect_impl(dialect) for name in parameters)
        if not isinstance(type_, _TAKEN) and (adapt := type_.bind_processor(dialect)) is not None
    ]
    return _Form(compiled.string, attrgetter(*fields), adapters)


async def _copy(connection: AsyncConnection, table: TableClause, rows: list[Row]) -> None:
    """Copies rows of all columns of a table, in their order, into it.

    Raises:
        PostgresError: The driver's own, since SQLAlchemy sees nothing of it.
        DisconnectionError: If the connection is closed.
    """
    driver: Any = (await connection.get_raw_connection()).driver_connection
    if not driver.is_in_transaction():
        # SQLAlchemy begins one with the first statement that it sees.
        await connection.exec_driver_sql("SELECT 1")
    try:
        await driver.copy_records_to_table(table.name, records=rows, columns=list(table.c.keys()))
    except InterfaceError as error:
        if driver.is_closed():
            raise DisconnectionError from error
        raise
