"""Connection pools of the two databases, with the settings that each needs."""

from typing import Any
from uuid import uuid4

from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

_BUSY_SECONDS = 2
# By default SQLite copies its log into the database file every 1,000 pages, which is about every chunk of a load. With
# a longer log, a page that many chunks write is copied once for all of them. The log takes 32 MB.
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "wal_autocheckpoint=8000",
    "cache_size=-16384",
    "temp_store=MEMORY",
)


def sqlite_engine(url: str, begin: str, pool_size: int) -> AsyncEngine:
    """Returns the pool of an SQLite file.

    Args:
        url: `sqlite+aiosqlite:///FILE`.
        begin: The statement that begins a transaction.
        pool_size: Maximum number of connections.
    """
    engine = create_async_engine(
        url, pool_size=pool_size, max_overflow=0, pool_timeout=60, connect_args={"timeout": _BUSY_SECONDS}
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:
        # SQLAlchemy begins transactions, in the listener below. So the driver must not.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _on_begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine


def postgresql_engine(url: str, pool_size: int, *, pgbouncer: bool) -> AsyncEngine:
    """Returns the pool of a PostgreSQL database.

    Args:
        url: `postgresql+asyncpg://...`.
        pool_size: Number of connections to keep; under load there may be twice as many.
        pgbouncer: Whether PgBouncer pools transactions in front of the database. Then a prepared statement must not
            outlive its transaction.
    """
    connect_args: dict[str, Any] = {"timeout": 10}
    if pgbouncer:
        connect_args |= {
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": lambda: f"__{uuid4()}__",
        }
    else:
        # `jit` costs more than it saves on statements that take milliseconds.
        connect_args["server_settings"] = {
            "application_name": "dashboard-catalog",
            "statement_timeout": "60000",
            "jit": "off",
        }
    engine = create_async_engine(
        url, pool_size=pool_size, max_overflow=pool_size, pool_timeout=30, connect_args=connect_args
    )

    @event.listens_for(engine.sync_engine, "checkout")
    def _on_checkout(connection: Any, _record: object, _proxy: object) -> None:
        # The driver notices when the server closes an idle connection, for example to restart. Asking the server
        # would cost a round trip per transaction.
        if connection.driver_connection.is_closed():
            raise DisconnectionError

    return engine
