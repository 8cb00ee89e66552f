"""Reads and writes entities."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, delete, func, insert, select, update

from dashboard_catalog.store import former_names
from dashboard_catalog.store.column_types import TEXT_LIST, UUID_LIST
from dashboard_catalog.store.columns import column_names, named_row, record_maker
from dashboard_catalog.store.conditions import any_of, overlaps
from dashboard_catalog.store.connections import ReadConnection, WriteConnection
from dashboard_catalog.store.fixed_statements import FixedStatement
from dashboard_catalog.store.locks import STATE_OF_ENTITIES, advance
from dashboard_catalog.store.partial_rows import Partial, PartialReader
from dashboard_catalog.store.record_statements import RecordStatement
from dashboard_catalog.store.records import CATALOG_ID, EntityChangeRecord, EntityRecord, RemovedRecord
from dashboard_catalog.store.rows import Reader
from dashboard_catalog.store.tables import ENTITY, ENTITY_CHANGE, REMOVED, SERVICE_SEQUENCE

_record = record_maker(EntityRecord)
_reader = Reader(ENTITY.c, _record)
_columns = column_names(EntityRecord)
_named_removal = named_row(RemovedRecord)
_partial = PartialReader(ENTITY, _record, ("description", "attributes"))
_has_fqn = any_of(ENTITY.c.fqn, bindparam("fqns", type_=TEXT_LIST))
_has_id = any_of(ENTITY.c.id, bindparam("ids", type_=UUID_LIST))
_undescribed = select(*_partial.whole_columns({"description"}))
_by_fqns, _by_ids = FixedStatement(_undescribed.where(_has_fqn)), FixedStatement(_undescribed.where(_has_id))
_dated = _undescribed.add_columns(STATE_OF_ENTITIES)
_dated_reader = Reader([*ENTITY.c, STATE_OF_ENTITIES], lambda row: (_record(row[:-1]), int(row[-1])))
_dated_by_fqns, _dated_by_ids = FixedStatement(_dated.where(_has_fqn)), FixedStatement(_dated.where(_has_id))
_children = select(ENTITY.c.kind, ENTITY.c.fqn, func.count().over().label("of_all")).where(
    overlaps(ENTITY.c.parents, bindparam("ids", type_=UUID_LIST))
)
_insert, _insert_change = RecordStatement(insert(ENTITY)), RecordStatement(insert(ENTITY_CHANGE))
_insert_sequence = RecordStatement(insert(SERVICE_SEQUENCE))
_delete = FixedStatement(delete(ENTITY).where(_has_id))
_update = RecordStatement(
    update(ENTITY)
    .where(ENTITY.c.id == bindparam("b_id"))
    .values({name: bindparam(name) for name in _columns if name not in ("id", "kind")})
)


class _Sequence(NamedTuple):
    """The change numbers of a new BI service."""

    service_id: UUID
    last_change: int = 0
    nonce: int = 0


async def by_fqns(connection: ReadConnection, fqns: Iterable[str]) -> list[EntityRecord]:
    """Returns the entities of any kind that have one of these fully qualified names, deleted or not.

    They have no descriptions, which nothing that refers to them shows.
    """
    wanted = list(fqns)
    return await _reader.all(connection, _by_fqns, {"fqns": wanted}) if wanted else []


async def by_ids(connection: ReadConnection, ids: Iterable[UUID]) -> list[EntityRecord]:
    """Returns the entities that have one of these ids, deleted or not, without their descriptions."""
    wanted = list(ids)
    return await _reader.all(connection, _by_ids, {"ids": wanted}) if wanted else []


async def dated_by_fqns(connection: ReadConnection, fqns: Iterable[str]) -> list[tuple[EntityRecord, int]]:
    """Returns what `by_fqns` does, each entity with the state of entities at that moment."""
    wanted = list(fqns)
    return await _dated_reader.all(connection, _dated_by_fqns, {"fqns": wanted}) if wanted else []


async def dated_by_ids(connection: ReadConnection, ids: Iterable[UUID]) -> list[tuple[EntityRecord, int]]:
    """Returns what `by_ids` does, each entity with the state of entities at that moment."""
    wanted = list(ids)
    return await _dated_reader.all(connection, _dated_by_ids, {"ids": wanted}) if wanted else []


async def whole_by_fqns(connection: ReadConnection, fqns: Iterable[str]) -> list[EntityRecord]:
    """Returns what `by_fqns` does, with descriptions."""
    wanted = list(fqns)
    return await _reader.all(connection, select(*ENTITY.c).where(_has_fqn), {"fqns": wanted}) if wanted else []


async def whole_by_ids(connection: ReadConnection, ids: Iterable[UUID]) -> list[EntityRecord]:
    """Returns what `by_ids` does, with descriptions."""
    wanted = list(ids)
    return await _reader.all(connection, select(*ENTITY.c).where(_has_id), {"ids": wanted}) if wanted else []


async def partial_by_key(connection: ReadConnection, key: str | UUID) -> list[Partial[EntityRecord]]:
    """Returns the entities of any kind with this fully qualified name or id, deleted or not, without large values."""
    by_id = isinstance(key, UUID)
    statement = select(*_partial.columns(ENTITY.c)).where(_has_id if by_id else _has_fqn)
    return await _partial.all(connection, statement, {"ids" if by_id else "fqns": [key]})


async def partial_by_ids(connection: ReadConnection, ids: Iterable[UUID]) -> list[Partial[EntityRecord]]:
    """Returns the entities that have one of these ids, deleted or not, without large values."""
    return await _partial.all(connection, select(*_partial.columns(ENTITY.c)).where(_has_id), {"ids": list(ids)})


async def children(connection: ReadConnection, id_: UUID, limit: int) -> list[tuple[str, str, int]]:
    """Returns (kind, fully qualified name, number of all) of up to `limit` entities that have a parent of this id."""
    rows = await connection.execute(_children.limit(limit), {"ids": [id_]})
    return [(row.kind, row.fqn, row.of_all) for row in rows]


async def of_kind(connection: ReadConnection, kind: str) -> list[EntityRecord]:
    """Returns all entities of a kind, deleted or not, without their descriptions."""
    return await _reader.all(connection, _undescribed.where(ENTITY.c.kind == kind))


async def save(
    connection: WriteConnection,
    new: Sequence[EntityRecord],
    changed: Sequence[EntityRecord],
    changes: Sequence[EntityChangeRecord],
) -> None:
    """Stores entities under the locks of the catalog and of `CATALOG_ID`.

    Args:
        new: Entities that are not stored yet. A new BI service gets its row of change numbers, too.
        changed: Entities that are stored, as they will be.
        changes: What has changed, in the order of the numbers; an entity that has changed twice is in it twice.
    """
    # As with the rows of assets, COPY is faster than updates, on a cluster by far. SQLite updates in place.
    replaces = connection.dialect.name == "postgresql"
    if changed and replaces:
        await connection.run(_delete, {"ids": [record.id for record in changed]})
    await _insert.run(connection, [*new, *changed] if replaces else new)
    await _insert_sequence.run(connection, [_Sequence(record.id) for record in new if record.kind == "bi_service"])
    if not replaces:
        await _update.run(connection, changed)
    await _insert_change.run(connection, changes)
    await advance(connection, CATALOG_ID, changes[-1].change_number)


async def remove(connection: WriteConnection, removed: RemovedRecord) -> None:
    """Removes an entity that nothing refers to, with its changes, under the same locks.

    The change numbers of a BI service stay: whoever follows its changes may not have got all removals yet.
    """
    await connection.run(delete(ENTITY).where(ENTITY.c.id == removed.id))
    await connection.run(delete(ENTITY_CHANGE).where(ENTITY_CHANGE.c.id == removed.id))
    await former_names.remove_of(connection, CATALOG_ID, [removed.id])
    await connection.run(insert(REMOVED), _named_removal(removed))
    await advance(connection, CATALOG_ID, removed.change_number)
