"""The names that assets and entities had before, until something else takes them.

An asset's former names are kept per BI service and kind. Those of an entity are fully qualified, and kept under
`CATALOG_ID`.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, delete, insert, select, union_all

from dashboard_catalog.store.assets import AssetTable
from dashboard_catalog.store.column_types import TEXT_LIST, UUID_LIST
from dashboard_catalog.store.conditions import any_of
from dashboard_catalog.store.connections import ReadConnection, WriteConnection
from dashboard_catalog.store.fixed_statements import FixedStatement
from dashboard_catalog.store.record_statements import RecordStatement
from dashboard_catalog.store.records import CATALOG_ID, FormerNameRecord
from dashboard_catalog.store.rows import Reader
from dashboard_catalog.store.tables import ENTITY, FORMER_NAME

_c = FORMER_NAME.c
_named = (
    _c.service_id == bindparam("service_id"),
    any_of(_c.kind, bindparam("kinds", type_=TEXT_LIST)),
    any_of(_c.name, bindparam("names", type_=TEXT_LIST)),
)
_find = FixedStatement(select(_c.kind, _c.name, _c.id).where(*_named))
_some = select(_c.kind, _c.name, _c.id).where(_c.service_id == bindparam("service_id"))
_by_ids = select(_c.id, _c.name).where(
    _c.service_id == bindparam("service_id"),
    _c.kind == bindparam("kind"),
    any_of(_c.id, bindparam("ids", type_=UUID_LIST)),
)
_found = Reader[tuple[str, str, UUID]]((_c.kind, _c.name, _c.id), tuple)
_insert = RecordStatement(insert(FORMER_NAME))
_free = FixedStatement(delete(FORMER_NAME).where(*_named))
_free_all = delete(FORMER_NAME).where(
    _c.service_id == bindparam("service_id"), any_of(_c.id, bindparam("ids", type_=UUID_LIST))
)
_fqns = union_all(
    select(ENTITY.c.fqn.label("fqn")).where(ENTITY.c.id == bindparam("id")),
    select(_c.name.label("fqn")).where(_c.service_id == CATALOG_ID, _c.id == bindparam("id")),
)


async def find(
    connection: ReadConnection, service_id: UUID, kinds: Collection[str], names: Collection[str]
) -> list[tuple[str, str, UUID]]:
    """Returns (kind, name, id) of the things of some kinds that had one of these names.

    Args:
        connection: Where to read.
        service_id: BI service of assets, or `CATALOG_ID` for entities.
        kinds: Where to look.
        names: Names of assets, or fully qualified names of entities.
    """
    parameters = {"service_id": service_id, "kinds": list(kinds), "names": list(names)}
    return await _found.all(connection, _find, parameters)


async def some(connection: ReadConnection, service_id: UUID, limit: int) -> list[tuple[str, str, UUID]]:
    """Returns (kind, name, id) of things that had other names before, up to `limit` of them."""
    return await _found.all(connection, _some.limit(limit), {"service_id": service_id})


async def by_present_names(
    connection: ReadConnection, table: AssetTable[Any], service_id: UUID
) -> Mapping[str, Sequence[str]]:
    """Returns the former names of all assets of a kind in a BI service, by their names of today."""
    one = table.table.c
    same = (one.service_id == _c.service_id) & (one.id == _c.id)
    statement = select(one.name.label("present"), _c.name.label("former")).join_from(FORMER_NAME, table.table, same)
    found: dict[str, list[str]] = defaultdict(list)
    for row in await connection.execute(statement.where(_c.service_id == service_id, _c.kind == table.table.name)):
        found[row.present].append(row.former)
    return found


async def by_ids(
    connection: ReadConnection, service_id: UUID, kind: str, ids: Iterable[UUID]
) -> Mapping[UUID, Sequence[str]]:
    """Returns the former names of things of a kind, by their ids."""
    found: dict[UUID, list[str]] = defaultdict(list)
    parameters = {"service_id": service_id, "kind": kind, "ids": list(ids)}
    for row in await connection.execute(_by_ids, parameters):
        found[row.id].append(row.name)
    return found


async def fqns_of_entity(connection: ReadConnection, id_: UUID) -> list[str]:
    """Returns all fully qualified names of an entity, that of today first."""
    return list((await connection.execute(_fqns, {"id": id_})).scalars())


async def store(connection: WriteConnection, service_id: UUID, kind: str, names: Mapping[str, UUID | None]) -> None:
    """Stores whose former names some names are from now on; None for names that something has taken."""
    if not names:
        return
    await connection.run(_free, {"service_id": service_id, "kinds": [kind], "names": list(names)})
    records = [
        FormerNameRecord(service_id=service_id, kind=kind, name=name, id=id_) for name, id_ in names.items() if id_
    ]
    await _insert.run(connection, records)


async def remove_of(connection: WriteConnection, service_id: UUID, ids: Iterable[UUID]) -> None:
    """Removes the former names of things that are removed for good."""
    await connection.run(_free_all, {"service_id": service_id, "ids": list(ids)})
