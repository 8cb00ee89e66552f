"""WatchChanges across servers, with policies that change, databases that are set back and clients that do not read."""

import asyncio
import random
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import grpc.aio
import pytest
from sqlalchemy import text

from dashboard_catalog.auth.policy_files import DEFAULT_FOLDER
from dashboard_catalog.catalog import catalog as catalog_module
from dashboard_catalog.catalog.reading.feed.changes import PieceReader
from dashboard_catalog.catalog.reading.feed.watch import Watches
from dashboard_catalog.rpc.edge.context import CallContext
from dashboard_catalog.server import CatalogServer
from dashboard_catalog.store import notifications
from dashboard_catalog.store.database import Database
from tests.patience import PATIENCE, until
from tests.service.caller import Caller, Json, Refused, Service
from tests.service.servers import running
from tests.service.watching import watch_from_now, watching

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
AN_HOUR = 3_600.0


def spec(name: str, service: str = "superset", **fields: object) -> Json:
    return {"name": name, "service": service, **fields}


@pytest.fixture
def watch_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets servers look for changes, and say that there are none, several times a second."""
    monkeypatch.setattr(catalog_module, "Watches", partial(Watches, idle_seconds=0.1, look_seconds=0.1))


@pytest.mark.usefixtures("watch_often")
async def test_a_watcher_of_one_server_gets_the_writes_of_another(database_url: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with running(database_url, data) as (first, one), running(database_url, data) as (_, other):
        admin, writer = one.caller("admin", "admin"), other.caller("admin", "admin")
        await writer.add_small_catalog()
        async with watching(admin) as watcher:
            await watcher.read()
            await writer.upsert_dashboard(dashboard=spec("d1"))
            assert await watcher.take(1) == ["created dashboard superset.d1 0.1"]
            idle = await watcher.read()
            assert idle.keys() == {"resumeToken"}

            await first.drain(seconds=PATIENCE)
            assert (await watcher.end()).reason == "DRAINING"
        async with watching(writer, resume_token=watcher.token) as watcher:
            assert await watcher.past() == []


@on_postgresql
async def test_notifications_wake_watchers_and_survive_a_lost_connection(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog_module, "Watches", partial(Watches, look_seconds=AN_HOUR))
    # Long enough to miss what is written meanwhile.
    monkeypatch.setattr(notifications, "_RETRY_SECONDS", 0.5)
    data = tmp_path / "data"
    async with running(database_url, data) as (_, one), running(database_url, data) as (_, other):
        writer = other.caller("admin", "admin")
        await writer.add_small_catalog()
        async with watching(one.caller("admin", "admin")) as watcher:
            await watcher.read()
            for number in range(2):
                await _listening(one.database)
                await writer.upsert_dashboard(dashboard=spec(f"d{number}"))
                assert await watcher.take(1) == [f"created dashboard superset.d{number} 0.1"]
            await _sql(one.database, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {_LISTENS}")
            # Whatever it has missed meanwhile, it finds when it listens again.
            await writer.upsert_dashboard(dashboard=spec("d2"))
            assert await watcher.take(1) == ["created dashboard superset.d2 0.1"]


_LISTENS = "query LIKE 'LISTEN %' AND datname = current_database()"


async def _listening(database: Database) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            if await _sql(database, f"SELECT 1 FROM pg_stat_activity WHERE {_LISTENS}"):
                return
            await asyncio.sleep(0.02)


async def _sql(database: Database, statement: str) -> list[Any]:
    async with database.read() as connection:
        return list(await connection.execute(text(statement)))


@on_postgresql
@pytest.mark.usefixtures("watch_often")
async def test_watchers_need_no_notifications(database_url: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with (
        running(database_url, data, pgbouncer=True) as (_, one),
        running(database_url, data, pgbouncer=True) as (_, other),
    ):
        writer = other.caller("admin", "admin")
        await writer.add_small_catalog()
        async with watching(one.caller("admin", "admin")) as watcher:
            await watcher.read()
            await writer.upsert_dashboard(dashboard=spec("d1"))
            assert await watcher.take(1) == ["created dashboard superset.d1 0.1"]
            assert not await _sql(one.database, f"SELECT 1 FROM pg_stat_activity WHERE {_LISTENS}")


@on_sqlite
@pytest.mark.usefixtures("watch_often")
async def test_changed_policies_change_what_is_delivered(database_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "admin.cedar").write_text((DEFAULT_FOLDER / "admin.cedar").read_text())
    _let_view(folder, '{ resource has service && resource.service == BiService::"superset" }')
    async with running(database_url, tmp_path / "data", policy_dir=folder) as (server, service):
        admin = service.caller("admin", "admin")
        await admin.add_small_catalog()
        async with watching(service.caller("vic", "viewer"), kinds=["KIND_CHART"]) as watcher:
            await watcher.read()
            await admin.upsert_chart(chart=spec("c2", "looker"))
            await admin.upsert_chart(chart=spec("c4"))
            assert await watcher.take(1) == ["created chart superset.c4 0.1"]

            _let_view(folder, '{ resource has service && resource.service == BiService::"looker" }', server)
            # The reader had no place there, so it gets everything.
            assert await watcher.take(2) == ["created chart looker.c1 0.1", "created chart looker.c2 0.1"]
            await admin.upsert_chart(chart=spec("c5"))
            await admin.upsert_chart(chart=spec("c3", "looker"))
            assert await watcher.take(1) == ["created chart looker.c3 0.1"]
            token = watcher.token

            _let_view(folder, '{ resource has service && resource.service == BiService::"nowhere" }', server)
            assert (await watcher.end()).code == "PERMISSION_DENIED"
        _let_view(folder, "{ true }", server)
        async with watching(service.caller("vic", "viewer"), kinds=["KIND_CHART"], resume_token=token) as watcher:
            # It goes on where it was, also where it could not view anything in between.
            assert await watcher.past() == ["created chart superset.c5 0.1"]


def _let_view(folder: Path, condition: str, server: CatalogServer | None = None) -> None:
    permit = f'permit (principal in Role::"viewer", action == Action::"view", resource) when {condition};'
    (folder / "viewer.cedar").write_text(permit)
    if server is not None:
        server._authorizer.reload_if_changed()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE service_sequence SET last_change = last_change - 1 WHERE last_change = 4",
        "UPDATE chart SET call_id = 'another' WHERE change_number = 4",
    ],
    ids=["fewer changes", "another change"],
)
async def test_a_token_expires_when_the_database_is_set_back(
    service: Service, superset: Caller, statement: str
) -> None:
    await superset.upsert_chart(chart=spec("c4"))
    token = await watch_from_now(superset)
    async with watching(superset, resume_token=token) as watcher:
        await watcher.read()
    await service.database.write(lambda connection: connection.execute(text(statement)))

    async with watching(superset, resume_token=token) as watcher:
        with pytest.raises(Refused) as caught:
            await watcher.read()
    assert (caught.value.code, caught.value.reason) == ("OUT_OF_RANGE", "RESUME_TOKEN_EXPIRED")


@on_sqlite
@pytest.mark.usefixtures("superset")
async def test_a_slow_reader_is_not_read_ahead_for(
    service: Service, bot: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"c{number:03}" for number in range(400)]
    chunks = [names[first : first + 100] for first in range(0, len(names), 100)]
    await bot.bulk(*([{"chart": spec(name, description="x" * 30_000)} for name in chunk] for chunk in chunks))
    reads: list[int] = []
    writing: list[float] = []
    loop = asyncio.get_running_loop()

    async def read(self: PieceReader, *args: Any) -> Any:
        reads.append(1)
        return await original_read(self, *args)

    async def write(self: CallContext, message: Any) -> None:
        writing[:] = [loop.time()]
        await original_write(self, message)
        writing.clear()

    original_read, original_write = PieceReader.read, CallContext.write
    monkeypatch.setattr(PieceReader, "read", read)
    monkeypatch.setattr(CallContext, "write", write)
    options = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65_536)]
    async with grpc.aio.insecure_channel(service.address, options=options) as channel:
        caller = Caller(channel, service.token("admin", "admin"))
        request = {"start": "WATCH_START_BEGINNING", "kinds": ["KIND_CHART"], "include_state": True}
        async with watching(caller, **request) as watcher:
            await until(lambda: writing and loop.time() - writing[0] > 0.1)
            # One piece has about 512 KiB.
            assert len(reads) <= 5
            past = await watcher.catch_up()
            assert [change["chart"]["name"] for change in past if change["chart"]["name"] in names] == names
            assert len(reads) > 10


async def test_what_each_watcher_sees_is_the_history(service: Service, superset: Caller, bot: Caller) -> None:
    before = await _history(service.database)
    token = await watch_from_now(superset)
    done = asyncio.Event()
    watchers = [asyncio.create_task(_broken_off(superset, token, random.Random(n), done)) for n in range(3)]

    async def write(writer: int) -> None:
        for step in range(8):
            name, bi_service = f"d{(writer * step) % 7}", ("superset", "looker")[step % 2]
            if step % 4 == 3:
                await bot.bulk([{"chart": spec(f"c{n}", bi_service, description=f"{writer} {step}")} for n in range(5)])
            elif step % 5 == 4:
                with suppress(Refused):
                    await superset.delete_dashboard(fully_qualified_name=f"{bi_service}.{name}")
            else:
                await superset.upsert_dashboard(dashboard=spec(name, bi_service, description=f"{writer} {step}"))
            await superset.upsert_entity(entity={"user": {"name": f"u{writer}", "email": f"{step}@example.com"}})

    await asyncio.gather(*(write(writer) for writer in range(4)))
    done.set()
    seen = await asyncio.gather(*watchers)

    history = await _history(service.database)
    expected = {sequence: changes[len(before[sequence]) :] for sequence, changes in history.items()}
    assert min(map(len, expected.values())) > 10
    for by_sequence in seen:
        assert by_sequence == expected


async def _broken_off(caller: Caller, token: str, chance: random.Random, done: asyncio.Event) -> dict[str, list[str]]:
    """Watches with streams that end again and again, and returns what they have delivered, by BI service."""
    seen: dict[str, list[str]] = {}
    while True:
        is_last = done.is_set()
        async with watching(caller, resume_token=token) as watcher:
            for _ in range(chance.randrange(1, 6)):
                if watcher.caught_up:
                    break
                await watcher.read()
            delivered = [_told(change) for change in watcher.changes]
            assert len(set(delivered)) == len(delivered)
            for sequence, change in delivered:
                known = seen.setdefault(sequence, [])
                if change not in known:
                    known.append(change)
            if is_last and watcher.caught_up:
                return seen
            # Sometimes a client dies before it has stored the token.
            token = token if chance.random() < 0.3 else watcher.token


def _told(change: Json) -> tuple[str, str]:
    sequence = change["service"] if change["kind"] in ("KIND_DASHBOARD", "KIND_CHART") else "entities"
    return sequence, f"{change['id']} {round(change.get('version', 0) * 10)} {change['callId']}"


async def _history(database: Database) -> dict[str, list[str]]:
    """Returns what is stored of all changes, in the order of their numbers, by BI service."""
    tables = ("dashboard", "dashboard_history", "chart", "chart_history")
    assets = " UNION ALL ".join(f"SELECT service_id, id, version, call_id, change_number FROM {one}" for one in tables)
    found = await _sql(
        database,
        "SELECT entity.fqn, asset.id, asset.version, asset.call_id, asset.change_number"
        f" FROM ({assets}) AS asset JOIN entity ON entity.id = asset.service_id"
        " UNION ALL SELECT 'entities', id, 0, call_id, change_number FROM entity_change ORDER BY change_number",
    )
    history: dict[str, list[str]] = {}
    for sequence, id_, version, call_id, _ in found:
        history.setdefault(sequence, []).append(f"{UUID(str(id_))} {version} {call_id}")
    return history
