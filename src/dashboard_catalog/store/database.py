"""Transactions: how the layers above read and write, and how a write that loses a race is run again.

They see `CatalogError` and nothing else; `driver_errors` decides which errors of a driver are a lost race.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast
from uuid import UUID

import structlog
from opentelemetry.trace import Span
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import QueuePool

from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.metrics.declared import Metrics
from dashboard_catalog.metrics.histograms import Cell
from dashboard_catalog.store.connections import IsReady, ReadConnection, TimeLimit, WriteConnection
from dashboard_catalog.store.driver_errors import DatabaseUnavailable, DuplicateKey, LostRace, Refused, translated
from dashboard_catalog.store.notifications import CONNECTIONS, Notifications
from dashboard_catalog.store.postgresql_connections import STATEMENT_SECONDS, PostgresqlConnections
from dashboard_catalog.store.postgresql_engines import is_behind_pgbouncer
from dashboard_catalog.store.probe import Probe
from dashboard_catalog.store.sqlite_connections import SqliteConnections
from dashboard_catalog.store.sqlite_file import is_sqlite
from dashboard_catalog.store.traced_connections import TransactionSpans, traced
from dashboard_catalog.tracing.spans import Spans, ended, recorded_span

T = TypeVar("T")
C = TypeVar("C", bound=ReadConnection)

Advanced = Mapping[UUID, int]
"""The last change number of each BI service that a transaction has changed; entities are under `CATALOG_ID`."""

_log = structlog.get_logger(__name__)

_ATTEMPTS = 6
_PROBE_STEPS = 20


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """How long the database may take, in seconds.

    Attributes:
        statement: For a statement, a commit or a rollback. Longer than PostgreSQL's own limit, so that this one is met
            only if PostgreSQL has fallen silent.
        probe: For a probe. If it takes longer, everything that waits for the database fails.
        close: For each step of closing: what still runs, and what does not end by itself.
    """

    statement: float = STATEMENT_SECONDS + 5.0
    probe: float = 10.0
    close: float = 0.75


class Database:
    """One database: PostgreSQL through asyncpg, or one SQLite file.

    Args:
        url: `postgresql+asyncpg://...` or `sqlite+aiosqlite:///FILE`, from the settings.
        pool_size: Number of connections to keep.
        limits: How long the database may take.
        metrics: Measures transactions.
        spans: Makes the spans of transactions and statements, if there are any.

    Attributes:
        doubted: Set while it is not known whether the database takes writes: at first, and after it could not be used.
    """

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        limits: TimeLimits | None = None,
        metrics: Metrics | None = None,
        spans: Spans | None = None,
    ) -> None:
        self._metrics = (metrics or Metrics()).database
        self._read_seconds, self._write_seconds = map(self._metrics.duration.labels, ("read", "write"))
        self._wait_seconds = self._metrics.wait
        self.is_sqlite = is_sqlite(url)
        self.doubted = asyncio.Event()
        self.doubted.set()
        self._limits = limits or TimeLimits()
        self._spans = TransactionSpans(spans, url) if spans is not None else None
        self._source: SqliteConnections | PostgresqlConnections
        if self.is_sqlite:
            self._source = file = SqliteConnections(url, seconds=self._limits.statement)
            self._readers = file.engine(pool_size)
            # With one connection, the writers of this process queue for it and never meet SQLITE_BUSY.
            self._writers = file.engine(1, writes=True)
            probing = file.engine(1)
        else:
            self._source = server = PostgresqlConnections(url, seconds=self._limits.statement)
            self._readers = self._writers = server.engine(pool_size)
            probing = server.engine(1)
        self._engines: tuple[AsyncEngine, ...] = (self._readers, self._writers, probing)
        self._measure_connections()
        self._probe = Probe(probing)
        # Writes and probes, which may outlive their callers.
        self._running: set[asyncio.Task[Any]] = set()
        self._listeners: list[Callable[[Advanced], None]] = []
        self._notifications: Notifications | None = None
        if isinstance(self._source, PostgresqlConnections):
            telling = self._source.engine(CONNECTIONS)
            self._engines += (telling,)
            self._notifications = notifications = Notifications(telling, listens=not is_behind_pgbouncer(url))
            self.on_commit(lambda _: notifications.committed())

    def _measure_connections(self) -> None:
        """Lets the metrics read how many connections for calls there are."""
        pools = {cast("QueuePool", engine.pool) for engine in (self._readers, self._writers)}
        connections = self._metrics.connections
        connections.labels("in_use").set_function(lambda: sum(pool.checkedout() for pool in pools))
        connections.labels("idle").set_function(lambda: sum(pool.checkedin() for pool in pools))
        self._metrics.limit.set(sum(pool.size() for pool in pools) * self._source.CONNECTIONS_PER_PLACE)

    def on_commit(self, listener: Callable[[Advanced], None]) -> None:
        """Calls `listener` after each commit of this process that has changed anything that is numbered."""
        self._listeners.append(listener)

    def listening(self, heard: Callable[[], None]) -> AbstractAsyncContextManager[None]:
        """Calls `heard` when another process may have committed, until the end of the block.

        Not every commit is heard, and on SQLite and behind PgBouncer none is.
        """
        return self._notifications.listening(heard) if self._notifications else nullcontext()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadConnection]:
        """Opens a connection for reading. On PostgreSQL, each statement sees what is committed when it begins.

        Raises:
            CatalogError: UNAVAILABLE if the database is away or too busy.
        """
        async with self._read(alone=True) as connection:
            yield connection

    @asynccontextmanager
    async def read_transaction(self) -> AsyncIterator[ReadConnection]:
        """Opens a transaction for reading.

        Raises:
            CatalogError: As `read`.
        """
        async with self._read() as connection:
            yield connection

    @asynccontextmanager
    async def _read(self, *, alone: bool = False) -> AsyncIterator[ReadConnection]:
        try:
            async with self._transaction(self._readers, ReadConnection, self._read_seconds, alone=alone) as connection:
                yield connection
        except LostRace as error:
            raise _too_busy() from error

    async def write(self, work: Callable[[WriteConnection], Awaitable[T]]) -> T:
        """Runs `work` in a transaction, commits it and returns its result.

        `work` runs again from the start if the transaction loses a race. It goes on when its caller is cancelled: an
        interrupted transaction can leave its connection, and on SQLite the only write lock, to the garbage collector.

        If the database refuses what `work` writes, it runs once more, on a connection that `isolates`.

        Raises:
            CatalogError: UNAVAILABLE if the database is away, or if every attempt lost its race; FAILED_PRECONDITION
                if the database refuses what `work` writes.
        """
        return await self._finish(work, commit=True)

    async def rehearse(self, work: Callable[[WriteConnection], Awaitable[T]]) -> T:
        """Runs `work` like `write`, rolls back what it has written, and returns its result.

        Raises:
            CatalogError: As `write`.
        """
        return await self._finish(work, commit=False)

    async def _finish(self, work: Callable[[WriteConnection], Awaitable[T]], *, commit: bool) -> T:
        return await asyncio.shield(self._start(self._write(work, commit=commit)))

    def _start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _write(self, work: Callable[[WriteConnection], Awaitable[T]], *, commit: bool) -> T:
        isolates = False
        for attempt in range(_ATTEMPTS):
            try:
                return await self._attempt(work, attempt, commit=commit, isolates=isolates)
            except LostRace as error:
                # A key that is still taken is not a race, but a constraint that the catalog does not know.
                isolates = isolates or (attempt > 0 and isinstance(error, DuplicateKey))
                _log.info("write_retried", attempt=attempt + 1, cause=type(error.__cause__).__name__)
                self._metrics.retried.labels("duplicate_key" if isinstance(error, DuplicateKey) else "conflict").inc()
                await asyncio.sleep(random.uniform(0, 0.02 * 2**attempt))
            except Refused as error:
                if isolates:
                    raise _refused(error) from error
                isolates = True
        raise _too_busy()

    async def _attempt(
        self, work: Callable[[WriteConnection], Awaitable[T]], attempt: int, *, commit: bool, isolates: bool
    ) -> T:
        async with self._transaction(
            self._writers, WriteConnection, self._write_seconds, attempt=attempt + 1
        ) as connection:
            connection.isolates = isolates
            result = await work(connection)
            if commit:
                await connection.commit()
                for committed in connection.committed:
                    committed()
                if connection.advanced:
                    for listener in self._listeners:
                        listener(connection.advanced)
            return result

    def _transaction(
        self, engine: AsyncEngine, kind: type[C], durations: Cell, *, alone: bool = False, attempt: int = 0
    ) -> AbstractAsyncContextManager[C]:
        """Opens a transaction, and rolls back what it has not committed.

        Args:
            engine: Where it gets its connection.
            kind: What it can do.
            durations: Where its duration is counted, without the time that it waits for a connection.
            alone: Whether its statements may stand alone instead.
            attempt: Number of the attempt to write, from 1.
        """
        if self._spans is None or (parent := recorded_span()) is None:
            return self._opened(engine, kind, durations, alone=alone)
        span = self._spans.begin(parent, "read" if alone else "transaction", attempt)
        made = partial(traced, kind, self._spans.statements_of(span))
        return self._traced(span, self._opened(engine, made, durations, alone=alone))

    @asynccontextmanager
    async def _traced(self, span: Span, opened: AbstractAsyncContextManager[C]) -> AsyncIterator[C]:
        with ended(span):
            async with opened as connection:
                yield connection

    @asynccontextmanager
    async def _opened(
        self,
        engine: AsyncEngine,
        kind: Callable[[AsyncConnection, TimeLimit, IsReady], C],
        durations: Cell,
        *,
        alone: bool,
    ) -> AsyncIterator[C]:
        try:
            with translated():
                asked = time.perf_counter()
                connection = await engine.connect().start()
                began = time.perf_counter()
                self._wait_seconds.observe(began - asked)
                try:
                    if alone:
                        self._source.stand_alone(connection)
                    transaction = kind(connection, self._source.limit(connection), self._source.readiness(connection))
                    try:
                        yield transaction
                    finally:
                        await transaction.rollback()
                finally:
                    # Waits for nothing, since the transaction has ended or its connection was dropped.
                    await connection.close()
                    durations.observe(time.perf_counter() - began)
        except DatabaseUnavailable as error:
            self.doubted.set()
            self._metrics.failures.labels(error.problem).inc()
            if error.__cause__:
                self._source.failed(error.__cause__)
            raise

    async def probe(self) -> str | None:
        """Returns why the database cannot be used, or None if it answers and takes writes.

        A database that does not answer in time may never answer again. Then everything that waits for it fails, and
        later calls use new connections.
        """
        write = self.doubted.is_set()
        self.doubted.clear()
        problem = self._source.problem() or await self._probed(write=write)
        if problem:
            self.doubted.set()
            await self._source.let_go(self._engines)
        return problem

    async def _probed(self, *, write: bool) -> str | None:
        probing = self._start(self._probe.run(write=write))
        try:
            # In steps: while this process does not get its turn, an answer that has arrived waits, too.
            for _ in range(_PROBE_STEPS):
                await asyncio.wait({probing}, timeout=self._limits.probe / _PROBE_STEPS)
                if probing.done():
                    return probing.result()
        finally:
            probing.cancel()
        self._source.interrupt()
        return f"the database has not answered for {self._limits.probe:g} seconds"

    async def close(self) -> None:
        """Waits a moment for the writes that are running, then closes all connections, whatever the database does."""
        if self._notifications:
            await self._notifications.close()
        for give_up in (None, self._source.interrupt, self._cancel):
            if self._running:
                if give_up:
                    give_up()
                await asyncio.wait(self._running, timeout=self._limits.close)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.close):
                for engine in self._engines:
                    await engine.dispose()
        self._source.interrupt()

    def _cancel(self) -> None:
        _log.warning("database_given_up", tasks=len(self._running))
        for task in self._running:
            task.cancel()


def _refused(error: Refused) -> CatalogError:
    _log.error("database_refused", code=error.code, problem=error.problem)
    return CatalogError(Reason.DATABASE_REFUSED, "the database refuses this write; the server log has details")


def _too_busy() -> CatalogError:
    return CatalogError(Reason.CONFLICTING_WRITE, "too many writers at once; try again", retry_after=0.2)
