"""Counts the statements that a server sends to its database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.database import Database
from tests.service.caller import Service


class Counted:
    """Statements and transactions so far. An executemany counts as one statement, and so does a COPY.

    Attributes:
        statements: The texts of all statements, in their order.
        commits: How many transactions were committed.
        rollbacks: How many were rolled back.
    """

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.commits = 0
        self.rollbacks = 0

    def statement(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        # The health check sends this from time to time.
        if statement != "SELECT 1":
            self.statements.append(statement)

    def commit(self, _connection: Any) -> None:
        self.commits += 1

    def rollback(self, _connection: Any) -> None:
        self.rollbacks += 1


@contextmanager
def counted(database: Database) -> Iterator[Counted]:
    """Counts what writers send to a database while the block runs."""
    engine = database._writers.sync_engine
    found = Counted()
    listeners: list[tuple[str, Callable[..., None]]] = [
        ("before_cursor_execute", found.statement),
        ("commit", found.commit),
        ("rollback", found.rollback),
    ]
    for name, listener in listeners:
        event.listen(engine, name, listener)
    try:
        with _direct(engine, found.statements.append):
            yield found
    finally:
        for name, listener in listeners:
            event.remove(engine, name, listener)


@contextmanager
def reads(service: Service) -> Iterator[list[str]]:
    """Collects the statements of readers."""
    statements: list[str] = []

    def add(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement != "SELECT 1":
            statements.append(statement)

    engine = service.database._readers.sync_engine
    event.listen(engine, "before_cursor_execute", add)
    with _direct(engine, statements.append):
        yield statements
    event.remove(engine, "before_cursor_execute", add)


@contextmanager
def _direct(engine: Engine, add: Callable[[str], None]) -> Iterator[None]:
    """Adds what the connections of an engine send without SQLAlchemy."""
    direct = ReadConnection._direct

    async def added(self: ReadConnection, call: Any, sql: str, *args: Any, **options: Any) -> Any:
        if self._connection.sync_engine is engine:
            add(f"COPY {sql}" if "columns" in options else sql)
        return await direct(self, call, sql, *args, **options)

    ReadConnection._direct = added  # type: ignore[method-assign]
    try:
        yield
    finally:
        ReadConnection._direct = direct  # type: ignore[method-assign]
