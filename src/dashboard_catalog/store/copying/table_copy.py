"""Copies one table, a page of rows after another, in the order of its key."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import ARRAY, Column, LargeBinary, Table, Text, bindparam, insert, select, tuple_
from sqlalchemy.dialects.postgresql import JSONB

from dashboard_catalog.store.assets import CHARTS, DASHBOARDS, AssetTable
from dashboard_catalog.store.connections import ReadConnection, WriteConnection
from dashboard_catalog.store.conversions import Row, row_writer
from dashboard_catalog.store.large_values import missing_bytes
from dashboard_catalog.store.rows import Reader
from dashboard_catalog.store.tables import METADATA

_PAGE_ROWS = 2_000
_PAGE_BYTES = 8 * 1024 * 1024
# About the memory that a row takes without its large values.
_ROW_BYTES = 2_000

_ASSETS: dict[str, AssetTable[Any]] = {assets.table.name: assets for assets in (DASHBOARDS, CHARTS)}
# They repeat what the assets hold, differently on each kind of database.
_DERIVED = {assets.references.rows.name for assets in _ASSETS.values()}


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of a table in the order of its key, with the values that Python has for them."""

    rows: list[Row]
    last_key: Row


class TableCopy:
    """One table, as a copy reads and writes it.

    Args:
        table: The table, which has a primary key.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self._keys = list(table.primary_key.columns)
        places = [list(table.c).index(key) for key in self._keys]
        self._key_of = itemgetter(*places) if len(places) > 1 else lambda row: (row[places[0]],)
        large = [column for column in table.c if _may_be_large(column)]
        size = missing_bytes(*large) if large else bindparam("size", 0).label("size")
        self._sizes = select(*self._keys, size).order_by(*self._keys).limit(_PAGE_ROWS)
        self._rows = select(*table.c).order_by(*self._keys)
        self._size_reader: Reader[Row] = Reader([*self._keys, size])
        self._reader: Reader[Row] = Reader(table.c)

    async def page(self, source: ReadConnection, after: Sequence[Any]) -> Page | None:
        """Returns the next rows, or None after the last.

        Args:
            source: Where to read.
            after: The key of the last row before; empty for the first page.
        """
        statement = self._sizes.where(self._key() > self._bound("after", after)) if after else self._sizes
        sizes = await self._size_reader.all(source, statement)
        if not sizes:
            return None
        last = self._last_that_fits(sizes)
        rows = self._rows.where(self._key() <= self._bound("last", last))
        if after:
            rows = rows.where(self._key() > self._bound("after", after))
        return Page(await self._reader.all(source, rows), last)

    async def write(self, target: WriteConnection, page: Page) -> None:
        """Writes a page into the table of another database."""
        types = [column.type for column in self.table.c]
        rows = list(map(row_writer((), types, target.dialect), page.rows))
        if target.dialect.name == "postgresql":
            await target.copy_rows(self.table.name, list(self.table.c.keys()), rows)
        else:
            await target.run_rows(insert(self.table).compile(dialect=target.dialect).string, rows)
        if assets := _ASSETS.get(self.table.name):
            for service_id, keys in groupby(map(self._key_of, page.rows), itemgetter(0)):
                await assets.references.add(target, service_id, [key[1] for key in keys])

    def _key(self) -> Any:
        return tuple_(*self._keys)

    def _bound(self, name: str, key: Sequence[Any]) -> Any:
        values = zip(self._keys, key, strict=True)
        return tuple_(*(bindparam(f"{name}_{column.name}", value, column.type) for column, value in values))

    def _last_that_fits(self, sizes: list[Row]) -> Row:
        """Returns the key of the last row of a page that does not take too much memory; at least one row."""
        size = 0
        last = sizes[0][:-1]
        for *key, missing in sizes:
            size += missing + _ROW_BYTES
            if size > _PAGE_BYTES:
                break
            last = tuple(key)
        return last


def copied_tables() -> list[TableCopy]:
    """Returns the tables to copy, in a fixed order."""
    return [TableCopy(METADATA.tables[name]) for name in sorted(METADATA.tables.keys() - _DERIVED)]


def _may_be_large(column: Column[Any]) -> bool:
    return not column.primary_key and isinstance(column.type, Text | JSONB | ARRAY | LargeBinary)
