"""What surrounds every request: who may call, limits, errors as JSON, log lines, and the end of the server."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from dashboard_catalog.http.edge.edge import OPEN_PATHS
from dashboard_catalog.server import CatalogServer
from tests.http.conftest import Connect
from tests.patience import PATIENCE
from tests.service.servers import running

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def test_some_paths_are_open(connect: Connect) -> None:
    async with connect() as client:
        assert (await client.get("/healthz")).json() == {"status": "running"}
        assert (await client.get("/readyz")).json() == {"status": "ready"}
        assert (await client.get("/api/v1/system/version")).json()["version"] == "2.0.7"
        page = await client.get("/docs")
        assert page.headers["content-type"].startswith("text/html")
        # The page loads nothing, from anywhere.
        assert re.findall("(?:src|href)=([^ >]*)|<script|<link|@import|url\\(", page.text) == ["/openapi.json"]
        head = await client.head("/healthz")
        assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "20")


async def test_the_description_says_what_is_answered(connect: Connect) -> None:
    async with connect() as client:
        described = (await client.get("/openapi.json")).json()
    assert described["components"]["securitySchemes"].keys() == {"token"}
    for path, methods in described["paths"].items():
        for method, one in methods.items():
            assert one["summary"], path
            assert one["responses"]["default"]["content"].keys() == {"application/json"}
            assert "422" not in one["responses"]
            assert ("security" in one) is (path not in OPEN_PATHS), path
            assert ("requestBody" in one) is (method in {"put", "post", "patch"} and "security" in one), path


ODD: list[tuple[bytes, int]] = [
    (b"GET /api/v1/nothing HTTP/1.1", 404),
    (b"POST /api/v1/nothing?x=1 HTTP/1.1", 404),
    (b"GET // HTTP/1.1", 404),
    (b"GET //healthz HTTP/1.1", 404),
    (b"GET /docs/../healthz HTTP/1.1", 404),
    (b"GET /api/v1/dashboards/ HTTP/1.1", 404),
    (b"GET http://other/healthz HTTP/1.1", 404),
    (b"OPTIONS * HTTP/1.1", 404),
    (b"CONNECT other:443 HTTP/1.1", 404),
    (b"DELETE /docs HTTP/1.1", 405),
    (b"OPTIONS /api/v1/dashboards HTTP/1.1", 405),
    (b"BREW /api/v1/dashboards HTTP/1.1", 405),
    (b"GET /api/v1/dashboards?limit=secret HTTP/1.1", 400),
    (b"GET /api/v1/dashboards?limit=" + b"9" * 5_000 + b" HTTP/1.1", 400),
    (b"GET /api/v1/dashboards?include=secret HTTP/1.1", 400),
    (b"GET /api/v1/dashboards/name/%00%ff HTTP/1.1", 400),
    (b"GET /api/v1/dashboards/name/a.b%2Fc HTTP/1.1", 404),
    (b"GET /api/v1/dashboards/name/a.b/../c HTTP/1.1", 400),
    (b"GET /api/v1/nothing HTTP/1.1\r\nhost: another", 400),
    (b"GET /api/v1/nothing HTTP/1.1\r\nupgrade: websocket\r\nconnection: upgrade", 404),
    (b"PUT /api/v1/dashboards HTTP/1.1\r\ncontent-length: 0", 400),
    (b"PUT /api/v1/dashboards HTTP/1.1\r\ncontent-length: 2\r\ncontent-length: 3", 400),
    (b"PUT /api/v1/dashboards HTTP/1.1\r\ncontent-length: -1", 400),
    (b"PUT /api/v1/dashboards HTTP/1.1\r\ntransfer-encoding: gzip", 400),
    (b"\x16\x03\x01 nonsense", 400),
    (b"PRI * HTTP/2.0", 404),
    (b"GET / HTTP/1.1\r\nx: " + b"y" * 500_000, 400),
]


async def test_whatever_is_sent_is_answered_as_json(connect: Connect, server: CatalogServer) -> None:
    authorization = connect("ann", "admin").headers["authorization"].encode()
    for sent, status in ODD:
        answer = await exchanged(
            server, sent + b"\r\nhost: a\r\nauthorization: " + authorization + b"\r\n\r\n", end=True
        )
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 %d " % status), (sent[:80], answer)
        assert b"\r\ncontent-type: application/json" in head, sent[:80]
        assert (status == 405) is (b"\r\nallow: " in head)
        said, _ = json.JSONDecoder().raw_decode(body.decode())
        assert said.keys() == {"code", "message"}
        assert said["code"] == status
        assert b"secret" not in body
        assert b"nothing" not in body


async def test_a_body_is_asked_for_only_when_it_is_wanted(connect: Connect, server: CatalogServer) -> None:
    authorization = connect("ann", "admin").headers["authorization"].encode()
    head = b"PUT /api/v1/dashboards HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n"
    assert (await exchanged(server, head + b"\r\n")).startswith(b"HTTP/1.1 401 ")
    asked = await exchanged(server, head + b"authorization: " + authorization + b"\r\n\r\n")
    assert asked.startswith(b"HTTP/1.1 100 ")


async def test_a_body_in_chunks_is_read_whole(connect: Connect) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for part in (b'{"na', b'me": 3}'):
            yield part

    async with connect("ann", "admin") as client:
        answer = await client.put("/api/v1/dashboards", content=chunks())
        assert answer.status_code == 400
        assert "name" in answer.json()["message"]
        both = {"content-length": "5", "transfer-encoding": "chunked"}
        answer = await client.put("/api/v1/dashboards", content=chunks(), headers=both)
        assert (answer.status_code, answer.headers["connection"]) == (400, "close")


async def exchanged(server: CatalogServer, sent: bytes, *, end: bool = False) -> bytes:
    """Returns what is answered to bytes; with `end` the connection is asked to close, and everything is read."""
    assert server.http
    host, _, port = server.http.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(sent[:-2] + b"connection: close\r\n\r\n" if end else sent)
    async with asyncio.timeout(PATIENCE):
        answer = await (reader.read() if end else reader.readuntil(b"\r\n\r\n"))
    writer.transport.abort()
    return answer


async def test_a_caller_needs_one_token(connect: Connect) -> None:
    async with connect() as client:
        answer = await client.get("/api/v1/nothing")
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert answer.json() == {"code": 401, "message": answer.json()["message"]}
        twice = [("authorization", "Bearer a"), ("authorization", "Bearer b")]
        assert (await client.get("/api/v1/nothing", headers=twice)).status_code == 401
        basic = (await client.get("/api/v1/nothing", headers={"authorization": "Basic eDp5"})).json()["message"]
        # One text for both doors: gRPC calls metadata what is a header here.
        assert basic == "the call has no token: `authorization` is not `Bearer TOKEN`"


async def test_a_body_is_limited(connect: Connect) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"x" * 2**20

    async with connect("ann") as client:
        for body in (b"x" * (4 * 2**20 + 1), endless()):
            answer = await client.put("/api/v1/nothing", content=body)
            assert answer.status_code == answer.json()["code"] == 413


async def test_every_request_leaves_a_line_that_names_its_route_and_not_its_path(
    connect: Connect, server: CatalogServer
) -> None:
    async with connect("ann") as client:
        with capture_logs() as logged:
            await client.get("/api/v1/secret-name", headers={"x-request-id": "mine"})
            denied = await client.get("/api/v1/dashboards/name/secret-name.x")
            await client.get("/api/v1/system/version")
            server._access_log.flush()
    lines = [(line["method"], line["code"], line["subject"]) for line in logged if line["event"] == "call"]
    assert lines[:2] == [
        ("GET (unknown path)", "UNIMPLEMENTED", "ann"),
        ("GET /api/v1/dashboards/name/{fqn}", "PERMISSION_DENIED", "ann"),
    ]
    assert [line["call_id"] for line in logged if line["event"] == "denied"] == [denied.headers["x-request-id"]]
    assert "mine" in {line.get("call_id") for line in logged}
    assert "secret-name" not in str(lines)


async def test_draining_refuses_new_requests(database_url: str, tmp_path: Path) -> None:
    async with running(database_url, tmp_path / "data", http_address="127.0.0.1:0") as (server, service):
        assert server.http
        headers = {"authorization": f"Bearer {service.token('ann')}"}
        client = httpx.AsyncClient(base_url=f"http://{server.http.address}", headers=headers)
        await client.get("/healthz")
        server._gate.drain()
        # The second comes over a new connection, because the first one is closed after the answer.
        for body in (b"", b"x" * 2_000_000):
            answer = await client.put("/api/v1/dashboards", content=body)
            assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, 503, "1")
            assert answer.headers["connection"] == "close"
        await server._health.drain()
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()) == (503, {"code": 503, "message": "the server is stopping"})
        await client.aclose()
