"""Finds the assets that refer to an entity, for the deletion that they forbid."""

from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, bindparam, func, select, true

from dashboard_catalog.store.assets import CHARTS, DASHBOARDS, AssetTable
from dashboard_catalog.store.column_types import UUID_LIST
from dashboard_catalog.store.conditions import any_of, has_key
from dashboard_catalog.store.connections import ReadConnection

_TABLES: dict[str, AssetTable[Any]] = {"dashboard": DASHBOARDS, "chart": CHARTS}


class Referrer(NamedTuple):
    """An asset that refers to an entity.

    Attributes:
        of_kind: How many assets of its kind refer to the entity.
    """

    kind: str
    service_id: UUID
    name: str
    of_kind: int


async def referrers_of(connection: ReadConnection, column: str, ids: list[UUID], limit: int) -> list[Referrer]:
    """Returns up to `limit` assets of each kind that refer to any of `ids`.

    Args:
        column: `owners`, `tags`, `domain` or `service_id`.
    """
    found: list[Referrer] = []
    for kind, table in _TABLES.items():
        if column in ("owners", "tags"):
            found += await _referrers(connection, kind, table.references.of(ids).subquery(), true(), limit)
        else:
            refers = any_of(table.table.c[column], bindparam("ids", ids, UUID_LIST))
            found += await _referrers(connection, kind, table.table, refers, limit)
    return found


async def is_owner(connection: ReadConnection, ids: list[UUID]) -> bool:
    """Returns whether any asset, deleted or not, refers to one of these users and teams."""
    for table in _TABLES.values() if ids else ():
        if (await connection.execute(table.references.of(ids, once=False).limit(1))).first():
            return True
    return False


async def with_property(connection: ReadConnection, kind: str, key: str, limit: int) -> list[Referrer]:
    """Returns up to `limit` assets of a kind that have a value for a custom property."""
    table = _TABLES[kind].table
    return await _referrers(connection, kind, table, has_key(table.c.extension, bindparam("key", key)), limit)


async def _referrers(
    connection: ReadConnection, kind: str, among: FromClause, condition: ColumnElement[bool], limit: int
) -> list[Referrer]:
    c = among.c
    rows = await connection.execute(select(c.service_id, c.name, func.count().over()).where(condition).limit(limit))
    return [Referrer(kind, *row) for row in rows]
