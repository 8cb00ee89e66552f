"""Spans of calls through both doors: what is above and below them, what they say, and what they never say."""

import re
from contextlib import suppress
from typing import Any

import grpc.aio
import httpx
import pytest
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest
from opentelemetry.trace import SpanKind, StatusCode
from sqlalchemy import make_url

from dashboard_catalog.calls.access_log import CallLine
from dashboard_catalog.server import CatalogServer
from tests.docs.conftest import ROOT
from tests.http.conftest import Connect
from tests.patience import PATIENCE
from tests.service.caller import Caller, Refused, Service
from tests.tracing.recorded import Recorded, attributes

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, NOT_SAMPLED = f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-00"
SALES: dict[str, Any] = {
    "name": "sales-secret-name",
    "service": "superset",
    "displayName": "Secret display",
    "description": "secret text",
    "charts": ["superset.c1"],
    "owners": [{"type": "user", "name": "ann"}],
    "tags": [{"tagFQN": "PII.Email"}],
    "extension": {"costCentre": "secret-centre"},
}


async def test_an_upsert_is_one_trace_down_to_its_statements(
    recorded: Recorded, superset: Caller, database_url: str
) -> None:
    await superset.upsert_dashboard(dashboard=SALES)

    call = await recorded.call("/UpsertDashboard")
    assert (call.name, call.kind) == ("dashboardcatalog.v1.DashboardService/UpsertDashboard", SpanKind.SERVER)
    assert call.parent is None
    said = attributes(call)
    assert len(str(said.pop("dashboard_catalog.call_id"))) == 32
    assert said == {
        "rpc.system.name": "grpc",
        "rpc.method": "dashboardcatalog.v1.DashboardService/UpsertDashboard",
        "rpc.response.status_code": "OK",
    }
    batch = recorded.only_below(call)
    assert (batch.name, attributes(batch)) == ("write batch", {"dashboard_catalog.batch.size": 1})
    transaction = recorded.only_below(batch)
    system = database_url.partition("+")[0]
    assert transaction.name == "transaction"
    assert attributes(transaction) == {"db.system.name": system, "dashboard_catalog.attempt": 1}
    statements = recorded.below(transaction)
    # The path of a file is left out.
    namespace = None if system == "sqlite" else make_url(database_url).database
    names = [span.name for span in statements]
    assert names[-1] == "COMMIT"
    assert {"UPDATE service_sequence", "SELECT entity"} & set(names)
    assert any("dashboard" in name for name in names)
    for statement in statements:
        assert statement.kind is SpanKind.CLIENT
        assert attributes(statement)["db.system.name"] == system
        assert attributes(statement).get("db.namespace") == namespace
        assert attributes(statement)["db.operation.name"] == str(attributes(statement)["db.query.text"]).split()[0]
    assert call.context
    assert {span.context.trace_id for span in recorded if span.context} == {call.context.trace_id}


async def test_no_attribute_has_a_value_a_subject_or_a_token(
    recorded: Recorded, superset: Caller, connect: Connect
) -> None:
    created = await superset.upsert_dashboard(dashboard=SALES)
    await superset.bulk([{"dashboard": SALES}, {"dashboard": {**SALES, "description": "another secret text"}}])
    await superset.list_dashboards(owner="user:ann", name_prefix="sales-secret")
    await superset.get_dashboard(fully_qualified_name="superset.sales-secret-name")
    with suppress(Refused):
        await superset.upsert_dashboard(dashboard={**SALES, "domain": "secret"})
    async with connect("admin", "admin") as client:
        assert (await client.get("/api/v1/dashboards/name/superset.sales-secret-name?fields=owners")).is_success

    token = str(superset.metadata[0][1]).removeprefix("Bearer ")
    said = "\n".join(span.to_json() for span in recorded)
    assert "GET /api/v1/dashboards/name/{fqn}" in said
    for value in ("secret", "admin", "ann", "PII", "superset", token, created["dashboard"]["id"]):
        assert value not in said, value
    # And every attribute is described.
    described = set(re.findall("`([a-z_.]+)`", ROOT.joinpath("docs/tracing.md").read_text()))
    seen = {name for span in recorded for name in attributes(span)}
    assert seen <= described
    assert {"db.query.summary", "db.response.returned_rows"} <= seen


@ON_SQLITE
async def test_a_call_is_in_the_trace_of_its_caller(recorded: Recorded, superset: Caller) -> None:
    superset.metadata += [("traceparent", SAMPLED), ("tracestate", "vendor=1")]
    with suppress(Refused):
        await superset.get_dashboard(fully_qualified_name="superset.none")

    call = await recorded.call("/GetDashboard")
    assert call.context
    assert call.parent
    assert f"{call.context.trace_id:032x}" == TRACE
    assert f"{call.parent.span_id:016x}" == SPAN
    assert call.context.trace_state == {"vendor": "1"}


@ON_SQLITE
async def test_a_trace_that_its_caller_does_not_record_is_not_recorded(recorded: Recorded, superset: Caller) -> None:
    plain = list(superset.metadata)
    superset.metadata = [*plain, ("traceparent", NOT_SAMPLED)]
    await superset.upsert_dashboard(dashboard=SALES)
    superset.metadata = plain
    await superset.upsert_dashboard(dashboard=SALES)

    await recorded.call("/UpsertDashboard")
    assert len(recorded.named("write batch")) == 1


@ON_SQLITE
@pytest.mark.parametrize(
    "sent",
    [
        [("traceparent", "nonsense")],
        [("traceparent", f"00-{'0' * 32}-{SPAN}-01")],
        [("traceparent", f"00-{TRACE}-{'0' * 16}-01")],
        [("traceparent", f"ff-{TRACE}-{SPAN}-01")],
        [("traceparent", SAMPLED.upper())],
        [("traceparent", SAMPLED + "-" + "x" * 500)],
        [("tracestate", "vendor=1")],
    ],
    ids=["nonsense", "no trace", "no span", "version", "capitals", "long", "state alone"],
)
async def test_a_malformed_parent_is_ignored_without_a_word(
    recorded: Recorded, superset: Caller, sent: list[tuple[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    superset.metadata += sent
    with suppress(Refused):
        await superset.get_dashboard(fully_qualified_name="superset.none")

    call = await recorded.call("/GetDashboard")
    assert call.parent is None
    assert call.context
    assert f"{call.context.trace_id:032x}" != TRACE
    assert not [record for record in caplog.records if record.name.startswith("opentelemetry")]


@ON_SQLITE
async def test_a_request_with_two_parents_is_in_a_trace_of_its_own(recorded: Recorded, connect: Connect) -> None:
    twice = [("traceparent", SAMPLED), ("traceparent", SAMPLED.replace("4bf", "5bf"))]
    async with connect("admin", "admin") as client:
        await client.get("/api/v1/dashboards", headers=[*client.headers.items(), *twice])

    assert (await recorded.call("GET /api/v1/dashboards")).parent is None


@ON_SQLITE
@pytest.mark.parametrize(
    "state", ["no member", "a=1,a=2,", "a=" + "x" * 600, "A=1", "a=", ",".join(f"a{number}=1" for number in range(33))]
)
async def test_a_malformed_state_is_dropped_without_a_word(
    recorded: Recorded, connect: Connect, state: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect("admin", "admin") as client:
        await client.get("/api/v1/dashboards", headers={"traceparent": SAMPLED, "tracestate": state})

    call = await recorded.call("GET /api/v1/dashboards")
    assert call.parent
    assert f"{call.parent.span_id:016x}" == SPAN
    assert call.context
    assert not call.context.trace_state
    assert not [record for record in caplog.records if record.name.startswith("opentelemetry")]


@ON_SQLITE
async def test_calls_without_a_token_make_no_spans_where_none_is_needed(
    recorded: Recorded, service: Service, connect: Connect, superset: Caller
) -> None:
    async with grpc.aio.insecure_channel(service.address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        await stub.Check(HealthCheckRequest(), timeout=PATIENCE)
        unknown: Any = channel.unary_unary("/made.up/Method")
        with pytest.raises(grpc.aio.AioRpcError):
            await unknown(b"", timeout=PATIENCE)
    async with connect() as client:
        for path in ("/healthz", "/readyz", "/api/v1/system/version"):
            assert (await client.get(path)).is_success
    with suppress(Refused):
        await superset.get_dashboard(fully_qualified_name="superset.none")

    await recorded.call("/GetDashboard")
    assert {span.kind for span in recorded if span.parent is None} == {SpanKind.SERVER}
    assert [span.name.rpartition("/")[2] for span in recorded if span.parent is None] == ["GetDashboard"]


@ON_SQLITE
async def test_a_refusal_is_no_error_of_the_server(recorded: Recorded, service: Service, superset: Caller) -> None:
    with pytest.raises(Refused):
        await superset.get_dashboard(fully_qualified_name="superset.none")
    missing = await recorded.call("/GetDashboard")
    recorded.clear()
    with pytest.raises(Refused):
        await service.stranger().get_dashboard(fully_qualified_name="superset.none")
    strange = await recorded.call("/GetDashboard")

    assert (missing.status.status_code, strange.status.status_code) == (StatusCode.UNSET, StatusCode.UNSET)
    assert attributes(missing)["rpc.response.status_code"] == "NOT_FOUND"
    assert attributes(missing)["dashboard_catalog.reason"] == "NOT_FOUND"
    assert attributes(strange)["dashboard_catalog.reason"] == "TOKEN_MISSING"


@ON_SQLITE
async def test_a_request_over_http_is_named_after_its_route(
    recorded: Recorded, connect: Connect, server: CatalogServer
) -> None:
    async with connect("admin", "admin") as client:
        sent = {"name": "http", "service": "superset"}
        assert (await client.put("/api/v1/dashboards", json=sent, headers={"traceparent": SAMPLED})).status_code == 201
        assert (await client.get("/api/v1/dashboards/name/superset.none")).status_code == 404
        assert (await client.get("/nothing")).status_code == 404
    assert server.http
    async with httpx.AsyncClient(base_url=f"http://{server.http.address}") as stranger:
        assert (await stranger.request("BREW", "/api/v1/dashboards")).status_code == 401

    put = await recorded.call("PUT /api/v1/dashboards")
    assert put.parent
    assert f"{put.parent.span_id:016x}" == SPAN
    said = attributes(put)
    call_id = said.pop("dashboard_catalog.call_id")
    assert call_id
    assert said == {
        "http.request.method": "PUT",
        "url.scheme": "http",
        "http.route": "/api/v1/dashboards",
        "http.response.status_code": 201,
        "dashboard_catalog.code": "OK",
    }
    assert "write batch" in [span.name for span in recorded.below(put)]
    missing = recorded.one("GET /api/v1/dashboards/name/{fqn}")
    assert missing.status.status_code is StatusCode.UNSET
    assert attributes(missing)["http.response.status_code"] == 404
    assert attributes(recorded.one("GET"))["dashboard_catalog.code"] == "UNIMPLEMENTED"
    assert attributes(recorded.one("HTTP"))["http.request.method"] == "_OTHER"


@ON_SQLITE
async def test_log_lines_have_the_id_of_the_trace(
    recorded: Recorded,
    superset: Caller,
    server: CatalogServer,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines: list[CallLine] = []
    monkeypatch.setattr(server._access_log, "add", lines.append)
    superset.metadata += [("traceparent", SAMPLED)]
    with suppress(Refused):
        await superset.get_dashboard(fully_qualified_name="superset.none")
    async with connect("admin", "admin") as client:
        await client.get("/api/v1/dashboards", headers={"traceparent": SAMPLED})
        await client.get("/api/v1/charts", headers={"traceparent": NOT_SAMPLED})
    found = {line.method.rpartition("/")[2]: line.trace_id for line in lines}
    assert found == {"GetDashboard": TRACE, "dashboards": TRACE, "charts": None}
    assert recorded.named("GET /api/v1/charts") == []


@ON_SQLITE
async def test_a_stream_has_a_span_per_chunk(recorded: Recorded, bot: Caller) -> None:
    chunks = [[{"dashboard": {"name": f"d{n}", "service": "superset"}} for n in range(size)] for size in (3, 5)]
    await bot.bulk(*chunks)

    call = await recorded.call("/BulkUpsert")
    found = [span for span in recorded.below(call) if span.name == "chunk"]
    assert [attributes(span) for span in found] == [
        {"dashboard_catalog.chunk.size": 3, "dashboard_catalog.chunk.offset": 0},
        {"dashboard_catalog.chunk.size": 5, "dashboard_catalog.chunk.offset": 3},
    ]
    for chunk in found:
        transaction = recorded.only_below(chunk)
        assert transaction.name == "transaction"
        statements = [attributes(span) for span in recorded.below(transaction)]
        assert statements[-1]["db.operation.name"] == "COMMIT"
        assert any("db.operation.batch.size" in statement for statement in statements)
