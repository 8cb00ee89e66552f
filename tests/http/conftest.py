"""A server with its HTTP door, and clients of it."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from dashboard_catalog.auth.issuing import issue_token
from dashboard_catalog.auth.signing_key import load_or_create_key
from dashboard_catalog.server import CatalogServer, build
from dashboard_catalog.settings import Settings
from tests.http.models import problem_of
from tests.service.caller import Caller, Service

Connect = Callable[..., httpx.AsyncClient]


@pytest.fixture
async def server(database_url: str, tmp_path: Path) -> AsyncIterator[CatalogServer]:
    """A running server."""
    given = {"address": "127.0.0.1:0", "http_address": "127.0.0.1:0", "data_dir": tmp_path / "data"}
    server = await build(Settings.load(given | {"database_url": database_url}))
    await server.start()
    yield server
    await server.drain(seconds=1)


@pytest.fixture
async def superset(server: CatalogServer, tmp_path: Path) -> AsyncIterator[Caller]:
    """The admin over gRPC, in a catalog with BI service `superset` and everything that assets can refer to."""
    async with Service(server.address, load_or_create_key(tmp_path / "data"), server.database, server.index) as service:
        admin = service.caller("admin", "admin")
        await admin.add_small_catalog()
        yield admin


@pytest.fixture
def connect(server: CatalogServer, tmp_path: Path) -> Connect:
    """Makes clients: `connect("ann", "data_steward")`, or without a token."""
    key = load_or_create_key(tmp_path / "data")

    def connect(subject: str | None = None, *roles: str) -> httpx.AsyncClient:
        assert server.http
        headers = {}
        if subject:
            token = issue_token(key, subject, roles, bot="ingestion_bot" in roles)
            headers["authorization"] = f"Bearer {token}"
        hooks = {"response": [_check_answer]}
        return httpx.AsyncClient(base_url=f"http://{server.http.address}", headers=headers, event_hooks=hooks)

    return connect


async def _check_answer(answer: httpx.Response) -> None:
    """Fails if OpenMetadata's clients would not accept an answer."""
    content = await answer.aread()
    path = answer.request.url.raw_path.decode().partition("?")[0]
    kind = answer.headers.get("content-type", "")
    problem = problem_of(answer.request.method, path, answer.status_code, kind, content)
    assert problem is None, problem
