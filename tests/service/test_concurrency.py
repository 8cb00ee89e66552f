"""Many concurrent callers: the response of each, what is stored afterwards, and how few transactions it took."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterable
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, insert, select, text

from dashboard_catalog.store.database import Database
from dashboard_catalog.store.tables import CHART, DASHBOARD, DASHBOARD_HISTORY, ENTITY
from tests.patience import PATIENCE
from tests.service.caller import Caller, Json, Refused, Service
from tests.service.counting import counted

ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def _spec(name: str, **fields: Any) -> Json:
    return {"name": name, "service": "superset", **fields}


async def _codes(calls: Iterable[Coroutine[Any, Any, Any]]) -> Counter[str]:
    """Runs calls concurrently and returns how many ended with each code."""

    async def code(call: Coroutine[Any, Any, Any]) -> str:
        try:
            await call
        except Refused as refused:
            return refused.code
        return "OK"

    return Counter(await asyncio.gather(*map(code, calls)))


async def _ids(database: Database, statement: Any) -> set[UUID]:
    """Returns all ids from a statement that selects ids or lists of ids."""
    async with database.read() as connection:
        found = list((await connection.execute(statement)).scalars())
    return {id_ for value in found for id_ in (value if isinstance(value, list) else [value]) if id_}


async def test_of_200_concurrent_creates_of_one_name_one_succeeds(superset: Caller) -> None:
    codes = await _codes(superset.create_dashboard(dashboard=_spec("d")) for _ in range(200))

    assert codes == {"OK": 1, "ALREADY_EXISTS": 199}
    assert (await superset.get_dashboard(fully_qualified_name="superset.d"))["dashboard"]["version"] == 0.1


async def test_200_concurrent_upserts_share_few_transactions(service: Service, superset: Caller) -> None:
    with counted(service.database) as counted_calls:
        codes = await _codes(superset.upsert_dashboard(dashboard=_spec(f"d{n}")) for n in range(200))

    assert codes == {"OK": 200}
    assert counted_calls.commits <= 40
    assert (await superset.list_dashboards(include_total=True))["total"] == "200"


async def test_100_concurrent_upserts_of_one_name_return_100_versions(service: Service, superset: Caller) -> None:
    answers = await asyncio.gather(
        *[superset.upsert_dashboard(dashboard=_spec("d", displayName=f"D {n}")) for n in range(100)]
    )

    versions = {round(answer["dashboard"]["version"] * 10): answer["dashboard"] for answer in answers}
    assert sorted(versions) == list(range(1, 101))
    assert Counter(answer["outcome"] for answer in answers) == {"OUTCOME_CREATED": 1, "OUTCOME_UPDATED": 99}
    async with service.database.read() as connection:
        history = await connection.execute(select(func.count()).select_from(DASHBOARD_HISTORY))
        changes = (await connection.execute(select(DASHBOARD.c.change_number))).scalar_one()
        # The three charts of the service were written first.
        assert (history.scalar_one(), changes) == (99, 103)
    # Each response has the version that it wrote.
    for version in (1, 50, 99, 100):
        read = await superset.get_dashboard(fully_qualified_name="superset.d", version=version / 10)
        assert read["dashboard"] == versions[version]


async def test_a_refused_write_does_not_fail_other_callers(superset: Caller) -> None:
    bad = [superset.upsert_chart(chart=_spec("c1", domain="none")) for _ in range(30)]
    worse = [superset.create_chart(chart=_spec("c2")) for _ in range(30)]
    good = [
        superset.upsert_dashboard(dashboard=_spec(f"d{n}", charts=["superset.c1", "superset.c2"])) for n in range(30)
    ]
    calls = [call for three in zip(bad, worse, good, strict=True) for call in three]

    assert await _codes(calls) == {"INVALID_ARGUMENT": 30, "ALREADY_EXISTS": 30, "OK": 30}


async def test_a_refused_entity_does_not_fail_other_callers(superset: Caller) -> None:
    bad = [superset.upsert_entity(entity={"team": {"name": "sales", "parents": ["none"]}}) for _ in range(20)]
    good = [superset.upsert_entity(entity={"team": {"name": f"t{n}", "parents": ["sales"]}}) for n in range(20)]
    calls = [call for both in zip(bad, good, strict=True) for call in both]

    assert await _codes(calls) == {"INVALID_ARGUMENT": 20, "OK": 20}


async def test_unary_writes_and_streams_run_side_by_side(service: Service, superset: Caller) -> None:
    bots = [service.caller(f"loader{n}", "ingestion_bot") for n in range(4)]
    chunks = [
        [
            [{"chart": _spec(f"c{number}")} for number in range(first, first + 50)],
            [{"dashboard": _spec(f"d{n}", project="P", charts=[f"superset.c{n}"])} for n in range(first, first + 50)],
        ]
        for first in (0, 50, 0, 50)
    ]
    streams = [bot.bulk(*pair) for bot, pair in zip(bots, chunks, strict=True)]
    edits = [superset.upsert_dashboard(dashboard=_spec(f"d{n}", displayName="Ours")) for n in range(100)]
    reads = [superset.list_dashboards(service="superset", page_size=10) for _ in range(20)]

    bulks, codes, read = await asyncio.gather(asyncio.gather(*streams), _codes(edits), _codes(reads))

    assert [(bulk.refused, bulk.failures, sum(bulk.counts.values())) for bulk in bulks] == [(None, {}, 100)] * 4
    assert (codes, read) == ({"OK": 100}, {"OK": 20})
    shown = (await superset.list_dashboards(service="superset", page_size=200))["dashboards"]
    assert {(one["displayName"], one["project"], len(one["charts"])) for one in shown} == {("Ours", "P", 1)}
    assert len(shown) == 100
    numbers = await _change_numbers(service.database)
    assert len(numbers) == len(set(numbers))


async def _change_numbers(database: Database) -> list[tuple[UUID, int]]:
    """Returns service and number of every stored change."""
    async with database.read() as connection:
        return [
            (row.service_id, row.change_number)
            for table in (DASHBOARD, DASHBOARD_HISTORY, CHART)
            for row in await connection.execute(select(table.c.service_id, table.c.change_number))
        ]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The database of the servers, to check what is stored."""
    database = Database(database_url)
    yield database
    await database.close()


@ON_POSTGRESQL
async def test_two_servers_create_and_upsert_one_name(two_servers: tuple[Caller, Caller], database: Database) -> None:
    creates = await _codes(caller.create_dashboard(dashboard=_spec("d")) for _ in range(50) for caller in two_servers)
    answers = await asyncio.gather(
        *[
            caller.upsert_dashboard(dashboard=_spec("e", displayName=f"{n}"))
            for n in range(100)
            for caller in two_servers[n % 2 :][:1]
        ]
    )

    assert creates == {"OK": 1, "ALREADY_EXISTS": 99}
    assert sorted(round(answer["dashboard"]["version"] * 10) for answer in answers) == list(range(1, 101))
    numbers = await _change_numbers(database)
    assert len(numbers) == len(set(numbers))


@ON_POSTGRESQL
async def test_two_servers_delete_restore_and_write_one_dashboard(
    two_servers: tuple[Caller, Caller], database: Database
) -> None:
    held = {"fully_qualified_name": "superset.d"}
    calls = []
    for number in range(40):
        caller = two_servers[number % 2]
        calls += [
            caller.upsert_dashboard(dashboard=_spec("d", project=f"{number}", charts=["superset.c1", "superset.c2"])),
            caller.delete_dashboard(**held, allow_missing=True),
            caller.restore_dashboard(**held),
            caller.delete_dashboard(**held, hard=number % 10 == 0, allow_missing=True),
            caller.create_chart(chart=_spec("c1")),
        ]
    codes = await _codes(calls)

    assert set(codes) <= {"OK", "ALREADY_EXISTS", "NOT_FOUND", "FAILED_PRECONDITION", "INVALID_ARGUMENT"}
    assert await _ids(database, select(DASHBOARD.c.charts)) <= await _ids(database, select(CHART.c.id))
    kept = await _ids(database, select(DASHBOARD.c.id))
    assert await _ids(database, select(DASHBOARD_HISTORY.c.id)) <= kept


@ON_POSTGRESQL
async def test_a_referenced_asset_is_never_removed(two_servers: tuple[Caller, Caller], database: Database) -> None:
    one, other = two_servers
    names = [f"x{number}" for number in range(40)]
    entities: list[Json] = [{"entity": {"user": {"name": name}}} for name in names]
    tags: list[Json] = [{"entity": {"tag": {"name": name, "classification": "PII"}}} for name in names]
    await one.bulk(entities, tags, [{"chart": {"name": name, "service": "looker"}} for name in names])

    calls = []
    for name in names:
        write = _spec(
            name,
            owners=[{"type": "user", "name": name}],
            tags=[{"tagFQN": f"PII.{name}"}],
            charts=[f"looker.{name}"],
        )
        calls += [
            one.create_dashboard(dashboard=write),
            other.delete_entity(kind="KIND_USER", fully_qualified_name=name, hard=True),
            other.delete_entity(kind="KIND_TAG", fully_qualified_name=f"PII.{name}", hard=True),
            other.delete_chart(fully_qualified_name=f"looker.{name}", hard=True),
        ]
    codes = await _codes(calls)

    assert set(codes) <= {"OK", "INVALID_ARGUMENT", "FAILED_PRECONDITION"}
    stored = await _ids(database, select(ENTITY.c.id))
    assert await _ids(database, select(DASHBOARD.c.owners)) <= stored
    assert await _ids(database, select(DASHBOARD.c.tags)) <= stored
    assert await _ids(database, select(DASHBOARD.c.charts)) <= await _ids(database, select(CHART.c.id))
    assert all("name" in each for each in (await one.list_dashboards(page_size=100)).get("dashboards", []))


async def _blocked(database: Database, count: int) -> None:
    """Waits until so many transactions wait for locks of others."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(PATIENCE):
        while True:
            async with database.read() as connection:
                if (await connection.execute(waiting)).scalar_one() >= count:
                    return


@ON_POSTGRESQL
@pytest.mark.usefixtures("postgres")  # whose locks it looks at
async def test_a_chart_of_another_service_is_not_removed_while_a_dashboard_with_it_is_written(
    two_servers: tuple[Caller, Caller], database: Database
) -> None:
    one, other = two_servers
    await one.create_dashboard(dashboard=_spec("model"))
    async with database._writers.connect() as blocking:
        row = (await blocking.execute(select(*DASHBOARD.c))).one()._asdict()
        await blocking.execute(insert(DASHBOARD).values({**row, "name": "d", "id": uuid4()}))
        # The write has read the chart, and waits for another writer of the same name.
        writing = asyncio.create_task(one.create_dashboard(dashboard=_spec("d", charts=["looker.c1"])))
        await _blocked(database, 1)
        removing = asyncio.create_task(other.delete_chart(fully_qualified_name="looker.c1", hard=True))
        await _blocked(database, 2)
        await blocking.rollback()

    assert (await writing)["dashboard"]["charts"][0]["name"] == "c1"
    with pytest.raises(Refused) as refused:
        await removing
    assert (refused.value.code, refused.value.reason) == ("FAILED_PRECONDITION", "STILL_REFERENCED")


@ON_POSTGRESQL
async def test_a_service_is_either_removed_or_written_to(
    two_servers: tuple[Caller, Caller], database: Database
) -> None:
    one, other = two_servers
    names = [f"s{number}" for number in range(30)]
    await one.bulk([{"entity": {"biService": {"name": name, "serviceType": "Looker"}}} for name in names])

    codes = await _codes(
        call
        for name in names
        for call in (
            one.upsert_chart(chart={"name": "c", "service": name}),
            other.delete_entity(kind="KIND_BI_SERVICE", fully_qualified_name=name, hard=True),
        )
    )

    assert codes["OK"] == 30
    assert set(codes) <= {"OK", "INVALID_ARGUMENT", "FAILED_PRECONDITION"}
    assert await _ids(database, select(CHART.c.service_id)) <= await _ids(database, select(ENTITY.c.id))


@ON_POSTGRESQL
async def test_streams_over_several_services_do_not_deadlock(two_servers: tuple[Caller, Caller]) -> None:
    services = [f"s{number}" for number in range(6)]
    await two_servers[0].bulk([{"entity": {"biService": {"name": name, "serviceType": "Looker"}}} for name in services])

    def chunks(order: list[str]) -> list[list[Json]]:
        return [
            [
                *[{"chart": {"name": f"c{chunk}", "service": service}} for service in order],
                {"entity": {"domain": {"name": f"n{chunk}"}}},
            ]
            for chunk in range(10)
        ]

    bulks = await asyncio.gather(
        *[caller.bulk(*chunks(order)) for caller in two_servers for order in (services, services[::-1])]
    )

    assert [(bulk.refused, bulk.failures, sum(bulk.counts.values())) for bulk in bulks] == [(None, {}, 70)] * 4
    assert sum(bulk.counts.get("created", 0) for bulk in bulks) == 70
