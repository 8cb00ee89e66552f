"""A client loads while its server is killed repeatedly: every item is written once, every failure reported once.

`CRASH_ITEMS` and `CRASH_KILLS` make the test longer: `CRASH_ITEMS=50000 CRASH_KILLS=22 make test`.
"""

import asyncio
import os
import random
from collections.abc import Iterator
from pathlib import Path

import grpc.aio
import pytest
from sqlalchemy import select

from dashboard_catalog.store.database import Database
from dashboard_catalog.store.tables import CHART, DASHBOARD
from dashboard_catalog_client import LoadOptions
from dashboardcatalog.v1.bulk_pb2 import SWEEP_OUTCOME_DONE
from tests.crash.killable import Failpoint, Killable, killable
from tests.crash.loads import Load
from tests.service.caller import Caller

ITEMS = int(os.environ.get("CRASH_ITEMS", "6300"))
KILLS = int(os.environ.get("CRASH_KILLS", "2"))
# Enough for one chunk to be sent, however many items are waiting for others.
_BETWEEN_KILLS = 2_100
# The first write of a server opens the session, and the second one is a chunk.
_FAILPOINTS = [Failpoint("after", write=2), Failpoint("before", write=2), Failpoint("after", write=1)]


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Killable]:
    with killable(database_url, tmp_path / "data") as server:
        yield server


async def _kill_at_random(server: Killable, load: Load) -> None:
    """Kills the server at a moment while it starts, resumes or writes."""
    if random.random() < 0.8:
        await load.wait_for_progress()
    await asyncio.sleep(random.uniform(0, 0.2))
    await server.kill()


async def _kill_repeatedly(server: Killable, load: Load, kills: int) -> None:
    """Kills the server while it writes the load, either by a signal or at a failpoint; in the end it lives."""
    for kill in range(kills):
        load.hold_at(load.count * (kill + 1) // (kills + 1))
        if kill % 2 == 0:
            server.start()
            await _kill_at_random(server, load)
        else:
            server.start(_FAILPOINTS[kill // 2 % len(_FAILPOINTS)])
            await server.died()
    load.hold_at(load.count)
    for where in ("before", "after"):
        server.start(Failpoint(where))
        await server.died()
    server.start()


async def test_a_load_survives_a_server_that_is_killed_repeatedly(server: Killable, database_url: str) -> None:
    assert ITEMS // (KILLS + 1) >= _BETWEEN_KILLS
    load = Load(ITEMS)
    async with asyncio.TaskGroup() as tasks:
        loading = tasks.create_task(load.run(server.address, server.token, {"service": "s"}))
        tasks.create_task(_kill_repeatedly(server, load, KILLS))

    await load.check(loading.result(), database_url)
    assert server.kills == KILLS + 2


async def _upsert(server: Killable, name: str) -> None:
    """Ingests a single dashboard as soon as the server listens."""
    async with grpc.aio.insecure_channel(server.address) as channel:
        await channel.channel_ready()
        await Caller(channel, server.token).upsert_dashboard(dashboard={"name": name, "service": "s"})


async def _versions(database_url: str) -> dict[str, tuple[bool, int]]:
    """Returns for every asset, by name, whether it is deleted, and its version."""
    database = Database(database_url)
    async with database.read() as connection:
        found = [
            row
            for table in (DASHBOARD, CHART)
            for row in await connection.execute(select(table.c.name, table.c.deleted, table.c.version))
        ]
    await database.close()
    return {row.name: (row.deleted, row.version) for row in found}


async def test_a_sweeping_load_whose_server_is_killed_sweeps_unmentioned_assets_once(
    server: Killable, database_url: str
) -> None:
    whole, shorter = Load(4_500), Load(3_500)

    async def kill_repeatedly() -> None:
        shorter.hold_at(3_000)
        server.start(Failpoint("after", write=2))
        await server.died()
        server.start()
        await _upsert(server, "since")
        await server.kill()
        shorter.hold_at(shorter.count)
        for where in ("before", "after"):
            server.start(Failpoint(where))
            await server.died()
        server.start()

    server.start()
    await whole.run(server.address, server.token, {"service": "s"})
    await server.kill()
    async with asyncio.TaskGroup() as tasks:
        options: LoadOptions = {"service": "s", "sweep_percent": 50}
        loading = tasks.create_task(shorter.run(server.address, server.token, options))
        tasks.create_task(kill_repeatedly())

    summary = loading.result().summary
    gone = set(whole.good) - set(shorter.good)
    assert summary is not None
    assert (summary.unchanged, summary.failed) == (len(shorter.good) + 1, len(shorter.bad))
    assert (summary.sweep.outcome, summary.sweep.deleted) == (SWEEP_OUTCOME_DONE, len(gone))
    assert shorter.failed == shorter.bad
    expected = {name: (True, 2) if name in gone else (False, 1) for name in [*whole.good, "since"]}
    assert await _versions(database_url) == expected
