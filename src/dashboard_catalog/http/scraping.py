"""The metrics of the server for Prometheus: a route of the door, which needs a token, and a port that needs none.

Both have the samples of all processes of the server.
"""

import asyncio

from fastapi import APIRouter, Request, Response
from starlette.applications import Starlette
from starlette.routing import Route

from dashboard_catalog.http.application import CatalogRoute
from dashboard_catalog.http.edge.listening import Port, bound
from dashboard_catalog.metrics.exchange import Gathers
from dashboard_catalog.metrics.samples import rendered
from dashboard_catalog.settings import Address

PATH = "/metrics"


def metrics_router(peers: Gathers) -> APIRouter:
    """Returns the route of the door.

    Args:
        peers: The processes of the server.
    """
    router = APIRouter(tags=["system"], route_class=CatalogRoute)

    @router.get(PATH, summary="Returns the metrics of the server", response_class=Response)
    async def metrics(request: Request) -> Response:
        return await _scraped(peers, request)

    return router


class MetricsPort:
    """Serves the metrics at an address of their own. It is started once, then stopped once.

    Args:
        address: Where it listens.
        peers: The processes of the server.
        shares_address: Whether other processes serve the same address.

    Attributes:
        address: With the port that the system chose.

    Raises:
        OSError: If the address cannot be bound.
    """

    def __init__(self, address: Address, peers: Gathers, *, shares_address: bool) -> None:
        async def metrics(request: Request) -> Response:
            return await _scraped(peers, request)

        listener = bound(address, shares_address=shares_address)
        self.address = str(address.with_port(listener.getsockname()[1]))
        self._port = Port(Starlette(routes=[Route(PATH, metrics)]), listener, None)

    async def start(self) -> None:
        """Begins to serve."""
        await self._port.start()

    async def stop(self) -> None:
        """Closes the address and all connections."""
        await self._port.stop(1.0)


async def _scraped(peers: Gathers, request: Request) -> Response:
    """Answers a scrape, in the format that the client accepts. OpenMetrics has exemplars."""
    content, content_type = await asyncio.to_thread(_scrape, peers, request.headers.get("accept", ""))
    return Response(content, headers={"content-type": content_type})


def _scrape(peers: Gathers, accept: str) -> tuple[bytes, str]:
    return rendered(peers.gather(), accept)
