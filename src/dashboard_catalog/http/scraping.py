"""The metrics of the server for Prometheus: a route of the door, which needs a token, and a port that needs none.

Both have the samples of all processes of the server. However many clients read them, one thread of each gathers.
"""

import asyncio

from fastapi import APIRouter, Request, Response
from starlette.applications import Starlette
from starlette.routing import Route

from dashboard_catalog.http.application import CatalogRoute
from dashboard_catalog.http.edge.listening import Port, bound
from dashboard_catalog.metrics.exchange import Gathers
from dashboard_catalog.metrics.samples import content_type_of, rendered
from dashboard_catalog.settings import Address

PATH = "/metrics"

MAX_CONNECTIONS = 100
"""Those of the port. Nobody authenticates there, so strangers must not take the files that everything else needs."""


def metrics_router(peers: Gathers) -> APIRouter:
    """Returns the route of the door.

    Args:
        peers: The processes of the server.
    """
    router, scrapes = APIRouter(tags=["system"], route_class=CatalogRoute), _Scrapes(peers)

    @router.get(PATH, summary="Returns the metrics of the server", response_class=Response)
    async def metrics(request: Request) -> Response:
        return await scrapes.answer(request)

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
            return await scrapes.answer(request)

        scrapes = _Scrapes(peers)
        listener = bound(address, shares_address=shares_address)
        self.address = str(address.with_port(listener.getsockname()[1]))
        self._port = Port(Starlette(routes=[Route(PATH, metrics)]), listener, None, max_connections=MAX_CONNECTIONS)

    async def start(self) -> None:
        """Begins to serve."""
        await self._port.start()

    async def stop(self) -> None:
        """Closes the address and all connections."""
        await self._port.stop(1.0)


class _Scrapes:
    """Answers scrapes. Those that arrive while samples are gathered share what is gathered next."""

    def __init__(self, peers: Gathers) -> None:
        self._peers = peers
        self._gathering = asyncio.Lock()
        self._next: dict[str, asyncio.Task[bytes]] = {}

    async def answer(self, request: Request) -> Response:
        """Answers a scrape, in the format that the client accepts. OpenMetrics has exemplars."""
        content_type = content_type_of(request.headers.get("accept", ""))
        if content_type not in self._next:
            self._next[content_type] = asyncio.create_task(self._gathered(content_type))
        content = await asyncio.shield(self._next[content_type])
        return Response(content, headers={"content-type": content_type})

    async def _gathered(self, content_type: str) -> bytes:
        async with self._gathering:
            del self._next[content_type]
            return await asyncio.to_thread(lambda: rendered(self._peers.gather(), content_type))
