"""Transactions as the store hands them out: one type reads, the other one writes as well.

The rules pass these around without knowing what is inside. Only `Database` opens them, and only modules of the store
run statements on them. A function that takes a `ReadConnection` does not write and does not wait for locks.
"""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import CompoundSelect, CursorResult, Executable, Select, TextClause, TextualSelect, text
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection

from dashboard_catalog.store.driver_errors import (
    DuplicateKey,
    Refused,
    makes_connections_useless,
    problem_of,
    translated,
)
from dashboard_catalog.store.fixed_statements import FixedStatement

DISTRIBUTED = "distributed"
"""The note of a connection that leads to a PostgreSQL cluster, whose tables may be spread over several nodes."""

T = TypeVar("T")

Columns = tuple[Any, ...]
Query = Select[*Columns] | CompoundSelect[*Columns] | TextClause | TextualSelect
Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]
TimeLimit = Callable[[], AbstractAsyncContextManager[Any]]
"""Makes a block that waits for the database fail when it takes too long, and drops its connection."""
IsReady = Callable[[], bool]
"""Says whether the driver can take a statement without SQLAlchemy."""

# Makes a savepoint fail rather than what follows it: SQLite's driver sends what it has kept, and PostgreSQL checks what
# it would check at the commit.
_LAST_CHECK = {"sqlite": text("SELECT 1"), "postgresql": text("SET CONSTRAINTS ALL IMMEDIATE")}


class ReadConnection:
    """A transaction that reads.

    Args:
        connection: SQLAlchemy's connection, which begins a transaction with its first statement.
        limit: Surrounds each statement, commit and rollback.
        is_ready: Says whether the driver can take a statement without SQLAlchemy.

    Attributes:
        dialect: SQLAlchemy's dialect of the database.
    """

    __slots__ = ("_connection", "_driver", "_is_ready", "_limit", "dialect")

    def __init__(self, connection: AsyncConnection, limit: TimeLimit, is_ready: IsReady) -> None:
        self._connection = connection
        self._driver = driver_of(connection)
        self._limit = limit
        self._is_ready = is_ready
        self.dialect = connection.dialect

    @property
    def is_distributed(self) -> bool:
        """Whether the database may be a cluster, where a lock of one node does not show on others."""
        return DISTRIBUTED in self._connection.info

    async def execute(self, statement: Query, parameters: Parameters | None = None) -> CursorResult[*Columns]:
        """Runs a statement that changes nothing and returns its result."""
        async with self._limit():
            return await self._connection.execute(statement, parameters)

    async def fetch(
        self, statement: FixedStatement, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Runs a statement and returns its rows, as the driver returns them."""
        sql, values = statement.form(self.dialect)
        given = values(parameters or {})
        async with self._limit():
            if self._is_ready():
                return await self._direct(self._driver.fetch, sql, *given)
            result = await self._connection.exec_driver_sql(sql, given)
            return list(result.cursor.fetchall()) if result.returns_rows else []

    async def _direct(self, call: Callable[..., Awaitable[T]], *args: Any, **options: Any) -> T:
        """Calls the driver, and drops the connection where SQLAlchemy would.

        Raises:
            DisconnectionError: If the connection is closed.
            Exception: The driver's own errors.
        """
        try:
            return await call(*args, **options)
        except BaseException as error:
            is_closed, is_cancelled = self._driver.is_closed(), not isinstance(error, Exception)
            if is_closed or is_cancelled or makes_connections_useless(error):
                await self._connection.invalidate(error)
            if is_closed and not is_cancelled and not problem_of(error):
                raise DisconnectionError from error
            raise

    async def rollback(self) -> None:
        """Ends the transaction, and undoes what it has written. Does nothing if it has ended."""
        if not self._connection.in_transaction():
            return
        async with self._limit():
            await self._connection.rollback()


class Locked(NamedTuple):
    """The last change of a BI service: its number, and the state that it has left (`locks.STATE`)."""

    number: int
    state: int


class WriteConnection(ReadConnection):
    """A transaction that reads and writes, and holds its locks until it ends.

    Attributes:
        isolates: Whether the transaction runs again because the database has refused a part of it. Then it pays to
            find that part, and to write the others.
        nonce: A random number of up to 62 bits, which `locks.advance` leaves beside the last change numbers.
        locked_at: The last change of each BI service before the transaction, as `locks.lock_service` adds it.
        advanced: The last change number that the transaction has stored in each BI service, as `locks.advance` adds it.
        committed: What to call when the transaction has been committed.
    """

    __slots__ = ("advanced", "committed", "isolates", "locked_at", "nonce")

    def __init__(self, connection: AsyncConnection, limit: TimeLimit, is_ready: IsReady) -> None:
        super().__init__(connection, limit, is_ready)
        self.isolates = False
        # With the number of a change added, it still fits into 64 bits.
        self.nonce = secrets.randbits(62)
        self.locked_at: dict[UUID, Locked] = {}
        self.advanced: dict[UUID, int] = {}
        self.committed: list[Callable[[], None]] = []

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undoes what the block has written, and nothing else, if the database refuses any of it.

        Raises:
            Refused: If it does, also because of a key that is taken: no other transaction can take a key that the
                locks of this one protect.
        """
        advanced, locked_at = dict(self.advanced), dict(self.locked_at)
        try:
            with translated():
                async with _limited(self._connection.begin_nested(), self._limit):
                    yield
                    await self.execute(_LAST_CHECK[self.dialect.name])
        except DuplicateKey as error:
            self.advanced, self.locked_at = advanced, locked_at
            raise Refused(error.__cause__ or error) from error
        except BaseException:
            self.advanced, self.locked_at = advanced, locked_at
            raise

    async def execute(self, statement: Executable, parameters: Parameters | None = None) -> CursorResult[*Columns]:
        """Runs any statement, once for each mapping in a list of parameters, and returns its result."""
        async with self._limit():
            return await self._connection.execute(statement, parameters)

    async def run(self, statement: Executable | FixedStatement, parameters: Parameters | None = None) -> None:
        """Runs a statement whose result nobody reads, once for each mapping in a list of parameters.

        On SQLite it waits for the next statement that is executed, or for the commit. An error appears there, too.
        """
        with self._kept():
            if not isinstance(statement, FixedStatement):
                await self.execute(statement, parameters)
            elif isinstance(parameters, Sequence):
                sql, values = statement.form(self.dialect)
                await self.run_rows(sql, list(map(values, parameters)))
            else:
                await self.fetch(statement, parameters)

    async def run_rows(self, sql: str, rows: list[tuple[Any, ...]]) -> None:
        """Like `run`, for SQL whose placeholders are in the driver's own form, as are the values of the rows."""
        with self._kept():
            async with self._limit():
                if self._is_ready():
                    await self._direct(self._driver.executemany, sql, rows)
                else:
                    await self._connection.exec_driver_sql(sql, rows)

    async def copy_rows(self, table: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
        """Copies rows into a table of PostgreSQL; their values are in the driver's own form.

        Raises:
            PostgresError: The driver's own errors, since COPY bypasses SQLAlchemy.
            DisconnectionError: If the connection is closed.
        """
        if not self._driver.is_in_transaction():
            # SQLAlchemy begins the transaction with its first statement, and COPY is not one of SQLAlchemy's.
            await self.execute(text("SELECT 1"))
        async with self._limit():
            await self._direct(self._driver.copy_records_to_table, table, records=rows, columns=columns)

    async def commit(self) -> None:
        """Ends the transaction, and keeps what it has written."""
        async with self._limit():
            await self._connection.commit()

    def _kept(self) -> AbstractContextManager[None]:
        """Lets SQLite's driver keep the statements of the block for later."""
        return self._driver.keeping() if self.dialect.name == "sqlite" else nullcontext()


@asynccontextmanager
async def _limited(block: AbstractAsyncContextManager[Any], limit: TimeLimit) -> AsyncIterator[None]:
    """Limits how long a block takes to begin and to end."""
    async with limit():
        await block.__aenter__()
    try:
        yield
    except BaseException as error:
        async with limit():
            await block.__aexit__(type(error), error, error.__traceback__)
        raise
    async with limit():
        await block.__aexit__(None, None, None)


def driver_of(connection: AsyncConnection) -> Any:
    """Returns the driver's own connection, for what SQLAlchemy does not offer."""
    checked_out = connection.sync_connection
    return checked_out.connection.driver_connection if checked_out else None
