"""Reads lists in each shape, for `storage_shape`: a page of 50 by name, at the start and deep inside, and the total.

There are three forms of statement. *arrays* are conditions on the row, and the database chooses the plan. *walk* is a
bounded walk along the names; if it does not fill the page, all matches are read and sorted. *ranges* are sets of keys
(name, service_id) that an index holds in order, one per filter, and their intersection.
"""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

import aiosqlite
import asyncpg

from benchmarks.storage_rows import (
    ALL,
    BY_TIME,
    CHOSEN,
    COLUMNS,
    Layout,
    dashboards,
    for_sqlite,
    gin,
    named,
    postgresql_indexes,
    postgresql_references,
    postgresql_tables,
    sqlite_references,
    sqlite_tables,
)
from tests.postgres import PostgresServer

Statement: TypeAlias = tuple[str, list[Any]]
Run: TypeAlias = Callable[[Statement], Awaitable[Sequence[Any]]]

PAGE = 51  # one more than is shown
WALK = 5_000
MOST_BRANCHES = 200
MOST_SERVICES = 20
TIMES = 5
MOST_MILLISECONDS = 1_000
PLACES = ("", "c")  # the first page, and one in the middle
TINY = 20
READ = ", ".join(f"d.{name}" for name in COLUMNS)
ORDER = "ORDER BY name, service_id"
SERVICES = 200


@dataclass(frozen=True)
class Listing:
    """The filters of a list; an asset has one of the values of each column."""

    label: str
    filters: Sequence[tuple[str, Sequence[str]]] = ()
    services: Sequence[int] = ()
    prefix: str = ""
    deleted: bool = False

    def shared(self, after: str, sqlite: bool) -> Statement:
        """Returns the condition on keys for any filters; each index ends with the columns that it uses.

        A prefix moves the start, because PostgreSQL would otherwise begin at a lower `(name, service_id)`.
        """
        sql = f"deleted = {'TRUE' if self.deleted else 'FALSE'} AND (name, service_id) > (?, ?)"
        values: list[Any] = [max(after, self.prefix), UUID(int=0)]
        if self.services:
            sql += f" AND {any_of('service_id', sqlite)}"
            values.append(self.service_ids())
        if self.prefix:
            sql += " AND name < ?"
            values.append(self.prefix + "\U0010ffff")
        return sql, values

    def service_ids(self) -> list[UUID]:
        return [named(f"service {service}") for service in self.services]

    def wanted(self) -> Iterator[tuple[str, list[Any]]]:
        """Returns columns with the values to look for."""
        for column, values in self.filters:
            texts = [f"{column.removesuffix('s')} {value}" for value in values]
            yield column, texts if column == "project" else [named(text) for text in texts]


def any_of(column: str, sqlite: bool) -> str:
    return f"{column} IN (SELECT value FROM json_each(?))" if sqlite else f"{column} = ANY (?)"


LISTINGS = [
    Listing("none"),
    Listing("name prefix", prefix="svc15"),
    Listing("one service, large", services=[0]),
    Listing("20 services of 20", services=range(SERVICES, SERVICES + TINY)),
    Listing("100 services", services=range(100)),
    Listing("owner, 10 %", [("owners", ["common"])]),
    Listing("owner, 0.01 %", [("owners", ["rare"])]),
    Listing("tag, 30 %", [("tags", ["30 %"])]),
    Listing("tag, 1 %", [("tags", ["1 %"])]),
    Listing("tag, 0.01 %", [("tags", ["0.01 %"])]),
    Listing("tag of nothing", [("tags", ["none"])]),
    Listing("tag, 25 %, all late", [("tags", ["late"])]),
    Listing("20 tags, 60 %", [("tags", [str(number) for number in range(20)])]),
    Listing("200 tags, all", [("tags", [str(number) for number in range(200)])]),
    Listing("chart in 0.1 %", [("charts", ["shared"])]),
    Listing("domain, 24 %", [("domain", ["common"])]),
    Listing("30 domains, 56 %", [("domain", [str(number) for number in range(30)])]),
    Listing("project, 5 %", [("project", ["common"])]),
    Listing("project, 0.01 %", [("project", ["rare"])]),
    Listing("deleted only", deleted=True),
    Listing("deleted only, tag 0.01 %", [("tags", ["0.01 %"])], deleted=True),
    Listing("tag 30 % + another 30 %, never", [("tags", ["30 %"]), ("tags", ["other 30 %"])]),
    Listing("tag 30 % + owner 10 %", [("tags", ["30 %"]), ("owners", ["common"])]),
    Listing("tag 30 % + tag late", [("tags", ["30 %"]), ("tags", ["late"])]),
    Listing("tag 30 % + tag 0.01 %, never", [("tags", ["30 %"]), ("tags", ["0.01 %"])]),
    Listing("tag 30 % + domain 24 %", [("tags", ["30 %"]), ("domain", ["common"])]),
    Listing("domain 24 % + project 0.01 %", [("domain", ["common"]), ("project", ["rare"])]),
    Listing("tag 30 % + chart 0.1 %", [("tags", ["30 %"]), ("charts", ["shared"])]),
    Listing("tag late + 20 services of 20", [("tags", ["late"])], range(SERVICES, SERVICES + TINY)),
    Listing("tag 30 % + prefix", [("tags", ["30 %"])], prefix="svc15"),
    Listing(
        "tag 30 %, owner, domain, project",
        [("tags", ["30 %"]), ("owners", ["common"]), ("domain", ["common"]), ("project", ["common"])],
    ),
    Listing("20 tags + tag 30 %", [("tags", [str(number) for number in range(20)]), ("tags", ["30 %"])]),
    Listing("20 tags + owner 0.01 %", [("tags", [str(number) for number in range(20)]), ("owners", ["rare"])]),
]


def keys(listing: Listing, after: str, sqlite: bool) -> Statement:
    """Returns the keys in a listing, as an intersection of key ranges."""
    shared, bound = listing.shared(after, sqlite)
    wanted = list(listing.wanted())
    if not wanted:
        return f"SELECT name, service_id FROM dashboard WHERE {shared}", bound
    sets: list[str] = []
    parameters: list[Any] = []
    for column, values in wanted:
        if len(values) > MOST_BRANCHES or (sqlite and len(values) > 1 < len(wanted)):
            start = _start(column, sqlite, any_of(_key_column(column), sqlite))
            sets.append(f"{start} AND {shared}")
            parameters += [values, *bound]
        else:
            start = _start(column, sqlite, f"{_key_column(column)} = ?")
            branches = " UNION ".join([f"{start} AND {shared}"] * len(values))
            sets.append(f"({branches})" if len(wanted) > 1 and not sqlite else branches)
            for value in values:
                parameters += [value, *bound]
    return " INTERSECT ".join(sets), parameters


def _key_column(column: str) -> str:
    return column if column in ("domain", "project") else "target_id"


def _start(column: str, sqlite: bool, condition: str) -> str:
    if column in ("domain", "project"):
        return f"SELECT name, service_id FROM dashboard WHERE {condition}"
    if column == "charts" and not sqlite:
        # OFFSET prevents the planner from walking the names and looking for the chart meanwhile.
        held = "SELECT name, service_id, deleted FROM dashboard WHERE charts @> ARRAY[?]::uuid[] OFFSET 0"
        return f"SELECT name, service_id FROM ({held}) held WHERE TRUE"
    return f"SELECT name, service_id FROM reference WHERE {condition}"


def by_ranges(listing: Listing, after: str, sqlite: bool) -> Statement:
    sql, values = keys(listing, after, sqlite)
    if not listing.filters and 0 < len(listing.services) <= MOST_SERVICES and not sqlite:
        # A page of each service, in the order of the primary key.
        lateral = (
            f"unnest(?::uuid[]) s(id) CROSS JOIN LATERAL ({sql} AND service_id = s.id ORDER BY name LIMIT {PAGE}) p"
        )
        sql, values = f"SELECT name, service_id FROM {lateral}", [listing.service_ids(), *values]
    page = f"({sql} {ORDER} LIMIT {PAGE}) k"
    rows = f"SELECT {READ} FROM {page} JOIN dashboard d ON d.service_id = k.service_id AND d.name = k.name"
    return f"{rows} ORDER BY k.name, k.service_id", values


def conditions(listing: Listing, after: str, sqlite: bool) -> Statement:
    sql, bound = listing.shared(after, sqlite)
    for column, values in listing.wanted():
        if column in ("domain", "project"):
            sql += f" AND {any_of(column, sqlite)}"
        elif sqlite:
            sql += f" AND EXISTS (SELECT 1 FROM json_each(d.{column}) held WHERE {any_of('held.value', sqlite)})"
        else:
            sql += f" AND d.{column} && ?"
        bound = [*bound, values]
    return sql, bound


def by_arrays(listing: Listing, after: str, sqlite: bool) -> Statement:
    sql, values = conditions(listing, after, sqlite)
    return f"SELECT {READ} FROM dashboard d WHERE {sql} {ORDER} LIMIT {PAGE}", values


def by_walk(listing: Listing, after: str) -> tuple[Statement, Statement]:
    """Returns the bounded walk, and the statement to run if it does not fill the page. PostgreSQL only."""
    sql, values = conditions(listing, after, sqlite=False)
    state = "TRUE" if listing.deleted else "FALSE"
    first = f"SELECT * FROM dashboard WHERE deleted = {state} AND (name, service_id) > (?, ?) {ORDER} LIMIT {WALK}"
    start = [after, UUID(int=0)]
    walk = f"SELECT {READ} FROM ({first}) d WHERE {sql} {ORDER} LIMIT {PAGE}", [*start, *values]
    gather = f"WITH m AS MATERIALIZED (SELECT d.name, d.service_id FROM dashboard d WHERE {sql}) SELECT {READ}"
    page = f"(SELECT * FROM m {ORDER} LIMIT {PAGE}) k JOIN dashboard d USING (service_id, name) {ORDER}"
    return walk, (f"{gather} FROM {page}", values)


def total(statement: Statement) -> Statement:
    return f"SELECT count(*) FROM ({statement[0]}) k", statement[1]


async def timed(run: Callable[[], Awaitable[Any]]) -> float:
    """Returns the shortest of a few runs, in milliseconds, to exclude other load on the machine."""
    taken: list[float] = []
    while len(taken) < TIMES and sum(taken) < MOST_MILLISECONDS:
        began = time.perf_counter()
        await run()
        taken.append((time.perf_counter() - began) * 1000)
    return min(taken)


# PostgreSQL


async def on_postgresql(connection: Any, statement: Statement) -> Sequence[Any]:
    sql, values = statement
    parts = sql.split("?")
    numbered = "".join(f"{part}${number}" for number, part in enumerate(parts[:-1], 1)) + parts[-1]
    return list(await connection.fetch(numbered, *values))


async def _arrays(connection: Any, listing: Listing, after: str) -> Sequence[Any]:
    return await on_postgresql(connection, by_arrays(listing, after, sqlite=False))


async def _ranges(connection: Any, listing: Listing, after: str) -> Sequence[Any]:
    return await on_postgresql(connection, by_ranges(listing, after, sqlite=False))


async def _walk(connection: Any, listing: Listing, after: str) -> Sequence[Any]:
    walk, gather = by_walk(listing, after)
    found = await on_postgresql(connection, walk)
    return found if len(found) == PAGE else await on_postgresql(connection, gather)


FORMS = {"arrays": _arrays, "walk": _walk, "ranges": _ranges}


async def spread(connection: Any, run: Callable[[str], Awaitable[Any]]) -> tuple[float, float]:
    """Returns the best and the worst of the first and a deep page, with custom and with generic plans."""
    taken = []
    for mode in ("force_custom_plan", "force_generic_plan"):
        await connection.execute(f"SET plan_cache_mode = {mode}")
        taken += [await timed(partial(run, after)) for after in PLACES]
    return min(taken), max(taken)


async def fill_postgresql(connection: Any, count: int) -> None:
    layout = Layout("", (*CHOSEN, gin("owners"), gin("tags"), BY_TIME), "ot")
    for statement in postgresql_tables(layout):
        await connection.execute(statement)
    for name in ("dashboard", "reference"):
        await connection.execute(f"ALTER TABLE {name} SET (autovacuum_enabled = off)")
    rows = dashboards(count, shares(count))
    while chunk := list(islice(rows, 20_000)):
        await connection.copy_records_to_table("dashboard", records=chunk)
    await connection.execute(postgresql_references(layout, "TRUE"))
    for statement in (*postgresql_indexes(layout), "ANALYZE"):
        await connection.execute(statement)


def shares(count: int) -> list[float]:
    """Returns the share of each service: a few large, many small, and some with 20 dashboards."""
    sizes = [1 / (number + 3) for number in range(SERVICES)]
    return [*sizes, *[20 * sum(sizes) / count] * TINY]


async def measure_postgresql(server: PostgresServer, count: int) -> None:
    connection = await asyncpg.connect(host=str(server.folder), user="postgres")
    await fill_postgresql(connection, count)
    run = partial(on_postgresql, connection)
    print(f"\nPostgreSQL, {count:,} dashboards, a page of 50: milliseconds, best to worst; totals; rows in all")
    never = next(listing for listing in LISTINGS if listing.label.endswith("never"))
    taken = await timed(partial(run, by_ranges(never, "", sqlite=False)))
    print(f"  {never.label}, by ranges, before the first VACUUM: {taken:.1f}")
    await connection.execute("VACUUM ANALYZE")
    for listing in LISTINGS:
        shown = [
            f"{name} {best:7.1f} {worst:7.1f}"
            for name, form in FORMS.items()
            for best, worst in [await spread(connection, partial(form, connection, listing))]
        ]
        counted = total(keys(listing, "", sqlite=False))
        taken, in_all = await timed(partial(run, counted)), (await run(counted))[0][0]
        print(f"  {listing.label:32}", " | ".join(shown), f"| total {taken:7.1f} | {in_all:9,}", flush=True)
    await measure_other_orders(connection)
    sizes = "SELECT relname, pg_relation_size(oid) / 1000000 FROM pg_class WHERE relname ~ '^(dashboard|reference)'"
    print(
        "  megabytes:",
        ", ".join(f"{name} {size}" for name, size in await run((f"{sizes} AND relkind IN ('r', 'i')", []))),
    )
    await connection.close()


async def measure_other_orders(connection: Any) -> None:
    """Measures lists by name descending, and by time with and without an index for it."""
    await connection.execute("RESET plan_cache_mode")
    run = partial(on_postgresql, connection)
    for label in ("tag, 30 %", "20 tags, 60 %", "tag 30 % + owner 10 %", "tag 30 % + another 30 %, never"):
        listing = next(listing for listing in LISTINGS if listing.label == label)
        sql, values = by_ranges(listing, "\U0010ffff", sqlite=False)
        sql = sql.replace(") > (?", ") < (?").replace(ORDER, "ORDER BY name DESC, service_id DESC")
        sql = sql.replace("ORDER BY k.name, k.service_id", "ORDER BY k.name DESC, k.service_id DESC")
        print(f"  by name descending, {label}: {await timed(partial(run, (sql, values))):.1f}")
    newest = f"SELECT {READ} FROM dashboard d WHERE NOT deleted ORDER BY updated_at DESC, id DESC LIMIT {PAGE}"
    print(f"  newest first, indexed: {await timed(partial(run, (newest, []))):.1f}")
    await connection.execute("DROP INDEX dashboard_updated_at_id_idx")
    print(f"  newest first, not indexed: {await timed(partial(run, (newest, []))):.1f}")


# SQLite


@asynccontextmanager
async def sqlite(file: Path, statements: Iterable[str]) -> AsyncIterator[aiosqlite.Connection]:
    """Opens a new file, as the catalog would."""
    for old in file.parent.glob(f"{file.name}*"):
        old.unlink()
    async with aiosqlite.connect(file, isolation_level=None) as connection:
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -65536", "wal_autocheckpoint = 8000"):
            await connection.execute(f"PRAGMA {pragma}")
        for statement in statements:
            await connection.execute(statement)
        yield connection


async def on_sqlite(connection: aiosqlite.Connection, statement: Statement) -> Sequence[Any]:
    sql, values = statement
    return list(await connection.execute_fetchall(sql, [_for_sqlite(value) for value in values]))


def _for_sqlite(value: Any) -> Any:
    if isinstance(value, list):
        return json.dumps([_for_sqlite(item) for item in value])
    return value.hex if isinstance(value, UUID) else value


async def measure_sqlite(folder: Path, count: int) -> None:
    layout = Layout("", ALL, "otc")
    async with sqlite(folder / "read.db", sqlite_tables(layout)) as connection:
        rows = dashboards(count, shares(count))
        await connection.execute("BEGIN")
        while chunk := [for_sqlite(row) for row in islice(rows, 20_000)]:
            await connection.executemany(f"INSERT INTO dashboard VALUES ({', '.join('?' * len(COLUMNS))})", chunk)
        await connection.execute(sqlite_references(layout, "TRUE"))
        await connection.execute("COMMIT")
        print(f"\nSQLite, {count:,} dashboards, a page of 50: milliseconds, first and deep; totals; rows in all")
        run = partial(on_sqlite, connection)
        for listing in LISTINGS:
            shown = [
                f"{name} "
                + " ".join([f"{await timed(partial(run, form(listing, x, sqlite=True))):7.1f}" for x in PLACES])
                for name, form in (("arrays", by_arrays), ("ranges", by_ranges))
            ]
            counted = total(keys(listing, "", sqlite=True))
            taken, in_all = await timed(partial(run, counted)), (await run(counted))[0][0]
            print(f"  {listing.label:32}", " | ".join(shown), f"| total {taken:7.1f} | {in_all:9,}", flush=True)


async def measure(server: PostgresServer, folder: Path, count: int) -> None:
    await measure_postgresql(server, count)
    await measure_sqlite(folder, count // 10)
