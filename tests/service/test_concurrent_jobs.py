"""Several concurrent ingestion jobs, into one BI service and into several, while people write single assets."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import func, select, text

from dashboard_catalog.store.database import Database
from dashboard_catalog.store.tables import CHART, CHART_HISTORY, DASHBOARD, DASHBOARD_HISTORY, SERVICE_SEQUENCE
from dashboard_catalog_client import BulkLoad, connect_async
from dashboardcatalog.v1.bulk_pb2 import BulkUpsertSummary
from dashboardcatalog.v1.chart_pb2 import ChartSpec
from dashboardcatalog.v1.dashboard_pb2 import DashboardSpec
from dashboardcatalog.v1.entity_pb2 import BiService, Entity
from tests.service.caller import Caller, Service

CHARTS = 400
DASHBOARDS = 120
EDITS = 80


def _items(service: str) -> list[Any]:
    return [
        Entity(bi_service=BiService(name=service, service_type="Superset")),
        *[ChartSpec(name=f"c{number}", service=service) for number in range(CHARTS)],
        *[
            DashboardSpec(name=f"d{number}", service=service, project="P", charts=[f"{service}.c{number}"])
            for number in range(DASHBOARDS)
        ],
    ]


async def _load(service: Service, job: int, items: list[Any]) -> tuple[BulkUpsertSummary, list[str]]:
    lost: list[str] = []
    async with connect_async(
        service.address, token=service.token(f"loader{job}", "ingestion_bot", bot=True)
    ) as catalog:
        load: BulkLoad = catalog.bulk_upsert(items, on_connection_lost=lambda error: lost.append(str(error)))
        failed = [failure.status.message async for failure in load]
    assert load.summary is not None
    return load.summary, failed + lost


async def _edit(caller: Caller, services: list[str]) -> Counter[str]:
    """Upserts dashboards one after the other: some that the jobs load too, and others that they don't."""
    outcomes: Counter[str] = Counter()
    for number in range(EDITS):
        name = f"d{number}" if number % 2 else f"own{number}"
        spec = {"name": name, "service": services[number % len(services)], "displayName": "Ours"}
        outcomes[(await caller.upsert_dashboard(dashboard=spec))["outcome"]] += 1
    return outcomes


async def _check(database: Database, services: int, reported: Counter[str]) -> None:
    async with database.read() as connection:

        async def one(statement: Any) -> int:
            return int((await connection.execute(statement)).scalar_one())

        stored = {table: await one(select(func.count(table.c.id))) for table in (CHART, DASHBOARD)}
        versions = [await one(select(func.sum(table.c.version))) for table in (CHART, DASHBOARD)]
        history = [await one(select(func.count(table.c.id))) for table in (CHART_HISTORY, DASHBOARD_HISTORY)]
        changes = await one(select(func.sum(SERVICE_SEQUENCE.c.last_change)))
        shown = select(func.count(DASHBOARD.c.id)).where(DASHBOARD.c.display_name == "Ours")
        assert await one(shown) == EDITS

    assert stored == {CHART: services * CHARTS, DASHBOARD: services * DASHBOARDS + EDITS // 2}
    # The services themselves were created too.
    assert reported["created"] == sum(stored.values()) + services
    # Each version of an asset is a change in some response; all versions except the last are history.
    assert sum(versions) == reported["created"] - services + reported["updated"]
    assert sum(history) == reported["updated"]
    assert changes == reported["created"] + reported["updated"]


@pytest.mark.parametrize("services", [["s0"], ["s0", "s1", "s2", "s3"]], ids=["two-into-one", "four-into-four"])
async def test_concurrent_jobs_and_edits_are_all_written(service: Service, admin: Caller, services: list[str]) -> None:
    jobs = max(2, len(services))
    for name in services:
        await admin.upsert_entity(entity={"biService": {"name": name, "serviceType": "Superset"}})
    # Each job loads all services in its own order, so that every pair of jobs meets.
    loads = [
        [item for turn in range(len(services)) for item in _items(services[(job + turn) % len(services)])]
        for job in range(jobs)
    ]
    results, edits = await asyncio.gather(
        asyncio.gather(*[_load(service, job, items) for job, items in enumerate(loads)]), _edit(admin, services)
    )

    assert [problems for _, problems in results] == [[]] * jobs
    assert [sum(count for _, count in summary.ListFields()) for summary, _ in results] == [len(loads[0])] * jobs
    reported = Counter({name: sum(getattr(summary, name) for summary, _ in results) for name in ("created", "updated")})
    reported["created"] += edits["OUTCOME_CREATED"] + len(services)
    reported["updated"] += edits["OUTCOME_UPDATED"]
    await _check(service.database, len(services), reported)
    if not service.database.is_sqlite:
        async with service.database.read() as connection:
            deadlocks = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
            assert (await connection.execute(deadlocks)).scalar_one() == 0
