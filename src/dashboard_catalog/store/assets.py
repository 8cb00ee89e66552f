"""Reading assets: statements that are the same for every kind, made once from its record.

`asset_storing` writes them.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Table,
    bindparam,
    func,
    select,
    true,
)

from dashboard_catalog.store.columns import column_names, record_maker, row_of
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.records import AssetRecord, ChartRecord, DashboardRecord
from dashboard_catalog.store.reference_rows import References
from dashboard_catalog.store.rows import Reader
from dashboard_catalog.store.tables import (
    CHART,
    CHART_HISTORY,
    CHART_REFERENCE,
    DASHBOARD,
    DASHBOARD_HISTORY,
    DASHBOARD_REFERENCE,
)
from dashboard_catalog.store.types import TEXT_LIST, UUID_LIST, any_of, has_key

A = TypeVar("A", bound=AssetRecord)


class Ingested(NamedTuple):
    """What an asset that ingestion brings again is recognised by, and what its outcome is told with."""

    name: str
    digest: bytes
    id: UUID
    version: int
    owners: list[UUID]
    domain: UUID | None
    tags: list[UUID]


class AssetTable(Generic[A]):
    """The rows of one kind of asset, and those of its older versions.

    Args:
        record: Type of the rows.
        table: Where the newest version of each asset is.
        history: Where the older versions are, in the same columns.
        references: Where assets are found by what they refer to.
    """

    def __init__(self, record: type[A], table: Table, history: Table, references: Table) -> None:
        self.record = record
        self.table = table
        self.history = history
        self.references = References(table, references)
        self.columns = column_names(record)
        self.to_row = row_of(record)
        self.from_row = record_maker(record)
        self._reader = Reader(table.c, self.from_row)
        c = table.c
        in_service = c.service_id == bindparam("service_id")
        self.with_names = self.select().where(in_service, any_of(c.name, bindparam("names", type_=TEXT_LIST)))
        recognised_by = [c[name] for name in Ingested._fields]
        self._ingested_reader = Reader(recognised_by, Ingested._make)
        self._ingested = select(*recognised_by).where(
            in_service,
            any_of(c.name, bindparam("names", type_=TEXT_LIST)),
            c.digest.is_not(None),
            c.edited.is_(None),
            ~c.deleted,
        )
        self._by_ids = self.select().where(any_of(c.id, bindparam("ids", type_=UUID_LIST)))
        self._taken_along = self.select().where(
            in_service, c.deleted, any_of(c.deleted_with, bindparam("ids", type_=UUID_LIST))
        )
        self._version = select(*[history.c[name] for name in self.columns]).where(
            history.c.service_id == bindparam("service_id"),
            history.c.id == bindparam("id"),
            history.c.version == bindparam("version"),
        )

    def select(self) -> Select[Any]:
        """Returns the start of a statement that reads whole rows, to be completed with conditions."""
        return select(*self.table.c)

    def copy(self, record: A) -> A:
        """Returns another record with the same values."""
        return self.from_row(self.to_row(record))

    async def fetch(
        self, connection: ReadConnection, statement: Select[Any], parameters: dict[str, Any] | None = None
    ) -> list[A]:
        """Returns the records of a statement made by `select`."""
        return await self._reader.all(connection, statement, parameters)

    async def by_names(self, connection: ReadConnection, service_id: UUID, names: Sequence[str]) -> list[A]:
        """Returns those of `names` that the service has, deleted ones too."""
        return await self.fetch(connection, self.with_names, {"service_id": service_id, "names": names})

    async def ingested(self, connection: ReadConnection, service_id: UUID, names: Sequence[str]) -> list[Ingested]:
        """Returns those of `names` that have a digest.

        Deleted ones and those that people have marked are not among them.
        """
        parameters = {"service_id": service_id, "names": names}
        return await self._ingested_reader.all(connection, self._ingested, parameters)

    async def by_ids(self, connection: ReadConnection, ids: Iterable[UUID]) -> list[A]:
        """Returns the assets with these ids, of any service, deleted ones too."""
        return await self.fetch(connection, self._by_ids, {"ids": list(ids)})

    async def taken_along(self, connection: ReadConnection, service_id: UUID, ids: Iterable[UUID]) -> list[A]:
        """Returns what the deletion of assets with these ids took along and is still deleted."""
        return await self.fetch(connection, self._taken_along, {"service_id": service_id, "ids": list(ids)})

    async def ingested_names(self, connection: ReadConnection, service_id: UUID) -> list[tuple[str, int]]:
        """Returns (name, number of the last change) of what ingestion has written in a service and is not deleted."""
        c = self.table.c
        found = select(c.name, c.change_number).where(c.service_id == service_id, c.ingested, ~c.deleted)
        return [(row.name, row.change_number) for row in await connection.execute(found)]

    async def version(self, connection: ReadConnection, service_id: UUID, asset_id: UUID, version: int) -> A | None:
        """Returns an older version, or None if there is none of that number."""
        parameters = {"service_id": service_id, "id": asset_id, "version": version}
        found = await self.fetch(connection, self._version, parameters)
        return found[0] if found else None


_TABLES = {"dashboard": DASHBOARD, "chart": CHART}
DASHBOARDS = AssetTable(DashboardRecord, DASHBOARD, DASHBOARD_HISTORY, DASHBOARD_REFERENCE)
CHARTS = AssetTable(ChartRecord, CHART, CHART_HISTORY, CHART_REFERENCE)

_chart_key = [CHART.c[name] for name in ("service_id", "name", "id", "deleted", "deleted_by_edit")]
_chart_key_reader = Reader[Sequence[Any]](_chart_key)
_chart_keys = select(*_chart_key).where(
    any_of(CHART.c.service_id, bindparam("service_ids", type_=UUID_LIST)),
    any_of(CHART.c.name, bindparam("names", type_=TEXT_LIST)),
)
_chart_references = select(CHART.c.service_id, CHART.c.name, CHART.c.id, CHART.c.display_name, CHART.c.deleted).where(
    any_of(CHART.c.id, bindparam("ids", type_=UUID_LIST))
)
_holders = select(DASHBOARD.c.id, DASHBOARD.c.service_id, DASHBOARD.c.name, DASHBOARD.c.charts, DASHBOARD.c.deleted)


async def chart_keys(
    connection: ReadConnection, service_ids: Iterable[UUID], names: Iterable[str]
) -> list[Sequence[Any]]:
    """Returns rows (service_id, name, id, deleted, deleted_by_edit) of the charts of these names in these services."""
    parameters = {"service_ids": list(service_ids), "names": list(names)}
    if not parameters["service_ids"]:
        return []
    return await _chart_key_reader.all(connection, _chart_keys, parameters)


async def chart_references(connection: ReadConnection, ids: Iterable[UUID]) -> list[Any]:
    """Returns rows (service_id, name, id, display_name, deleted) of the charts with these ids."""
    return list((await connection.execute(_chart_references, {"ids": list(ids)})).all())


async def holders(connection: ReadConnection, chart_ids: Iterable[UUID]) -> list[Any]:
    """Returns rows (id, service_id, name, charts, deleted) of the dashboards that hold any of these charts."""
    ids = list(chart_ids)
    if not ids:
        return []
    found = DASHBOARDS.references.of_charts(connection.dialect.name, ids).subquery()
    one = (DASHBOARD.c.service_id == found.c.service_id) & (DASHBOARD.c.name == found.c.name)
    return list((await connection.execute(_holders.join(found, one))).all())


class Referrer(NamedTuple):
    """An asset that refers to something, and how many of its kind do."""

    kind: str
    service_id: UUID
    name: str
    of_kind: int


async def any_reference(connection: ReadConnection, column: str, ids: list[UUID], limit: int) -> list[Referrer]:
    """Returns at most `limit` assets of each kind that refer to any of `ids`.

    Args:
        column: `owners`, `tags`, `domain` or `service_id`.
    """
    found: list[Referrer] = []
    tables: dict[str, AssetTable[Any]] = {"dashboard": DASHBOARDS, "chart": CHARTS}
    for kind, table in tables.items():
        if column in ("owners", "tags"):
            found += await _referrers(connection, kind, table.references.of(ids).subquery(), true(), limit)
        else:
            one = any_of(table.table.c[column], bindparam("ids", ids, UUID_LIST))
            found += await _referrers(connection, kind, table.table, one, limit)
    return found


async def with_property(connection: ReadConnection, kind: str, key: str, limit: int) -> list[Referrer]:
    """Returns at most `limit` assets of a kind whose extension has `key`."""
    table = _TABLES[kind]
    return await _referrers(connection, kind, table, has_key(table.c.extension, bindparam("key", key)), limit)


async def _referrers(
    connection: ReadConnection, kind: str, among: FromClause, condition: ColumnElement[bool], limit: int
) -> list[Referrer]:
    c = among.c
    rows = await connection.execute(select(c.service_id, c.name, func.count().over()).where(condition).limit(limit))
    return [Referrer(kind, *row) for row in rows]
