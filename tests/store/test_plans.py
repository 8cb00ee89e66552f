"""On PostgreSQL, each statement of a load reads the index that is meant for it, whatever the planner believes.

Statistics do not know a BI service while it is loaded for the first time. Its assets seem to be few, so any index that
begins with the service seems to be a short way to some of them.
"""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import ClauseElement, Table, insert
from sqlalchemy.ext.asyncio import create_async_engine

from dashboard_catalog.store import charts, feed_statements
from dashboard_catalog.store.assets import CHARTS
from dashboard_catalog.store.current_rows import ReplacedRows
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.list_filters import ListFilters
from dashboard_catalog.store.list_order import ListOrder
from dashboard_catalog.store.list_statements import ListStatements
from dashboard_catalog.store.record_statements import RecordStatement
from dashboard_catalog.store.tables import CHART, METADATA
from tests.reused_database import ReusedDatabase
from tests.store.database_work import chart

DIALECT = create_async_engine("postgresql+asyncpg://").dialect
NAMED = [table for table in METADATA.sorted_tables if "name" in table.primary_key.columns]
BY_NAME: dict[str, ClauseElement] = {
    "charts_of_names": charts._by_names.statement,
    "by_names": CHARTS.with_names,
    "partial_by_names": CHARTS._partial_by_names.statement,
    "ingested": CHARTS._ingested_by_names.statement,
    "move_to_history": ReplacedRows(CHARTS).move_to_history.statement,
    "references.add": CHARTS.references._add["postgresql"].statement,
}
IN_ORDER: dict[str, tuple[ClauseElement, str]] = {
    "feed.changes": (
        feed_statements.changes(frozenset({"chart"}), of_entities=False, as_of=False, sized=True),
        "chart_by_change",
    ),
    "feed.versions": (feed_statements.versions("postgresql", "chart"), "chart_by_change"),
    "list of a BI service by time": (
        ListStatements("postgresql", CHARTS, ListFilters(services=[UUID(int=1)]), ListOrder(by_time=True)).by_time(51),
        "chart_by_service_time",
    ),
}


@pytest.mark.parametrize("statement", BY_NAME.values(), ids=BY_NAME)
async def test_an_index_finds_the_charts_of_some_names(
    migrated_postgres: ReusedDatabase, statement: ClauseElement
) -> None:
    read = await _indexes(migrated_postgres.renewed(), statement, "chart")

    assert read
    assert all("service_id = " in condition and "name = ANY" in condition for condition in read.values()), read


@pytest.mark.parametrize(("statement", "index"), IN_ORDER.values(), ids=IN_ORDER)
async def test_changes_and_lists_of_a_bi_service_are_read_in_their_order(
    migrated_postgres: ReusedDatabase, statement: ClauseElement, index: str
) -> None:
    assert index in await _indexes(migrated_postgres.renewed(), statement, "chart")


@pytest.mark.parametrize("table", NAMED, ids=str)
def test_only_statements_that_say_so_use_another_index_that_begins_with_the_service_of_names(table: Table) -> None:
    for index in table.indexes:
        begins = next(iter(index.columns)).name
        assert begins != "service_id" or index.dialect_options["postgresql"]["where"] is not None, index.name


async def _indexes(url: str, statement: ClauseElement, table: str) -> dict[str, str]:
    """Returns the indexes of a table that a statement reads, with their conditions, while a BI service is new."""
    compiled: Any = statement.compile(dialect=DIALECT)
    nulls = ", ".join(["NULL"] * len(compiled.positiontup or ()))
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        for setting in ("enable_seqscan = off", "plan_cache_mode = force_generic_plan"):
            await connection.execute(f"SET {setting}")
        # While the tables are empty, so the statistics do not know what follows. ANALYZE keeps what it has found before
        # in a table that is empty now, and pages that earlier tests have filled would count as those of a large table.
        await connection.execute("DELETE FROM pg_statistic WHERE starelid >= 16384")
        await connection.execute("VACUUM (FULL, ANALYZE)")
        await _add_charts(url)
        await connection.execute(f"PREPARE explained AS {compiled}")
        plan = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE explained ({nulls})")
    finally:
        await connection.close()
    return {index: condition for of, index, condition in _reads(json.loads(plan)) if of == table}


async def _add_charts(url: str) -> None:
    database = Database(url)
    await database.write(
        lambda connection: RecordStatement(insert(CHART)).run(connection, [chart(f"c{n}") for n in range(2_000)])
    )
    await database.close()


def _reads(plan: Any, table: str = "") -> Iterator[tuple[str, str, str]]:
    """Yields table, index and condition of each scan of an index in a plan."""
    if isinstance(plan, list):
        for one in plan:
            yield from _reads(one, table)
    elif isinstance(plan, dict):
        table = plan.get("Relation Name", table)
        if "Index Name" in plan:
            yield table, plan["Index Name"], plan.get("Index Cond", "")
        for part in plan.values():
            yield from _reads(part, table)
