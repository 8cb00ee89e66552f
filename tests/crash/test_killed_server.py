"""A server that is killed again and again while a client loads: every item is written once, every failure told once.

`CRASH_ITEMS` and `CRASH_KILLS` make it longer: `CRASH_ITEMS=50000 CRASH_KILLS=24 make test`.
"""

import asyncio
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.killable import Failpoint, Killable, killable
from tests.crash.loads import Load

ITEMS = int(os.environ.get("CRASH_ITEMS", "10000"))
KILLS = int(os.environ.get("CRASH_KILLS", "4"))
# Enough for a chunk that is sent, however many items wait for company.
_BETWEEN_KILLS = 2_000


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Killable]:
    with killable(database_url, tmp_path / "data") as server:
        yield server


async def _kill_at_random(server: Killable, load: Load) -> None:
    """Kills it at a moment while it starts, while it resumes, or while it writes."""
    before = load.done
    if random.random() < 0.8:
        while load.done == before:
            await asyncio.sleep(0.01)
    await asyncio.sleep(random.uniform(0, 0.2))
    await server.kill()


async def _torment(server: Killable, load: Load, kills: int) -> None:
    """Kills the server while it writes the load, now by a signal, now by a failpoint; in the end it lives."""
    for kill in range(kills):
        load.hold_at(load.count * (kill + 1) // (kills + 1))
        if kill % 2 == 0:
            server.start()
            await _kill_at_random(server, load)
        else:
            # The first write of a connection opens the session, the second is a chunk.
            server.start(Failpoint(random.choice(["before", "after", "after"]), write=random.choice([1, 2, 2])))
            await server.died()
    load.hold_at(load.count)
    for where in ("before", "after"):
        server.start(Failpoint(where))
        await server.died()
    server.start()


async def test_a_load_survives_a_server_that_is_killed_again_and_again(server: Killable, database_url: str) -> None:
    assert ITEMS // (KILLS + 1) >= _BETWEEN_KILLS
    load = Load(ITEMS)
    async with asyncio.TaskGroup() as tasks:
        loading = tasks.create_task(load.run(server.address, server.token, {"service": "s"}))
        tasks.create_task(_torment(server, load, KILLS))

    await load.check(loading.result(), database_url)
    assert server.kills == KILLS + 2
