"""Tells load balancers whether to send calls here: the standard health service, following the database.

Every service of the server has the same status, since all need the database; "" stands for the whole server.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import structlog
from grpc_health.v1 import health, health_pb2
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from dashboard_catalog.errors import CatalogError, Reason

SERVICE = health.SERVICE_NAME
PROBE_EVERY = 1.0
PROBE_SECONDS = 5.0
LONGEST_WAIT = 5.0

Probe = Callable[[], Awaitable[None]]

_log = structlog.get_logger("dashboard_catalog.health")


class HealthServicer(health.aio.HealthServicer):
    """The packaged servicer with the RPC that it lacks, and with the catalog's own NOT_FOUND."""

    @property
    def _statuses(self) -> dict[str, Any]:
        return self._server_status  # type: ignore[attr-defined, no-any-return]

    async def Check(self, request: HealthCheckRequest, context: Any) -> HealthCheckResponse:
        """Answers the status of one service.

        Raises:
            CatalogError: NOT_FOUND if there is no such service.
        """
        status = self._statuses.get(request.service)
        if status is None:
            raise CatalogError(Reason.NOT_FOUND, "there is no such service", resource=("service", request.service))
        return HealthCheckResponse(status=status)

    async def List(self, request: Any, context: Any) -> Any:
        """Answers the status of every service."""
        statuses = {name: HealthCheckResponse(status=status) for name, status in self._statuses.items()}
        return health_pb2.HealthListResponse(statuses=statuses)  # type: ignore[attr-defined]


class DatabaseHealth:
    """Asks the database for a sign of life again and again, and sets the status of the services by it."""

    def __init__(self, services: Iterable[str], probe: Probe, every: float = PROBE_EVERY) -> None:
        """Takes what to ask; nothing is asked yet.

        Args:
            services: Full names of the services that need the database.
            probe: Returns if the database answers, raises if it does not.
            every: Seconds between two questions; longer while it does not answer.
        """
        self.servicer = HealthServicer()
        self._services = ("", *services)
        self._probe = probe
        self._every = every
        self._serving: bool | None = None

    async def run(self) -> None:
        """Asks until it is cancelled."""
        wait = self._every
        while True:
            wait = self._every if await self.look() else min(wait * 2, LONGEST_WAIT)
            await asyncio.sleep(wait)

    async def look(self) -> bool:
        """Asks once, and returns whether the database answered."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._probe()
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
