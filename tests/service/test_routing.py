"""Statements that a distributed database would send to all nodes are found: by all tests that share a server."""

from importlib import import_module

import pytest

from dashboard_catalog.store import bulk_sessions, charts
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.records import CATALOG_ID
from tests.reused_database import ReusedDatabase
from tests.service.routing import ALLOWED, unrouted, watching_routes

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
    ("DELETE FROM bulk_session WHERE bulk_session.id = $1", ["bulk_session"]),
]


@pytest.mark.parametrize("statement", ROUTED)
def test_a_statement_that_names_the_services_of_its_tables_is_routed(statement: str) -> None:
    assert unrouted(statement) == []


@pytest.mark.parametrize(("statement", "tables"), UNROUTED)
def test_a_statement_that_names_no_service_for_a_table_is_found(statement: str, tables: list[str]) -> None:
    assert unrouted(statement) == tables


@pytest.mark.parametrize("origin", ALLOWED)
def test_what_is_allowed_exists(origin: str) -> None:
    module, _, name = origin.partition(".")
    found = import_module(f"dashboard_catalog.store.{module}")
    assert hasattr(found, name) or any(hasattr(one, name) for one in vars(found).values() if isinstance(one, type))


async def test_a_condition_that_is_taken_away_is_found_whatever_runs_the_statement(
    migrated_postgres: ReusedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(charts, "_within", charts._by_ids)
    monkeypatch.setattr(bulk_sessions, "_find_in", bulk_sessions._find)
    database = Database(migrated_postgres.renewed())

    with watching_routes(database._writers.sync_engine) as routes:
        async with database.read() as connection:
            await bulk_sessions.find_in(connection, CATALOG_ID, CATALOG_ID)
            await charts.charts_within(connection, [CATALOG_ID], [CATALOG_ID])
            await charts.charts_within(connection, [CATALOG_ID], [CATALOG_ID])
    await database.close()

    assert [found.partition(" ")[0] for found in routes.found] == ["bulk_sessions.find_in", "charts.charts_within"]
