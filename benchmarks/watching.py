"""Kills servers and watchers under writers at both doors, and compares what they were told with what is stored.

Eight writers write by gRPC and by HTTP, to the same assets. On PostgreSQL there are three servers, and another writer
has transactions that stay open and commit late; on SQLite there is one server. The servers are killed with SIGKILL and
started again. Watchers end at random, and go on from the token of the last message that they have kept, which is not
always the last one they got. At the end, each watcher must have got everything that is stored, in order for each BI
service, nothing twice in one stream, and nothing else but what has been removed for good since. What writers were told
must be stored, and nothing else; no write that was bound to a version may have replaced another one; lists by chart and
by owner must find what refers to them; and no server may still count a call. `python -m benchmarks.watching --help`.
"""

import argparse
import asyncio
import json
import random
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc.aio
import httpx

from benchmarks.restarts import PROGRAM
from benchmarks.told import COLLECTORS, Ledger, collector
from benchmarks.watched import BEFORE, Watched, compare
from benchmarks.watched_calls import Calls, Names, Write
from benchmarks.watched_lists import wrong_lists
from benchmarks.watched_requests import Requests
from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.model.commands import AssetName, AssetWrite, Verb, Writer
from dashboard_catalog.catalog.model.kinds import CHART_KIND
from dashboard_catalog.catalog.writing.pipeline import Batch, Pipeline
from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.migrate import upgrade
from dashboard_catalog.store.sqlite_file import is_sqlite
from dashboardcatalog.v1.catalog_service_pb2 import UpsertEntityRequest
from dashboardcatalog.v1.catalog_service_pb2_grpc import CatalogServiceStub
from dashboardcatalog.v1.dashboard_pb2 import DashboardSpec
from dashboardcatalog.v1.dashboard_service_pb2 import UpsertDashboardRequest
from dashboardcatalog.v1.dashboard_service_pb2_grpc import DashboardServiceStub
from dashboardcatalog.v1.entity_pb2 import BiService, Entity, User
from tests.conftest import sqlite_url
from tests.postgres import THROWAWAY, postgres_server

SERVERS, WRITERS = 3, 8
REQUEST_SECONDS = 10.0
ADMIN = Principal("admin", frozenset({"admin"}), frozenset(), None, False, None)


class Server:
    """One server process, which is killed and started again on its port."""

    def __init__(self, folder: Path, number: int, database_url: str) -> None:
        self.address, self.http_address = _free_address(), _free_address()
        self.log = folder / f"server-{number}.log"
        options: dict[str, Any] = {"--address": self.address, "--http-address": self.http_address}
        options |= {"--data-dir": folder / "data", "--database-url": database_url}
        self._command = [*PROGRAM, "serve", *(str(part) for pair in options.items() for part in pair)]
        self._command += ["--log-format", "json"]
        self._process: asyncio.subprocess.Process | None = None
        self.kills = 0
        self.is_up = False

    async def start(self) -> None:
        """Starts it, and returns when it serves."""
        at = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(*self._command, stderr=log)
        while b'"serving"' not in self.log.read_bytes()[at:]:
            if self._process.returncode is not None:
                raise RuntimeError(self.log.read_text())
            await asyncio.sleep(0.05)
        self.is_up = True

    async def kill(self) -> None:
        """Kills it, and returns when it is dead."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            self.is_up = False
            await self._process.wait()
            self.kills += 1

    async def stop(self) -> int:
        """Stops it, and returns how many calls it thinks are still running."""
        if self._process is not None:
            self._process.terminate()
            await self._process.wait()
        lines = (json.loads(line) for line in self.log.read_text().splitlines() if '"draining"' in line)
        return int([line["calls"] for line in lines][-1])


class Run:
    """One run: servers, writers and watchers until a moment, and what they did."""

    def __init__(self, folder: Path, database_url: str, seed: int) -> None:
        self.chance = random.Random(seed)
        self.has_one_server = is_sqlite(database_url)
        count = 1 if self.has_one_server else SERVERS
        self.servers = [Server(folder, number, database_url) for number in range(count)]
        self.database = Database(database_url)
        self.ledger = Ledger()
        self.over = False
        self.is_written = False
        self.written: Counter[str] = Counter()
        self._sessions: list[str] = []
        self._token_file = folder / "data" / "admin.token"

    @property
    def metadata(self) -> list[tuple[str, str]]:
        """The metadata of an administrator."""
        return [("authorization", self._authorization)]

    @property
    def _authorization(self) -> str:
        return f"Bearer {self._token_file.read_text().strip()}"

    @property
    def kills(self) -> int:
        """How many servers have been killed."""
        return sum(server.kills for server in self.servers)

    def channel(self, servers: Sequence[Server] = ()) -> grpc.aio.Channel:
        """Opens a channel to any of these servers, or of all."""
        address = self.chance.choice(servers or self.servers).address
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.initial_reconnect_backoff_ms", 100)]
        return grpc.aio.insecure_channel(address, options=options)

    async def write_on(self) -> None:
        """Writes one thing after another until the run is over."""
        while not self.over:
            servers = [server for server in self.servers if server.is_up]
            if not servers:
                await asyncio.sleep(0.1)
            elif self.chance.random() < 0.5:
                async with self.channel(servers) as channel:
                    calls = Calls(channel, self.metadata, self.chance, self.ledger, self._sessions)
                    await self._write_often(calls.writes())
            else:
                address = f"http://{self.chance.choice(servers).http_address}"
                headers = {"authorization": self._authorization}
                async with httpx.AsyncClient(base_url=address, headers=headers, timeout=REQUEST_SECONDS) as client:
                    await self._write_often(Requests(client, self.chance, self.ledger).writes())

    async def _write_often(self, writes: list[Write]) -> None:
        kills = self.kills
        for _ in range(self.chance.randrange(1, 40)):
            if self.kills > kills:
                break
            name, write = self.chance.choice(writes)
            await write()
            self.written[name] += 1

    async def prepare(self) -> None:
        """Writes what the other writes refer to."""
        how: dict[str, Any] = {"metadata": [*self.metadata, ("x-request-id", BEFORE)], "wait_for_ready": True}
        entities = [BiService(name=name, service_type="Superset") for name in (*Names.SERVICES, "kept")]
        async with self.channel() as channel:
            stub: Any = CatalogServiceStub(channel)
            for service in entities:
                await stub.UpsertEntity(UpsertEntityRequest(entity=Entity(bi_service=service)), **how)
            for number in range(5):
                user = Entity(user=User(name=f"u{number}"))
                await stub.UpsertEntity(UpsertEntityRequest(entity=user), **how)
            dashboards: Any = DashboardServiceStub(channel)
            for number in range(COLLECTORS):
                spec = DashboardSpec(name=collector(number), service="kept")
                await dashboards.UpsertDashboard(UpsertDashboardRequest(dashboard=spec), **how)

    async def write_slowly(self) -> None:
        """Writes in transactions that stay open for a while, so that others which began later commit before them."""
        pipeline = Pipeline(Authorizer(None))
        while not self.over:
            key = AssetName(self.chance.choice(Names.SERVICES), f"slow{self.chance.randrange(5)}")
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
            await asyncio.sleep((8 if self.has_one_server else 2) + 3 * self.chance.random())
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
        await this.prepare()
        watchers = [Watched(this, kind, seed + number) for number, kind in enumerate(Watched.KINDS)]
        for watcher in watchers:
            await watcher.begin()
        watching = [asyncio.create_task(watcher.watch_on()) for watcher in watchers]
        working = [asyncio.create_task(this.write_on()) for _ in range(WRITERS - 1)]
        working.append(asyncio.create_task(this.kill_on()))
        if not this.has_one_server:
            working.append(asyncio.create_task(this.write_slowly()))
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
        async with this.channel() as channel:
            problems = [problem async for problem in wrong_lists(channel, this.metadata)]
        counted = {server.address: await server.stop() for server in this.servers}
        problems += [f"{address} counts {calls} calls that have ended" for address, calls in counted.items() if calls]
        return await compare(this, [*watchers, *late], problems)
    finally:
        this.over = True
        for server in this.servers:
            await server.kill()
        await this.database.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.watching", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0, help="how long to write (%(default)s)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="for the same chances again")
    parser.add_argument("--only", choices=["sqlite", "postgresql"], help="one database; both by default")
    arguments = parser.parse_args()
    is_right = True
    for database in [arguments.only] if arguments.only else ["sqlite", "postgresql"]:
        print(f"{database}: seed {arguments.seed}, {arguments.seconds:g} s")
        with tempfile.TemporaryDirectory(prefix="watching-") as name, _database(Path(name), database) as url:
            upgrade(url)
            is_right &= asyncio.run(run(Path(name), url, arguments.seconds, arguments.seed))
    return 0 if is_right else 1


@contextmanager
def _database(folder: Path, database: str) -> Iterator[str]:
    if database == "sqlite":
        yield sqlite_url(folder / "catalog.db")
        return
    with postgres_server(**THROWAWAY) as postgres:
        yield postgres.url()


def _free_address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


if __name__ == "__main__":
    sys.exit(main())
