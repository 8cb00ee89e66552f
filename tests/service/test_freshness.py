"""A search finds what has just been written, and the index mends itself."""

import asyncio
import dataclasses
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import structlog
from google.protobuf.field_mask_pb2 import FieldMask
from sqlalchemy import update

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog import catalog
from dashboard_catalog.catalog.indexing import indexer
from dashboard_catalog.catalog.indexing.recent_writes import After, AfterSyntaxError, RecentWrites
from dashboard_catalog.index.folders import IndexFolder, Status
from dashboard_catalog.index.searching import SearchIndex
from dashboard_catalog.index.writer import Writer, WriterFailed
from dashboard_catalog.store.records import CATALOG_ID
from dashboard_catalog.store.tables import CHART
from dashboardcatalog.v1 import (
    bulk_pb2,
    bulk_session_pb2,
    catalog_service_pb2,
    chart_service_pb2,
    dashboard_service_pb2,
)
from dashboardcatalog.v1.entity_pb2 import Entity, Kind
from tests.index.writing import document, names
from tests.patience import PATIENCE, until
from tests.service.caller import Caller, Service
from tests.service.indexing import indexing

CHARTS = {"c1", "c2", "c3"}


async def after(call: Any) -> After:
    """Returns what a write answers in its trailing metadata."""
    if hasattr(call, "read"):
        async for _ in call:
            pass
    else:
        await call
    return After.parse(dict(await call.trailing_metadata())["catalog-after"])


async def test_every_write_says_what_a_search_must_wait_for(superset: Caller, indexed: SearchIndex) -> None:
    dashboards, charts, entities = (superset._stubs[key] for key in ("Dashboard", "Chart", "Entit"))
    spec: Any = {"name": "d1", "service": "superset"}
    chart: Any = {"name": "c9", "service": "superset"}
    item: Any = {"dashboard": {"name": "d2", "service": "looker"}}
    session: Any = {"session_id": str(uuid4())}
    user: Any = {"name": "eve"}
    writes: dict[str, Callable[[], Any]] = {
        "d1": lambda: dashboards.CreateDashboard(
            dashboard_service_pb2.CreateDashboardRequest(dashboard=spec), metadata=superset.metadata
        ),
        "c9": lambda: charts.UpsertChart(chart_service_pb2.UpsertChartRequest(chart=chart), metadata=superset.metadata),
        "eve": lambda: entities.UpsertEntity(
            catalog_service_pb2.UpsertEntityRequest(entity=Entity(user=user)), metadata=superset.metadata
        ),
        "d2": lambda: dashboards.BulkUpsert(
            iter([bulk_pb2.BulkUpsertRequest(options=session, items=[item])]), metadata=superset.metadata
        ),
    }
    for name, write in writes.items():
        told = await after(write())
        assert await indexed.wait_for(told.numbers, PATIENCE)
        found = set().union(*[await indexed.search(partial(names, term=kind)) for kind in KINDS])
        assert name in found
    told = await after(
        entities.DeleteEntity(
            catalog_service_pb2.DeleteEntityRequest(kind=Kind.KIND_USER, fully_qualified_name="eve", hard=True),
            metadata=superset.metadata,
        )
    )
    assert await indexed.wait_for(told.numbers, PATIENCE)
    assert CATALOG_ID in told.numbers
    assert "eve" not in await indexed.search(lambda searcher: names(searcher, "kind", "user"))

    request = bulk_session_pb2.RevertSessionRequest(**session)
    told = await after(entities.RevertSession(request, metadata=superset.metadata))
    assert await indexed.wait_for(told.numbers, PATIENCE)
    assert await indexed.search(partial(names, field="deleted", term=True)) == {"d2"}


KINDS = ("dashboard", "chart", "user")


async def test_a_write_does_not_say_what_others_have_written_in_the_same_batch(
    service: Service, superset: Caller
) -> None:
    writers = service.caller("all", "admin"), service.caller("lim", "admin", services=["superset"])
    ids = [(await superset.get_chart(fully_qualified_name=f"{name}.c1"))["chart"]["id"] for name in SERVICES]

    async def update(number: int) -> After:
        caller, id_ = writers[number % 2], ids[1 - number % 2]
        request = chart_service_pb2.UpdateChartRequest(id=id_, update_mask=FieldMask(paths=["description"]))
        request.chart.description = str(number)
        return await after(caller._stubs["Chart"].UpdateChart(request, metadata=caller.metadata))

    # A batch that runs lets the others wait for each other.
    told = await asyncio.gather(*map(update, range(20)))
    of_each = [{sequence for one in told[first::2] for sequence in one.numbers} for first in (0, 1)]
    assert [len(sequences) for sequences in of_each] == [1, 1]
    assert of_each[0] != of_each[1]


SERVICES = ("superset", "looker")


@pytest.mark.usefixtures("superset")
async def test_a_search_waits_for_what_its_caller_has_written(
    service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(catalog, "_WAIT_SECONDS", PATIENCE)
    index = SearchIndex(IndexFolder(tmp_path))
    door = catalog.Catalog(service.database, Authorizer(None), index)
    door.recent_writes.add(principal("ann"), {CATALOG_ID: 3})
    # Nobody indexes yet, so only those return who have nothing to wait for.
    await door.wait_until_indexed(principal("bob"), After())
    async with asyncio.timeout(PATIENCE / 2):
        # There may be such a sequence, but bob may not view anything there.
        await door.wait_until_indexed(principal("bob"), After({uuid4(): 4}))
    waiting = [
        asyncio.create_task(door.wait_until_indexed(principal("ann"), After())),
        asyncio.create_task(door.wait_until_indexed(principal("bob"), After({CATALOG_ID: 4}))),
        asyncio.create_task(door.wait_until_indexed(principal("bob"), After(everything=True))),
    ]
    await asyncio.sleep(0.1)
    assert not any(task.done() for task in waiting)
    async with indexing(service.database, index.folder):
        await asyncio.gather(*waiting)
    assert await index.search(names) == CHARTS
    index.close()


def principal(subject: str) -> Principal:
    nothing: frozenset[str] = frozenset()
    return Principal(subject, roles=nothing, teams=nothing, services=None, bot=False, expires_at=None)


def flip(folder: Path) -> None:
    file = next(folder.glob("*.term"))
    content = bytearray(file.read_bytes())
    content[0] ^= 1
    file.write_bytes(content)


def lose(folder: Path) -> None:
    next(folder.glob("*.pos")).unlink()


def garble(folder: Path) -> None:
    folder.joinpath("meta.json").write_text("{}")


def replace(folder: Path) -> None:
    """Puts an index there that is whole, but of another catalog."""
    shutil.rmtree(folder)
    folder.mkdir()
    writer = Writer(folder)
    writer.add([document(1)])
    writer.commit({})
    writer.close()


def age(folder: Path) -> None:
    """Makes it an index of another version."""
    other = folder.rename(folder.with_name("v0-tantivy0.1-abc"))
    IndexFolder(folder.parent).say(Status(other.name, building=False, checked_at=time.time()))


def mistype(folder: Path) -> None:
    """Makes what the indexer said JSON of other types."""
    folder.with_name("status.json").write_text(f'{{"build": "{folder.name}", "building": false, "checked_at": "now"}}')


def interrupt(folder: Path) -> None:
    """Makes it an index whose build was killed."""
    IndexFolder(folder.parent).say(Status(folder.name, building=True, checked_at=time.time()))


@pytest.mark.usefixtures("unindexed")
@pytest.mark.parametrize("harm", [flip, lose, garble, replace, age, mistype, interrupt, shutil.rmtree])
async def test_an_index_that_cannot_be_used_is_built_anew(
    superset: Caller, service: Service, harm: Callable[[Path], None]
) -> None:
    index, folder = service.index, service.index.folder
    async with indexing(service.database, folder):
        await until(lambda: not index.building)
    build = folder.path(str(folder.status() and folder.status().build))  # type: ignore[union-attr]
    async with indexing(service.database, folder):
        # What is whole is not built again.
        await until(lambda: (status := folder.status()) and not status.building)
    assert folder.path(folder.status().build) == build  # type: ignore[union-attr]
    harm(build)
    await superset.create_chart(chart={"name": "c9", "service": "superset"})
    async with indexing(service.database, folder):
        await until(lambda: (s := folder.status()) and not s.building and folder.path(s.build) != build)
        assert await index.search(names) == {*CHARTS, "c9"}
        await until(lambda: len(builds(folder)) == 1)


@pytest.mark.usefixtures("superset", "unindexed")
@pytest.mark.parametrize("is_open", [True, False])
async def test_an_index_that_is_damaged_while_it_is_searched_is_built_anew(
    service: Service, monkeypatch: pytest.MonkeyPatch, is_open: bool
) -> None:
    monkeypatch.setattr(indexer, "_TRUST_SECONDS", 0)
    index, folder = service.index, service.index.folder
    async with indexing(service.database, folder):
        await until(lambda: not index.building)
        if is_open:
            assert await index.search(names) == CHARTS
        build = folder.path(folder.status().build)  # type: ignore[union-attr]
        for file in build.glob("*.store"):
            # In place: the server may have mapped it.
            with file.open("r+b") as opened:
                opened.write(bytes(file.stat().st_size))
        # It fails, or finds what was read before.
        with suppress(RuntimeError, ValueError):
            await index.search(names)
        await until(lambda: (s := folder.status()) and not s.building and folder.path(s.build) != build)
        assert await index.search(names) == CHARTS


@pytest.mark.usefixtures("superset")
async def test_an_index_of_a_later_state_of_the_database_is_built_anew(service: Service, tmp_path: Path) -> None:
    folder, written = IndexFolder(tmp_path / "search"), RecentWrites(service.database, time.time)
    async with indexing(service.database, folder):
        await until(lambda: (status := folder.status()) and not status.building)
    build = folder.status().build  # type: ignore[union-attr]
    # The database is set back, and another change takes the last number.
    await written.write(principal("ann"), _set_back)
    async with indexing(service.database, folder):
        await until(lambda: (status := folder.status()) and not status.building and status.build != build)


async def _set_back(connection: Any) -> None:
    await connection.execute(update(CHART).values(call_id="another"))


@pytest.mark.usefixtures("superset")
async def test_an_index_that_cannot_be_written_is_tried_again(service: Service, tmp_path: Path) -> None:
    folder = IndexFolder(tmp_path / "search")
    # Something else is where the folder should be.
    folder.root.touch()
    index = SearchIndex(folder)
    with structlog.testing.capture_logs() as lines:
        async with indexing(service.database, folder):
            await until(lambda: lines)
            assert (index.building, index.lag(), await index.search(names)) == (True, None, set())
            folder.root.unlink()
            await until(lambda: not index.building)
    assert lines[0]["event"] == "search_index_failed"
    assert str(folder.root) in lines[0]["problem"]
    assert await index.search(names) == CHARTS
    index.close()


@pytest.mark.usefixtures("unindexed")
async def test_an_index_that_can_be_opened_but_not_written_is_tried_less_and_less_often(
    superset: Caller, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer, "_FIRST_RETRY_SECONDS", 0.01)
    index, failures = service.index, 3
    commit = Writer.commit

    def failing(writer: Writer, positions: Any) -> None:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise WriterFailed("No space left on device")
        commit(writer, positions)

    async with indexing(service.database, index.folder):
        await until(lambda: not index.building)
        with structlog.testing.capture_logs() as lines, monkeypatch.context() as patched:
            patched.setattr(Writer, "commit", failing)
            await superset.create_chart(chart={"name": "c9", "service": "superset"})
            await until(lambda: failures < 0)
    failed = [line["retry_seconds"] for line in lines if line["event"] == "search_index_failed"]
    assert failed == [0.01, 0.02, 0.04]


@pytest.mark.usefixtures("superset")
async def test_two_indexers_do_not_write_the_same_folder(service: Service, tmp_path: Path) -> None:
    folder = IndexFolder(tmp_path)
    index = SearchIndex(folder)
    async with indexing(service.database, folder), indexing(service.database, folder):
        await until(lambda: not index.building)
        assert await index.search(names) == CHARTS
    assert len(builds(folder)) == 1
    index.close()


def builds(folder: IndexFolder) -> list[Path]:
    """Returns the folders of all builds."""
    return [one for one in folder.root.iterdir() if one.is_dir()]


def test_what_is_after_a_write_is_a_small_opaque_text() -> None:
    one, other = After({uuid4(): 1}), After({uuid4(): 2**63})
    assert After.parse(str(one | other)) == one | other
    assert After.parse(str(After())) == After()
    many = After({uuid4(): 1 for _ in range(65)})
    assert str(many) == "all"
    assert After.parse("all").everything
    for wrong in ("x", "äöü", "AAAA", str(one)[:-2], str(many) + "!", "A" * 4_000):
        with pytest.raises(AfterSyntaxError):
            After.parse(wrong)


def test_only_recent_writes_of_the_newest_writers_are_remembered() -> None:
    now, complete_until = 1_000.0, 0.0
    recent = RecentWrites(None, lambda: complete_until, lambda: now)  # type: ignore[arg-type]
    one, other = uuid4(), uuid4()
    ann, bob = principal("ann"), principal("bob")
    recent.add(ann, {one: 5})
    now = 1_050.0
    recent.add(ann, {other: 1})
    recent.add(bob, {other: 1})
    recent.add(ann, {})
    assert recent.of(ann) == After({one: 5, other: 1})
    now = 1_061.0
    assert recent.of(ann) == recent.of(bob) == After({other: 1})
    # What is known to be indexed needs no waiting.
    complete_until = 1_050.5
    assert recent.of(ann) == After()
    recent.add(ann, {uuid4(): 1 for _ in range(70)})
    assert recent.of(ann) == After(everything=True)
    # With a limited token, she does not see what she has written with another one.
    assert recent.of(dataclasses.replace(ann, services=frozenset({"superset"}))) == After()
    for number in range(10_000):
        recent.add(principal(f"subject {number}"), {one: 1})
    assert recent.of(bob) == After()
