"""What the database itself refuses, for reasons that the catalog does not know, fails alone."""

import asyncio

import pytest

from tests.service.caller import Caller, Json, Refused, Service
from tests.service.ingesting import ALL_RESULTS
from tests.store.database_work import statements

# They change its tables.
pytestmark = pytest.mark.usefixtures("postgres")

REFUSES_BAD_NAMES = {
    "sqlite": (
        "CREATE TRIGGER no_bad_{table} BEFORE INSERT ON {table} WHEN NEW.name LIKE 'bad%'"
        " BEGIN SELECT RAISE(ABORT, 'secret words'); END"
    ),
    "postgresql": "ALTER TABLE {table} ADD CONSTRAINT no_bad CHECK (name NOT LIKE 'bad%')",
}
REFUSE = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'secret words'; END $$"
AT_COMMIT = """
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON dashboard DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (NEW.name LIKE 'bad%') EXECUTE FUNCTION refuse()
"""
REFUSED = {"": "DATABASE_REFUSED"}


async def _refuse_bad_names(service: Service, *tables: str) -> None:
    refuses = REFUSES_BAD_NAMES["sqlite" if service.database.is_sqlite else "postgresql"]
    await service.database.write(statements(*[refuses.format(table=table) for table in tables]))


async def test_the_rest_of_a_chunk_is_written(service: Service, superset: Caller) -> None:
    await _refuse_bad_names(service, "dashboard", "chart", "entity")
    chart, dashboard = {"service": "superset", "name": "bad1"}, {"service": "superset"}
    items: list[Json] = [
        {"dashboard": dashboard | {"name": "early", "charts": ["superset.late"]}},
        {"entity": {"biService": {"name": "bad2", "serviceType": "Superset"}}},
        {"entity": {"user": {"name": "cleo"}}},
        *[{"dashboard": dashboard | {"name": f"good{number}"}} for number in range(20)],
        {"dashboard": dashboard | {"name": "bad3"}},
        {"dashboard": dashboard | {"name": "holds", "charts": ["superset.bad1"]}},
        {"dashboard": {"name": "d", "service": "bad2"}},
        {"dashboard": dashboard | {"name": "good0"}},
        {"chart": chart},
        {"chart": {"service": "superset", "name": "late"}},
    ]

    bulk = await superset.bulk(items, [{"chart": {"service": "superset", "name": "next"}}], options=ALL_RESULTS)

    assert bulk.refused is None
    assert bulk.failures == {
        1: REFUSED,
        23: REFUSED,
        24: {"dashboard.charts[0]": "FAILED_REFERENCE"},
        25: {"dashboard.service": "FAILED_REFERENCE"},
        27: REFUSED,
    }
    assert bulk.counts == {"created": 24, "unchanged": 1, "failed": 5}
    assert [int(result.get("offset", 0)) for result in bulk.results] == list(range(30))
    shown = await superset.list_dashboards(name_prefix="good", read_mask="name,version")
    assert [one["name"] for one in shown["dashboards"]] == sorted(f"good{number}" for number in range(20))
    assert shown["dashboards"][0] == {"name": "good0", "version": 0.1}
    assert (await superset.get_dashboard(fully_qualified_name="superset.early"))["dashboard"]["charts"]

    again = await superset.bulk(items, options={"sessionId": bulk.started["sessionId"], **ALL_RESULTS})
    assert (again.counts["failed"], again.counts["created"]) == (5, 24)


async def test_other_calls_of_a_batch_are_answered(service: Service, superset: Caller) -> None:
    await _refuse_bad_names(service, "dashboard")
    # A key of which the catalog knows nothing looks like a race.
    await service.database.write(statements("CREATE UNIQUE INDEX one_of_each ON dashboard (source_url)"))
    specs = [{"name": f"d{number}"} for number in range(30)] + [{"name": "bad"}, {"name": "d31"}]
    specs[3] |= {"sourceUrl": "https://example.com"}
    specs[7] |= {"sourceUrl": "https://example.com"}

    calls = [superset.upsert_dashboard(dashboard={"service": "superset", **spec}) for spec in specs]
    answers = await asyncio.gather(*calls, return_exceptions=True)

    refused = {index: answer for index, answer in enumerate(answers) if isinstance(answer, Exception)}
    # Either of the two may come first.
    assert refused.keys() in ({3, 30}, {7, 30})
    for error in refused.values():
        assert isinstance(error, Refused)
        assert (error.code, error.reason) == ("FAILED_PRECONDITION", "DATABASE_REFUSED")
        assert "secret" not in str(error.status)
    assert "the database refuses to store dashboard superset.bad" in str(refused[30])
    assert len((await superset.list_dashboards(name_prefix="d"))["dashboards"]) == 30


async def test_a_deletion_that_the_database_refuses_is_no_bug(service: Service, superset: Caller) -> None:
    refuses = "ALTER TABLE {table} ADD CONSTRAINT alive CHECK (NOT deleted)"
    if service.database.is_sqlite:
        refuses = "CREATE TRIGGER {table}_t BEFORE UPDATE ON {table} WHEN NEW.deleted BEGIN SELECT json('no JSON'); END"
    await service.database.write(statements(*[refuses.format(table=table) for table in ("dashboard", "entity")]))
    await superset.upsert_dashboard(dashboard={"name": "d", "service": "superset"})

    for deleting in (
        superset.delete_dashboard(fully_qualified_name="superset.d"),
        superset.delete_entity(kind="KIND_USER", fully_qualified_name="ann"),
    ):
        with pytest.raises(Refused) as raised:
            await deleting
        assert raised.value.reason == "DATABASE_REFUSED"
    assert (await superset.get_dashboard(fully_qualified_name="superset.d"))["dashboard"]["version"] == 0.1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_what_is_refused_at_the_commit_fails_alone_too(service: Service, superset: Caller) -> None:
    await service.database.write(statements(REFUSE, AT_COMMIT))
    names = ["d0", "d1", "bad", "d3"]

    bulk = await superset.bulk([{"dashboard": {"name": name, "service": "superset"}} for name in names])

    assert bulk.refused is None
    assert bulk.failures == {2: REFUSED}
    assert bulk.counts == {"created": 3, "failed": 1}
