"""The service behind a real PgBouncer in transaction mode, whose two connections all statements share."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest
import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from dashboard_catalog.errors import CatalogError
from dashboard_catalog.server import prepare
from dashboard_catalog.settings import Settings
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.driver_errors import NEEDS_PGBOUNCER, DatabaseUnavailable
from tests.patience import PATIENCE, until
from tests.pgbouncer import PgBouncer, needs_pgbouncer, pgbouncer
from tests.postgres import PostgresServer
from tests.service.caller import Caller, Json, Refused
from tests.service.counting import counted
from tests.service.servers import running
from tests.service.watching import watching

CALLERS = 32
# So that PgBouncer takes connections of a server that does not know about it.
IGNORED = {
    "ignore_startup_parameters": "jit, enable_seqscan, statement_timeout, idle_in_transaction_session_timeout, "
    "tcp_keepalives_idle, tcp_keepalives_interval, tcp_keepalives_count, tcp_user_timeout"
}
SPEC: Json = {
    "service": "superset",
    "charts": ["superset.c1"],
    "owners": [{"type": "user", "name": "ann"}],
    "tags": [{"tagFQN": "PII.Email"}],
    "extension": {"costCentre": "X"},
}

pytestmark = needs_pgbouncer


@pytest.fixture
def name(postgres: PostgresServer, request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated database of this test."""
    request.getfixturevalue("migrated_postgres")
    name = f"pooled_{uuid4().hex}"
    postgres.execute(f"CREATE DATABASE {name} TEMPLATE migrated")
    yield name
    postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def pooler(postgres: PostgresServer) -> Iterator[PgBouncer]:
    with pgbouncer(postgres) as pooler:
        yield pooler


async def test_what_is_remembered_is_not_read_again(pooler: PgBouncer, name: str, tmp_path: Path) -> None:
    async with running(pooler.url(name), tmp_path / "data", pgbouncer=True) as (server, service):
        admin = service.caller("admin", "admin")
        await admin.add_small_catalog()
        await admin.create_dashboard(dashboard={"name": "d1", **SPEC})
        with counted(server.database) as found:
            await admin.create_dashboard(dashboard={"name": "d2", **SPEC})

    read = [text for text in found.statements if text.startswith("SELECT")]
    assert read
    assert not [text for text in read if any(f"FROM {of}" in text for of in ("entity", "former_name", "chart"))]


async def test_everything_works_over_two_connections(pooler: PgBouncer, name: str, tmp_path: Path) -> None:
    given = {"database_url": pooler.url(name), "data_dir": tmp_path / "data", "pgbouncer": True}
    with structlog.testing.capture_logs() as lines:
        await asyncio.to_thread(prepare, Settings.load(given))
    assert "schema_not_checked" not in {line["event"] for line in lines}

    async with running(pooler.url(name), tmp_path / "data", pgbouncer=True) as (server, service):
        admin = service.caller("admin", "admin")
        await admin.add_small_catalog()
        async with watching(admin, kinds=["KIND_DASHBOARD"]) as watcher:
            await watcher.read()
            await asyncio.gather(*[_use(admin, number) for number in range(CALLERS)])
            bulk = await admin.bulk([{"dashboard": {"name": f"d{n}", **SPEC, "project": "P"}} for n in range(100)])
            watched = await watcher.take(CALLERS + 100)
        found = await admin.list_dashboards(
            owner="user:ann", tag="PII", project="P", name_prefix="d", include_total=True
        )
        left = await _prepared_statements(server.database)

    assert bulk.counts == {"created": 100 - CALLERS, "updated": CALLERS}
    assert (found["total"], len(found["dashboards"])) == ("100", 50)
    assert Counter(line.split()[0] for line in watched)["created"] == 100
    assert left == set()


async def test_what_pgbouncer_cannot_reach_is_not_only_a_part_of_the_data(pooler: PgBouncer) -> None:
    database = Database(f"{pooler.url('missing')}&pgbouncer=true")
    with pytest.raises(DatabaseUnavailable) as raised:
        async with database.read() as connection:
            await connection.execute(text("SELECT 1"))
    assert isinstance(raised.value.__cause__, DBAPIError)
    assert getattr(raised.value.__cause__.orig, "sqlstate", None) == "08P01"
    assert not raised.value.is_partial
    await database.close()


async def _use(admin: Caller, number: int) -> None:
    """Makes calls of all kinds, one after the other."""
    name = f"d{number}"
    await admin.create_dashboard(dashboard={"name": name, **SPEC})
    found = await admin.get_dashboard(fully_qualified_name=f"superset.{name}")
    assert [chart["name"] for chart in found["dashboard"]["charts"]] == ["c1"]
    await admin.list_dashboards(owner="user:ann")


async def _prepared_statements(database: Database) -> set[str]:
    """Returns the names of the prepared statements on all connections of PgBouncer."""
    names: set[str] = set()
    async with database.read() as one, database.read() as other:
        for connection in (one, other):
            # Both transactions are open, so they have different connections.
            names |= set((await connection.execute(text("SELECT name FROM pg_prepared_statements"))).scalars())
    return names


async def test_nothing_acknowledged_is_lost_when_pgbouncer_is_restarted_under_callers(
    pooler: PgBouncer, name: str, tmp_path: Path
) -> None:
    acknowledged: list[str] = []
    refused: list[Refused] = []
    stopping = asyncio.Event()

    async def write(caller: Caller, number: int) -> None:
        attempt = 0
        while not stopping.is_set():
            attempt += 1
            try:
                await caller.upsert_dashboard(dashboard={"name": f"d{number}.{attempt}", "service": "superset"})
                acknowledged.append(f"d{number}.{attempt}")
            except Refused as error:
                refused.append(error)
                await asyncio.sleep(0.05)

    async with running(pooler.url(name), tmp_path / "data", pgbouncer=True) as (_, service):
        admin = service.caller("admin", "admin")
        await admin.upsert_entity(entity={"biService": {"name": "superset", "serviceType": "Superset"}})
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
            for number in range(CALLERS):
                tasks.create_task(write(admin, number))
            await until(lambda: len(acknowledged) >= CALLERS)
            await asyncio.to_thread(pooler.stop)
            await until(lambda: refused)
            before = len(acknowledged)
            await asyncio.to_thread(pooler.start)
            await until(lambda: len(acknowledged) >= before + CALLERS)
            stopping.set()
        async with service.database.read() as connection:
            stored = set((await connection.execute(text("SELECT name FROM dashboard"))).scalars())

    assert {(error.code, error.reason) for error in refused} == {("UNAVAILABLE", "DATABASE_UNAVAILABLE")}
    assert set(acknowledged) <= stored


async def test_a_server_without_the_setting_says_that_it_needs_it(pooler: PgBouncer, name: str, tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as lines:
        async with running(pooler.url(name), tmp_path / "data") as (_, service):
            with pytest.raises(Refused) as raised:
                await service.caller("admin", "admin").list_dashboards(name_prefix="d")
    assert raised.value.reason == "DATABASE_UNAVAILABLE"
    assert NEEDS_PGBOUNCER in {line.get("problem") for line in lines}


async def test_a_prepared_statement_of_another_connection_says_so_too(postgres: PostgresServer, name: str) -> None:
    statement = text("SELECT 1")
    with pgbouncer(postgres, **IGNORED) as pooler, structlog.testing.capture_logs() as lines:
        database = Database(pooler.url(name), pool_size=2)
        async with asyncio.timeout(PATIENCE):
            while not lines:
                with suppress(CatalogError):
                    # Which of them gets which connection of PgBouncer differs from time to time.
                    async with database.read_transaction() as one, database.read_transaction() as other:
                        for connection in random.sample((one, other), 2):
                            await connection.execute(statement)
        await database.close()
    assert {line["problem"] for line in lines} == {NEEDS_PGBOUNCER}
