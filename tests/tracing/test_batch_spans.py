"""Spans of what calls share, of transactions that run again, and of a database that fails."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from opentelemetry.trace import StatusCode
from sqlalchemy import text

from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.database import Database
from tests.conftest import DATABASES, sqlite_url
from tests.patience import PATIENCE, until
from tests.postgres import PostgresServer
from tests.service.caller import Caller, Refused
from tests.service.servers import running
from tests.tracing.recorded import Recorded, attributes, ids, linked

CALLS = 20


async def test_calls_that_share_a_batch_are_linked_with_it(recorded: Recorded, superset: Caller) -> None:
    await asyncio.gather(
        *(superset.upsert_dashboard(dashboard={"name": f"d{n}", "service": "superset"}) for n in range(CALLS))
    )
    await until(lambda: len(recorded.named("/UpsertDashboard")) == CALLS)

    calls = {next(iter(ids([call]))): call for call in recorded.named("/UpsertDashboard")}
    batches = recorded.named("write batch")
    assert sum(int(str(attributes(batch)["dashboard_catalog.batch.size"])) for batch in batches) == CALLS
    assert len(batches) < CALLS
    served: set[int] = set()
    for batch in batches:
        assert batch.parent
        assert len(batch.links) == int(str(attributes(batch)["dashboard_catalog.batch.size"])) - 1
        assert linked(batch) <= calls.keys()
        for other in linked(batch):
            assert linked(calls[other]) == ids([batch])
        served |= linked(batch) | {batch.parent.span_id}
        assert recorded.only_below(batch).name == "transaction"
    assert served == calls.keys()


async def test_a_batch_is_recorded_if_any_of_its_calls_is(recorded: Recorded, superset: Caller) -> None:
    trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    superset.metadata += [("traceparent", f"00-{trace}-{span}-00")]
    upserts = [superset.upsert_dashboard(dashboard={"name": f"d{n}", "service": "superset"}) for n in range(CALLS)]
    plain = Caller.__new__(Caller)
    plain.__dict__ |= {**superset.__dict__, "metadata": superset.metadata[:1]}
    await asyncio.gather(*upserts, plain.upsert_dashboard(dashboard={"name": "d", "service": "superset"}))

    call = await recorded.call("/UpsertDashboard")
    batch = recorded.only_below(call)
    assert recorded.named("write batch") == [batch]
    assert batch.links == ()


@pytest.fixture
async def database(database_url: str, recorded: Recorded) -> AsyncIterator[Database]:
    opened = Database(database_url, spans=recorded.spans)
    await opened.write(_creating)
    recorded.clear()
    yield opened
    await opened.close()


async def _creating(connection: WriteConnection) -> None:
    await connection.execute(text("CREATE TABLE t (a integer PRIMARY KEY)"))
    await connection.execute(text("INSERT INTO t VALUES (1)"))


async def test_each_attempt_of_a_transaction_has_a_span(recorded: Recorded, database: Database) -> None:
    tries = 0

    async def work(connection: WriteConnection) -> None:
        nonlocal tries
        tries += 1
        await connection.execute(text("INSERT INTO t VALUES (:a)"), {"a": 1 if tries == 1 else 2})

    with recorded.spans.alone("test", {}):
        await database.write(work)

    first, second = recorded.named("transaction")
    assert [attributes(one)["dashboard_catalog.attempt"] for one in (first, second)] == [1, 2]
    assert first.status.status_code is StatusCode.ERROR
    assert attributes(first)["error.type"] == "DuplicateKey"
    assert second.status.status_code is StatusCode.UNSET
    failed, rollback = recorded.below(first)
    assert (failed.name, rollback.name) == ("INSERT t", "ROLLBACK")
    assert failed.status.status_code is StatusCode.ERROR
    assert attributes(failed)["db.response.status_code"] in {"23505", "SQLITE_CONSTRAINT_PRIMARYKEY"}
    assert str(attributes(failed)["db.query.text"]).startswith("INSERT INTO t VALUES (")
    assert [span.name for span in recorded.below(second)] == ["INSERT t", "COMMIT"]


async def test_work_outside_of_a_recorded_call_makes_no_spans(recorded: Recorded, database: Database) -> None:
    async def work(connection: WriteConnection) -> None:
        await connection.execute(text("INSERT INTO t VALUES (3)"))

    await database.write(work)
    assert list(recorded) == []


@pytest.fixture(params=DATABASES)
def breakable(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Callable[[], object]]:
    """A database of its own, and what takes it away."""
    if request.param == "sqlite":
        file = Path(shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "catalog.db"))
        return sqlite_url(file), lambda: file.rename(tmp_path / "away.db")
    request.getfixturevalue("migrated_postgres")
    postgres: PostgresServer = request.getfixturevalue("postgres")
    name = f"traced_{uuid4().hex}"
    postgres.execute(f"CREATE DATABASE {name} TEMPLATE migrated")
    return postgres.url(name), lambda: postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def test_a_database_that_is_gone_is_an_error_from_the_batch_to_the_call(
    breakable: tuple[str, Callable[[], object]], tmp_path: Path
) -> None:
    url, take_away = breakable
    recorded = Recorded()
    started = running(url, tmp_path / "data", spans=recorded.spans, http_address="127.0.0.1:0")
    async with started as (server, service):
        admin = service.caller("admin", "admin")
        await admin.add_small_catalog()
        await admin.upsert_dashboard(dashboard={"name": "d", "service": "superset"})
        recorded.clear()
        await asyncio.to_thread(take_away)
        with pytest.raises(Refused) as raised:
            await admin.upsert_dashboard(dashboard={"name": "e", "service": "superset"})
        assert raised.value.reason == "DATABASE_UNAVAILABLE"
        call = await recorded.call("/UpsertDashboard")
        assert server.http
        token = {"authorization": f"Bearer {service.token('admin', 'admin')}"}
        async with httpx.AsyncClient(base_url=f"http://{server.http.address}", headers=token) as client:
            assert (await client.get("/api/v1/charts", timeout=PATIENCE)).status_code == 503
        request = await recorded.call("GET /api/v1/charts")

    assert request.status.status_code is StatusCode.ERROR
    assert attributes(request)["error.type"] == "503"
    batch = recorded.only_below(call)
    transaction = recorded.only_below(batch)
    for span in (call, batch, transaction):
        assert span.status.status_code is StatusCode.ERROR
        assert attributes(span)["dashboard_catalog.reason"] == "DATABASE_UNAVAILABLE"
    assert attributes(call)["rpc.response.status_code"] == "UNAVAILABLE"
    assert not [event for span in recorded for event in span.events]
