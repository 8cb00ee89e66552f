"""Transactions as the store hands them out: one type reads, the other one writes as well.

The rules pass these around without knowing what is inside. Only `Database` opens them, and only modules of the store
run statements on them. A function that takes a `ReadConnection` does not write and does not wait for locks.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import CompoundSelect, CursorResult, Executable, Select, TextClause, TextualSelect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from dashboard_catalog.store.driver_errors import DuplicateKey, Refused, translated

Columns = tuple[Any, ...]
Query = Select[*Columns] | CompoundSelect[*Columns] | TextClause | TextualSelect
Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class ReadConnection:
    """A transaction that reads.

    Attributes:
        dialect: SQLAlchemy's dialect of the database.
    """

    __slots__ = ("_connection", "dialect")

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self.dialect = connection.dialect

    async def execute(self, statement: Query, parameters: Parameters | None = None) -> CursorResult[*Columns]:
        """Runs a statement that changes nothing and returns its result."""
        return await self._connection.execute(statement, parameters)


class WriteConnection(ReadConnection):
    """A transaction that reads and writes, and holds its locks until it ends.

    Attributes:
        isolates: Whether the transaction runs again because the database has refused a part of it. Then it pays to
            find that part, and to write the others.
    """

    __slots__ = ("isolates",)

    def __init__(self, connection: AsyncConnection, *, isolates: bool = False) -> None:
        super().__init__(connection)
        self.isolates = isolates

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undoes what the block has written, and nothing else, if the database refuses any of it.

        Raises:
            Refused: If it does, also because of a key that is taken: no other transaction can take a key that the
                locks of this one protect.
        """
        try:
            async with translated(), self._connection.begin_nested():
                yield
                if self.dialect.name == "postgresql":
                    # Constraints that are checked at the commit refuse the block, too.
                    await self._connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        except DuplicateKey as error:
            raise Refused(error.__cause__ or error) from error

    async def execute(self, statement: Executable, parameters: Parameters | None = None) -> CursorResult[*Columns]:
        """Runs any statement, once for each mapping in a list of parameters, and returns its result."""
        return await self._connection.execute(statement, parameters)

    async def execute_rows(self, sql: str, rows: list[tuple[Any, ...]]) -> None:
        """Runs SQL once per row; its placeholders and the values of the rows are in the driver's own form."""
        await self._connection.exec_driver_sql(sql, rows)

    async def driver_connection(self) -> Any:
        """Returns the connection as the driver has it, for what SQLAlchemy does not offer."""
        return (await self._connection.get_raw_connection()).driver_connection
