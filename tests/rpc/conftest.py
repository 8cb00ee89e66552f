"""A real server on a real port, with the edge around a small servicer that each test scripts."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import grpc
import grpc.aio
import pytest
import structlog
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health_pb2_grpc

from dashboard_catalog.auth.issuing import issue_token
from dashboard_catalog.auth.signing_key import SigningKey, load_or_create_key
from dashboard_catalog.auth.tokens import Authenticator
from dashboard_catalog.calls.call import add_call
from dashboard_catalog.calls.gate import Gate
from dashboard_catalog.calls.shares import Shares
from dashboard_catalog.rpc import health, reflection
from dashboard_catalog.rpc.edge.edge import DEFAULTS, Budgets, Edge
from dashboard_catalog.rpc.health import DatabaseHealth
from dashboard_catalog.rpc.transport import new_server
from dashboardcatalog.v1 import bulk_pb2
from dashboardcatalog.v1 import dashboard_service_pb2 as dashboards
from dashboardcatalog.v1.dashboard_pb2 import Dashboard
from dashboardcatalog.v1.dashboard_service_pb2_grpc import (
    DashboardServiceServicer,
    DashboardServiceStub,
    add_DashboardServiceServicer_to_server,
)
from tests.patience import PATIENCE

SERVICE = "dashboardcatalog.v1.DashboardService"
GET = f"/{SERVICE}/GetDashboard"
BULK = f"/{SERVICE}/BulkUpsert"
SOMETHING = dashboards.GetDashboardRequest(fully_qualified_name="superset.sales")
DETAILS = (
    error_details_pb2.ErrorInfo,
    error_details_pb2.RequestInfo,
    error_details_pb2.RetryInfo,
    error_details_pb2.BadRequest,
    error_details_pb2.ResourceInfo,
    error_details_pb2.PreconditionFailure,
    error_details_pb2.QuotaFailure,
)


def progress(next_offset: int) -> bulk_pb2.BulkUpsertResponse:
    """Returns a progress response with this offset."""
    return bulk_pb2.BulkUpsertResponse(progress=bulk_pb2.BulkUpsertProgress(next_offset=next_offset))


class Scripted(DashboardServiceServicer):
    """Answers GetDashboard and BulkUpsert with whatever the test puts into `get` and `bulk`."""

    def __init__(self) -> None:
        self.get: Callable[[Any, Any], Awaitable[Any]] = self._echo
        self.bulk: Callable[[Any, Any], Any] = self._count

    async def GetDashboard(self, request: Any, context: Any) -> Any:
        return await self.get(request, context)

    def BulkUpsert(self, request_iterator: Any, context: Any) -> Any:
        return self.bulk(request_iterator, context)

    async def _echo(self, request: Any, _context: Any) -> Any:
        dashboard = Dashboard(fully_qualified_name=request.fully_qualified_name)
        return dashboards.GetDashboardResponse(dashboard=dashboard)

    async def _count(self, requests: Any, _context: Any) -> AsyncIterator[Any]:
        offset = 0
        async for request in requests:
            offset += len(request.items)
            yield progress(offset)


def scripted() -> Scripted:
    """Returns a servicer whose other methods are unimplemented, as in the generated class."""
    return Scripted()  # type: ignore[abstract]


class ScriptedDatabase:
    """Has whatever problem the test puts into `problem`."""

    def __init__(self) -> None:
        self.problem: str | None = None
        self.doubted = asyncio.Event()

    async def probe(self) -> str | None:
        return self.problem


@dataclass
class ServedEdge:
    """The server under test and a channel to it."""

    servicer: Scripted
    gate: Gate
    itself: Edge
    health: DatabaseHealth
    key: SigningKey
    address: str
    channel: grpc.aio.Channel
    database: ScriptedDatabase
    metadata: tuple[tuple[str, str]] = (("", ""),)

    def __post_init__(self) -> None:
        self.metadata = self.token()

    @property
    def stub(self) -> Any:
        """The generated stub, with the types of the synchronous one."""
        return DashboardServiceStub(self.channel)

    def another_channel(self) -> grpc.aio.Channel:
        """Returns a channel with a connection of its own."""
        return grpc.aio.insecure_channel(self.address, options=[("grpc.use_local_subchannel_pool", 1)])

    def token(self, seconds: float = 3_600, subject: str = "ada") -> tuple[tuple[str, str]]:
        """Returns metadata with a valid token."""
        token = issue_token(self.key, subject, ["data_steward"], lifetime=timedelta(seconds=seconds))
        return (("authorization", f"Bearer {token}"),)


def details_of(status: Status) -> dict[str, Any]:
    """Returns the details of the status by the names of their messages."""
    found: dict[str, Message] = {}
    for packed in status.details:
        kind = next(kind for kind in DETAILS if packed.TypeName() == kind.DESCRIPTOR.full_name)
        detail = kind()
        packed.Unpack(detail)
        assert kind.DESCRIPTOR.name not in found
        found[kind.DESCRIPTOR.name] = detail
    return found


def status_of_call(error: grpc.aio.AioRpcError) -> Status:
    """Returns the status in the trailers of a failed call, after comparing it with gRPC's own code and text."""
    trailers = dict(error.trailing_metadata())
    status = Status.FromString(trailers["grpc-status-details-bin"])
    assert status.code == error.code().value[0]
    assert status.message == error.details()
    info = details_of(status)
    assert info["ErrorInfo"].domain == "dashboardcatalog.v1"
    assert info["RequestInfo"].request_id == trailers["x-request-id"]
    return status


async def refused(call: Awaitable[Any]) -> tuple[grpc.StatusCode, dict[str, Any]]:
    """Awaits a call that must fail, and returns its code and its details."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        async with asyncio.timeout(PATIENCE):
            await call
    return raised.value.code(), details_of(status_of_call(raised.value))


@contextmanager
def logged(edge: ServedEdge) -> Iterator[list[MutableMapping[str, Any]]]:
    """Collects the log lines of the block, including the lines of its calls."""
    with structlog.testing.capture_logs([add_call]) as lines:
        yield lines
        edge.itself.access_log.flush()


@asynccontextmanager
async def serving(
    folder: Path,
    limit: int = 1_000,
    shares: Shares | None = None,
    budgets: Budgets = DEFAULTS,
    servicer: Scripted | None = None,
) -> AsyncIterator[ServedEdge]:
    key = load_or_create_key(folder)
    gate = Gate(limit)
    servicer = servicer or scripted()
    open_services = frozenset({health.SERVICE, *reflection.SERVICES})
    edge = Edge(Authenticator(key), gate, shares or Shares(limit, limit), open_services, budgets)
    server = new_server(edge, shares_address=False)
    methods = cast("grpc.aio.Server", edge)
    add_DashboardServiceServicer_to_server(servicer, methods)

    database = ScriptedDatabase()
    database_health = DatabaseHealth([SERVICE], database, every=0.02)
    health_pb2_grpc.add_HealthServicer_to_server(database_health.servicer, methods)
    reflection.add_reflection(methods, [SERVICE, health.SERVICE])
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    async with grpc.aio.insecure_channel(address) as channel:
        served = ServedEdge(servicer, gate, edge, database_health, key, address, channel, database)
        try:
            yield served
        finally:
            await server.stop(None)
            edge.access_log.flush()
            # A call may end after its server, and would be logged in the next test.
            setattr(edge.access_log, "add", lambda _: None)  # noqa: B010 - a method, to mypy


@pytest.fixture
async def edge(tmp_path: Path) -> AsyncIterator[ServedEdge]:
    async with serving(tmp_path) as running:
        yield running
