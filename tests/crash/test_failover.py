"""The primary of PostgreSQL is killed and its standby promoted, under a server that knows both."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from grpc_health.v1.health_pb2 import HealthCheckResponse
from sqlalchemy import text

from dashboard_catalog.database_url import normal_url
from dashboard_catalog.store import migrate
from tests.crash.loads import Load
from tests.patience import PATIENCE, until
from tests.postgres import THROWAWAY, PostgresServer, postgres_server, standby_of
from tests.service.caller import Caller, Refused, Service
from tests.service.health import status_becomes
from tests.service.servers import running
from tests.service.watching import watch_from_now, watching

ITEMS = 4_500
CALLERS = 8
# A commit waits until the standby has it, if there is one to wait for.
SETTINGS = THROWAWAY | {"synchronous_commit": "on"}


class Pair:
    """A primary and its standby.

    Attributes:
        url: The URL of both, as the settings make it.
    """

    def __init__(self, primary: PostgresServer, standby: PostgresServer) -> None:
        self.primary = primary
        self.standby = standby
        # The standby comes first, so that it is tried and left alone.
        url = f"postgresql://postgres@/postgres?host={standby.folder}&host={primary.folder}"
        self.url = normal_url(url, pgbouncer=False)

    def wait_for_standby(self) -> None:
        """Lets each commit wait until the standby has it."""
        self.primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")

    def cut_off(self) -> None:
        """Lets the standby get nothing more."""
        self.standby.execute("ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()")

    def promote(self) -> None:
        """Lets the standby take the place of the primary."""
        self.standby.execute("SELECT pg_promote()")


@pytest.fixture
def pair() -> Iterator[Pair]:
    with postgres_server(**SETTINGS) as primary, standby_of(primary, **SETTINGS) as standby:
        pair = Pair(primary, standby)
        migrate.upgrade(pair.url)
        yield pair


async def _write_on(caller: Caller, number: int, acknowledged: set[str], stopping: asyncio.Event) -> None:
    """Writes one dashboard after the other, and notes which ones the server has acknowledged."""
    while not stopping.is_set():
        name = f"{number}.{len(acknowledged)}"
        try:
            await caller.upsert_dashboard(dashboard={"name": name, "service": "unary"})
            acknowledged.add(name)
        except Refused as error:
            if error.reason != "DATABASE_UNAVAILABLE":
                raise
            await asyncio.sleep(0.05)


async def _fail_over(pair: Pair, service: Service) -> None:
    await asyncio.to_thread(pair.primary.stop)
    await status_becomes(service, HealthCheckResponse.NOT_SERVING)
    await asyncio.to_thread(pair.promote)
    await status_becomes(service, HealthCheckResponse.SERVING)


async def test_nothing_acknowledged_is_lost_when_a_synchronous_standby_is_promoted(pair: Pair, tmp_path: Path) -> None:
    await asyncio.to_thread(pair.wait_for_standby)
    load, acknowledged, stopping = Load(ITEMS), set[str](), asyncio.Event()
    load.hold_at(ITEMS * 2 // 3)
    async with running(pair.url, tmp_path / "data") as (_, service):
        admin, token = service.caller("admin", "admin"), service.token("loader", "ingestion_bot", bot=True)
        await admin.upsert_entity(entity={"biService": {"name": "unary", "serviceType": "Superset"}})
        await status_becomes(service, HealthCheckResponse.SERVING)
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
            for number in range(CALLERS):
                tasks.create_task(_write_on(admin, number, acknowledged, stopping))
            loading = tasks.create_task(load.run(service.address, token, {"service": "s"}))
            await load.wait_for_progress()
            await until(lambda: len(acknowledged) >= CALLERS)
            await _fail_over(pair, service)
            load.hold_at(ITEMS)
            before = len(acknowledged)
            await until(lambda: len(acknowledged) >= before + CALLERS)
            await loading
            stopping.set()
        stored = await _stored(service)

    assert load.done == ITEMS
    assert loading.result().summary is not None
    assert stored >= acknowledged | set(load.good)


async def test_watchers_learn_that_a_standby_lacked_what_they_had_seen(pair: Pair, tmp_path: Path) -> None:
    async with running(pair.url, tmp_path / "data") as (_, service):
        admin = service.caller("admin", "admin")
        await admin.upsert_entity(entity={"biService": {"name": "unary", "serviceType": "Superset"}})
        await asyncio.to_thread(_until_caught_up, pair)
        await asyncio.to_thread(pair.cut_off)
        await admin.upsert_dashboard(dashboard={"name": "lost", "service": "unary"})
        token = await watch_from_now(admin)

        await _fail_over(pair, service)

        assert await _stored(service) == set()
        async with watching(admin, resume_token=token) as watcher:
            assert (await watcher.end()).reason == "RESUME_TOKEN_EXPIRED"


def _until_caught_up(pair: Pair) -> None:
    """Waits until the standby has everything that was committed so far."""
    pair.wait_for_standby()
    pair.primary.execute(
        "CREATE TABLE mark ()", "ALTER SYSTEM SET synchronous_standby_names = ''", "SELECT pg_reload_conf()"
    )


async def _stored(service: Service) -> set[str]:
    """Returns the names of all dashboards and charts."""
    async with service.database.read() as connection:
        found = await connection.execute(text("SELECT name FROM dashboard UNION SELECT name FROM chart"))
        return set(found.scalars())
