"""One server finds rows by their ids alone, and a cluster by their BI services as well."""

from dataclasses import replace
from uuid import uuid4

from dashboard_catalog.store import charts
from dashboard_catalog.store.assets import CHARTS
from dashboard_catalog.store.database import Database
from tests.store.database_work import chart, storing

BY_ID = {"postgresql": "chart.id = ANY ($1::UUID[])", "sqlite": "chart.id IN (SELECT value FROM json_each(?))"}


async def test_one_server_finds_charts_by_their_ids_alone(database: Database) -> None:
    stored = chart("c")
    await database.write(storing(CHARTS, stored))

    async with database.read() as connection:
        form = charts._by_ids.on(connection).form(connection.dialect)
        found = await charts.charts_of_ids(connection, [stored.id], [uuid4()])

    assert form.sql.partition("WHERE ")[2].strip() == BY_ID[connection.dialect.name]
    assert [row[2] for row in found] == [stored.id]


async def test_a_cluster_looks_for_the_other_charts_where_it_has_not_looked(cluster_url: str) -> None:
    database = Database(cluster_url)
    stored = [chart("c"), replace(chart("d"), service_id=uuid4(), id=uuid4())]
    await database.write(storing(CHARTS, *stored))

    async with database.read() as connection:
        ids = [record.id for record in stored]
        here = await charts.charts_within(connection, [stored[0].service_id], ids)
        found = await charts.charts_of_ids(connection, ids, [stored[0].service_id])
    await database.close()

    assert [row[2] for row in here] == ids[:1]
    assert [row[2] for row in found] == ids
