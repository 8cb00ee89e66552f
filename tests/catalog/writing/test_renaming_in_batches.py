"""Renamings among the writes of one batch: each write finds the names as those before it have left them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import select

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.model.commands import (
    AssetKey,
    AssetName,
    AssetWrite,
    EntityWrite,
    SentLabel,
    Verb,
    Write,
    Writer,
)
from dashboard_catalog.catalog.model.kinds import CHART_KIND, DASHBOARD_KIND, ENTITY_KINDS, AssetKind
from dashboard_catalog.catalog.writing.pipeline import Batch, Pipeline
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.tables import CHART_HISTORY, DASHBOARD, DASHBOARD_HISTORY, DASHBOARD_REFERENCE, FORMER_NAME

Run = Callable[..., Awaitable[list[Any]]]

ADMIN = Principal("admin", frozenset({"admin"}), frozenset(), None, False, None)
EDIT = Writer(principal=ADMIN, ingests=False, call_id="call")
INGESTION = Writer(principal=ADMIN, ingests=True, call_id="call")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
async def run(database: Database) -> Run:
    """Runs writes as one batch, in a catalog with the BI service `s` and the tag `t.u`; returns records or codes."""
    pipeline = Pipeline(Authorizer(None))

    async def run(*writes: Write) -> list[Any]:
        results = await database.write(lambda connection: pipeline.run(connection, Batch(writes)))
        return [str(each.code) if isinstance(each, CatalogError) else each.record for each in results]

    for kind, name, values in (
        ("bi_service", "s", {"service_type": "Superset"}),
        ("classification", "t", {}),
        ("tag", "u", {"classification": "t"}),
    ):
        await run(EntityWrite(kind=ENTITY_KINDS[kind], writer=EDIT, name=name, values=values))
    return run


def _rename(key: str | AssetKey, new_name: str, kind: AssetKind = DASHBOARD_KIND) -> AssetWrite:
    named = AssetName("s", key) if isinstance(key, str) else key
    return AssetWrite(kind=kind, verb=Verb.RENAME, writer=EDIT, key=named, new_name=new_name)


def _put(name: str, *, by: Writer = EDIT, kind: AssetKind = DASHBOARD_KIND, **values: object) -> AssetWrite:
    return AssetWrite(kind=kind, verb=Verb.UPSERT, writer=by, key=AssetName("s", name), values=values)


async def _rows(database: Database, *columns: Any) -> list[tuple[Any, ...]]:
    async with database.read() as connection:
        return sorted(map(tuple, await connection.execute(select(*columns))))


async def test_names_are_swapped_and_taken_within_a_batch(run: Run, database: Database) -> None:
    tags = {"t.u": (0, SentLabel("t.u", "Manual", "Confirmed"))}
    a, b, c = await run(*[_put(name, tags=tags) for name in "abc"])

    results = await run(
        _rename("a", "x"),
        _rename("b", "a"),
        _rename("x", "b"),
        _rename("b", "c"),
        _rename(c.id, "d"),
        _put("c", tags=tags),
        _rename("never", "e"),
        _rename("x", "e"),
        _put("n"),
        _rename("n", "o"),
        _put("n", project="P"),
    )

    assert [each if isinstance(each, str) else each.name for each in results] == [
        "x",
        "a",
        "b",
        "ALREADY_EXISTS",
        "d",
        "c",
        "NOT_FOUND",
        "NOT_FOUND",
        "n",
        "o",
        "n",
    ]
    new_c, new_o, new_n = results[5], results[9], results[10]
    now = {"a": b.id, "b": a.id, "c": new_c.id, "d": c.id, "o": new_o.id, "n": new_n.id}
    assert dict(await _rows(database, DASHBOARD.c.name, DASHBOARD.c.id)) == now
    h = DASHBOARD_HISTORY.c
    assert await _rows(database, h.name, h.id, h.version) == sorted(
        [("a", a.id, 1), ("x", a.id, 2), ("b", b.id, 1), ("c", c.id, 1), ("n", new_o.id, 1)]
    )
    assert await _rows(database, DASHBOARD_REFERENCE.c.name) == [("a",), ("b",), ("c",), ("d",)]
    assert await _rows(database, FORMER_NAME.c.name, FORMER_NAME.c.id) == [("x", a.id)]

    # Each has its change number, and there are no others.
    numbers = [number for (number,) in await _rows(database, DASHBOARD.c.change_number)]
    numbers += [number for (number,) in await _rows(database, h.change_number)]
    assert sorted(numbers) == list(range(1, 12))


async def test_ingestion_in_a_batch_follows_the_renamings_before_it(run: Run, database: Database) -> None:
    chart, other = await run(_put("c", kind=CHART_KIND), _put("c2", kind=CHART_KIND))
    (dashboard,) = await run(_put("d"))
    old, new = {AssetName("s", "c"): 0}, {AssetName("s", "new"): 0}

    results = await run(
        _put("d", by=INGESTION, project="P"),
        _rename("d", "e"),
        _put("d", by=INGESTION, project="Q", charts=old),
        _rename("c", "new", CHART_KIND),
        _rename("c2", "c", CHART_KIND),
        _rename("c", "c3", CHART_KIND),
        _put("f", by=INGESTION, charts=old),
        _put("g", charts=old),
        _put("g", charts=new),
        _put("d", project="R"),
        _put("d", by=INGESTION, project="S"),
    )

    assert [each if isinstance(each, str) else (each.id, each.version) for each in results[:4]] == [
        (dashboard.id, 2),
        (dashboard.id, 3),
        (dashboard.id, 4),
        (chart.id, 2),
    ]
    # Charts come first in a batch. The name `c` was the first chart's before, then the second one's.
    assert (results[2].name, results[2].project, results[2].charts) == ("e", "Q", [other.id])
    assert (results[6].charts, results[7], results[8].charts) == ([other.id], "INVALID_ARGUMENT", [chart.id])
    assert (results[9].name, results[9].version, results[10].version) == ("d", 1, 2)
    assert {results[9].id, results[10].id} != {dashboard.id}
    assert await _rows(database, CHART_HISTORY.c.name) == [("c",), ("c",), ("c2",)]
    assert await _rows(database, FORMER_NAME.c.name, FORMER_NAME.c.id) == sorted([("c", other.id), ("c2", other.id)])
