"""On SQLite, no statement of a call scans a whole table of assets or entities.

SQLite has no array parameters, only a substitute. If its planner cannot use an index for a comparison with one, the
result is still correct, but the time grows with the catalog.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import ClauseElement
from sqlalchemy.dialects.sqlite import aiosqlite

from dashboard_catalog.store import charts, entities, feed_statements, hierarchies
from dashboard_catalog.store.assets import CHARTS, DASHBOARDS, AssetTable
from dashboard_catalog.store.current_rows import UpdatedRows
from dashboard_catalog.store.fixed_statements import FixedStatement
from dashboard_catalog.store.list_filters import ListFilters
from dashboard_catalog.store.list_order import ListOrder
from dashboard_catalog.store.list_statements import ListStatements

TABLES: dict[str, AssetTable[Any]] = {"dashboard": DASHBOARDS, "chart": CHARTS}
BOTH = frozenset(TABLES)
STATEMENTS: dict[str, Any] = {
    "charts_of_names": charts._by_names,
    "charts_of_ids": charts._by_ids.anywhere,
    "entities.by_fqns": entities._by_fqns,
    "entities.by_ids": entities._by_ids,
    "feed.changes": feed_statements.changes(BOTH, of_entities=False, as_of=False, sized=True),
    "feed.changes as of a number": feed_statements.changes(BOTH, of_entities=False, as_of=True, sized=True),
    "feed.changes of entities": feed_statements.changes(frozenset({"user"}), of_entities=True, as_of=True, sized=True),
    "feed.traces": feed_statements.traces("sqlite"),
    "feed.versions": feed_statements.versions("sqlite", "dashboard"),
    "lines_above": hierarchies._ABOVE["sqlite"],
    "lines_below": hierarchies._BELOW["sqlite"],
} | {
    f"{kind}.{name}": statement
    for kind, table in TABLES.items()
    for name, statement in {
        "by_names": table.with_names,
        "by_ids": table._by_ids.anywhere,
        "partial_by_names": table._partial_by_names,
        "partial_by_ids": table._partial_by_ids,
        "partial_version": table._partial_version,
        "versions": table._versions,
        "ingested": table._ingested_by_names,
        "ingested_by_ids": table._ingested_by_ids.anywhere,
        "copy_to_history": UpdatedRows(table).copy_to_history,
        "update": UpdatedRows(table).update._statement,
        "references.remove": table.references._remove,
        "references.add": table.references._add["sqlite"],
    }.items()
}


@pytest.fixture
def file(migrated_sqlite: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(migrated_sqlite)) as connection:
        yield connection


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
def test_no_statement_of_a_call_scans_a_whole_table(
    file: sqlite3.Connection, statement: ClauseElement | FixedStatement
) -> None:
    dialect = aiosqlite.dialect()
    if isinstance(statement, FixedStatement):
        sql = statement.form(dialect).sql
    else:
        sql = str(statement.compile(dialect=dialect))

    plan = [step for *_, step in file.execute(f"EXPLAIN QUERY PLAN {sql}", ["x"] * sql.count("?"))]

    assert not [step for step in plan if step.startswith(("SCAN dashboard", "SCAN chart", "SCAN entity", "SCAN one"))]
    assert [step for step in plan if step.startswith("SEARCH")]


LISTED = {
    **{f"without_{part}": ListFilters(missing=(part,)) for part in ("description", "owners", "domain", "tags")},
    "by_writer_time": ListFilters(updated_by="ann"),
    "by_state_time": ListFilters(updated_after=datetime(2026, 1, 1, tzinfo=UTC)),
}


@pytest.mark.parametrize(("index", "filters"), LISTED.items(), ids=LISTED)
@pytest.mark.parametrize("kind", TABLES)
def test_lists_of_what_lacks_a_part_and_by_writer_or_time_read_an_index_in_their_order(
    file: sqlite3.Connection, kind: str, index: str, filters: ListFilters
) -> None:
    order = ListOrder(by_time=not filters.missing)
    statements = ListStatements("sqlite", TABLES[kind], filters, order)
    sql = str((statements.by_time(51) if order.by_time else statements.keys(51)).compile(dialect=aiosqlite.dialect()))

    plan = [step for *_, step in file.execute(f"EXPLAIN QUERY PLAN {sql}", ["x"] * sql.count("?"))]

    assert any(f"INDEX {kind}_{index} " in step for step in plan), plan
    # The index has the order of the list.
    assert not [step for step in plan if "TEMP B-TREE" in step], plan


@pytest.mark.parametrize("kind", TABLES)
def test_lists_of_bi_services_by_time_read_an_index_in_their_order(file: sqlite3.Connection, kind: str) -> None:
    of_services = ListFilters(services=[UUID(int=1), UUID(int=2)])
    statement = ListStatements("sqlite", TABLES[kind], of_services, ListOrder(by_time=True)).by_time(51)
    sql = str(statement.compile(dialect=aiosqlite.dialect()))

    plan = [step for *_, step in file.execute(f"EXPLAIN QUERY PLAN {sql}", ["x"] * sql.count("?"))]

    read = [step for step in plan if step.startswith(f"SEARCH {kind} ")]
    assert {step.split(" INDEX ")[1].split()[0] for step in read} == {f"{kind}_by_service_time", f"{kind}_id"}, plan


@pytest.mark.parametrize(
    "filters",
    [ListFilters(tags=[UUID(int=1)]), ListFilters(domains=[UUID(int=1)]), ListFilters(updated_by="ann", project="x")],
    ids=["tag", "domain", "writer and project"],
)
def test_the_next_rows_of_a_list_are_read_in_its_order(file: sqlite3.Connection, filters: ListFilters) -> None:
    order = ListOrder(by_time=True, descending=True)
    statements = ListStatements("sqlite", DASHBOARDS, filters, order)
    index = "by_writer_time" if filters.updated_by else "by_state_time"
    for services, expected in (([], index), ([UUID(int=1), UUID(int=2)], "by_service_time")):
        sql = str(statements.among_next(5_000, 51, services).compile(dialect=aiosqlite.dialect()))

        plan = [step for *_, step in file.execute(f"EXPLAIN QUERY PLAN {sql}", ["x"] * sql.count("?"))]

        read = [step for step in plan if " INDEX " in step]
        assert read
        assert {step.split(" INDEX ")[1].split()[0] for step in read} == {f"dashboard_{expected}"}, plan
        assert not [step for step in plan if "TEMP B-TREE" in step], plan


def test_counting_what_was_written_at_a_time_or_later_begins_at_that_time(file: sqlite3.Connection) -> None:
    filters = ListFilters(updated_after=datetime(2026, 1, 1, tzinfo=UTC), deleted=(False, True))
    statement = ListStatements("sqlite", DASHBOARDS, filters, ListOrder()).sizes(2_001)
    sql = str(statement.compile(dialect=aiosqlite.dialect()))

    plan = [step for *_, step in file.execute(f"EXPLAIN QUERY PLAN {sql}", ["x"] * sql.count("?"))]

    assert any("INDEX dashboard_by_state_time (deleted=? AND updated_at>?)" in step for step in plan), plan


def test_several_domains_among_other_filters_are_not_looked_for_among_all_names(file: sqlite3.Connection) -> None:
    filters = ListFilters(tags=[UUID(int=1)], domains=[UUID(int=2), UUID(int=3)])
    statement = ListStatements("sqlite", DASHBOARDS, filters, ListOrder()).keys(51)
    sql = str(statement.compile(dialect=aiosqlite.dialect()))

    plan = [step for *_, step in file.execute(f"EXPLAIN QUERY PLAN {sql}", ["x"] * sql.count("?"))]

    assert [step for step in plan if "COVERING INDEX dashboard_by_domain (domain=?)" in step], plan
    assert not [step for step in plan if "INDEX dashboard_by_name" in step], plan


def test_the_next_names_of_what_was_written_in_one_bi_service_are_read_in_its_order(file: sqlite3.Connection) -> None:
    filters = ListFilters(updated_after=datetime(2026, 1, 1, tzinfo=UTC))
    statements = ListStatements("sqlite", DASHBOARDS, filters, ListOrder(), after=("a", UUID(int=1)))
    for statement, index in (
        (statements.services_of_time(2), "dashboard_by_service_time (service_id=? AND deleted=? AND updated_at>?)"),
        (statements.among_next(5_000, 51, [UUID(int=1)]), "sqlite_autoindex_dashboard_1 (service_id=? AND name>"),
    ):
        sql = str(statement.compile(dialect=aiosqlite.dialect()))

        plan = [step for *_, step in file.execute(f"EXPLAIN QUERY PLAN {sql}", ["x"] * sql.count("?"))]

        read = [step for step in plan if step.startswith("SEARCH dashboard")]
        assert read
        assert all(f"INDEX {index}" in step for step in read), plan
        assert not [step for step in plan if "TEMP B-TREE" in step], plan
