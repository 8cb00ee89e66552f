"""Reads what the search index holds of assets and entities: page by page over whole tables, or by id.

Descriptions come cut, because a page of whole ones could take hundreds of megabytes.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, Text, bindparam, cast, func, null, select, tuple_

from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.places import has_id, is_wanted, within
from dashboard_catalog.store.rows import Reader
from dashboard_catalog.store.tables import CHART, DASHBOARD, ENTITY

_NOTHING = cast(null(), Text())


class AssetRow(NamedTuple):
    """The part of a dashboard or a chart that is indexed; what its kind does not have is None."""

    service_id: UUID
    name: str
    id: UUID
    display_name: str | None
    description: str | None
    owners: list[UUID]
    domain: UUID | None
    tags: list[UUID]
    extension: dict[str, Any] | None
    deleted: bool
    updated_at: datetime
    project: str | None
    dashboard_type: str | None
    charts: list[UUID] | None
    chart_type: str | None


class EntityRow(NamedTuple):
    """The part of an entity that is indexed."""

    id: UUID
    kind: str
    name: str
    fqn: str
    display_name: str | None
    description: str | None
    deleted: bool
    updated_at: datetime


class _Rows:
    """The rows of one table, cut as above.

    Args:
        table: The table.
        row: Its columns, by name.
        key: The columns of its primary key, in whose order pages come.
        description_length: Length of the part of a description that is read, in code points.
    """

    def __init__(self, table: Table, row: Any, key: tuple[str, ...], description_length: int) -> None:
        def column(name: str) -> ColumnElement[Any]:
            if name == "description":
                return func.substr(table.c.description, 1, description_length, type_=Text()).label(name)
            return table.c[name] if name in table.c else _NOTHING.label(name)

        columns = [column(name) for name in row._fields]
        self._reader = Reader[Any](columns, row._make)
        self._key = key
        keys = [table.c[name] for name in key]
        after = tuple_(*keys) > tuple_(*(bindparam(name, type_=table.c[name].type) for name in key))
        self._table = table
        self._all: Select[Any] = select(*columns)
        self._first = self._all.order_by(*keys)
        self._next = self._first.where(after)

    async def wanted(self, connection: ReadConnection, parameters: dict[str, Any]) -> list[Any]:
        condition = is_wanted(connection, self._table) if "service_ids" in parameters else has_id(self._table)
        return await self._reader.all(connection, self._all.where(condition), parameters)

    async def page(self, connection: ReadConnection, last: Any, limit: int) -> list[Any]:
        if last is None:
            return await self._reader.all(connection, self._first.limit(limit))
        parameters = {name: getattr(last, name) for name in self._key}
        return await self._reader.all(connection, self._next.limit(limit), parameters)


class IndexedRows:
    """The rows of all kinds of assets and entities.

    Args:
        description_length: Length of the part of a description that is read, in code points.
    """

    def __init__(self, description_length: int) -> None:
        assets = ("service_id", "name")
        self._assets: Mapping[str, _Rows] = {
            "dashboard": _Rows(DASHBOARD, AssetRow, assets, description_length),
            "chart": _Rows(CHART, AssetRow, assets, description_length),
        }
        self._entities = _Rows(ENTITY, EntityRow, ("id",), description_length)

    async def assets(
        self, connection: ReadConnection, kind: str, service_id: UUID, ids: Iterable[UUID]
    ) -> list[AssetRow]:
        """Returns the assets of a kind in a BI service that have one of these ids, deleted or not."""
        return await self._assets[kind].wanted(connection, within([service_id], ids))

    async def entities(self, connection: ReadConnection, ids: Iterable[UUID]) -> list[EntityRow]:
        """Returns the entities of any kind that have one of these ids, deleted or not."""
        return await self._entities.wanted(connection, {"ids": list(ids)})

    async def asset_page(
        self, connection: ReadConnection, kind: str, last: AssetRow | None, limit: int
    ) -> list[AssetRow]:
        """Returns the next assets of a kind in the order of their keys.

        Args:
            last: The last asset of the page before; None for the first page.
            limit: Maximum number of assets.
        """
        return await self._assets[kind].page(connection, last, limit)

    async def entity_page(self, connection: ReadConnection, last: EntityRow | None, limit: int) -> list[EntityRow]:
        """Returns the next entities in the order of their ids.

        Args:
            last: The last entity of the page before; None for the first page.
            limit: Maximum number of entities.
        """
        return await self._entities.page(connection, last, limit)
