"""Renamings that race with each other and with every other write, on several servers."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from dashboard_catalog.store.database import Database
from dashboard_catalog.store.tables import CHART, CHART_HISTORY, DASHBOARD, DASHBOARD_HISTORY, FORMER_NAME
from tests.service.caller import Caller, Json, Refused, Service
from tests.service.ingesting import spec
from tests.service.servers import running

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


async def _codes(calls: Iterable[Coroutine[Any, Any, Any]]) -> Counter[str]:
    """Runs calls concurrently and returns how many ended with each code."""

    async def code(call: Coroutine[Any, Any, Any]) -> str:
        try:
            await call
        except Refused as refused:
            return refused.code
        return "OK"

    return Counter(await asyncio.gather(*map(code, calls)))


async def _check_names(database: Database) -> None:
    """Checks that every name has one owner, and that every asset has all its versions."""
    c = FORMER_NAME.c
    async with database.read() as connection:
        for table, history in ((DASHBOARD, DASHBOARD_HISTORY), (CHART, CHART_HISTORY)):
            of_kind = select(c.service_id, c.name, c.id).where(c.kind == table.name)
            former = {(row.service_id, row.name): row.id for row in await connection.execute(of_kind)}
            rows = await connection.execute(select(table.c.service_id, table.c.name, table.c.id, table.c.version))
            now = {(row.service_id, row.name): (row.id, row.version) for row in rows}
            assert not now.keys() & former.keys()
            assert set(former.values()) <= {id_ for id_, _ in now.values()}
            older = list(await connection.execute(select(history.c.service_id, history.c.name, history.c.id)))
            versions = Counter(row.id for row in older)
            assert versions == Counter({id_: version - 1 for id_, version in now.values() if version > 1})
            # Every name that an asset had is kept for one, or is taken.
            assert {(row.service_id, row.name) for row in older} <= now.keys() | former.keys()


async def test_racing_renamings_leave_every_name_with_one_owner(
    superset: Caller, bot: Caller, service: Service, tmp_path: Path, database_url: str
) -> None:
    ids = [(await superset.create_dashboard(dashboard=spec(f"d{n}")))["dashboard"]["id"] for n in range(6)]
    await superset.create_dashboard(dashboard=spec("holder", charts=["superset.c1", "superset.c2"]))

    def calls(admin: Caller, ingester: Caller, step: int) -> list[Coroutine[Any, Any, Any]]:
        a, b = f"d{step % 6}", f"d{(step * 5 + 1) % 7}"
        return [
            admin.rename_dashboard(fully_qualified_name=f"superset.{a}", new_name=b),
            admin.rename_dashboard(id=ids[step % 6], new_name=f"d{(step + 3) % 8}"),
            admin.update_dashboard(id=ids[step % 6], dashboard={"displayName": f"{step}"}, update_mask="displayName"),
            admin.upsert_dashboard(dashboard=spec(a, project=f"P{step}")),
            admin.rename_chart(fully_qualified_name=f"superset.c{step % 3 + 1}", new_name=f"c{step % 4 + 1}"),
            ingester.upsert_dashboard(dashboard=spec(b, sourceUrl=f"https://{step}.example", charts=["superset.c1"])),
            ingester.bulk([{"dashboard": spec(a)}, {"chart": spec("c2", sourceUrl=f"https://{step}.example")}]),
        ]

    async with running(database_url, tmp_path) as (_, second):
        other = second.caller("root", "admin"), second.caller("loader2", "ingestion_bot")
        racing = [call for step in range(12) for call in calls(*((superset, bot), other)[step % 2], step)]
        codes = await _codes(racing)

    assert codes.keys() <= {"OK", "NOT_FOUND", "ALREADY_EXISTS", "INVALID_ARGUMENT"}, codes
    # What is named by its id is always there.
    updates = await _codes(superset.get_dashboard(id=id_) for id_ in ids)
    assert updates == {"OK": 6}
    await _check_names(service.database)

    deletions = [superset.delete_dashboard(id=id_, hard=True) for id_ in ids]
    more = [superset.rename_dashboard(id=id_, new_name=f"x{place}") for place, id_ in enumerate(ids)]
    codes = await _codes([*more, *deletions])
    assert (codes["OK"] >= 6, codes.keys() <= {"OK", "NOT_FOUND"}) == (True, True)
    await _check_names(service.database)


async def test_ingestion_never_misses_a_service_or_domain_that_is_being_renamed(
    superset: Caller, bot: Caller, service: Service
) -> None:
    async def load(worker: int) -> list[Json]:
        results = []
        for step in range(8):
            item = {"dashboard": spec(f"d{worker}", domain="finance.tax", sourceUrl=f"https://{step}.example")}
            bulk = await bot.bulk([item])
            assert bulk.failures == {}
            results += [bulk.counts]
        return results

    async def rename() -> None:
        for step in range(8):
            for kind, name in (("KIND_BI_SERVICE", "superset"), ("KIND_DOMAIN", "finance")):
                before, after = (name, f"{name}2")[:: 1 if step % 2 == 0 else -1]
                await superset.rename_entity(kind=kind, fully_qualified_name=before, new_name=after)

    *loaded, _ = await asyncio.gather(*map(load, range(4)), rename())

    assert loaded == [[{"created": 1}, *[{"updated": 1}] * 7]] * 4
    shown = (await superset.list_dashboards(service="superset"))["dashboards"]
    assert [(each["name"], each["version"]) for each in shown] == [(f"d{n}", 0.8) for n in range(4)]
    await _check_names(service.database)
