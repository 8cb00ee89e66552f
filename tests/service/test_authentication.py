"""Every RPC of the three services needs a valid token; health checks and reflection need none."""

import asyncio
import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import jwt
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from structlog.testing import capture_logs

from dashboard_catalog.auth.issuing import issue_token
from dashboard_catalog.auth.signing_key import load_or_create_key
from dashboardcatalog.v1 import catalog_service_pb2, chart_service_pb2, dashboard_service_pb2, entity_pb2
from tests.patience import PATIENCE, for_some_lifetime, until
from tests.service.assets import on_one_database
from tests.service.caller import Refused, Service

# No database is involved in these decisions, so one is enough.
pytestmark = on_one_database


# Every RPC of the contract, and whether it streams.
METHODS = {
    f"/{service.full_name}/{method.name}": method.client_streaming
    for module in (dashboard_service_pb2, chart_service_pb2, catalog_service_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


async def called(channel: Any, path: str, authorization: str | None, request: bytes = b"") -> bytes:
    """Calls a method with the bytes of a request and returns the bytes of its first response."""
    metadata = [] if authorization is None else [("authorization", authorization)]
    if METHODS.get(path, True):
        answer: bytes = await channel.stream_stream(path)([request], metadata=metadata, timeout=PATIENCE).read()
    else:
        answer = await channel.unary_unary(path)(request, metadata=metadata, timeout=PATIENCE)
    return answer


async def refusal(channel: Any, path: str, authorization: str | None, request: bytes = b"") -> Refused:
    """Calls a method that must refuse, and returns its error."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await called(channel, path, authorization, request)
    return Refused(caught.value)


def bad_tokens(service: Service, folder: Path) -> dict[str, tuple[str | None, str]]:
    """Returns invalid `authorization` values, with the reason why each is refused."""
    good = service.token("admin", "admin")
    header, payload, signature = good.split(".")
    other = service.token("eve").split(".")[2]
    claims = jwt.decode(good, options={"verify_signature": False})
    strange = issue_token(load_or_create_key(folder), "admin", ["admin"])
    unsigned = jwt.encode(claims, "", algorithm="none")
    shared = jwt.encode(claims, "secret" * 8, algorithm="HS256", headers={"kid": service.key.kid})

    def signed(**changed: object) -> str:
        return jwt.encode(
            {**claims, **changed}, service.key.private, service.key.algorithm, headers={"kid": service.key.kid}
        )

    more = base64.urlsafe_b64encode(json.dumps({**claims, "sub": "eve"}).encode()).decode().rstrip("=")
    return {
        "none": (None, "TOKEN_MISSING"),
        "empty": ("", "TOKEN_MISSING"),
        "another scheme": (f"Basic {good}", "TOKEN_MALFORMED"),
        "no scheme": (good, "TOKEN_MALFORMED"),
        "no token": ("Bearer ", "TOKEN_MALFORMED"),
        "no JWT": ("Bearer abc", "TOKEN_MALFORMED"),
        "cut": (f"Bearer {header}.{payload}", "TOKEN_MALFORMED"),
        "another signature": (f"Bearer {header}.{payload}.{other}", "TOKEN_INVALID"),
        "changed claims": (f"Bearer {header}.{more}.{signature}", "TOKEN_INVALID"),
        "another key": (f"Bearer {strange}", "TOKEN_INVALID"),
        "unsigned": (f"Bearer {unsigned}", "TOKEN_INVALID"),
        "a shared secret": (f"Bearer {shared}", "TOKEN_INVALID"),
        "another issuer": (f"Bearer {signed(iss='eve')}", "TOKEN_INVALID"),
        "another audience": (f"Bearer {signed(aud='eve')}", "TOKEN_INVALID"),
        "no subject": (f"Bearer {signed(sub='')}", "TOKEN_INVALID"),
        "expired": (f"Bearer {signed(exp=claims['iat'] - 1)}", "TOKEN_EXPIRED"),
    }


async def test_every_rpc_refuses_every_bad_token(service: Service, tmp_path: Path) -> None:
    assert len(METHODS) == 34
    bad = bad_tokens(service, tmp_path / "other")

    async def check(channel: grpc.aio.Channel, path: str, case: str) -> None:
        authorization, reason = bad[case]
        refused = await refusal(channel, path, authorization)
        assert refused.code == "UNAUTHENTICATED", (path, case, refused.message)
        assert refused.reason == reason, (path, case)
        assert set(refused.details) == {"ErrorInfo", "RequestInfo"}, (path, case)
        assert not refused.metadata

    async with grpc.aio.insecure_channel(service.address) as channel:
        await asyncio.gather(*(check(channel, path, case) for path in METHODS for case in bad))


async def test_a_token_is_checked_before_the_request(service: Service) -> None:
    good = f"bearer  {service.token('nobody')}"
    async with grpc.aio.insecure_channel(service.address) as channel:
        for path, streams in METHODS.items():
            # Everybody may list their own bulk sessions.
            if not streams and not path.endswith("/ListBulkSessions"):
                # With a valid token, the call fails because of the request or a missing permission.
                refused = await refusal(channel, path, good)
                assert refused.code in ("INVALID_ARGUMENT", "PERMISSION_DENIED"), path
            for unreadable in (b"\xff\xff", b"x" * 5_000_000):
                refused = await refusal(channel, path, None, unreadable)
                for _ in range(5):
                    # A client that is still sending when the answer comes may only learn that the stream was reset.
                    if "RST_STREAM" not in refused.message:
                        break
                    refused = await refusal(channel, path, None, unreadable)
                assert refused.code == "UNAUTHENTICATED", (path, refused.message)


@for_some_lifetime
async def test_own_tokens_expire_without_leeway(service: Service, lifetime: float) -> None:
    token = issue_token(service.key, "ann", ["data_consumer"], lifetime=timedelta(seconds=lifetime))
    request = catalog_service_pb2.ListEntitiesRequest(kind=entity_pb2.KIND_USER).SerializeToString()
    async with grpc.aio.insecure_channel(service.address) as channel:
        assert (
            await called(channel, "/dashboardcatalog.v1.CatalogService/ListEntities", f"Bearer {token}", request) == b""
        )
        await asyncio.sleep(lifetime)
        refused = await refusal(channel, "/dashboardcatalog.v1.CatalogService/ListEntities", f"Bearer {token}", request)
    assert (refused.code, refused.reason) == ("UNAUTHENTICATED", "TOKEN_EXPIRED")


async def test_health_and_reflection_need_no_token(service: Service) -> None:
    names = [
        "dashboardcatalog.v1.DashboardService",
        "dashboardcatalog.v1.ChartService",
        "dashboardcatalog.v1.CatalogService",
    ]
    async with grpc.aio.insecure_channel(service.address) as channel:
        health: Any = channel.unary_unary("/grpc.health.v1.Health/Check")
        for name in ["", *names]:
            answer = await health(health_pb2.HealthCheckRequest(service=name).SerializeToString())
            assert health_pb2.HealthCheckResponse.FromString(answer).status == health_pb2.HealthCheckResponse.SERVING
        request = reflection_pb2.ServerReflectionRequest(list_services="").SerializeToString()
        for version in ("v1", "v1alpha"):
            path = f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
            answer = await called(channel, path, None, request)
            listed = reflection_pb2.ServerReflectionResponse.FromString(answer).list_services_response.service
            assert {each.name for each in listed} >= set(names)


async def test_tokens_are_neither_logged_nor_returned(service: Service, tmp_path: Path) -> None:
    bad = bad_tokens(service, tmp_path / "other")
    with capture_logs() as logs:
        async with grpc.aio.insecure_channel(service.address) as channel:
            refused = [await refusal(channel, "/dashboardcatalog.v1.ChartService/GetChart", a) for a, _ in bad.values()]
        # Lines of calls are written a moment later.
        await until(lambda: repr(logs).count("UNAUTHENTICATED") >= len(bad))
    visible = repr([(each.message, each.details) for each in refused]) + repr(logs)
    assert repr(logs).count("UNAUTHENTICATED") == len(bad)
    parts = {part for authorization, _ in bad.values() for part in (authorization or "").split(" ")[-1].split(".")}
    assert not any(part in visible for part in parts if len(part) > 10)
