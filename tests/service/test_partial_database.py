"""A database that has lost a part of its data, as a distributed one does when a node is away.

The tables of PostgreSQL are replaced by views of the same names, whose conditions fail for the rows of one BI service.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import uuid4

import pytest

from tests.postgres import PostgresServer
from tests.service.caller import Caller, Refused
from tests.service.servers import running

COUNT = 8

Fail = Callable[[Sequence[str], str, str], None]


@pytest.fixture
def database_url(cluster_url: str) -> str:
    """A migrated database without rows."""
    return cluster_url


@pytest.fixture
def fail(database_url: str, postgres: PostgresServer) -> Fail:
    """Makes tables fail from now on, for the next server: with an SQLSTATE, where a condition on the row is true."""
    database = database_url.partition("@/")[2].partition("?")[0]

    def fail(tables: Sequence[str], code: str, condition: str) -> None:
        postgres.execute(
            "CREATE FUNCTION failing(service_id uuid) RETURNS boolean LANGUAGE plpgsql COST 10000 AS"
            f" $$ BEGIN IF {condition} THEN RAISE SQLSTATE '{code}'; END IF; RETURN true; END $$",
            *(f"ALTER TABLE {name} RENAME TO stored_{name}" for name in tables),
            *(f"CREATE VIEW {name} AS SELECT * FROM stored_{name} WHERE failing(service_id)" for name in tables),
            database=database,
        )

    return fail


async def _filled(database_url: str, folder: Path) -> dict[str, str]:
    """Adds dashboards to two BI services, and returns the ids of the services by their names."""
    async with running(database_url, folder) as (_, service):
        admin = service.caller("admin", "admin")
        await admin.add_small_catalog()
        await admin.upsert_entity(entity={"biService": {"name": "grafana", "serviceType": "Grafana"}})
        names = [(of, f"d{number}") for of in ("superset", "looker") for number in range(COUNT)]
        tags = [{"tagFQN": "PII.Email"}, {"tagFQN": "PII.Phone"}]
        dashboards = [
            {"name": name, "service": of, "charts": [f"{of}.c1"], "tags": tags[place % 2 :]}
            for place, (of, name) in enumerate(names)
        ]
        assert not (await admin.bulk([{"dashboard": dashboard} for dashboard in dashboards])).failures
        found = [
            await admin.get_entity(kind="KIND_BI_SERVICE", fully_qualified_name=name) for name in ("superset", "looker")
        ]
        return {one["entity"]["biService"]["name"]: one["entity"]["biService"]["id"] for one in found}


async def test_reads_of_the_other_bi_services_succeed_though_they_share_a_batch(
    database_url: str, fail: Fail, tmp_path: Path
) -> None:
    ids = await _filled(database_url, tmp_path)
    fail(["dashboard", "chart"], "08006", f"service_id = '{ids['looker']}'")

    async def read(caller: Caller, name: str) -> str:
        try:
            return str((await caller.get_dashboard(fully_qualified_name=name))["dashboard"]["charts"][0]["name"])
        except Refused as error:
            return error.reason

    async with running(database_url, tmp_path) as (_, service):
        caller = service.caller("admin", "admin")
        names = [f"{of}.d{number}" for number in range(COUNT) for of in ("superset", "looker")]
        for _ in range(2):
            answers = await asyncio.gather(*(read(caller, name) for name in names))
            assert answers == ["c1", "DATABASE_UNAVAILABLE"] * COUNT


async def test_the_rows_of_the_catalog_itself_are_not_needed_to_read_and_write_assets(
    database_url: str, fail: Fail, tmp_path: Path
) -> None:
    await _filled(database_url, tmp_path)
    fail(["service_sequence", "bulk_mention"], "08006", "service_id = '00000000-0000-0000-0000-000000000000'")

    async with running(database_url, tmp_path) as (server, service):
        # A server that was not healthy would get no calls.
        assert await server.database.probe() is None
        admin = service.caller("admin", "admin")
        found = await admin.get_dashboard(fully_qualified_name="superset.d1")
        assert found["dashboard"]["charts"][0]["name"] == "c1"
        written = await admin.upsert_dashboard(
            dashboard={"name": "d1", "service": "superset", "charts": ["superset.c1"], "project": "P"}
        )
        assert written["outcome"] == "OUTCOME_UPDATED"


async def test_a_new_session_begins_in_the_other_bi_services(database_url: str, fail: Fail, tmp_path: Path) -> None:
    ids = await _filled(database_url, tmp_path)
    async with running(database_url, tmp_path) as (_, service):
        admin = service.caller("admin", "admin")
        begun = {name: {"session_id": str(uuid4()), "service": name} for name in ("superset", "looker")}
        for options in begun.values():
            assert not (await admin.bulk([], options=options)).refused
    fail(["bulk_session"], "08006", f"service_id = '{ids['looker']}'")

    async with running(database_url, tmp_path) as (_, service):
        admin = service.caller("admin", "admin")
        new = {"session_id": str(uuid4()), "service": "superset"}
        # Nobody can say that a session of this id is one of the service that is away.
        same = {**begun["looker"], "service": "superset"}
        for options in (new, begun["superset"], same):
            bulk = await admin.bulk([], options=options)
            assert bulk.refused is None
            assert bulk.started["sessionId"] == options["session_id"]
        other = {**new, "session_id": str(uuid4())}
        bad = await admin.bulk([{"chart": {"name": "bad", "service": "superset", "domain": "nowhere"}}], options=other)
        assert bad.refused is None
        assert bad.counts == {"failed": 1}
        refused = (await admin.bulk([], options=begun["looker"])).refused
        assert refused
        assert refused.reason == "DATABASE_UNAVAILABLE"


async def test_lists_by_many_values_do_without_a_join_that_the_database_cannot_run(
    database_url: str, fail: Fail, tmp_path: Path
) -> None:
    await _filled(database_url, tmp_path)
    fail(["dashboard_reference", "dashboard"], "0A000", "current_query() LIKE '%LATERAL%'")

    async with running(database_url, tmp_path) as (_, service):
        admin = service.caller("admin", "admin")
        limited = service.caller("admin", "admin", services=["superset", "looker"])
        names = sorted(f"d{number}" for number in range(COUNT) for _ in range(2))
        by_tag = await admin.list_dashboards(tag="PII", page_size=50)
        assert [row["name"] for row in by_tag["dashboards"]] == names
        by_time = await limited.list_dashboards(order_by="updated_at", page_size=50)
        assert sorted(row["name"] for row in by_time["dashboards"]) == names
