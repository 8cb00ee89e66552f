"""The edge's effects on unary calls, as a caller and the log see them."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import grpc.aio
import pytest
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc

from dashboard_catalog.calls.access_log import AccessLog
from dashboard_catalog.calls.call_ids import CallIds
from dashboard_catalog.calls.gate import DRAINING_SECONDS
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.rpc.edge.context import caller_of
from dashboard_catalog.rpc.edge.method import unknown_method
from dashboard_catalog.rpc.edge.observation import Observation
from dashboardcatalog.v1 import dashboard_service_pb2 as dashboards
from tests.patience import PATIENCE, until
from tests.rpc.conftest import GET, SOMETHING, ServedEdge, logged, refused, serving, status_of_call

SECRET = "postgresql://ada:secret@db"


def raw(edge: ServedEdge, method: str = GET) -> Any:
    """Returns a unary method that sends and receives bytes."""
    return edge.channel.unary_unary(method)


async def test_a_servicer_gets_the_principal_of_a_call(edge: ServedEdge) -> None:
    seen = []

    async def get(_request: Any, context: Any) -> Any:
        seen.append(caller_of(context))
        return dashboards.GetDashboardResponse()

    edge.servicer.get = get
    await edge.stub.GetDashboard(SOMETHING, metadata=(*edge.metadata, ("x-request-id", "from-the-caller")))
    (call,) = seen
    assert (call.id, call.method) == ("from-the-caller", "dashboardcatalog.v1.DashboardService/GetDashboard")
    assert (call.principal.subject, set(call.principal.roles)) == ("ada", {"data_steward"})


@pytest.mark.parametrize("sent", ["", "a" * 65, "with space", "a,b", None])
async def test_a_call_without_a_valid_id_gets_a_new_one(edge: ServedEdge, sent: str | None) -> None:
    metadata = edge.metadata if sent is None else (*edge.metadata, ("x-request-id", sent))
    call = edge.stub.GetDashboard(SOMETHING, metadata=metadata)
    await call
    returned = dict(await call.trailing_metadata())["x-request-id"]
    assert returned != sent
    assert len(returned) == 32


async def test_calls_have_different_ids(edge: ServedEdge) -> None:
    ids = set()
    for _ in range(3):
        call = edge.stub.GetDashboard(SOMETHING, metadata=edge.metadata)
        await call
        ids.add(dict(await call.trailing_metadata())["x-request-id"])
    assert len(ids) == 3


async def test_an_error_contains_the_caller_s_valid_id(edge: ServedEdge) -> None:
    _, details = await refused(edge.stub.GetDashboard(SOMETHING, metadata=(("x-request-id", "r-1"),)))
    assert details["RequestInfo"].request_id == "r-1"


@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        (None, "TOKEN_MISSING"),
        ("Basic YTpi", "TOKEN_MALFORMED"),
        ("Bearer rubbish", "TOKEN_MALFORMED"),
    ],
)
async def test_a_call_without_a_valid_token_is_unauthenticated(
    edge: ServedEdge, authorization: str | None, reason: str
) -> None:
    metadata = () if authorization is None else (("authorization", authorization),)
    code, details = await refused(edge.stub.GetDashboard(SOMETHING, metadata=metadata))
    assert code is grpc.StatusCode.UNAUTHENTICATED
    assert details["ErrorInfo"].reason == reason


@pytest.mark.parametrize("other", ["Bearer rubbish", "", None])
async def test_two_authorization_entries_are_ambiguous(edge: ServedEdge, other: str | None) -> None:
    ((name, good),) = edge.metadata
    for pair in ((good, good if other is None else other), (other or good, good)):
        code, details = await refused(edge.stub.GetDashboard(SOMETHING, metadata=[(name, value) for value in pair]))
        assert (code, details["ErrorInfo"].reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MALFORMED")


async def test_a_call_without_a_token_learns_nothing_about_its_request(edge: ServedEdge) -> None:
    for body in (b"\xff\xff", b"", b"x" * 5_000_000):
        code, details = await refused(raw(edge)(body))
        assert (code, details["ErrorInfo"].reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING")


# A length beyond the end, a field number 0, and text that is not UTF-8.
@pytest.mark.parametrize("body", [b"\xff\xff", b"\x12\x7fab", b"\x00\x00", b"\x12\x02\xc3\x28"])
async def test_bytes_that_do_not_decode_are_malformed(edge: ServedEdge, body: bytes) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await raw(edge)(body, metadata=edge.metadata)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    status = status_of_call(raised.value)
    assert b"MALFORMED_REQUEST" in status.SerializeToString()
    assert status.message == "the request is not the message that the method takes"


async def test_a_request_that_violates_the_contract_is_invalid(edge: ServedEdge) -> None:
    code, details = await refused(
        edge.stub.GetDashboard(dashboards.GetDashboardRequest(version=-1), metadata=edge.metadata)
    )
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert details["ErrorInfo"].reason == "INVALID_REQUEST"
    assert dict(details["ErrorInfo"].metadata) == {"violations": "2"}
    found = {(v.field, v.reason) for v in details["BadRequest"].field_violations}
    assert found == {("key", "REQUIRED"), ("version", "OUT_OF_RANGE")}


# The last one exceeds the limit of the transport, which answers without details but with the same code.
@pytest.mark.parametrize("size", [4 * 1024 * 1024 + 1, 5_000_000, 20_000_000])
@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
async def test_a_message_over_the_limit_is_refused(edge: ServedEdge, size: int, compression: grpc.Compression) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await raw(edge)(b"x" * size, metadata=edge.metadata, compression=compression)
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    if size < 5_200_000:
        details = status_of_call(raised.value).SerializeToString()
        assert b"MESSAGE_TOO_LARGE" in details
        assert str(size).encode() in details


async def test_a_message_at_the_limit_is_decoded(edge: ServedEdge) -> None:
    name = "x" * (4 * 1024 * 1024 - 5)
    body = dashboards.GetDashboardRequest(fully_qualified_name=name).SerializeToString()
    assert len(body) == 4 * 1024 * 1024
    code, details = await refused(raw(edge)(body, metadata=edge.metadata))
    assert (code, details["ErrorInfo"].reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")


@pytest.mark.parametrize(
    "method", ["/dashboardcatalog.v1.DashboardService/Nope", "/nope.Nope/Get", "/" + "n" * 4_000, "/x"]
)
async def test_an_unknown_method_is_unimplemented(edge: ServedEdge, method: str) -> None:
    code, details = await refused(raw(edge, method)(b""))
    assert code is grpc.StatusCode.UNIMPLEMENTED
    assert details["ErrorInfo"].reason == "UNKNOWN_METHOD"
    assert method.startswith(details["ErrorInfo"].metadata["method"].rstrip("…"))


def test_the_name_of_an_unknown_method_is_shown_without_control_characters() -> None:
    assert unknown_method("/a\x1b[31m\n\N{SNOWMAN}/Get").name == "a\ufffd[31m\ufffd\N{SNOWMAN}/Get"


async def test_an_unknown_method_is_unimplemented_for_a_stream(edge: ServedEdge) -> None:
    call: Any = edge.channel.stream_stream("/dashboardcatalog.v1.DashboardService/Nope")()
    code, _ = await refused(call.read())
    assert code is grpc.StatusCode.UNIMPLEMENTED


async def test_an_exception_is_an_internal_error_without_details(edge: ServedEdge) -> None:
    async def get(_request: Any, _context: Any) -> Any:
        raise RuntimeError(SECRET)

    edge.servicer.get = get
    with logged(edge) as lines, pytest.raises(grpc.aio.AioRpcError) as raised:
        await edge.stub.GetDashboard(SOMETHING, metadata=(*edge.metadata, ("x-request-id", "r-2")))
    status = status_of_call(raised.value)
    assert raised.value.code() is grpc.StatusCode.INTERNAL
    assert b"BUG" in status.SerializeToString()
    assert "r-2" in status.message
    assert SECRET not in str(raised.value)
    bug, call = lines
    assert (bug["event"], bug["log_level"], bug["exc_info"]) == ("bug", "error", True)
    assert (call["code"], call["log_level"]) == ("INTERNAL", "error")


async def test_an_abort_by_a_servicer_passes_unchanged(edge: ServedEdge) -> None:
    async def get(_request: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.DATA_LOSS, "on purpose")

    edge.servicer.get = get
    with logged(edge) as lines:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await edge.stub.GetDashboard(SOMETHING, metadata=edge.metadata)
        # Such a response is sent before the call is seen to end.
        await until(lambda: not edge.gate.running)
    assert (raised.value.code(), raised.value.details()) == (grpc.StatusCode.DATA_LOSS, "on purpose")
    assert [line["code"] for line in lines] == ["DATA_LOSS"]


async def test_every_call_is_logged_on_one_line_without_its_token(edge: ServedEdge) -> None:
    with logged(edge) as lines:
        await edge.stub.GetDashboard(SOMETHING, metadata=(*edge.metadata, ("x-request-id", "r-3")))
        await refused(edge.stub.GetDashboard(dashboards.GetDashboardRequest(), metadata=edge.metadata))
        await refused(edge.stub.GetDashboard(SOMETHING))
        await refused(raw(edge, "/nope/Nope")(b""))
        # A response can arrive before the call's own log line.
        await until(lambda: len(lines) >= 4)
    calls = [line for line in lines if line["event"] == "call"]
    got = [(line["method"].split("/")[1], line["code"], line["reason"]) for line in calls]
    assert got == [
        ("GetDashboard", "OK", None),
        ("GetDashboard", "INVALID_ARGUMENT", "INVALID_REQUEST"),
        ("GetDashboard", "UNAUTHENTICATED", "TOKEN_MISSING"),
        ("Nope", "UNIMPLEMENTED", "UNKNOWN_METHOD"),
    ]
    first = calls[0]
    assert (first["call_id"], first["subject"], first["log_level"]) == ("r-3", "ada", "info")
    assert first["peer"].startswith("ipv4:127.0.0.1:")
    assert 0 < first["duration_ms"] < 5_000
    token = edge.metadata[0][1].removeprefix("Bearer ")
    assert token not in repr(lines)


async def test_log_lines_are_soon_written_without_a_flush(edge: ServedEdge) -> None:
    with structlog.testing.capture_logs() as lines:
        await edge.stub.GetDashboard(SOMETHING, metadata=edge.metadata)
        await until(lambda: lines)
    assert [line["code"] for line in lines] == ["OK"]


async def test_log_lines_during_a_call_have_its_id(edge: ServedEdge) -> None:
    async def get(_request: Any, _context: Any) -> Any:
        structlog.get_logger().info("within")
        return dashboards.GetDashboardResponse()

    edge.servicer.get = get
    with logged(edge) as lines:
        await edge.stub.GetDashboard(SOMETHING, metadata=(*edge.metadata, ("x-request-id", "r-4")))
    within, _ = lines
    assert (within["call_id"], within["method"]) == ("r-4", "dashboardcatalog.v1.DashboardService/GetDashboard")


async def test_a_call_above_the_concurrency_limit_is_refused(tmp_path: Path) -> None:
    limit = 20
    let_go = asyncio.Event()

    async def get(_request: Any, _context: Any) -> Any:
        await let_go.wait()
        return dashboards.GetDashboardResponse()

    async with serving(tmp_path, limit) as edge:
        edge.servicer.get = get
        metadata = edge.metadata
        calls = [edge.stub.GetDashboard(SOMETHING, metadata=metadata) for _ in range(limit)]
        await until(lambda: edge.gate.running == limit)
        code, details = await refused(edge.stub.GetDashboard(SOMETHING, metadata=metadata))
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert details["ErrorInfo"].reason == "TOO_MANY_CALLS"
        assert dict(details["ErrorInfo"].metadata) == {"limit": "20", "scope": "server"}
        assert details["RetryInfo"].retry_delay.seconds == 1
        assert details["QuotaFailure"].violations
        healthy: Any = health_pb2_grpc.HealthStub(edge.channel)
        assert (await healthy.Check(health_pb2.HealthCheckRequest())).status
        let_go.set()
        await asyncio.gather(*calls)
        await edge.stub.GetDashboard(SOMETHING, metadata=metadata)
        assert edge.gate.running == 0


async def test_a_draining_server_refuses_new_calls_and_ends_running_ones(edge: ServedEdge) -> None:
    let_go = asyncio.Event()

    async def get(_request: Any, _context: Any) -> Any:
        await let_go.wait()
        return dashboards.GetDashboardResponse()

    edge.servicer.get = get
    running = edge.stub.GetDashboard(SOMETHING, metadata=edge.metadata)
    await until(lambda: edge.gate.running)
    edge.gate.drain()
    code, details = await refused(edge.stub.GetDashboard(SOMETHING, metadata=edge.metadata))
    assert (code, details["ErrorInfo"].reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
    assert details["RetryInfo"].retry_delay.seconds == DRAINING_SECONDS
    let_go.set()
    await running
    async with asyncio.timeout(PATIENCE):
        await edge.gate.idle()


async def test_cancelling_a_call_cancels_its_servicer(edge: ServedEdge) -> None:
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def get(_request: Any, _context: Any) -> Any:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.set_result("cancelled")
            raise

    edge.servicer.get = get
    with logged(edge) as lines:
        call = edge.stub.GetDashboard(SOMETHING, metadata=edge.metadata)
        await until(lambda: edge.gate.running)
        call.cancel()
        async with asyncio.timeout(PATIENCE):
            assert await ended == "cancelled"
            await edge.gate.idle()
    assert [(line["event"], line["code"]) for line in lines] == [("call", "CANCELLED")]


async def test_a_client_that_goes_while_it_is_refused_is_no_error() -> None:
    async def abort(*_args: Any) -> None:
        raise grpc.aio.InternalError("the client has gone")

    async def admit(*_args: Any) -> None:
        raise CatalogError(Reason.NOT_FOUND, "there is none")

    context: Any = SimpleNamespace(abort=abort, peer=str, set_trailing_metadata=lambda _trailers: None)
    log = AccessLog()
    observed = Observation(unknown_method("/x/Y"), (), admit, ids=CallIds(), access_log=log)
    with structlog.testing.capture_logs() as lines:
        # gRPC would log what this raises with a traceback.
        await observed.stream_unary(None, context)
        log.flush()
    assert [(line["event"], line["code"]) for line in lines] == [("call", "NOT_FOUND")]
