"""How connections to PostgreSQL are opened. Every engine for PostgreSQL is made here.

So all of them follow what the URL says: whether PgBouncer is in between, and which hosts there are.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import asyncpg
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from dashboard_catalog.database_url import PGBOUNCER

_CONNECT_SECONDS = 10
# Statements get the empty name, which `str` returns. With another name, or in a cache, a statement would be looked for
# on the connection of another transaction.
_BEHIND_PGBOUNCER = {
    "statement_cache_size": 0,
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": str,
}

# What a host raises that is down, starts, stops, or is a standby.
_NEXT_HOST = (
    OSError,
    asyncpg.CannotConnectNowError,
    asyncpg.PostgresConnectionError,
    asyncpg.TargetServerAttributeNotMatched,
)


def is_behind_pgbouncer(url: str) -> bool:
    """Says whether a database is reached through PgBouncer in transaction mode."""
    return PGBOUNCER in make_url(url).query


def postgresql_engine(
    url: str,
    opened: Callable[[asyncpg.Connection], Awaitable[None]] | None = None,
    *,
    server_settings: Mapping[str, str] | None = None,
    command_timeout: float | None = None,
    **pool: Any,
) -> AsyncEngine:
    """Returns an engine.

    Args:
        url: `postgresql+asyncpg://...`, from the settings.
        opened: Called with each connection that was opened, before it is used.
        server_settings: Settings of PostgreSQL for each connection. PgBouncer refuses them, so they are left out there.
        command_timeout: How long a statement may take, in seconds.
        pool: Options of the pool.
    """

    async def connect(*args: Any, **options: Any) -> asyncpg.Connection:
        connection = await hosts.connect(*args, **options)
        if opened:
            try:
                await opened(connection)
            except BaseException:
                connection.terminate()
                raise
        return connection

    hosts = _Hosts()
    arguments: dict[str, Any] = {"command_timeout": command_timeout, "async_creator_fn": connect}
    if is_behind_pgbouncer(url):
        arguments |= _BEHIND_PGBOUNCER
    else:
        arguments["server_settings"] = dict(server_settings or {})
    driver_url = make_url(url).difference_update_query([PGBOUNCER])
    return create_async_engine(driver_url, connect_args=arguments, **pool)


class _Hosts:
    """The hosts of a URL. Each connection begins with the one that took the last one.

    The driver would always begin with the first one and wait for it, even if that host is gone and never answers.
    """

    def __init__(self) -> None:
        self._last = 0

    async def connect(self, *args: Any, host: Any = None, port: Any = None, **options: Any) -> asyncpg.Connection:
        """Opens a connection to the first host that suits.

        Raises:
            OSError: If none does.
            PostgresError: If a host refuses the user or the database.
        """
        if not isinstance(host, list):
            return await asyncpg.connect(*args, host=host, port=port, timeout=_CONNECT_SECONDS, **options)
        failures = []
        for place in (*range(self._last, len(host)), *range(self._last)):
            try:
                connection = await asyncpg.connect(
                    *args, host=host[place], port=port[place], timeout=_CONNECT_SECONDS / len(host), **options
                )
            except _NEXT_HOST as error:
                failures.append(f"{host[place]}:{port[place]}: {_cause(error)}")
            else:
                self._last = place
                return connection
        raise ConnectionError("; ".join(failures))


def _cause(error: Exception) -> str:
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        return "takes no writes"
    return "does not answer" if isinstance(error, TimeoutError) else str(error)
