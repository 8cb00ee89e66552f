"""PostgreSQL stops in the middle of a stream, by a normal shutdown or a crash, and comes back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dashboard_catalog.store.migrate import upgrade
from tests.crash.loads import Load
from tests.postgres import THROWAWAY, PostgresServer, postgres_server
from tests.service.caller import Service
from tests.service.servers import running

ITEMS = 6_000
# In order, then by a crash.
RESTARTS = 2
# As many as the pools keep open.
IDLE = 10


@pytest.fixture
async def postgres() -> AsyncIterator[PostgresServer]:
    """A server that keeps what it has committed even if it is killed."""
    with postgres_server(**{**THROWAWAY, "synchronous_commit": "on"}) as server:
        await asyncio.to_thread(upgrade, server.url())
        yield server


@pytest.fixture
async def service(postgres: PostgresServer, tmp_path: Path) -> AsyncIterator[Service]:
    async with running(postgres.url(), tmp_path / "data") as (_, service):
        yield service


async def _restart_repeatedly(postgres: PostgresServer, load: Load) -> None:
    for restart in range(RESTARTS):
        load.hold_at(ITEMS * (restart + 1) // (RESTARTS + 1))
        await load.wait_for_progress()
        await asyncio.to_thread(postgres.stop, in_order=restart % 2 == 0)
        await asyncio.sleep(0.2)
        await asyncio.to_thread(postgres.start)
    load.hold_at(ITEMS)


async def test_a_load_survives_restarts_of_postgresql(postgres: PostgresServer, service: Service) -> None:
    load = Load(ITEMS)
    token = service.token("loader", "ingestion_bot", bot=True)
    async with asyncio.TaskGroup() as tasks:
        loading = tasks.create_task(load.run(service.address, token, {"service": "s"}))
        tasks.create_task(_restart_repeatedly(postgres, load))

    await load.check(loading.result(), postgres.url())


@pytest.mark.parametrize("in_order", [True, False])
async def test_idle_connections_that_a_restart_closed_fail_no_call(
    postgres: PostgresServer, service: Service, in_order: bool
) -> None:
    admin = service.caller("admin", "admin")

    async def call_at_once() -> None:
        reads = [admin.list_entities(kind="KIND_BI_SERVICE") for _ in range(IDLE)]
        writes = [
            admin.upsert_entity(entity={"biService": {"name": f"s{number}", "serviceType": "Superset"}})
            for number in range(IDLE)
        ]
        await asyncio.gather(*reads, *writes)

    await call_at_once()
    await asyncio.to_thread(postgres.stop, in_order=in_order)
    await asyncio.to_thread(postgres.start)

    await call_at_once()
