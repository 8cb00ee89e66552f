"""The standard health service, by which load balancers decide whether to send calls here. It follows the database.

Every service of the server has the same status, because all of them need the database. "" is the whole server.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Protocol

import structlog
from grpc_health.v1 import health, health_pb2
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError

SERVICE = health.SERVICE_NAME
PROBE_EVERY = 1.0
LONGEST_WAIT = 5.0
# However often calls find that the database cannot be used.
_SHORTEST_WAIT = 0.1

_log = structlog.get_logger("dashboard_catalog.health")


class HealthServicer(health.aio.HealthServicer):
    """The packaged servicer, with the RPC that it lacks and the NOT_FOUND of the catalog."""

    @property
    def _statuses(self) -> dict[str, Any]:
        return self._server_status  # type: ignore[attr-defined, no-any-return]

    async def Check(self, request: HealthCheckRequest, context: Any) -> HealthCheckResponse:
        """Returns the status of one service.

        Raises:
            CatalogError: NOT_FOUND if there is no such service.
        """
        status = self._statuses.get(request.service)
        if status is None:
            raise CatalogError(Reason.NOT_FOUND, "there is no such service", resource=("service", request.service))
        return HealthCheckResponse(status=status)

    async def List(self, request: Any, context: Any) -> Any:
        """Returns the status of every service."""
        statuses = {name: HealthCheckResponse(status=status) for name, status in self._statuses.items()}
        return health_pb2.HealthListResponse(statuses=statuses)  # type: ignore[attr-defined]


class Probed(Protocol):
    """What `DatabaseHealth` needs of a database.

    Attributes:
        doubted: Set when a call has found that the database cannot be used.
    """

    doubted: asyncio.Event

    async def probe(self) -> str | None:
        """Returns why the database cannot be used, for people; None if it can."""


class DatabaseHealth:
    """Probes the database at intervals and whenever it is doubted, and sets the status of the services accordingly."""

    def __init__(self, services: Iterable[str], database: Probed, every: float = PROBE_EVERY) -> None:
        """Takes what to probe. Does not probe it yet.

        Args:
            services: Full names of the services that need the database.
            database: What to probe.
            every: Seconds between two probes. The interval grows while the database cannot be used.
        """
        self.servicer = HealthServicer()
        self._services = ("", *services)
        self._database = database
        self._every = every
        self._known = False
        self._problem: str | None = None
        self._drains = False

    @property
    def problem(self) -> str | None:
        """Why this process should get no calls, for people; None if it should."""
        if self._drains:
            return "the server is stopping"
        return self._problem if self._known else "the database has not been probed yet"

    @property
    def is_usable(self) -> bool:
        """Whether the last probe found that the database can be used."""
        return self._known and self._problem is None

    async def run(self) -> None:
        """Probes until it is cancelled."""
        wait = self._every
        while True:
            if await self.probe():
                wait = self._every
                await self._doubted_within(wait)
            else:
                wait = min(wait * 2, LONGEST_WAIT)
                await asyncio.sleep(wait)

    async def probe(self) -> bool:
        """Probes once. Returns whether the database can be used."""
        await self._set(await self._database.probe())
        return self._problem is None

    async def drain(self) -> None:
        """Sets every service to NOT_SERVING for good."""
        self._drains = True
        await self.servicer.enter_graceful_shutdown()

    async def _doubted_within(self, seconds: float) -> None:
        """Returns after this time, or sooner if the database is doubted."""
        await asyncio.sleep(min(seconds, _SHORTEST_WAIT))
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds - _SHORTEST_WAIT):
                await self._database.doubted.wait()

    async def _set(self, problem: str | None) -> None:
        if self._known and problem == self._problem:
            return
        self._known, self._problem = True, problem
        if problem is None:
            _log.info("database_usable")
        else:
            _log.warning("database_unusable", problem=problem)
        status = HealthCheckResponse.NOT_SERVING if problem else HealthCheckResponse.SERVING
        for service in self._services:
            await self.servicer.set(service, status)
