"""Health checks: every service follows the database, and none is serving once the server drains."""

import asyncio
from itertools import pairwise
from typing import Any

import grpc
import grpc.aio
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from dashboard_catalog.rpc.health import DatabaseHealth
from tests.patience import PATIENCE, until
from tests.rpc.conftest import SERVICE, ScriptedDatabase, ServedEdge, refused

SERVING, NOT_SERVING = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING
UNKNOWN = HealthCheckResponse.SERVICE_UNKNOWN


def stub(edge: ServedEdge) -> Any:
    return health_pb2_grpc.HealthStub(edge.channel)


async def status(edge: ServedEdge, service: str = "") -> Any:
    answer = await stub(edge).Check(HealthCheckRequest(service=service))
    return answer.status


async def test_every_service_follows_the_database(edge: ServedEdge) -> None:
    for problem in (None, "away", None):
        edge.database.problem = problem
        assert await edge.health.probe() is (problem is None)
        for service in ("", SERVICE):
            assert await status(edge, service) == (NOT_SERVING if problem else SERVING)


async def test_the_database_is_checked_repeatedly(edge: ServedEdge) -> None:
    asking = asyncio.create_task(edge.health.run())
    watch = stub(edge).Watch(HealthCheckRequest(service=SERVICE))
    assert (await watch.read()).status in {SERVING, UNKNOWN}
    async with asyncio.timeout(PATIENCE):
        for problem in ("away", None, "away"):
            edge.database.problem = problem
            wanted = NOT_SERVING if problem else SERVING
            while (await watch.read()).status != wanted:
                pass
    asking.cancel()
    watch.cancel()


class Broken(ScriptedDatabase):
    """Notes when it was probed."""

    def __init__(self) -> None:
        super().__init__()
        self.problem = "away"
        self.times: list[float] = []

    async def probe(self) -> str | None:
        self.times.append(asyncio.get_running_loop().time())
        return await super().probe()


async def test_a_database_that_cannot_be_used_is_checked_less_often() -> None:
    database = Broken()
    # Doubts change nothing while the problem is known.
    database.doubted.set()
    asking = asyncio.create_task(DatabaseHealth([], database, every=0.01).run())
    await until(lambda: len(database.times) == 5)
    asking.cancel()
    waits = [later - earlier for earlier, later in pairwise(database.times)]
    assert all(wait >= 0.99 * least for wait, least in zip(waits, (0.02, 0.04, 0.08, 0.16), strict=True))


async def test_a_doubted_database_is_checked_at_once() -> None:
    database = Broken()
    database.problem = None
    asking = asyncio.create_task(DatabaseHealth([], database, every=PATIENCE / 2).run())
    await until(lambda: database.times)
    database.doubted.set()
    await until(lambda: len(database.times) > 1)
    asking.cancel()


async def test_each_change_is_logged_once_with_its_reason() -> None:
    database = ScriptedDatabase()
    asked = DatabaseHealth([], database)
    with structlog.testing.capture_logs() as lines:
        for problem in ("away", "away", "read-only", None, None):
            database.problem = problem
            await asked.probe()
    assert [(line["event"], line.get("problem")) for line in lines] == [
        ("database_unusable", "away"),
        ("database_unusable", "read-only"),
        ("database_usable", None),
    ]


async def test_a_draining_server_is_not_serving(edge: ServedEdge) -> None:
    assert await edge.health.probe()
    await edge.health.drain()
    assert await edge.health.probe()
    assert await status(edge, SERVICE) == await status(edge) == NOT_SERVING


async def test_an_unknown_service_is_not_found(edge: ServedEdge) -> None:
    code, details = await refused(status(edge, "nope.Nope"))
    assert code is grpc.StatusCode.NOT_FOUND
    assert details["ErrorInfo"].reason == "NOT_FOUND"
    assert details["ResourceInfo"].resource_name == "nope.Nope"


async def test_all_services_are_listed(edge: ServedEdge) -> None:
    await edge.health.probe()
    request = health_pb2.HealthListRequest()  # type: ignore[attr-defined]
    answer = await stub(edge).List(request)
    assert {name: one.status for name, one in answer.statuses.items()} == {"": SERVING, SERVICE: SERVING}


async def test_malformed_bytes_are_reported_by_health_checks_too(edge: ServedEdge) -> None:
    check: Any = edge.channel.unary_unary("/grpc.health.v1.Health/Check")
    code, details = await refused(check(b"\xff\xff"))
    assert (code, details["ErrorInfo"].reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST")


async def test_health_checks_need_no_token_while_draining(edge: ServedEdge) -> None:
    await edge.health.probe()
    edge.gate.drain()
    assert await status(edge) == SERVING
