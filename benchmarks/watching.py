"""Kills servers and watchers under writers, and compares what each watcher got with the history.

Eight writers write through three servers on one PostgreSQL, one of them in transactions that stay open and commit late.
The servers are killed with SIGKILL and started again. Watchers end at random, and go on from the token of the last
message that they have kept, which is not always the last one they got. At the end each of them must have got everything
that is stored, in order for each BI service, nothing twice in one stream, and nothing else but what has been removed
for good since. `python -m benchmarks.watching --help`.
"""

import argparse
import asyncio
import random
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc.aio

from benchmarks.restarts import PROGRAM
from benchmarks.watched import Watched, compare
from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.model.commands import AssetName, AssetWrite, Verb, Writer
from dashboard_catalog.catalog.model.kinds import CHART_KIND
from dashboard_catalog.catalog.writing.pipeline import Batch, Pipeline
from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.migrate import upgrade
from dashboardcatalog.v1 import bulk_pb2, entity_pb2
from dashboardcatalog.v1.catalog_service_pb2 import DeleteEntityRequest, RenameEntityRequest, UpsertEntityRequest
from dashboardcatalog.v1.catalog_service_pb2_grpc import CatalogServiceStub
from dashboardcatalog.v1.chart_pb2 import ChartSpec
from dashboardcatalog.v1.dashboard_pb2 import DashboardSpec
from dashboardcatalog.v1.dashboard_service_pb2 import (
    DeleteDashboardRequest,
    RenameDashboardRequest,
    RestoreDashboardRequest,
    UpsertDashboardRequest,
)
from dashboardcatalog.v1.dashboard_service_pb2_grpc import DashboardServiceStub
from dashboardcatalog.v1.entity_pb2 import BiService, Domain, Entity, User
from tests.postgres import THROWAWAY, postgres_server

SERVERS, WRITERS = 3, 8
SERVICES = [f"s{number}" for number in range(6)]
CALL_SECONDS = 5.0
ADMIN = Principal("admin", frozenset({"admin"}), frozenset(), None, False, None)


class Server:
    """One server process, which is killed and started again on its port."""

    def __init__(self, folder: Path, number: int, database_url: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.log = folder / f"server-{number}.log"
        options = {"--address": self.address, "--data-dir": folder / "data", "--database-url": database_url}
        self._command = [*PROGRAM, "serve", *(str(part) for pair in options.items() for part in pair)]
        self._command += ["--log-format", "json"]
        self._process: asyncio.subprocess.Process | None = None
        self.kills = 0

    async def start(self) -> None:
        """Starts it, and returns when it serves."""
        at = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(*self._command, stderr=log)
        while b'"serving"' not in self.log.read_bytes()[at:]:
            if self._process.returncode is not None:
                raise RuntimeError(self.log.read_text())
            await asyncio.sleep(0.05)

    async def kill(self) -> None:
        """Kills it, and returns when it is dead."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
            self.kills += 1


class Run:
    """One run: servers, writers and watchers until a moment, and what they did."""

    def __init__(self, folder: Path, database_url: str, seed: int) -> None:
        self.chance = random.Random(seed)
        self.servers = [Server(folder, number, database_url) for number in range(SERVERS)]
        self.database = Database(database_url)
        self.over = False
        self.is_written = False
        self.written: Counter[str] = Counter()
        self._token_file = folder / "data" / "admin.token"

    @property
    def metadata(self) -> list[tuple[str, str]]:
        """The metadata of an administrator."""
        return [("authorization", f"Bearer {self._token_file.read_text().strip()}")]

    def channel(self) -> grpc.aio.Channel:
        """Opens a channel to any of the servers."""
        address = self.chance.choice(self.servers).address
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.initial_reconnect_backoff_ms", 100)]
        return grpc.aio.insecure_channel(address, options=options)

    async def write_on(self) -> None:
        """Writes one thing after another until the run is over."""
        while not self.over:
            async with self.channel() as channel:
                for _ in range(self.chance.randrange(1, 40)):
                    name, write = self.chance.choice(self._writes(channel))
                    with suppress(grpc.aio.AioRpcError):
                        await write()
                        self.written[name] += 1

    def _writes(self, channel: grpc.aio.Channel) -> list[tuple[str, Callable[[], Awaitable[object]]]]:
        dashboards: Any = DashboardServiceStub(channel)
        entities: Any = CatalogServiceStub(channel)
        chance = self.chance
        service, name = chance.choice(SERVICES), f"d{chance.randrange(12)}"
        fqn, edition = f"{service}.{name}", f"edition {chance.random()}"
        call = {"metadata": self.metadata, "timeout": CALL_SECONDS}
        spec = DashboardSpec(name=name, service=service, description=edition)
        user = Entity(user=User(name=f"u{chance.randrange(5)}", display_name=edition))
        domain = Entity(domain=Domain(name=f"x{chance.randrange(5)}", display_name=edition))
        gone = DeleteEntityRequest(kind=entity_pb2.KIND_DOMAIN, fully_qualified_name=domain.domain.name, hard=True)
        renamed = RenameDashboardRequest(fully_qualified_name=fqn, new_name=f"d{chance.randrange(12)}")
        moved = RenameEntityRequest(
            kind=entity_pb2.KIND_DOMAIN,
            fully_qualified_name=domain.domain.name,
            new_name=f"x{chance.randrange(5, 50)}",
        )
        numbers = chance.choices(range(60), k=chance.randrange(1, 60))
        charts = [ChartSpec(name=f"c{number}", service=service, description=edition) for number in numbers]
        items = [bulk_pb2.BulkUpsertItem(chart=chart) for chart in charts]

        async def bulk() -> None:
            stream = dashboards.BulkUpsert(iter([bulk_pb2.BulkUpsertRequest(items=items)]), **call)
            async for _ in stream:
                pass

        return [
            ("upsert", lambda: dashboards.UpsertDashboard(UpsertDashboardRequest(dashboard=spec), **call)),
            ("upsert", lambda: dashboards.UpsertDashboard(UpsertDashboardRequest(dashboard=spec), **call)),
            ("bulk", bulk),
            ("entity", lambda: entities.UpsertEntity(UpsertEntityRequest(entity=user), **call)),
            ("entity", lambda: entities.UpsertEntity(UpsertEntityRequest(entity=domain), **call)),
            ("delete", lambda: dashboards.DeleteDashboard(DeleteDashboardRequest(fully_qualified_name=fqn), **call)),
            ("restore", lambda: dashboards.RestoreDashboard(RestoreDashboardRequest(fully_qualified_name=fqn), **call)),
            (
                "remove",
                lambda: dashboards.DeleteDashboard(DeleteDashboardRequest(fully_qualified_name=fqn, hard=True), **call),
            ),
            ("remove entity", lambda: entities.DeleteEntity(gone, **call)),
            ("rename", lambda: dashboards.RenameDashboard(renamed, **call)),
            ("rename entity", lambda: entities.RenameEntity(moved, **call)),
        ]

    async def write_slowly(self) -> None:
        """Writes in transactions that stay open for a while, so that others which began later commit before them."""
        pipeline = Pipeline(Authorizer(None))
        while not self.over:
            key = AssetName(self.chance.choice(SERVICES), f"slow{self.chance.randrange(5)}")
            writer = Writer(principal=ADMIN, ingests=False, call_id=f"slow-{self.written['slow']}")
            values = {"description": f"{self.chance.random()}"}
            write = AssetWrite(kind=CHART_KIND, verb=Verb.UPSERT, writer=writer, key=key, values=values)

            async def work(connection: WriteConnection, write: AssetWrite = write) -> None:
                await pipeline.run(connection, Batch([write]))
                await asyncio.sleep(self.chance.random())

            await self.database.write(work)
            self.written["slow"] += 1
            await asyncio.sleep(self.chance.random() / 4)

    async def kill_on(self) -> None:
        """Kills servers and starts them again until the run is over."""
        while not self.over:
            await asyncio.sleep(2 + 3 * self.chance.random())
            server = self.chance.choice(self.servers)
            await server.kill()
            await asyncio.sleep(self.chance.random())
            await server.start()


async def run(folder: Path, database_url: str, seconds: float, seed: int) -> bool:
    """Runs once, prints what happened, and returns whether every watcher got what it should."""
    this = Run(folder, database_url, seed)
    for server in this.servers:
        await server.start()
    try:
        async with this.channel() as channel:
            stub: Any = CatalogServiceStub(channel)
            for name in SERVICES:
                entity = Entity(bi_service=BiService(name=name, service_type="Superset"))
                await stub.UpsertEntity(UpsertEntityRequest(entity=entity), metadata=this.metadata, wait_for_ready=True)
        watchers = [Watched(this, kind, seed + number) for number, kind in enumerate(Watched.KINDS)]
        for watcher in watchers:
            await watcher.begin()
        watching = [asyncio.create_task(watcher.watch_on()) for watcher in watchers]
        working = [asyncio.create_task(this.write_on()) for _ in range(WRITERS - 1)]
        working += [asyncio.create_task(this.write_slowly()), asyncio.create_task(this.kill_on())]
        late = [Watched(this, kind, seed + 100) for kind in ("beginning", "beginning with states")]
        await asyncio.sleep(seconds / 2)
        for watcher in late:
            await watcher.begin()
        watching += [asyncio.create_task(watcher.watch_on()) for watcher in late]
        await asyncio.sleep(seconds / 2)
        this.over = True
        await asyncio.gather(*working)
        this.is_written = True
        await asyncio.gather(*watching)
        return await compare(this, [*watchers, *late])
    finally:
        this.over = True
        for server in this.servers:
            await server.kill()
        await this.database.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.watching", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0, help="how long to write (%(default)s)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="for the same chances again")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}, {arguments.seconds:g} s")
    with tempfile.TemporaryDirectory(prefix="watching-") as name, postgres_server(**THROWAWAY) as postgres:
        upgrade(postgres.url())
        return 0 if asyncio.run(run(Path(name), postgres.url(), arguments.seconds, arguments.seed)) else 1


if __name__ == "__main__":
    sys.exit(main())
