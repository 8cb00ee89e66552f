"""Puts the HTTP door together: port, edge, application and routes."""

from dataclasses import dataclass
from pathlib import Path

from dashboard_catalog.calls.access_log import AccessLog
from dashboard_catalog.calls.answer_room import AnswerRoom
from dashboard_catalog.calls.certificates import Certificate
from dashboard_catalog.calls.gate import Gate
from dashboard_catalog.calls.shares import Shares
from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.contract.kinds import ASSET_MESSAGES
from dashboard_catalog.http.application import new_application
from dashboard_catalog.http.assets.bulk import BulkRoutes
from dashboard_catalog.http.dropped.dropped import dropped_routers
from dashboard_catalog.http.dropped.lineage import LineageRoutes
from dashboard_catalog.http.edge.edge import Authenticates, HttpEdge
from dashboard_catalog.http.edge.listening import Port, bound
from dashboard_catalog.http.entities.entity_resources import ENTITY_RESOURCES
from dashboard_catalog.http.properties.metadata_types import TypeRoutes
from dashboard_catalog.http.resources import asset_router, entity_router
from dashboard_catalog.http.scraping import metrics_router
from dashboard_catalog.http.search.search import SearchRoutes
from dashboard_catalog.http.system import Problem, system_router
from dashboard_catalog.metrics.exchange import Gathers
from dashboard_catalog.settings import Address
from dashboard_catalog.tracing.spans import Spans


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """What the door needs of the server, all of it shared with the other doors.

    Attributes:
        problem: Returns why the server should get no requests, for people; None if it should.
        peers: The processes of the server, for metrics.
        spans: Makes the spans of requests, if there are any.
    """

    catalog: Catalog
    room: AnswerRoom
    authenticator: Authenticates
    gate: Gate
    shares: Shares
    access_log: AccessLog
    problem: Problem
    peers: Gathers
    spans: Spans | None = None


class HttpDoor:
    """The door at an address. It is started once, then stopped once.

    Args:
        address: Where it listens.
        behind: What is behind it.
        openmetadata_version: The version of OpenMetadata that clients are told.
        tls: The files of the certificate and its key; None without TLS.
        shares_address: Whether other processes serve the same address.

    Attributes:
        address: With the port that the system chose.

    Raises:
        OSError: If the address cannot be bound.
        CertificateError: If the certificate cannot be used.
    """

    def __init__(
        self,
        address: Address,
        behind: Behind,
        *,
        openmetadata_version: str,
        tls: tuple[Path, Path] | None,
        shares_address: bool,
    ) -> None:
        kinds = ASSET_MESSAGES.values()
        application = new_application(
            [
                system_router(openmetadata_version, behind.problem),
                metrics_router(behind.peers),
                # These come first, because the paths of single assets would match theirs.
                *(BulkRoutes(messages, behind.catalog, behind.room).router() for messages in kinds),
                *(asset_router(messages, behind.catalog, behind.room) for messages in kinds),
                *(entity_router(resource, behind.catalog, behind.room) for resource in ENTITY_RESOURCES),
                TypeRoutes(behind.catalog, behind.room).router(),
                SearchRoutes(behind.catalog, behind.room).router(),
                LineageRoutes(behind.catalog, behind.room).router(),
                *dropped_routers(),
            ]
        )
        edge = HttpEdge(
            application,
            authenticator=behind.authenticator,
            gate=behind.gate,
            shares=behind.shares,
            access_log=behind.access_log,
            metrics=behind.peers.metrics,
            spans=behind.spans,
        )
        self.certificate = Certificate(*tls) if tls else None
        """What it shows to clients that use TLS."""
        listener = bound(address, shares_address=shares_address)
        self.address = str(address.with_port(listener.getsockname()[1]))
        self._port = Port(edge, listener, self.certificate)

    @property
    def connections(self) -> int:
        """Number of open connections."""
        return self._port.connections

    async def start(self) -> None:
        """Begins to serve."""
        await self._port.start()

    async def stop(self, seconds: float) -> None:
        """Closes the address, and its connections as soon as their requests have ended.

        Args:
            seconds: How long running requests may take. Those that still run afterwards are cancelled.
        """
        await self._port.stop(seconds)
