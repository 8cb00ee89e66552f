"""A PostgreSQL server: its connections, and how they are dropped when it no longer answers.

A server that fails over or loses its network closes nothing. Its connections stay open, and an answer never comes.
"""

import asyncio
import socket
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from weakref import WeakSet

import asyncpg
from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dashboard_catalog.store.connections import DISTRIBUTED, TimeLimit, driver_of
from dashboard_catalog.store.driver_errors import makes_connections_useless
from dashboard_catalog.store.postgresql_engines import is_behind_pgbouncer, postgresql_engine

STATEMENT_SECONDS = 60
"""How long PostgreSQL lets a statement run."""

APPLICATION_NAME = "dashboard-catalog"
"""What PostgreSQL shows for the connections of this program."""

# A statement without parameters, and only its status is read. So PgBouncer cannot split it.
_FINDS_CITUS, _FOUND = "SELECT FROM pg_catalog.pg_extension WHERE extname = 'citus'", "SELECT 1"
# Citus hides its shards in every look at the system catalog. The driver's look at types then takes seconds, not
# milliseconds, in the first transaction of each connection.
_HIDES_NOTHING = "SET citus.override_table_visibility TO off"
# The server drops a transaction that has lost its client, and with it the locks that other writers wait for.
_IDLE_SECONDS = 15
# A host that is gone is noticed after 30 seconds without traffic, or 15 seconds after something was sent.
_KEEPALIVE = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 15_000}
# The same for the other end.
_SERVER_KEEPALIVE = {
    "tcp_keepalives_idle": "15",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "15000",
}


class PostgresqlConnections:
    """All connections of this process to a server.

    Args:
        url: `postgresql+asyncpg://...`, from the settings.
        seconds: How long the server may take to answer.
    """

    CONNECTIONS_PER_PLACE = 2
    """How many connections there may be under load for each that a pool keeps."""

    def __init__(self, url: str, *, seconds: float) -> None:
        self._url = url
        self._pgbouncer = is_behind_pgbouncer(url)
        self._seconds = seconds
        self._open: WeakSet[asyncpg.Connection] = WeakSet()
        # They are closed instead of being used again.
        self._useless: WeakSet[asyncpg.Connection] = WeakSet()
        self._distributed: WeakSet[asyncpg.Connection] = WeakSet()

    def engine(self, pool_size: int) -> AsyncEngine:
        """Returns a pool of connections."""
        engine = postgresql_engine(
            self._url,
            self._opened,
            server_settings=_server_settings(),
            command_timeout=self._seconds,
            pool_size=pool_size,
            max_overflow=(self.CONNECTIONS_PER_PLACE - 1) * pool_size,
            pool_timeout=30,
            pool_reset_on_return=None,
        )

        @event.listens_for(engine.sync_engine, "connect")
        def _on_connect(connection: Any, record: Any) -> None:
            if connection.driver_connection in self._distributed:
                record.info[DISTRIBUTED] = True

        @event.listens_for(engine.sync_engine, "checkout")
        def _on_checkout(connection: Any, _record: object, _proxy: object) -> None:
            # The driver notices when the server closes an idle connection, for example to restart. Asking the server
            # would cost a round trip per transaction.
            driver = connection.driver_connection
            if driver.is_closed() or driver in self._useless:
                raise DisconnectionError
            connection.autocommit = False

        @event.listens_for(engine.sync_engine, "handle_error")
        def _on_error(context: Any) -> None:
            context.is_disconnect = context.is_disconnect or makes_connections_useless(context.original_exception)

        return engine

    def limit(self, connection: AsyncConnection) -> TimeLimit:
        """Returns what limits how long a connection waits. One that waits too long is dropped: its server is silent."""
        driver = driver_of(connection)
        return partial(_DroppedAfter, self._seconds, driver.terminate)

    def stand_alone(self, connection: AsyncConnection) -> None:
        """Lets each statement stand alone while the connection is checked out, which saves BEGIN and ROLLBACK.

        PgBouncer would send the preparation and the execution of such a statement over different connections.
        """
        if not self._pgbouncer and connection.sync_connection is not None:
            driver: Any = connection.sync_connection.connection.dbapi_connection
            driver.autocommit = True

    def readiness(self, connection: AsyncConnection) -> Callable[[], bool]:
        """Returns what says whether the driver can take a statement.

        SQLAlchemy begins a transaction with its first statement, and handles prepared statements as PgBouncer needs it.
        """
        if self._pgbouncer or connection.sync_connection is None:
            return lambda: False
        driver: Any = connection.sync_connection.connection.dbapi_connection
        return (lambda: True) if driver.autocommit else driver.driver_connection.is_in_transaction

    def failed(self, error: BaseException) -> None:
        """Draws the conclusions from an error that SQLAlchemy has not seen."""
        if makes_connections_useless(error):
            self._useless.update(self._open)

    def problem(self) -> str | None:
        """Returns None: only the server itself knows what is wrong with it."""
        return None

    async def let_go(self, engines: Iterable[AsyncEngine]) -> None:
        """Does nothing: connections that lead nowhere are replaced when they are used."""

    def interrupt(self) -> None:
        """Drops all connections without waiting for the server. What runs on them fails at once."""
        for connection in list(self._open):
            connection.terminate()

    async def _opened(self, connection: asyncpg.Connection) -> None:
        self._open.add(connection)
        _keep_alive(connection)
        if await connection.execute(_FINDS_CITUS) == _FOUND:
            self._distributed.add(connection)
            if not self._pgbouncer:
                await connection.execute(_HIDES_NOTHING)


class _DroppedAfter:
    """A block whose connection is dropped when it takes too long.

    Cancelling it would not do: the driver then asks the server to cancel the statement, and waits until it has.
    """

    __slots__ = ("_drop", "_seconds", "_timer")

    def __init__(self, seconds: float, drop: Callable[[], None]) -> None:
        self._seconds = seconds
        self._drop = drop

    async def __aenter__(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._drop)

    async def __aexit__(self, *_: object) -> None:
        self._timer.cancel()


def _server_settings() -> dict[str, str]:
    # `jit` costs more than it saves on statements that take milliseconds. A plan that was made while a table was small
    # is kept when it has grown, so it must not read the whole table.
    return {
        "application_name": APPLICATION_NAME,
        "statement_timeout": str(STATEMENT_SECONDS * 1_000),
        "idle_in_transaction_session_timeout": str(int(_IDLE_SECONDS * 1_000)),
        "jit": "off",
        "enable_seqscan": "off",
        **_SERVER_KEEPALIVE,
    }


def _keep_alive(connection: asyncpg.Connection) -> None:
    """Lets the operating system notice a host that is gone, and keeps idle connections through firewalls."""
    # The driver has no public way to its socket.
    using = connection._transport.get_extra_info("socket")  # noqa: SLF001
    if using is None or using.family == socket.AF_UNIX:
        return
    using.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        # Not every system has all of them.
        if (option := getattr(socket, name, None)) is not None:
            using.setsockopt(socket.IPPROTO_TCP, option, value)
