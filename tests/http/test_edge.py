"""What surrounds every request: who may call, limits, errors as JSON, log lines, and the end of the server."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from dashboard_catalog.server import CatalogServer
from tests.http.conftest import Connect
from tests.patience import PATIENCE

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def test_some_paths_are_open(connect: Connect) -> None:
    async with connect() as client:
        assert (await client.get("/healthz")).json() == {"status": "running"}
        assert (await client.get("/readyz")).json() == {"status": "ready"}
        assert (await client.get("/api/v1/system/version")).json()["version"] == "2.0.7"
        assert "/api/v1/system/version" in (await client.get("/openapi.json")).json()["paths"]
        page = await client.get("/docs")
        assert page.headers["content-type"].startswith("text/html")
        assert "http" not in page.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/v1/nothing", 404), ("POST", "/api/v1/nothing?x=1", 404), ("DELETE", "/docs", 405)],
)
async def test_what_does_not_exist_is_answered_as_json(connect: Connect, method: str, path: str, status: int) -> None:
    async with connect("ann") as client:
        answer = await client.request(method, path)
        assert answer.status_code == answer.json()["code"] == (404 if status == 405 else status)
        assert answer.json().keys() == {"code", "message"}
        assert path not in answer.text


async def test_a_caller_needs_one_token(connect: Connect) -> None:
    async with connect() as client:
        answer = await client.get("/api/v1/nothing")
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert answer.json() == {"code": 401, "message": answer.json()["message"]}
        twice = [("authorization", "Bearer a"), ("authorization", "Bearer b")]
        assert (await client.get("/api/v1/nothing", headers=twice)).status_code == 401


async def test_a_body_is_limited(connect: Connect) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"x" * 2**20

    async with connect("ann") as client:
        for body in (b"x" * (4 * 2**20 + 1), endless()):
            answer = await client.put("/api/v1/nothing", content=body)
            assert answer.status_code == answer.json()["code"] == 413


async def test_every_request_leaves_a_line_that_names_no_path(connect: Connect, server: CatalogServer) -> None:
    async with connect("ann") as client:
        with capture_logs() as logged:
            await client.get("/api/v1/secret-name", headers={"x-request-id": "mine"})
            await client.get("/api/v1/system/version")
            server._access_log.flush()
    assert logged
    assert "secret-name" not in str(logged)


async def test_what_is_not_http_is_answered_as_json(server: CatalogServer) -> None:
    assert server.http
    host, _, port = server.http.address.rpartition(":")
    for sent in (b"\x16\x03\x01 nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nx: " + b"y" * 70_000):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(sent)
        async with asyncio.timeout(PATIENCE):
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400")
        assert json.loads(body)["code"] == 400
        writer.close()


async def test_draining_refuses_new_requests(connect: Connect, server: CatalogServer) -> None:
    async with connect("ann") as client:
        await client.get("/healthz")
        server._gate.drain()
        answer = await client.get("/api/v1/nothing")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        await server._health.drain()
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["problem"]) == (503, "the server is stopping")
