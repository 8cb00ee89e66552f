"""Transactions that make a span per statement, in place of the others while the span of a call is recorded.

Spans have the text of a statement, which has placeholders where its values go, and never the values.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar, cast

from opentelemetry.trace import Span, SpanKind
from sqlalchemy import URL, make_url
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import AsyncConnection

from dashboard_catalog.store.connections import (
    Columns,
    IsReady,
    Parameters,
    ReadConnection,
    TimeLimit,
    WriteConnection,
)
from dashboard_catalog.store.driver_errors import code_of
from dashboard_catalog.store.fixed_statements import FixedStatement
from dashboard_catalog.tracing.spans import Attributes, Spans, fail

C = TypeVar("C", bound=ReadConnection)

_TEXT_CHARACTERS = 4_096
_FIRST_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE|COPY)\s+(?:ONLY\s+)?\"?([a-z_]+)", re.IGNORECASE)


class StatementSpans:
    """Makes the spans of the statements of one transaction.

    Args:
        spans: Makes them.
        transaction: The span above them.
        attributes: What they all have: where the database is.
    """

    __slots__ = ("_attributes", "_spans", "_transaction")

    def __init__(self, spans: Spans, transaction: Span, attributes: Attributes) -> None:
        self._spans = spans
        self._transaction = transaction
        self._attributes = attributes

    @contextmanager
    def of(self, text: str = "", *, rows: int = 1) -> Iterator[Span]:
        """Surrounds a statement with its span.

        Args:
            text: What it says; by default that is not known yet.
            rows: How many times it runs.
        """
        span = self._spans.under(self._transaction, "statement", self._attributes, kind=SpanKind.CLIENT)
        if rows > 1:
            span.set_attribute("db.operation.batch.size", rows)
        if text:
            describe(span, text)
        try:
            yield span
        except BaseException as error:
            if isinstance(error, StatementError) and error.statement:
                describe(span, error.statement)
            fail(span, error)
            if code := code_of(error):
                span.set_attribute("db.response.status_code", code)
            raise
        finally:
            span.end()


def describe(span: Span, text: str) -> None:
    """Names a span after its statement."""
    operation, summary = _summary(text)
    span.update_name(summary)
    span.set_attributes(
        {"db.operation.name": operation, "db.query.summary": summary, "db.query.text": text[:_TEXT_CHARACTERS]}
    )


@lru_cache(maxsize=1_024)
def _summary(text: str) -> tuple[str, str]:
    """Returns what a statement does, such as SELECT, and that with the first table that it names."""
    operation = text.split(maxsplit=1)[0].upper()
    table = _FIRST_TABLE.search(text)
    return operation, f"{operation} {table[1]}" if table else operation


class _Traced(ReadConnection):
    """What both kinds of transactions have in common."""

    __slots__ = ()

    statements: StatementSpans

    async def execute(self, statement: Any, parameters: Parameters | None = None) -> CursorResult[*Columns]:
        """Runs a statement, with a span."""
        rows = len(parameters) if isinstance(parameters, Sequence) else 1
        with self.statements.of(rows=rows) as span:
            result = await super().execute(statement, parameters)
            context: Any = result.context
            describe(span, context.statement)
            return result

    async def fetch(
        self, statement: FixedStatement, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Runs a statement, with a span."""
        with self.statements.of(statement.form(self.dialect).sql) as span:
            rows = await super().fetch(statement, parameters)
            span.set_attribute("db.response.returned_rows", len(rows))
            return rows

    async def rollback(self) -> None:
        """Ends the transaction, with a span if there is anything to end."""
        if self._connection.in_transaction():
            with self.statements.of("ROLLBACK"):
                await super().rollback()


class TracedReadConnection(_Traced):
    """A transaction that reads."""

    __slots__ = ("statements",)


class TracedWriteConnection(_Traced, WriteConnection):
    """A transaction that reads and writes."""

    __slots__ = ("statements",)

    async def run_rows(self, sql: str, rows: list[tuple[Any, ...]]) -> None:
        """Runs a statement once per row, with one span."""
        with self.statements.of(sql, rows=len(rows)):
            await super().run_rows(sql, rows)

    async def copy_rows(self, table: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
        """Copies rows, with a span."""
        with self.statements.of(f"COPY {table} ({', '.join(columns)}) FROM STDIN", rows=len(rows)):
            await super().copy_rows(table, columns, rows)

    async def commit(self) -> None:
        """Ends the transaction, with a span."""
        with self.statements.of("COMMIT"):
            await super().commit()


_TRACED: Mapping[type[ReadConnection], type[_Traced]] = {
    ReadConnection: TracedReadConnection,
    WriteConnection: TracedWriteConnection,
}


def traced(
    kind: type[C], statements: StatementSpans, connection: AsyncConnection, limit: TimeLimit, is_ready: IsReady
) -> C:
    """Returns a transaction of a kind whose statements have spans."""
    made: Any = _TRACED[kind](connection, limit, is_ready)
    made.statements = statements
    return cast("C", made)


class TransactionSpans:
    """Makes the spans of transactions, and what makes those of their statements.

    Args:
        spans: Makes spans.
        url: The database.
    """

    def __init__(self, spans: Spans, url: str) -> None:
        self._spans = spans
        self._attributes = _attributes_of(make_url(url))

    def begin(self, parent: Span, name: str, attempt: int) -> Span:
        """Begins the span of a transaction, or of statements that stand alone.

        Args:
            parent: The span above it.
            name: Of the span.
            attempt: Number of the attempt, from 1; 0 if there is only one.
        """
        system = {"db.system.name": self._attributes["db.system.name"]}
        return self._spans.under(parent, name, system | ({"dashboard_catalog.attempt": attempt} if attempt else {}))

    def statements_of(self, transaction: Span) -> StatementSpans:
        """Returns what makes the spans of the statements of a transaction."""
        return StatementSpans(self._spans, transaction, self._attributes)


def _attributes_of(url: URL) -> dict[str, str | int]:
    """Returns the attributes that say where a database is. The path of a file can have the name of a person."""
    if url.get_backend_name() == "sqlite":
        return {"db.system.name": "sqlite"}
    place = {"db.namespace": url.database, "server.address": url.host, "server.port": url.port}
    return {"db.system.name": "postgresql", **{name: value for name, value in place.items() if value}}
