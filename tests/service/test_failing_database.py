"""A server whose database falls silent, takes no writes or goes away: what callers and load balancers learn."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import structlog
from grpc_health.v1.health_pb2 import HealthCheckResponse

from dashboard_catalog import server
from dashboard_catalog.rpc.health import DatabaseHealth
from dashboard_catalog.server import CatalogServer
from dashboard_catalog.store import driver_errors, postgresql_connections
from dashboard_catalog.store.database import Database, TimeLimits
from tests.conftest import DATABASES, sqlite_url
from tests.metrics_reading import of_process
from tests.patience import PATIENCE, until
from tests.postgres import PostgresServer
from tests.service.caller import Caller, Json, Refused, Service
from tests.service.health import status_becomes
from tests.service.servers import running
from tests.service.streams import Stream
from tests.store.freezing import Freezer, freezing

SUPERSET: Json = {"biService": {"name": "superset", "serviceType": "Superset"}}

KNOWN = {*driver_errors._STATES.values(), *driver_errors._NAMES.values()} | {
    driver_errors._SILENT,
    driver_errors._UNREACHABLE,
}


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database that no other test uses, because this one breaks it."""
    if request.param == "sqlite":
        yield sqlite_url(Path(shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "catalog.db")))
        return
    request.getfixturevalue("migrated_postgres")
    postgres: PostgresServer = request.getfixturevalue("postgres")
    name = f"failing_{uuid4().hex}"
    postgres.execute(f"CREATE DATABASE {name} TEMPLATE migrated")
    yield postgres.url(name)
    postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def own_server(database_url: str, tmp_path: Path) -> AsyncIterator[tuple[CatalogServer, Service]]:
    """A server of its own, and its service."""
    async with running(database_url, tmp_path / "data") as both:
        yield both


@pytest.fixture
def service(own_server: tuple[CatalogServer, Service]) -> Service:
    """The service of that server."""
    return own_server[1]


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets servers notice faults sooner than they usually do."""
    monkeypatch.setattr(server, "Database", partial(Database, limits=TimeLimits(probe=0.3)))
    monkeypatch.setattr(server, "DatabaseHealth", partial(DatabaseHealth, every=0.1))
    monkeypatch.setattr(postgresql_connections, "_IDLE_SECONDS", 0.5)


def dashboard(name: str) -> Json:
    return {"name": name, "service": "superset"}


async def unavailable(call: Any) -> bool:
    """Says whether a call fails because of the database; asserts that its caller may retry."""
    refused = None
    try:
        await call
    except Refused as error:
        refused = error
    if refused is None:
        return False
    assert (refused.code, refused.reason) == ("UNAVAILABLE", "DATABASE_UNAVAILABLE")
    assert "RetryInfo" in refused.details
    return True


async def create_superset(admin: Caller) -> None:
    """Creates the BI service, however often a slow disk makes a probe fail meanwhile."""
    while await unavailable(admin.upsert_entity(entity=SUPERSET)):
        pass


@asynccontextmanager
async def behind(freezer: Freezer, database_url: str, folder: Path) -> AsyncIterator[tuple[CatalogServer, Service]]:
    """Runs a server that reaches its PostgreSQL through the proxy."""
    name = database_url.partition("@/")[2].partition("?")[0]
    async with running(freezer.url(name), folder) as (built, service):
        yield built, service


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_nobody_waits_for_good_for_a_database_that_has_fallen_silent(
    database_url: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    options: Json = {"sessionId": str(uuid4())}
    items = [{"dashboard": dashboard(f"d{number}")} for number in range(4)]
    async with (
        freezing(postgres) as freezer,
        behind(freezer, database_url, tmp_path / "data") as (built, service),
        asyncio.timeout(PATIENCE),
    ):
        admin, bot = service.caller("admin", "admin"), service.caller("loader", "ingestion_bot")
        await create_superset(admin)
        async with Stream(bot) as stream:
            await stream.send(*items[:2], options=options)
            await stream.read_until(2)
            await asyncio.gather(*[admin.list_entities(kind="KIND_BI_SERVICE") for _ in range(5)])
            freezer.freeze()
            calls = [unavailable(admin.upsert_dashboard(dashboard=dashboard(f"u{number}"))) for number in range(3)]
            reads = [unavailable(admin.get_dashboard(fully_qualified_name="superset.d0"))]
            await stream.send(*items[2:])
            failed = await asyncio.gather(*calls, *reads)
            ended = await stream.rest()

        assert any(failed)
        assert ended.refused is not None
        assert ended.refused.reason == "DATABASE_UNAVAILABLE"
        # Writes to the same BI service succeed as soon as PostgreSQL has given up the silent transactions.
        while await unavailable(admin.upsert_dashboard(dashboard=dashboard("later"))):
            pass
        await status_becomes(service, HealthCheckResponse.SERVING)
        resumed = await bot.bulk({"items": items, "offset": 0}, options=options)
        assert (resumed.started["nextOffset"], resumed.counts) == ("2", {"created": 4})

        freezer.freeze()
        freezer.freeze_new()
        waiting = asyncio.create_task(unavailable(admin.upsert_dashboard(dashboard=dashboard("last"))))
        await asyncio.sleep(0.05)
        async with asyncio.timeout(PATIENCE):
            await built.drain(seconds=10)
        waiting.cancel()


Fault = Callable[..., None]


def _read_only(postgres: PostgresServer, database_url: str, *, on: bool) -> None:
    name = database_url.partition("@/")[2].partition("?")[0]
    postgres.execute(
        f"ALTER DATABASE {name} SET default_transaction_read_only = {'on' if on else 'off'}",
        f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{name}'",
    )


def _without_tables(postgres: PostgresServer, database_url: str, *, on: bool) -> None:
    name = database_url.partition("@/")[2].partition("?")[0]
    names = ("service_sequence", "away") if on else ("away", "service_sequence")
    postgres.execute("ALTER TABLE {} RENAME TO {}".format(*names), database=name)


def _moved(_postgres: PostgresServer, database_url: str, *, on: bool) -> None:
    file = Path(database_url.removeprefix("sqlite+aiosqlite:///"))
    there = file.with_name("away.db")
    (file if on else there).rename(there if on else file)


@pytest.mark.parametrize(
    ("database_url", "fault", "problem"),
    [
        ("postgresql", _read_only, "takes no writes"),
        ("postgresql", _without_tables, "tables of this version are missing"),
        ("sqlite", _moved, "deleted, moved or replaced"),
    ],
    indirect=["database_url"],
)
async def test_a_server_is_not_healthy_while_writes_cannot_succeed(
    own_server: tuple[CatalogServer, Service], database_url: str, fault: Fault, problem: str, postgres: PostgresServer
) -> None:
    metrics, service = own_server[0].metrics, own_server[1]
    admin = service.caller("admin", "admin")
    await create_superset(admin)
    await status_becomes(service, HealthCheckResponse.SERVING)

    with structlog.testing.capture_logs() as lines:
        await asyncio.to_thread(fault, postgres, database_url, on=True)
        await status_becomes(service, HealthCheckResponse.NOT_SERVING)
        # It may have noticed at first only that its connections are gone.
        await until(lambda: any(problem in line.get("problem", "") for line in lines))
        assert await unavailable(admin.upsert_dashboard(dashboard=dashboard("d")))
        stream = await admin.bulk([{"dashboard": dashboard("e")}])
        assert stream.refused is not None
        assert stream.refused.reason == "DATABASE_UNAVAILABLE"
        scraped = of_process(metrics)
        assert scraped.of("database_usable") == 0
        assert {failed.labels["reason"] for failed in scraped.named("database_failures_total")} <= KNOWN
        assert scraped.of("database_failures_total") >= 2

        await asyncio.to_thread(fault, postgres, database_url, on=False)
        await status_becomes(service, HealthCheckResponse.SERVING)
        assert not await unavailable(admin.upsert_dashboard(dashboard=dashboard("d")))
        assert of_process(metrics).of("database_usable") == 1
    changes = [line.get("problem", "") for line in lines if line["event"] in {"database_unusable", "database_usable"}]
    assert changes[-1] == ""
    assert "bug" not in {line["event"] for line in lines}
