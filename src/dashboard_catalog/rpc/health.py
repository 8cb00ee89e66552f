"""The standard health service, by which load balancers decide whether to send calls here. It follows the database.

Every service of the server has the same status, because all of them need the database. "" is the whole server.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import structlog
from grpc_health.v1 import health, health_pb2
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError

SERVICE = health.SERVICE_NAME
PROBE_EVERY = 1.0
PROBE_SECONDS = 5.0
LONGEST_WAIT = 5.0

Ping = Callable[[], Awaitable[None]]

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


class DatabaseHealth:
    """Probes the database at intervals, and sets the status of the services accordingly."""

    def __init__(self, services: Iterable[str], ping: Ping, every: float = PROBE_EVERY) -> None:
        """Takes what to probe. Does not probe it yet.

        Args:
            services: Full names of the services that need the database.
            ping: Returns if the database answers; raises if it does not.
            every: Seconds between two probes. The interval grows while the database does not answer.
        """
        self.servicer = HealthServicer()
        self._services = ("", *services)
        self._ping = ping
        self._every = every
        self._serving: bool | None = None

    async def run(self) -> None:
        """Probes until it is cancelled."""
        wait = self._every
        while True:
            wait = self._every if await self.probe() else min(wait * 2, LONGEST_WAIT)
            await asyncio.sleep(wait)

    async def probe(self) -> bool:
        """Probes once. Returns whether the database answered."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._ping()
        except Exception as error:  # noqa: BLE001 - whatever it is, the database did not answer
            await self._set(serving=False, problem=type(error).__name__)
            return False
        await self._set(serving=True)
        return True

    async def drain(self) -> None:
        """Sets every service to NOT_SERVING for good."""
        await self.servicer.enter_graceful_shutdown()

    async def _set(self, *, serving: bool, problem: str | None = None) -> None:
        if serving == self._serving:
            return
        self._serving = serving
        if serving:
            _log.info("database_answers")
        else:
            _log.warning("database_does_not_answer", problem=problem)
        status = HealthCheckResponse.SERVING if serving else HealthCheckResponse.NOT_SERVING
        for service in self._services:
            await self.servicer.set(service, status)
