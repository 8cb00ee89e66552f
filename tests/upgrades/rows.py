"""The rows of filled databases: as text in `data/`, and in databases of both kinds.

The texts hold exactly what servers of earlier schemas wrote into SQLite. For PostgreSQL, their values are converted to
the types that the columns have there.
"""

import asyncio
import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from alembic import command
from sqlalchemy import Connection, Integer, MetaData, inspect, make_url, select, text
from sqlalchemy import types as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import create_async_engine

from dashboard_catalog.store import migrate
from dashboard_catalog.store.tables import VERSION_TABLE

DATA = Path(__file__).parent / "data"
REVISIONS = sorted(file.stem for file in DATA.glob("*.sql"))
"""The schemas of which there is a filled database."""

Row = dict[str, Any]
Contents = dict[str, list[Row]]

# A text that repeats a short one is written as an expression that SQLite evaluates.
_REPEATED = re.compile(r"(.{2,40}?)\1{99,}", re.DOTALL)
_FROM_SQLITE: tuple[tuple[type[Any], Callable[[Any], Any]], ...] = (
    (sql.ARRAY, lambda value: [UUID(item) for item in json.loads(value)]),
    (sql.JSON, json.loads),
    (sql.Uuid, UUID),
    (sql.DateTime, lambda value: datetime.fromisoformat(value).replace(tzinfo=UTC)),
    (sql.Boolean, bool),
)


def migrate_to(url: str, revision: str) -> None:
    """Runs the migrations up to a revision."""
    command.upgrade(migrate._config(url), revision)


def dumped(file: Path, revision: str, empty: Path) -> str:
    """Returns the rows of an SQLite file as statements.

    Args:
        file: The database.
        revision: Its tables that this schema has are dumped.
        empty: Where an empty database can be made.
    """
    migrate_to(f"sqlite+aiosqlite:///{empty}", revision)
    with closing(sqlite3.connect(empty)) as schema, closing(sqlite3.connect(file)) as database:
        tables = {name: _columns(schema, name) for name in _tables(schema)}
        return "".join(f"{part}\n" for name, columns in tables.items() for part in _inserts(database, name, columns))


def load_sqlite(file: Path, revision: str) -> None:
    """Migrates a file that does not exist to a revision, and puts the rows of that schema into it."""
    migrate_to(f"sqlite+aiosqlite:///{file}", revision)
    with closing(sqlite3.connect(file)) as database:
        database.execute("DELETE FROM service_sequence")
        database.executescript((DATA / f"{revision}.sql").read_text())


def load_postgresql(url: str, revision: str, file: Path) -> None:
    """Migrates an empty database of PostgreSQL to a revision, and copies the rows of an SQLite file into it."""
    migrate_to(url, revision)
    with closing(sqlite3.connect(file)) as database:
        rows = {name: _rows(database, name) for name in _tables(database)}
    migrate_rows(url, lambda connection: _insert(connection, rows))


def migrate_rows(url: str, work: Callable[[Connection], Any]) -> Any:
    """Returns what work returns that is done in a transaction."""

    async def run() -> Any:
        engine = create_async_engine(url)
        try:
            async with engine.begin() as connection:
                return await connection.run_sync(work)
        finally:
            await engine.dispose()

    return asyncio.run(run())


def contents(url: str) -> Contents:
    """Returns the rows of every table except the one of the revision, as they are stored, in a fixed order."""
    if make_url(url).get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(make_url(url).database))) as database:
            return {name: in_order(_rows(database, name)) for name in _tables(database)}
    found: Contents = migrate_rows(url, _contents)
    return {name: in_order(rows) for name, rows in found.items()}


def in_order(rows: Iterable[Row]) -> list[Row]:
    """Returns rows in an order that depends only on their values."""
    return sorted(rows, key=lambda row: repr(sorted(row.items())))


def default_of(url: str, table: str, column: str) -> Any:
    """Returns what a column holds in a row that was inserted without a value for it."""

    def ask(connection: Connection) -> Any:
        (found,) = [each for each in inspect(connection).get_columns(table) if each["name"] == column]
        default = connection.execute(text(f"SELECT {found['default'] or 'NULL'}")).scalar_one()
        # A default of a number may be written as a text.
        return int(default) if isinstance(found["type"], Integer) and default is not None else default

    return migrate_rows(url, ask)


def _contents(connection: Connection) -> Contents:
    metadata = MetaData()
    metadata.reflect(connection, only=lambda name, _: name != VERSION_TABLE)
    return {
        name: [dict(row) for row in connection.execute(select(table)).mappings()]
        for name, table in metadata.tables.items()
    }


def _insert(connection: Connection, contents: Contents) -> None:
    metadata = MetaData()
    metadata.reflect(connection, only=list(contents))
    connection.execute(metadata.tables["service_sequence"].delete())
    for name, rows in contents.items():
        table = metadata.tables[name]
        for column in table.c:
            if isinstance(column.type, JSONB):
                column.type = JSONB(none_as_null=True)
        converters = {column.name: _converter(column.type) for column in table.c}
        converted = [
            {key: None if value is None else converters[key](value) for key, value in row.items()} for row in rows
        ]
        if converted:
            connection.execute(table.insert(), converted)


def _converter(type_: Any) -> Callable[[Any], Any]:
    return next((convert for kind, convert in _FROM_SQLITE if isinstance(type_, kind)), lambda value: value)


def _tables(database: sqlite3.Connection) -> list[str]:
    found = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    return [name for (name,) in found if name != VERSION_TABLE]


def _columns(database: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in database.execute(f"PRAGMA table_info({table})")]


def _rows(database: sqlite3.Connection, table: str) -> list[Row]:
    columns = _columns(database, table)
    return [dict(zip(columns, row, strict=True)) for row in database.execute(f"SELECT * FROM {table}")]


def _inserts(database: sqlite3.Connection, table: str, columns: list[str]) -> Iterator[str]:
    """Yields one statement per table that has rows, with a row per line and the columns that have values."""
    rows = list(database.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY rowid"))
    filled = [place for place in range(len(columns)) if any(row[place] is not None for row in rows)]
    if rows:
        yield f"INSERT INTO {table} ({', '.join(columns[place] for place in filled)}) VALUES"
        values = [f"({', '.join(_literal(row[place]) for place in filled)})" for row in rows]
        yield ",\n".join(values) + ";\n"


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if not isinstance(value, str):
        return repr(value)
    return " || ".join(_pieces(value)) if value else "''"


def _pieces(value: str) -> Iterator[str]:
    at = 0
    for found in _REPEATED.finditer(value):
        if found.start() > at:
            yield _quoted(value[at : found.start()])
        times = len(found[0]) // len(found[1])
        yield f"replace(hex(zeroblob({times})), '00', {_quoted(found[1])})"
        at = found.end()
    if at < len(value):
        yield _quoted(value[at:])


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
