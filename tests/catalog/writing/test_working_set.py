"""The working set of one batch: new ids, assets with several versions, and nothing left of removed assets."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import RFC_4122, UUID

import pytest
from sqlalchemy import select

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.model.commands import AssetName, AssetWrite, EntityWrite, Verb, Write, Writer
from dashboard_catalog.catalog.model.ids import new_id
from dashboard_catalog.catalog.model.kinds import CHART_KIND, DASHBOARD_KIND, ENTITY_KINDS, AssetKind
from dashboard_catalog.catalog.writing.pipeline import Batch, Pipeline
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.tables import CHART, CHART_HISTORY, DASHBOARD, DASHBOARD_HISTORY, SERVICE_SEQUENCE

Run = Callable[..., Awaitable[list[Any]]]

ADMIN = Principal("admin", frozenset({"admin"}), frozenset(), None, False, None)
EDIT = Writer(principal=ADMIN, ingests=False, call_id="call")
INGESTION = Writer(principal=ADMIN, ingests=True, call_id="call")


def test_ids_are_unique_and_of_version_7() -> None:
    ids = [new_id() for _ in range(10_000)]

    assert len(set(ids)) == 10_000
    assert {(id_.version, id_.variant) for id_ in ids} == {(7, RFC_4122)}


def test_ids_sort_by_their_time() -> None:
    ids, times = [], []
    for _ in range(20):
        before = time.time_ns() // 1_000_000
        ids.append(new_id())
        times.append((before, time.time_ns() // 1_000_000))
        time.sleep(0.002)

    assert ids == sorted(ids)
    assert [id_.hex for id_ in ids] == sorted(id_.hex for id_ in ids)
    made = [id_.int >> 80 for id_ in ids]
    assert all(before <= at <= after + 1_000 for at, (before, after) in zip(made, times, strict=True))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
async def run(database: Database) -> Run:
    """Runs writes as one batch, in a catalog that has the BI service `s`."""
    pipeline = Pipeline(Authorizer(None))

    async def run(*writes: Write) -> list[Any]:
        results = await database.write(lambda connection: pipeline.run(connection, Batch(writes)))
        assert not [result.message for result in results if isinstance(result, CatalogError)]
        return [result.record for result in results if not isinstance(result, CatalogError)]

    values = {"service_type": "Superset"}
    await run(EntityWrite(kind=ENTITY_KINDS["bi_service"], writer=EDIT, name="s", values=values))
    return run


def _write(verb: Verb, name: str, *, by: Writer = EDIT, kind: AssetKind = DASHBOARD_KIND, **more: object) -> AssetWrite:
    hard = more.pop("hard", False)
    return AssetWrite(kind=kind, verb=verb, writer=by, key=AssetName("s", name), values=more, hard=bool(hard))


async def _stored(database: Database) -> dict[str, list[tuple[UUID, int]]]:
    """Returns id and version of all stored assets, by table, and the number of the last change."""
    async with database.read() as connection:
        return {
            table.name: sorted(tuple(row) for row in await connection.execute(select(table.c.id, table.c.version)))
            for table in (DASHBOARD, DASHBOARD_HISTORY, CHART, CHART_HISTORY)
        }


async def test_an_asset_written_several_times_in_a_batch_gets_all_its_versions(run: Run, database: Database) -> None:
    first = await run(*[_write(Verb.UPSERT, "d", project=f"P{number}") for number in range(3)])
    second = await run(*[_write(Verb.UPSERT, "d", project=f"Q{number}") for number in range(3)])

    id_ = first[0].id
    records = first + second
    assert [(record.id, record.version) for record in records] == [(id_, version) for version in range(1, 7)]
    assert [record.project for record in records] == ["P0", "P1", "P2", "Q0", "Q1", "Q2"]
    stored = await _stored(database)
    assert stored["dashboard"] == [(id_, 6)]
    assert stored["dashboard_history"] == [(id_, version) for version in range(1, 6)]
    async with database.read() as connection:
        columns = DASHBOARD_HISTORY.c
        history = await connection.execute(select(columns.version, columns.project, columns.change_number))
        assert sorted(map(tuple, history)) == [(n + 1, p, n + 1) for n, p in enumerate(["P0", "P1", "P2", "Q0", "Q1"])]
        last = await connection.execute(
            select(SERVICE_SEQUENCE.c.last_change).where(SERVICE_SEQUENCE.c.service_id == first[0].service_id)
        )
        assert last.scalar_one() == 6


async def test_marks_and_digests_are_stored_with_other_changes_of_the_asset(run: Run, database: Database) -> None:
    await run(_write(Verb.UPSERT, "d", by=INGESTION, source_hash="1"))
    await run(
        _write(Verb.UPSERT, "d", by=INGESTION, source_hash="2"),
        _write(Verb.UPSERT, "d", display_name="D"),
        _write(Verb.UPSERT, "d", by=INGESTION, display_name="E", source_hash="3"),
    )

    async with database.read() as connection:
        (now,) = await DASHBOARD_KIND.table.by_names(connection, *await _place(database, "d"))
        older = await DASHBOARD_KIND.table.version(connection, now.service_id, now.id, 1)
    assert (now.version, now.display_name, now.source_hash) == (2, "D", "3")
    assert now.edited == {"fields": ["display_name"]}
    assert now.ingested
    assert older is not None
    assert (older.display_name, older.edited) == (None, None)


async def _place(database: Database, name: str) -> tuple[UUID, list[str]]:
    async with database.read() as connection:
        return (await connection.execute(select(DASHBOARD.c.service_id))).scalar_one(), [name]


async def test_an_asset_that_a_batch_changes_and_removes_is_removed_with_its_history(
    run: Run, database: Database
) -> None:
    await run(*[_write(Verb.UPSERT, name, kind=CHART_KIND) for name in ("c", "own")])
    charts = {AssetName("s", name): index for index, name in enumerate(("c", "own"))}
    await run(_write(Verb.UPSERT, "d", charts=charts), _write(Verb.UPSERT, "other", charts=charts))
    await run(_write(Verb.UPSERT, "other", charts={AssetName("s", "c"): 0}))

    for verb in (Verb.DELETE, Verb.RESTORE):
        await run(_write(verb, "d"))
    await run(
        _write(Verb.DELETE, "d"),
        _write(Verb.RESTORE, "d"),
        _write(Verb.DELETE, "d", hard=True),
    )

    stored = await _stored(database)
    (dashboard,), (chart,) = stored["dashboard"], stored["chart"]
    assert {id_ for id_, _ in stored["dashboard_history"]} == {dashboard[0]}
    assert {id_ for id_, _ in stored["chart_history"]} <= {chart[0]}


async def test_a_chart_deleted_with_a_removed_dashboard_is_removed_too(run: Run, database: Database) -> None:
    await run(_write(Verb.UPSERT, "c", kind=CHART_KIND))
    await run(_write(Verb.UPSERT, "d", charts={AssetName("s", "c"): 0}))

    await run(_write(Verb.DELETE, "d"), _write(Verb.DELETE, "d", hard=True))

    assert await _stored(database) == {"dashboard": [], "dashboard_history": [], "chart": [], "chart_history": []}
