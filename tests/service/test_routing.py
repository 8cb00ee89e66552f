"""On a cluster, statements name the BI services that they are about, except those that cannot.

The cluster is one PostgreSQL server that says it is one. So the server takes the branches that only clusters take.
"""

import asyncio
from pathlib import Path

import grpc
import httpx
import pytest

from dashboard_catalog.catalog.bulk.retention import expire_sessions
from dashboard_catalog.store import bulk_sessions, charts, list_pages
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.records import CATALOG_ID
from tests.patience import PATIENCE
from tests.service.caller import Service
from tests.service.every_call import call_rest, call_routes, called, list_many, routes, rpcs
from tests.service.indexing import indexing
from tests.service.routing import is_runnable, unrouted, watching_routes
from tests.service.servers import running
from tests.store.database_work import query
from tests.upgrades.story import Caller, tell

ROUTED = [
    "SELECT chart.id FROM chart WHERE chart.service_id = $1::UUID AND chart.name = ANY ($2::VARCHAR[])",
    "SELECT chart.id FROM chart WHERE chart.service_id = ANY ($1::UUID[]) AND chart.id = ANY ($2::UUID[])",
    "SELECT one.id FROM chart AS one WHERE one.service_id IN ($1::UUID, $2::UUID)",
    "SELECT 1 FROM chart_history AS a, chart WHERE chart.service_id = $1 AND a.service_id = chart.service_id",
    "SELECT a FROM chart JOIN (SELECT 1 AS service_id) AS anon_1 ON chart.service_id = anon_1.service_id",
    "UPDATE service_sequence SET last_change=$1 WHERE service_sequence.service_id = $2::UUID",
    "INSERT INTO former_name (service_id, kind) VALUES ($1, $2)",
    "SELECT entity.id FROM entity WHERE entity.id = $1",
]
UNROUTED = [
    ("SELECT chart.id FROM chart WHERE chart.id = ANY ($1::UUID[])", ["chart"]),
    ("SELECT chart.id FROM chart WHERE chart.service_id IS NOT DISTINCT FROM $1::UUID", ["chart"]),
    ("SELECT 1 FROM chart WHERE chart.service_id = $1 UNION ALL SELECT 1 FROM chart WHERE chart.id = $2", ["chart"]),
    ("SELECT 1 FROM chart_history AS a, chart WHERE a.service_id = chart.service_id", ["chart", "chart_history"]),
    ("SELECT EXISTS (SELECT * FROM chart AS a WHERE a.service_id = b.service_id) FROM x AS b", ["chart"]),
    ("DELETE FROM bulk_session WHERE bulk_session.id = $1", ["bulk_session"]),
]


@pytest.mark.parametrize("statement", ROUTED)
def test_a_statement_that_names_the_services_of_its_tables_is_routed(statement: str) -> None:
    assert unrouted(statement) == []


@pytest.mark.parametrize(("statement", "tables"), UNROUTED)
def test_a_statement_that_names_no_service_for_a_table_is_found(statement: str, tables: list[str]) -> None:
    assert unrouted(statement) == tables


def test_a_subquery_about_each_entity_is_nothing_for_a_cluster() -> None:
    of_each = "SELECT entity.id FROM entity WHERE EXISTS (SELECT 1 FROM chart WHERE chart.service_id = entity.id)"

    assert not is_runnable(of_each)
    assert is_runnable("SELECT entity.id FROM entity WHERE entity.id = ANY ($1::UUID[])")


async def test_every_call_to_a_cluster_names_the_bi_services_of_its_statements(
    cluster_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with watching_routes() as watched:
        async with running(cluster_url, tmp_path / "server", http_address="127.0.0.1:0") as (server, service):
            await asyncio.to_thread(_tell, service)
            async with indexing(service.database, service.index.folder):
                await call_rest(service)
                with monkeypatch.context() as changed:
                    # As if every filter found many assets.
                    changed.setattr(list_pages, "_FEW", -1)
                    await list_many(service)
                await _expire_all_sessions(service.database, cluster_url)
                assert server.http
                token = {"authorization": f"Bearer {service.token('rita', 'admin')}"}
                address = f"http://{server.http.address}"
                async with httpx.AsyncClient(base_url=address, headers=token, timeout=PATIENCE) as client:
                    await call_routes(client)
                    every = rpcs() | await routes(client)
            missing = every - called(server.metrics)

    assert not missing
    assert not watched.found, "\n".join(watched.found)
    assert not watched.needless


async def _expire_all_sessions(database: Database, url: str) -> None:
    await asyncio.to_thread(query, url, "UPDATE bulk_session SET updated_at = updated_at - interval '91 days'")
    await expire_sessions(database)
    assert await asyncio.to_thread(query, url, "SELECT id FROM bulk_session") == []


def _tell(service: Service) -> None:
    roles = {"admin": "admin", "stella": "data_steward", "loader": "ingestion_bot"}
    with grpc.insecure_channel(service.address) as channel:
        tell(*(Caller(channel, service.token(name, role)) for name, role in roles.items()))


async def test_a_condition_that_is_taken_away_is_found_whatever_runs_the_statement(
    cluster_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(charts._by_ids, "_within", charts._by_ids.anywhere)
    monkeypatch.setattr(bulk_sessions, "_find_in", bulk_sessions._find)
    database = Database(cluster_url)

    with watching_routes() as watched:
        async with database.read() as connection:
            await bulk_sessions.find_in(connection, CATALOG_ID, CATALOG_ID)
            await charts.charts_within(connection, [CATALOG_ID], [CATALOG_ID])
            await charts.charts_within(connection, [CATALOG_ID], [CATALOG_ID])
    await database.close()

    assert [found.partition(" ")[0] for found in watched.found] == ["bulk_sessions.find_in", "charts.charts_within"]
    assert "charts.charts_of_ids" in watched.needless
