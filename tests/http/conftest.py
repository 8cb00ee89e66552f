"""Clients of the HTTP door of servers that the tests share, as in `tests/service`."""

from collections.abc import Callable

import httpx
import pytest

from dashboard_catalog.server import CatalogServer
from tests.http.models import problem_of
from tests.service.caller import Service
from tests.service.conftest import admin, database_url, service, shared_servers, shared_sqlite, superset
from tests.service.servers import SharedServer

__all__ = ["admin", "database_url", "service", "shared_servers", "shared_sqlite", "superset"]

Connect = Callable[..., httpx.AsyncClient]


@pytest.fixture
def server(service: Service, database_url: str, shared_servers: dict[str, SharedServer]) -> CatalogServer:
    """The server behind `service`."""
    server = shared_servers[database_url.partition("+")[0]].server
    assert server.address == service.address
    return server


@pytest.fixture
def connect(server: CatalogServer, service: Service) -> Connect:
    """Makes clients: `connect("ann", "data_steward")`, or without a token."""

    def connect(subject: str | None = None, *roles: str) -> httpx.AsyncClient:
        assert server.http
        headers = {}
        if subject:
            token = service.token(subject, *roles, bot="ingestion_bot" in roles)
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
