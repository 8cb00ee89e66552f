"""The HTTP door shows metrics to those who have a token, and counts requests by route."""

import httpx
import pytest
from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as OPEN_METRICS_LATEST

from dashboard_catalog.server import CatalogServer
from tests.http.conftest import Connect
from tests.metrics_reading import OPEN_METRICS, read
from tests.service.caller import Service

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

TEXT = CONTENT_TYPE_LATEST.partition(";")[0]


@pytest.fixture
def client(server: CatalogServer, service: Service) -> httpx.AsyncClient:
    """Somebody without any role. What is read here is not JSON, as OpenMetadata's clients expect."""
    assert server.http
    headers = {"authorization": f"Bearer {service.token('prometheus')}"}
    return httpx.AsyncClient(base_url=f"http://{server.http.address}", headers=headers)


async def test_metrics_need_a_token_and_no_role(connect: Connect, client: httpx.AsyncClient) -> None:
    async with connect() as stranger, client:
        assert (await stranger.get("/metrics")).status_code == 401
        for accept, kind in ((OPEN_METRICS, OPEN_METRICS.partition(";")[0]), ("text/plain", TEXT), ("*/*", TEXT)):
            answer = await client.get("/metrics", headers={"accept": accept})
            assert answer.status_code == 200
            assert answer.headers["content-type"].partition(";")[0] == kind
            found = read(answer.text, answer.headers["content-type"])
            assert found.of("database_usable") == 1
            assert found.label("process") == {"0"}
            # Only the connection of this client, and perhaps of those before it.
            assert found.of("http_connections") >= 1


@pytest.mark.parametrize("version", ["made-up", "9.9", "-1", "\N{SUPERSCRIPT TWO}"])
async def test_what_a_client_accepts_can_be_anything(client: httpx.AsyncClient, version: str) -> None:
    async with client:
        accept = f"application/openmetrics-text;version={version},text/plain;version={version}"
        answer = await client.get("/metrics", headers={b"accept": accept.encode()})
    assert (answer.status_code, answer.headers["content-type"]) == (200, OPEN_METRICS_LATEST)


async def test_requests_are_counted_by_route_and_never_by_what_was_sent(
    connect: Connect, client: httpx.AsyncClient
) -> None:
    async with client, connect("ann", "data_steward") as ann:
        before = read((await client.get("/metrics")).text, TEXT)
        await ann.get("/api/v1/dashboards/name/made.up")
        for method, path in (("GET", "/made/up"), ("MADEUP", "/made/up"), ("MADEUP", "/api/v1/dashboards")):
            assert (await client.request(method, path)).status_code in {404, 405}
        lacking = {"name": "d", "service": "made up", "madeUp": 1, "lifeCycle": {}}
        await ann.put("/api/v1/dashboards", json=lacking)
        await ann.put(
            "/api/v1/lineage", json={"edge": {end: {"id": "1", "type": "x"} for end in ("fromEntity", "toEntity")}}
        )
        after = read((await client.get("/metrics")).text, TEXT)

    def change(name: str, **labels: str) -> float:
        return after.of(name, **labels) - before.of(name, **labels)

    route = "GET /api/v1/dashboards/name/{fqn}"
    assert change("call_duration_seconds_count", door="http", method=route, code="NOT_FOUND") == 1
    assert change("call_duration_seconds_count", door="http", method="unknown", code="UNIMPLEMENTED") == 3
    assert change("http_dropped_total", resource="lineage", field="") == 1
    assert change("http_dropped_total", resource="dashboard", field="lifeCycle") == 1
    assert change("http_dropped_total", resource="dashboard", field="other") == 1
    labels = {value for sample in after.samples for value in sample.labels.values()}
    assert not [value for value in labels if "made" in value.lower()]
