"""The service that the catalog is compared with does its work: it stores, refuses and keeps what it should."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from benchmarks import data
from benchmarks.comparison.measures import BULK, ONE, bulk_bodies
from benchmarks.comparison.seed import seed
from benchmarks.http_client import put
from benchmarks.servers import Server, comparison_server
from tests.postgres import PostgresServer

DATABASE = "comparison"
COUNT = 3
STORED = """
    SELECT d.fully_qualified_name, d.display_name, d.description, d.dashboard_type, d.source_url, d.project,
        s.name AS service, d.version, d.updated_at, d.updated_by,
        ARRAY(SELECT c.fully_qualified_name FROM dashboard_chart JOIN chart c ON c.id = target_id
            WHERE dashboard_id = d.id ORDER BY 1) AS charts,
        ARRAY(SELECT u.name FROM dashboard_owner JOIN user_account u ON u.id = target_id
            WHERE dashboard_id = d.id ORDER BY 1) AS owners,
        ARRAY(SELECT t.fully_qualified_name FROM dashboard_tag JOIN tag t ON t.id = target_id
            WHERE dashboard_id = d.id ORDER BY 1) AS tags,
        ARRAY(SELECT v.document ->> 'description' FROM dashboard_version v
            WHERE v.dashboard_id = d.id ORDER BY v.version) AS descriptions_before
    FROM dashboard d JOIN bi_service s ON s.id = d.service_id ORDER BY 1
"""


@pytest.fixture
def server(postgres: PostgresServer, tmp_path: Path) -> Iterator[Server]:
    """The running service, with charts for three dashboards."""
    postgres.execute(f"CREATE DATABASE {DATABASE}")
    seed(postgres.url(DATABASE), data.entities(), data.charts(COUNT * data.CHARTS))
    with comparison_server(tmp_path, DATABASE, postgres) as running:
        yield running
    postgres.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


def test_it_stores_each_version_once_and_keeps_earlier_ones(server: Server, postgres: PostgresServer) -> None:
    first, changed = data.dashboards(COUNT), data.dashboards(COUNT, edition=2)
    assert send(server, BULK, *bulk_bodies(first, COUNT)) == {**NOTHING, "created": COUNT}
    loaded = stored(postgres)
    assert [without_audit(row) for row in loaded] == expected(first, 0.1)
    assert send(server, BULK, *bulk_bodies(first, COUNT)) == {**NOTHING, "unchanged": COUNT}
    assert stored(postgres) == loaded
    assert send(server, BULK, *bulk_bodies(changed, COUNT)) == {**NOTHING, "updated": COUNT}
    before = [[item.dashboard.description] for item in first]
    assert [without_audit(row) for row in stored(postgres)] == expected(changed, 0.2, before)


def test_one_dashboard_is_returned_as_it_is_stored(server: Server, postgres: PostgresServer) -> None:
    spec = json.loads(data.json_bodies(data.dashboards(1))[0])
    answer = send(server, ONE, json.dumps({**spec, "charts": spec["charts"][:2]}).encode())
    assert sorted(chart["fullyQualifiedName"] for chart in answer["charts"]) == sorted(spec["charts"][:2])
    assert send(server, ONE, json.dumps(spec).encode())["version"] == 0.2
    (row,) = stored(postgres)
    assert row["charts"] == sorted(spec["charts"])
    assert row["updated_by"] == answer["updatedBy"] == "loader"


def test_a_dashboard_with_an_unknown_reference_is_refused_alone_and_fails_a_measurement(
    server: Server, postgres: PostgresServer
) -> None:
    body = bulk_bodies(data.dashboards(COUNT + 1), COUNT + 1)[0]
    answer = send(server, BULK, body)
    assert (answer["created"], [failure["index"] for failure in answer["failed"]]) == (COUNT, [COUNT])
    assert len(stored(postgres)) == COUNT
    with pytest.raises(RuntimeError, match="does not exist"):
        put(server.address, server.token, BULK, [body], callers=1)
    with pytest.raises(RuntimeError, match="401"):
        put(server.address, "no token", BULK, [body], callers=1)


NOTHING: dict[str, Any] = {"created": 0, "updated": 0, "unchanged": 0, "failed": []}


def send(server: Server, path: str, body: bytes) -> Any:
    headers = {"authorization": f"Bearer {server.token}", "content-type": "application/json"}
    return httpx.put(f"http://{server.address}{path}", content=body, headers=headers).raise_for_status().json()


def stored(postgres: PostgresServer) -> list[dict[str, Any]]:
    return asyncio.run(_stored(postgres))


async def _stored(postgres: PostgresServer) -> list[dict[str, Any]]:
    connection = await asyncpg.connect(host=str(postgres.folder), user="postgres", database=DATABASE)
    try:
        return [dict(row) for row in await connection.fetch(STORED)]
    finally:
        await connection.close()


def without_audit(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in {"updated_at", "updated_by"}}


def expected(
    items: list[data.Item], version: float, descriptions_before: list[list[str]] | None = None
) -> list[dict[str, Any]]:
    before = descriptions_before or [[]] * len(items)
    rows = [row_of(item.dashboard, version, texts) for item, texts in zip(items, before, strict=True)]
    return sorted(rows, key=lambda row: str(row["fully_qualified_name"]))


def row_of(spec: Any, version: float, descriptions_before: list[str]) -> dict[str, Any]:
    same = ("display_name", "description", "dashboard_type", "source_url", "project", "service")
    return {
        "fully_qualified_name": f"{spec.service}.{spec.name}",
        **{name: getattr(spec, name) for name in same},
        "version": version,
        "charts": sorted(spec.charts),
        "owners": [owner.name for owner in spec.owners],
        "tags": sorted(tag.tag_fqn for tag in spec.tags),
        "descriptions_before": descriptions_before,
    }
