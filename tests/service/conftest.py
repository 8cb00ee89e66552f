"""A whole server on a real port, on each database, and callers with every role.

The tests of a worker share one server per database, because starting one takes longer than most tests. Each test finds
its catalog empty, and has a channel of its own.
"""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dashboard_catalog.index.searching import SearchIndex
from tests.conftest import DATABASES
from tests.given_database import GivenDatabase
from tests.patience import until
from tests.reused_database import ReusedDatabase, ReusedFile
from tests.service.caller import Caller, Service
from tests.service.indexing import indexing
from tests.service.servers import SharedServer, running


@pytest.fixture(scope="session")
def shared_sqlite(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> ReusedFile:
    """The SQLite file that one test after the other gets."""
    return ReusedFile(migrated_sqlite, tmp_path_factory.mktemp("shared"))


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database without rows, which a server may have open already."""
    return shared_database(request.param, request).renewed()


@pytest.fixture
def other_database_url(request: pytest.FixtureRequest, database_url: str) -> str:
    """The same of the other kind."""
    (kind,) = {*DATABASES} - {database_url.partition("+")[0]}
    return shared_database(kind, request).renewed()


def shared_database(kind: str, request: pytest.FixtureRequest) -> ReusedDatabase | GivenDatabase | ReusedFile:
    """Returns what the tests of this process share."""
    shared: ReusedDatabase | GivenDatabase | ReusedFile = request.getfixturevalue(
        "shared_sqlite" if kind == "sqlite" else "migrated_postgres"
    )
    return shared


@pytest.fixture(scope="session")
async def shared_servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, SharedServer]]:
    """The servers that tests share, by the kind of their database."""
    folder = tmp_path_factory.mktemp("servers")
    servers = {kind: SharedServer(folder) for kind in DATABASES}
    yield servers
    for server in servers.values():
        await server.stop()


@pytest.fixture
async def service(database_url: str, shared_servers: dict[str, SharedServer]) -> AsyncIterator[Service]:
    """A running server with an empty catalog."""
    async with shared_servers[database_url.partition("+")[0]].service(database_url) as service:
        yield service


@pytest.fixture
def unindexed(service: Service) -> None:
    """Removes the index that an earlier test has left to the server."""
    shutil.rmtree(service.index.folder.root, ignore_errors=True)


@pytest.fixture
async def indexed(service: Service, unindexed: None) -> AsyncIterator[SearchIndex]:  # noqa: ARG001 - comes before it
    """The search index of the server, which follows what is written."""
    began = time.time()
    async with indexing(service.database, service.index.folder):
        # What the server has written for earlier tests is indexed no more, and nobody must wait for it.
        await until(lambda: service.index.complete_until() > began)
        yield service.index


@pytest.fixture
def admin(service: Service) -> Caller:
    """An administrator, who may do everything; their writes are edits."""
    return service.caller("admin", "admin")


@pytest.fixture
def steward(service: Service) -> Caller:
    """A data steward, who edits assets."""
    return service.caller("stella", "data_steward")


@pytest.fixture
def bot(service: Service) -> Caller:
    """A bot, which ingests."""
    return service.caller("loader", "ingestion_bot")


@pytest.fixture
async def superset(admin: Caller, database_url: str, request: pytest.FixtureRequest) -> Caller:
    """The admin, in a catalog with BI service `superset`, charts c1 to c3 and everything that assets can refer to."""
    shared = shared_database(database_url.partition("+")[0], request)
    if shared.url != database_url:
        await admin.add_small_catalog()
    elif not await asyncio.to_thread(shared.put_back):
        await admin.add_small_catalog()
        await asyncio.to_thread(shared.keep)
    return admin


@pytest.fixture
async def two_servers(database_url: str, tmp_path: Path) -> AsyncIterator[tuple[Caller, Caller]]:
    """Admins of two servers on one database that contains the small catalog."""
    folder = tmp_path / "shared"
    async with running(database_url, folder) as (_, one), running(database_url, folder) as (_, other):
        callers = one.caller("admin", "admin"), other.caller("root", "admin")
        await callers[0].add_small_catalog()
        yield callers
