"""The statements of the feed: what of each table is a change, in one form for all tables."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    case,
    cast,
    column,
    exists,
    func,
    literal_column,
    null,
    or_,
    select,
    true,
    union_all,
)

from dashboard_catalog.store.assets import CHARTS, DASHBOARDS, LARGE, AssetTable
from dashboard_catalog.store.column_types import ID, NUMBER_LIST, TEXT_LIST, TIMESTAMP, UUID_LIST
from dashboard_catalog.store.columns import column_names
from dashboard_catalog.store.conditions import any_of, is_positive
from dashboard_catalog.store.described_changes import previous_name, restores
from dashboard_catalog.store.large_values import missing_bytes
from dashboard_catalog.store.records import CATALOG_ID, EntityRecord
from dashboard_catalog.store.tables import ENTITY_CHANGE, REMOVED

ASSETS: Mapping[str, AssetTable[Any]] = {"dashboard": DASHBOARDS, "chart": CHARTS}
"""The rows of each kind of asset."""


class FeedRow(NamedTuple):
    """One change.

    Attributes:
        change_number: Its number in its sequence.
        kind: Kind of the thing that changed.
        id: Id of that thing.
        name: Raw name of an asset in this version; fully qualified name of an entity, and of what was removed.
        previous_name: The name before, in the same form, if this change is a rename.
        service_fqn: Fully qualified name that the BI service had, of what was removed.
        version: In tenths; 0 for entities and for what was removed.
        type: `created`, `updated`, `deleted`, `restored` or `removed`.
        size: About the memory that the large values of this version take; 0 unless asked for.
    """

    change_number: int
    kind: str
    id: UUID
    name: str
    previous_name: str | None
    service_fqn: str | None
    version: int
    type: str
    updated_at: datetime
    updated_by: str
    by_ingestion: bool
    session_id: UUID | None
    call_id: str
    size: int


COLUMNS: Sequence[ColumnElement[Any]] = [
    column("change_number", BigInteger()),
    column("kind", Text()),
    column("id", ID),
    column("name", Text()),
    column("previous_name", Text()),
    column("service_fqn", Text()),
    column("version", Integer()),
    column("type", Text()),
    column("updated_at", TIMESTAMP),
    column("updated_by", Text()),
    column("by_ingestion", Boolean()),
    column("session_id", ID),
    column("call_id", Text()),
    column("size", Integer()),
]
"""The columns of `changes`: the fields of a `FeedRow`."""

ENTITY_COLUMNS: Sequence[ColumnElement[Any]] = [ENTITY_CHANGE.c[name] for name in column_names(EntityRecord)]
"""The columns of an entity as a change left it: the fields of an `EntityRecord`."""

TRACE_COLUMNS: Sequence[ColumnElement[Any]] = [
    column("service_id", ID),
    column("id", ID),
    column("updated_at", TIMESTAMP),
    column("call_id", Text()),
]
"""The columns of `traces`."""

_NO_TEXT: ColumnElement[Any] = cast(null(), Text())
_NO_ID: ColumnElement[Any] = cast(null(), ID)
_ZERO: ColumnElement[Any] = literal_column("0", Integer())


@cache
def changes(kinds: frozenset[str], *, of_entities: bool, as_of: bool, sized: bool) -> Select[Any]:
    """Returns the statement that reads the changes of one sequence with numbers `after` < n <= `until`, in order.

    Args:
        kinds: Kinds of the things whose changes are wanted; one of the sequence at least.
        of_entities: Whether it is the sequence of entities.
        as_of: Whether to read only the newest version of each thing up to the number `as_of`, as its creation.
        sized: Whether to read the sizes of the versions.
    """
    if of_entities:
        parts = [_entity_changes(kinds, as_of=as_of, sized=sized)]
    else:
        wanted = [kind for kind in ASSETS if kind in kinds]
        parts = [_asset_changes(kind, ASSETS[kind].table, as_of=as_of, sized=sized) for kind in wanted]
        parts += [_asset_changes(kind, ASSETS[kind].history, as_of=as_of, sized=sized) for kind in wanted]
    if not as_of:
        parts.append(_removals(kinds))
    found = union_all(*parts).subquery("change_of_any_kind")
    return select(*found.c).order_by(found.c.change_number)


@cache
def versions(dialect: str, kind: str) -> Select[Any]:
    """Returns the statement that reads the whole versions that changes `numbers` of `service_id` have made."""
    asset = ASSETS[kind]
    found = union_all(*(_versions(dialect, table) for table in (asset.table, asset.history)))
    return select(*found.subquery("version_of_any_age").c)


@cache
def traces(dialect: str) -> Select[Any]:
    """Returns the statement that reads what tells the change at each of some places from others."""
    of_services = [*(table for asset in ASSETS.values() for table in (asset.table, asset.history)), REMOVED]
    found = union_all(*(_traces(dialect, table) for table in (*of_services, ENTITY_CHANGE))).subquery("trace")
    return select(*found.c)


def _versions(dialect: str, table: Table) -> Select[Any]:
    c, numbers = table.c, bindparam("numbers", type_=NUMBER_LIST)
    found = select(*c).where(c.service_id == bindparam("service_id"), is_positive(c.change_number))
    if dialect == "sqlite":
        return found.where(any_of(c.change_number, numbers))
    # One number after the other. Together, they look dearer to PostgreSQL than all assets of a new BI service.
    one = func.unnest(numbers).table_valued(column("number", BigInteger())).render_derived()
    of_one = found.where(c.change_number == one.c.number).offset(0).lateral()
    return select(*of_one.c).select_from(one.join(of_one, true()))


def _asset_changes(kind: str, table: Table, *, as_of: bool, sized: bool) -> Select[Any]:
    c, history = table.c, ASSETS[kind].history
    earlier = history.alias("earlier")
    # The service itself, not that of the row. Otherwise, a cluster would read the tables one after the other, and find
    # a version twice that moves in between.
    has_earlier = exists().where(
        earlier.c.service_id == bindparam("service_id"), earlier.c.id == c.id, earlier.c.version == c.version - 1
    )
    type_ = case(
        (or_(c.version == 1, ~has_earlier), "created"),
        (c.deleted, "deleted"),
        (restores(c.change), "restored"),
        else_="updated",
    )
    statement = select(
        c.change_number,
        literal_column(f"'{kind}'", Text()).label("kind"),
        c.id,
        c.name,
        (_NO_TEXT if as_of else previous_name(c.change)).label("previous_name"),
        _NO_TEXT.label("service_fqn"),
        c.version,
        (literal_column("'created'", Text()) if as_of else type_).label("type"),
        c.updated_at,
        c.updated_by,
        c.by_ingestion,
        c.session_id,
        c.call_id,
        (missing_bytes(*(one for one in c if one.name in LARGE)) if sized else _ZERO).label("size"),
    ).where(c.service_id == bindparam("service_id"), *_in_stretch(table))
    # What is in the table itself has no newer version, and so had none then.
    return statement.where(~_superseded(kind)) if as_of and table is history else statement


def _superseded(kind: str) -> ColumnElement[bool]:
    """Returns the condition that an older version had been replaced by a newer one at the number `as_of`."""
    version = ASSETS[kind].history
    found = []
    for table in (ASSETS[kind].table, ASSETS[kind].history):
        next_ = table.alias(f"next_{table.name}")
        found.append(
            exists().where(
                next_.c.service_id == bindparam("service_id"),
                next_.c.id == version.c.id,
                next_.c.version == version.c.version + 1,
                next_.c.change_number <= bindparam("as_of"),
            )
        )
    return or_(*found)


def _entity_changes(kinds: frozenset[str], *, as_of: bool, sized: bool) -> Select[Any]:
    c = ENTITY_CHANGE.c
    statement = select(
        c.change_number,
        c.kind,
        c.id,
        c.fqn.label("name"),
        (_NO_TEXT if as_of else c.previous_fqn).label("previous_name"),
        _NO_TEXT.label("service_fqn"),
        _ZERO.label("version"),
        (literal_column("'created'", Text()) if as_of else c.change).label("type"),
        c.updated_at,
        c.updated_by,
        c.by_ingestion,
        c.session_id,
        c.call_id,
        (missing_bytes(c.description, c.attributes) if sized else _ZERO).label("size"),
    ).where(_one_of(c.kind, kinds), *_in_stretch(ENTITY_CHANGE))
    if not as_of:
        return statement
    later = ENTITY_CHANGE.alias("later")
    newer = (later.c.change_number > c.change_number, later.c.change_number <= bindparam("as_of"))
    return statement.where(~exists().where(later.c.id == c.id, *newer))


def _removals(kinds: frozenset[str]) -> Select[Any]:
    c = REMOVED.c
    return select(
        c.change_number,
        c.kind,
        c.id,
        c.fqn.label("name"),
        _NO_TEXT.label("previous_name"),
        c.service_fqn,
        _ZERO.label("version"),
        literal_column("'removed'", Text()).label("type"),
        c.updated_at,
        c.updated_by,
        c.by_ingestion,
        _NO_ID.label("session_id"),
        c.call_id,
        _ZERO.label("size"),
    ).where(c.service_id == bindparam("service_id"), _one_of(c.kind, kinds), *_in_stretch(REMOVED))


def _one_of(column_: ColumnElement[str], kinds: frozenset[str]) -> ColumnElement[bool]:
    # They are part of the statement: there are few of them, and nobody but the catalog names them.
    return column_.in_([literal_column(f"'{kind}'", Text()) for kind in sorted(kinds)])


def _in_stretch(table: Table) -> tuple[ColumnElement[bool], ...]:
    number = table.c.change_number
    return number > bindparam("after"), number <= bindparam("until"), is_positive(number)


def _traces(dialect: str, table: Table) -> Select[Any]:
    c, (from_, service_id, number) = table.c, _places(dialect)
    sequence = service_id == (bindparam("catalog_id", CATALOG_ID, ID) if table is ENTITY_CHANGE else c.service_id)
    found = select(service_id.label("service_id"), c.id, c.updated_at, c.call_id)
    return found.select_from(from_.join(table, and_(sequence, c.change_number == number, is_positive(c.change_number))))


def _places(dialect: str) -> tuple[FromClause, ColumnElement[Any], ColumnElement[Any]]:
    """Returns places as a table, with its columns: the sequence, and the number in it."""
    if dialect == "sqlite":
        pairs = func.json_each(bindparam("places", type_=TEXT_LIST)).table_valued("value", name="place")
        return pairs, func.json_extract(pairs.c.value, "$[0]"), func.json_extract(pairs.c.value, "$[1]")
    columns = column("service_id", ID), column("number", BigInteger())
    lists = bindparam("ids", type_=UUID_LIST), bindparam("numbers", type_=NUMBER_LIST)
    places = func.unnest(*lists).table_valued(*columns, name="place").render_derived()
    return places, places.c.service_id, places.c.number
