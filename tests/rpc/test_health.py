"""Health checks: every service follows the database, and none is serving once the server drains."""

import asyncio
from itertools import pairwise
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from dashboard_catalog.rpc.health import DatabaseHealth
from tests.patience import PATIENCE, until
from tests.rpc.conftest import SERVICE, Edge, refused

SERVING, NOT_SERVING = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING
UNKNOWN = HealthCheckResponse.SERVICE_UNKNOWN


def stub(edge: Edge) -> Any:
    return health_pb2_grpc.HealthStub(edge.channel)


async def status(edge: Edge, service: str = "") -> Any:
    answer = await stub(edge).Check(HealthCheckRequest(service=service))
    return answer.status


async def test_every_service_follows_the_database(edge: Edge) -> None:
    for answers in (True, False, True):
        edge.database_answers = answers
        assert await edge.health.probe() is answers
        for service in ("", SERVICE):
            assert await status(edge, service) == (SERVING if answers else NOT_SERVING)


async def test_the_database_is_checked_repeatedly(edge: Edge) -> None:
    asking = asyncio.create_task(edge.health.run())
    watch = stub(edge).Watch(HealthCheckRequest(service=SERVICE))
    assert (await watch.read()).status in {SERVING, UNKNOWN}
    async with asyncio.timeout(PATIENCE):
        for answers in (False, True, False):
            edge.database_answers = answers
            wanted = SERVING if answers else NOT_SERVING
            while (await watch.read()).status != wanted:
                pass
    asking.cancel()
    watch.cancel()


async def test_a_database_that_does_not_answer_is_checked_less_often() -> None:
    times: list[float] = []

    async def probe() -> None:
        times.append(asyncio.get_running_loop().time())
        raise ConnectionError

    asking = asyncio.create_task(DatabaseHealth([], probe, every=0.01).run())
    await until(lambda: len(times) == 5)
    asking.cancel()
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert all(wait >= 0.99 * least for wait, least in zip(waits, (0.02, 0.04, 0.08, 0.16), strict=True))


async def test_a_probe_that_hangs_counts_as_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard_catalog.rpc.health.PROBE_SECONDS", 0.05)
    health = DatabaseHealth([], lambda: asyncio.sleep(PATIENCE))
    assert await health.probe() is False


async def test_a_draining_server_is_not_serving(edge: Edge) -> None:
    assert await edge.health.probe()
    await edge.health.drain()
    assert await edge.health.probe()
    assert await status(edge, SERVICE) == await status(edge) == NOT_SERVING


async def test_an_unknown_service_is_not_found(edge: Edge) -> None:
    code, details = await refused(status(edge, "nope.Nope"))
    assert code is grpc.StatusCode.NOT_FOUND
    assert details["ErrorInfo"].reason == "NOT_FOUND"
    assert details["ResourceInfo"].resource_name == "nope.Nope"


async def test_all_services_are_listed(edge: Edge) -> None:
    await edge.health.probe()
    request = health_pb2.HealthListRequest()  # type: ignore[attr-defined]
    answer = await stub(edge).List(request)
    assert {name: one.status for name, one in answer.statuses.items()} == {"": SERVING, SERVICE: SERVING}


async def test_malformed_bytes_are_reported_by_health_checks_too(edge: Edge) -> None:
    check: Any = edge.channel.unary_unary("/grpc.health.v1.Health/Check")
    code, details = await refused(check(b"\xff\xff"))
    assert (code, details["ErrorInfo"].reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST")


async def test_health_checks_need_no_token_while_draining(edge: Edge) -> None:
    await edge.health.probe()
    edge.gate.drain()
    assert await status(edge) == SERVING
