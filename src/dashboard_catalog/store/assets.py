"""Reads assets with statements that are the same for every kind and made once from its record.

`asset_storing` writes assets.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, bindparam, literal_column, or_, select

from dashboard_catalog.store.column_types import INTEGER_LIST, TEXT_LIST, UUID_LIST
from dashboard_catalog.store.columns import column_names, record_maker, row_of
from dashboard_catalog.store.conditions import any_of, any_pair_of
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.fixed_statements import FixedStatement
from dashboard_catalog.store.locks import STATE_OF_ENTITIES
from dashboard_catalog.store.partial_rows import Partial, PartialReader
from dashboard_catalog.store.places import PlacedStatement, has_id, is_wanted, within
from dashboard_catalog.store.records import AssetRecord, ChartRecord, DashboardRecord
from dashboard_catalog.store.reference_rows import ReferenceRows
from dashboard_catalog.store.rows import Reader
from dashboard_catalog.store.tables import (
    CHART,
    CHART_HISTORY,
    CHART_REFERENCE,
    DASHBOARD,
    DASHBOARD_HISTORY,
    DASHBOARD_REFERENCE,
)

A = TypeVar("A", bound=AssetRecord)

LARGE = frozenset({"description", "extension", "edited", "change", "charts"})
"""The columns whose values may be large."""


class Ingested(NamedTuple):
    """The part of a stored asset that is enough to recognise the spec it was ingested from.

    Attributes:
        digest: Digest of that spec.
        owners: These ids, `domain` and `tags` decide who may write the asset.
    """

    name: str
    digest: bytes
    id: UUID
    version: int
    owners: list[UUID]
    domain: UUID | None
    tags: list[UUID]


class AssetTable(Generic[A]):
    """The rows of one kind of asset, current and older versions.

    Args:
        record: Type of the rows.
        table: Holds the current version of each asset.
        history: Holds the older versions, in the same columns.
        references: Finds assets by what they refer to.

    Attributes:
        references: What finds assets by what they refer to.
        partial: Reads rows without their large values, current and older versions.
        columns: Names of the columns, in their order.
        with_names: Statement for the assets of a `service_id` that have one of `names`.
    """

    def __init__(self, record: type[A], table: Table, history: Table, references: Table) -> None:
        self.record = record
        self.table = table
        self.history = history
        self.references = ReferenceRows(table, references)
        self.columns = column_names(record)
        self.to_row = row_of(record)
        self.from_row = record_maker(record)
        self._reader = Reader(table.c, self.from_row)
        self.partial = PartialReader(table, self.from_row, LARGE)
        self._partial_history = PartialReader(history, self.from_row, LARGE)
        c = table.c
        in_service = c.service_id == bindparam("service_id")
        has_name = any_of(c.name, bindparam("names", type_=TEXT_LIST))
        self.with_names = self.select().where(in_service, has_name)
        self._by_names = FixedStatement(self.with_names)
        self._by_ids = PlacedStatement(self.select(), table)
        self._services_of = select(c.service_id).where(has_id(table))
        taken_along = any_of(c.deleted_with, bindparam("ids", type_=UUID_LIST))
        self._taken_along = FixedStatement(self.select().where(in_service, c.deleted, taken_along).order_by(c.name))
        partial = select(*self.partial.columns(c))
        self._partial_by_names = FixedStatement(partial.where(in_service, has_name))
        self._partial_by_ids = FixedStatement(partial.where(has_id(table)))
        dated = partial.add_columns(STATE_OF_ENTITIES)
        missing: ColumnElement[int] = literal_column("0")
        self._dated_reader = Reader([*c, missing, STATE_OF_ENTITIES], self._dated)
        self._dated_by_names = FixedStatement(dated.where(in_service, has_name))
        self._dated_by_ids = FixedStatement(dated.where(has_id(table)))
        self._prepare_ingested(has_name)
        self._prepare_versions()

    def _prepare_ingested(self, has_name: ColumnElement[bool]) -> None:
        c = self.table.c
        columns = [c[name] for name in Ingested._fields]
        found = select(*columns).where(c.digest.is_not(None), c.edited.is_(None), ~c.deleted)
        self._ingested_reader = Reader(columns, Ingested._make)
        self._ingested_by_names = FixedStatement(found.where(c.service_id == bindparam("service_id"), has_name))
        self._ingested_by_ids = PlacedStatement(found, self.table)

    def _prepare_versions(self) -> None:
        c = self.history.c
        in_service = c.service_id == bindparam("service_id")
        is_version = (in_service, c.id == bindparam("id"), c.version == bindparam("version"))
        self._version = FixedStatement(select(*c).where(*is_version))
        self._partial_version = FixedStatement(select(*self._partial_history.columns(c)).where(*is_version))
        pairs = bindparam("ids", type_=UUID_LIST), bindparam("versions", type_=INTEGER_LIST)
        self._versions = select(*c).where(in_service, any_pair_of(c.id, c.version, *pairs))

    def _dated(self, row: Sequence[Any]) -> tuple[Partial[A], int]:
        return Partial(self.from_row(row[:-2]), row[-2]), row[-1]

    def select(self) -> Select[Any]:
        """Returns a statement that reads whole rows, for the caller to add conditions to."""
        return select(*self.table.c)

    def copy(self, record: A) -> A:
        """Returns a new record with the same values."""
        return self.from_row(self.to_row(record))

    async def fetch(
        self,
        connection: ReadConnection,
        statement: Select[Any] | FixedStatement,
        parameters: dict[str, Any] | None = None,
    ) -> list[A]:
        """Returns the records of a statement made by `select`."""
        return await self._reader.all(connection, statement, parameters)

    async def by_names(self, connection: ReadConnection, service_id: UUID, names: Sequence[str]) -> list[A]:
        """Returns the assets of a BI service that have one of these names, deleted or not."""
        return await self.fetch(connection, self._by_names, {"service_id": service_id, "names": names})

    async def ingested(self, connection: ReadConnection, service_id: UUID, names: Sequence[str]) -> list[Ingested]:
        """Returns the live assets of a BI service that have one of these names, a digest and no marks."""
        parameters = {"service_id": service_id, "names": names}
        return await self._ingested_reader.all(connection, self._ingested_by_names, parameters)

    async def ingested_by_ids(
        self, connection: ReadConnection, service_id: UUID, ids: Iterable[UUID]
    ) -> list[Ingested]:
        """Returns what `ingested` does, by ids of assets of the BI service."""
        statement = self._ingested_by_ids.on(connection)
        return await self._ingested_reader.all(connection, statement, within([service_id], ids))

    async def by_ids(self, connection: ReadConnection, ids: Iterable[UUID]) -> list[A]:
        """Returns the assets of any BI service that have one of these ids, deleted or not."""
        return await self.fetch(connection, self._by_ids.anywhere, {"ids": list(ids)})

    async def within(self, connection: ReadConnection, service_ids: Collection[UUID], ids: Iterable[UUID]) -> list[A]:
        """Returns the assets that have one of these ids, deleted or not; from a cluster, those of these BI services."""
        if not service_ids:
            return []
        return await self.fetch(connection, self._by_ids.on(connection), within(service_ids, ids))

    async def services_of(self, connection: ReadConnection, ids: Iterable[UUID]) -> list[UUID]:
        """Returns the BI services of the assets that have one of these ids, deleted or not."""
        return list((await connection.execute(self._services_of, {"ids": list(ids)})).scalars())

    async def present_names(
        self, connection: ReadConnection, service_id: UUID, names: Collection[str], renamed: Mapping[str, UUID]
    ) -> dict[str, str]:
        """Returns the names that assets of a BI service have today.

        Args:
            connection: Where to read.
            service_id: Of the service.
            names: Names of today.
            renamed: Ids by former name.

        Returns:
            Names of today by the names given, as far as the assets exist.
        """
        c = self.table.c
        wanted = or_(
            any_of(c.name, bindparam("names", list(names), TEXT_LIST)),
            any_of(c.id, bindparam("ids", list(renamed.values()), UUID_LIST)),
        )
        rows = list(await connection.execute(select(c.name, c.id).where(c.service_id == service_id, wanted)))
        by_id = {row.id: row.name for row in rows}
        present = {row.name: row.name for row in rows if row.name in names}
        return present | {name: by_id[id_] for name, id_ in renamed.items() if id_ in by_id}

    async def taken_along(self, connection: ReadConnection, service_id: UUID, ids: Iterable[UUID]) -> list[A]:
        """Returns the assets that were deleted along with one of these ids, and are still deleted, by name."""
        return await self.fetch(connection, self._taken_along, {"service_id": service_id, "ids": list(ids)})

    async def ingested_names(self, connection: ReadConnection, service_id: UUID) -> list[tuple[str, int]]:
        """Returns (name, change number) of the live assets of a BI service that ingestion has ever written."""
        c = self.table.c
        found = select(c.name, c.change_number).where(c.service_id == service_id, c.ingested, ~c.deleted)
        return [(row.name, row.change_number) for row in await connection.execute(found)]

    async def version(self, connection: ReadConnection, service_id: UUID, asset_id: UUID, version: int) -> A | None:
        """Returns an older version of an asset, in tenths; None when there is no such version."""
        parameters = {"service_id": service_id, "id": asset_id, "version": version}
        found = await self.fetch(connection, self._version, parameters)
        return found[0] if found else None

    async def versions(
        self,
        connection: ReadConnection,
        service_id: UUID,
        wanted: Iterable[tuple[UUID, int]],
        without: Collection[str] = (),
    ) -> list[A]:
        """Returns older versions of the assets of a BI service.

        Args:
            connection: Where to read.
            service_id: Of the BI service.
            wanted: Id of the asset, and version in tenths.
            without: Columns that nobody wants.
        """
        ids, versions = zip(*wanted, strict=True)
        parameters = {"service_id": service_id, "ids": list(ids), "versions": list(versions)}
        statement = self._versions
        if without:
            statement = statement.with_only_columns(*self._partial_history.whole_columns(without))
        return await self.fetch(connection, statement, parameters)

    async def partial_versions(
        self,
        connection: ReadConnection,
        service_id: UUID,
        asset_id: UUID,
        *,
        below: int,
        limit: int,
        without: frozenset[str],
    ) -> list[Partial[A]]:
        """Returns older versions of an asset without large values, the newest of them first.

        Args:
            connection: Where to read.
            service_id: Of its BI service.
            asset_id: Of the asset.
            below: The version that they come before, in tenths.
            limit: Maximum number of versions.
            without: Columns that nobody wants.
        """
        c = self.history.c
        of_asset = (c.service_id == service_id, c.id == asset_id, c.version < below)
        older = select(*self._partial_history.columns(c, without)).where(*of_asset)
        return await self._partial_history.all(connection, older.order_by(c.version.desc()).limit(limit))

    async def partial_by_names(
        self, connection: ReadConnection, service_id: UUID, names: Sequence[str]
    ) -> list[Partial[A]]:
        """Returns what `by_names` does, without large values."""
        parameters = {"service_id": service_id, "names": names}
        return await self.partial.all(connection, self._partial_by_names, parameters)

    async def dated_by_names(
        self, connection: ReadConnection, service_id: UUID, names: Sequence[str]
    ) -> list[tuple[Partial[A], int]]:
        """Returns what `partial_by_names` does, each row with the state of entities at that moment."""
        parameters = {"service_id": service_id, "names": names}
        return await self._dated_reader.all(connection, self._dated_by_names, parameters)

    async def dated_by_ids(self, connection: ReadConnection, ids: Iterable[UUID]) -> list[tuple[Partial[A], int]]:
        """Returns what `partial_by_ids` does, each row with the state of entities at that moment."""
        return await self._dated_reader.all(connection, self._dated_by_ids, {"ids": list(ids)})

    async def partial_by_ids(self, connection: ReadConnection, ids: Iterable[UUID]) -> list[Partial[A]]:
        """Returns what `by_ids` does, without large values."""
        return await self.partial.all(connection, self._partial_by_ids, {"ids": list(ids)})

    async def partial_version(
        self, connection: ReadConnection, service_id: UUID, asset_id: UUID, version: int
    ) -> Partial[A] | None:
        """Returns what `version` does, without large values."""
        parameters = {"service_id": service_id, "id": asset_id, "version": version}
        found = await self._partial_history.all(connection, self._partial_version, parameters)
        return found[0] if found else None

    async def whole(self, connection: ReadConnection, records: Collection[A], without: Collection[str]) -> list[A]:
        """Returns assets as they are stored now, with their large values, but without columns that nobody wants."""
        if not records:
            return []
        statement = select(*self.partial.whole_columns(without)).where(is_wanted(connection, self.table))
        service_ids, ids = {record.service_id for record in records}, {record.id for record in records}
        return await self.fetch(connection, statement, within(service_ids, ids))


DASHBOARDS = AssetTable(DashboardRecord, DASHBOARD, DASHBOARD_HISTORY, DASHBOARD_REFERENCE)
CHARTS = AssetTable(ChartRecord, CHART, CHART_HISTORY, CHART_REFERENCE)
