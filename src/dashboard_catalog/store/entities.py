"""Statements about entities, and the locks that writers take."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, delete, func, insert, select, update

from dashboard_catalog.store.columns import column_names, record_maker
from dashboard_catalog.store.connections import ReadConnection, WriteConnection
from dashboard_catalog.store.records import EntityRecord
from dashboard_catalog.store.rows import Reader
from dashboard_catalog.store.tables import ENTITY, SERVICE_SEQUENCE
from dashboard_catalog.store.types import TEXT_LIST, UUID_LIST, any_of, begins_with, overlaps

_reader = Reader(ENTITY.c, record_maker(EntityRecord))
_columns = column_names(EntityRecord)
_by_fqns = select(*ENTITY.c).where(any_of(ENTITY.c.fqn, bindparam("fqns", type_=TEXT_LIST)))
_by_ids = select(*ENTITY.c).where(any_of(ENTITY.c.id, bindparam("ids", type_=UUID_LIST)))
_by_parents = select(*ENTITY.c).where(overlaps(ENTITY.c.parents, bindparam("ids", type_=UUID_LIST)))
_update = (
    update(ENTITY)
    .where(ENTITY.c.id == bindparam("b_id"))
    .values({name: bindparam(name) for name in _columns if name not in ("id", "kind", "name", "fqn")})
)
_sequence = select(SERVICE_SEQUENCE.c.last_change).where(SERVICE_SEQUENCE.c.service_id == bindparam("id"))
_advance = (
    update(SERVICE_SEQUENCE)
    .where(SERVICE_SEQUENCE.c.service_id == bindparam("b_id"))
    .values(last_change=bindparam("last_change"))
)
# Any fixed number serves; it says "entities of the dashboard catalog" to whoever looks at pg_locks.
_CATALOG_LOCK = 0x0DA5_B0A2_D0CA_7A10


async def fetch(
    connection: ReadConnection, statement: Select[Any], parameters: dict[str, Any] | None = None
) -> list[EntityRecord]:
    """Returns the records of a statement that selects all columns of `ENTITY`."""
    return await _reader.all(connection, statement, parameters)


async def by_fqns(connection: ReadConnection, fqns: Iterable[str]) -> list[EntityRecord]:
    """Returns the entities of any kind with these fully qualified names, deleted ones too."""
    wanted = list(fqns)
    return await fetch(connection, _by_fqns, {"fqns": wanted}) if wanted else []


async def by_ids(connection: ReadConnection, ids: Iterable[UUID]) -> list[EntityRecord]:
    """Returns the entities with these ids, deleted ones too."""
    wanted = list(ids)
    return await fetch(connection, _by_ids, {"ids": wanted}) if wanted else []


async def below(connection: ReadConnection, ids: Iterable[UUID]) -> list[EntityRecord]:
    """Returns the entities directly below any of these."""
    wanted = list(ids)
    return await fetch(connection, _by_parents, {"ids": wanted}) if wanted else []


async def all_below(connection: ReadConnection, top: EntityRecord) -> list[EntityRecord]:
    """Returns `top` and every entity below it, however deep: one statement a level."""
    found, level = {top.id: top}, [top]
    while level:
        level = [record for record in await below(connection, [r.id for r in level]) if record.id not in found]
        found |= {record.id: record for record in level}
    return list(found.values())


async def of_kind(connection: ReadConnection, kind: str) -> list[EntityRecord]:
    """Returns all entities of a kind, deleted ones too."""
    return await fetch(connection, select(*ENTITY.c).where(ENTITY.c.kind == kind))


async def save(connection: WriteConnection, new: Sequence[EntityRecord], changed: Sequence[EntityRecord]) -> None:
    """Stores new entities, with the sequence of each new BI service, and changes of entities that exist."""
    if new:
        await connection.execute(insert(ENTITY), [_named(record) for record in new])
    if services := [record.id for record in new if record.kind == "bi_service"]:
        await connection.execute(insert(SERVICE_SEQUENCE), [{"service_id": id_, "last_change": 0} for id_ in services])
    if changed:
        rows = [_named(record) | {"b_id": record.id} for record in changed]
        for row in rows:
            del row["id"], row["kind"], row["name"], row["fqn"]
        await connection.execute(_update, rows)


async def remove(connection: WriteConnection, record: EntityRecord) -> None:
    """Removes an entity that nothing refers to."""
    await connection.execute(delete(ENTITY).where(ENTITY.c.id == record.id))
    await connection.execute(delete(SERVICE_SEQUENCE).where(SERVICE_SEQUENCE.c.service_id == record.id))


async def lock_catalog(connection: WriteConnection, *, to_write: bool) -> None:
    """Waits until no other transaction writes entities; `to_write`: nor relies on them.

    Held to the end of the transaction. SQLite has one writer anyway.
    """
    if connection.dialect.name == "postgresql":
        function = func.pg_advisory_xact_lock if to_write else func.pg_advisory_xact_lock_shared
        await connection.execute(select(function(bindparam("key", _CATALOG_LOCK))))


async def lock_service(connection: WriteConnection, service_id: UUID) -> int:
    """Waits until no other transaction writes assets of the service, and returns the number of its last change."""
    # The row came with the service; that of `CATALOG_ID` with the schema.
    return int((await connection.execute(_sequence.with_for_update(), {"id": service_id})).scalar_one())


async def last_change(connection: ReadConnection, service_id: UUID) -> int:
    """Returns the number of the last change of a service, without its lock."""
    return int((await connection.execute(_sequence, {"id": service_id})).scalar_one())


async def advance(connection: WriteConnection, service_id: UUID, last_change: int) -> None:
    """Stores the number of the last change of a locked service."""
    await connection.execute(_advance, {"b_id": service_id, "last_change": last_change})


def _named(record: EntityRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in _columns}


async def page(
    connection: ReadConnection,
    kind: str,
    *,
    only: Sequence[UUID] | None,
    deleted: Sequence[bool],
    name_prefix: str,
    after: str | None,
    limit: int,
) -> list[EntityRecord]:
    """Returns entities of a kind ordered by fully qualified name.

    Args:
        only: Ids that may be among them; all by default.
        deleted: Values of `deleted` that they may have.
        name_prefix: What their names begin with.
        after: Fully qualified name after which the page begins.
    """
    c = ENTITY.c
    statement = select(*c).where(c.kind == kind, c.deleted.in_(deleted), begins_with(c.name, name_prefix))
    if only is not None:
        statement = statement.where(any_of(c.id, bindparam("only", list(only), UUID_LIST)))
    if after is not None:
        statement = statement.where(c.fqn > after)
    return await fetch(connection, statement.order_by(c.fqn).limit(limit))
