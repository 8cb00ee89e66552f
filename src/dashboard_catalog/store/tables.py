"""What is stored: each record is a dataclass, and its table is made from it.

A field declared with `stored` is a column of the same name, so a record and its table cannot differ. The history table
of a kind of asset has the same columns as its table: a row moves there unchanged when its asset gets a new version.

Every key of a per-service table begins with `service_id`, so that it can be distributed by it.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)
from sqlalchemy.types import TypeEngine

from dashboard_catalog.store.types import DOCUMENT, ID, KEY_TEXT, TIMESTAMP, UUID_LIST

METADATA = MetaData()
CATALOG_ID = UUID(int=0)
"""Stands in for a BI service where something belongs to the catalog as a whole."""


def stored(
    type_: TypeEngine[Any] | type[TypeEngine[Any]],
    *,
    key: bool = False,
    null: bool = False,
    default: Any = ...,
) -> Any:
    """Declares a field that is a column.

    Args:
        type_: Type of the column.
        key: Whether it is part of the primary key, in the order of declaration.
        null: Whether it may be null; then None is its default.
        default: Value, or for a mutable one its factory, of a new record.
    """
    metadata = {"type": type_, "key": key, "null": null}
    if null:
        return dataclasses.field(default=None, metadata=metadata)
    if default is ...:
        return dataclasses.field(metadata=metadata)
    if callable(default):
        return dataclasses.field(default_factory=default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(slots=True, kw_only=True)
class AssetRecord:
    """A row of a kind of asset, in one of its versions. References are held by id."""

    service_id: UUID = stored(ID, key=True)
    name: str = stored(KEY_TEXT, key=True)
    id: UUID = stored(ID)
    # In tenths: 1 is version 0.1.
    version: int = stored(Integer(), default=1)
    display_name: str | None = stored(Text(), null=True)
    description: str | None = stored(Text(), null=True)
    source_url: str | None = stored(Text(), null=True)
    owners: list[UUID] = stored(UUID_LIST, default=list)
    domain: UUID | None = stored(ID, null=True)
    tags: list[UUID] = stored(UUID_LIST, default=list)
    # Tag id in hex -> [label type, state], of labels that are not Manual and Confirmed.
    tag_labels: dict[str, list[str]] | None = stored(DOCUMENT, null=True)
    extension: dict[str, Any] | None = stored(DOCUMENT, null=True)
    source_hash: str | None = stored(Text(), null=True)
    deleted: bool = stored(Boolean(), default=False)
    # The asset whose deletion took this one along.
    deleted_with: UUID | None = stored(ID, null=True)
    # Whether people deleted it: then ingestion leaves it deleted.
    deleted_by_edit: bool = stored(Boolean(), default=False)
    # {"fields": [...], "tags": [hex ids], "extension_keys": [...]}: what people have decided.
    edited: dict[str, list[str]] | None = stored(DOCUMENT, null=True)
    # What this version changed, as `catalog.changes` writes it.
    change: dict[str, Any] | None = stored(DOCUMENT, null=True)
    # Digest of the last ingested spec, until anything else changes the asset or its marks.
    digest: bytes | None = stored(LargeBinary(), null=True)
    # Whether ingestion has ever written it: a sweep touches nothing else.
    ingested: bool = stored(Boolean(), default=False)
    change_number: int = stored(BigInteger())
    updated_at: datetime = stored(TIMESTAMP)
    updated_by: str = stored(Text())
    # How this version came: by ingestion or by an edit, in which call, in which bulk session.
    by_ingestion: bool = stored(Boolean())
    call_id: str = stored(Text())
    session_id: UUID | None = stored(ID, null=True)


@dataclass(slots=True, kw_only=True)
class DashboardRecord(AssetRecord):
    """A row of `dashboard`."""

    dashboard_type: str | None = stored(Text(), null=True)
    project: str | None = stored(KEY_TEXT, null=True)
    charts: list[UUID] = stored(UUID_LIST, default=list)


@dataclass(slots=True, kw_only=True)
class ChartRecord(AssetRecord):
    """A row of `chart`."""

    chart_type: str | None = stored(Text(), null=True)


@dataclass(slots=True, kw_only=True)
class EntityRecord:
    """A row of `entity`: a BI service, user, team, domain, classification, tag or custom property."""

    id: UUID = stored(ID, key=True)
    kind: str = stored(Text())
    name: str = stored(KEY_TEXT)
    fqn: str = stored(KEY_TEXT)
    display_name: str | None = stored(Text(), null=True)
    description: str | None = stored(Text(), null=True)
    # Teams above a team, the domain above a domain, a tag's classification and then the tag above it.
    parents: list[UUID] = stored(UUID_LIST, default=list)
    # The fields of its kind that refer to nothing.
    attributes: dict[str, Any] = stored(DOCUMENT, default=dict)
    deleted: bool = stored(Boolean(), default=False)
    change_number: int = stored(BigInteger())
    updated_at: datetime = stored(TIMESTAMP)
    updated_by: str = stored(Text())
    call_id: str = stored(Text())


@dataclass(slots=True, kw_only=True)
class SessionRecord:
    """A row of `bulk_session`: how far a bulk stream has come, committed with each of its chunks."""

    # The BI service that the session is about, or `CATALOG_ID`.
    service_id: UUID = stored(ID, key=True)
    id: UUID = stored(ID, key=True)
    owner: str = stored(Text())
    # Digest of its options: a resumed session must have the same.
    options: bytes = stored(LargeBinary())
    # The connection that may write; the newest wins. None once it is known to have ended.
    connection: UUID | None = stored(ID, null=True)
    next_offset: int = stored(BigInteger(), default=0)
    # Outcome in lower case -> how many items.
    counts: dict[str, int] = stored(DOCUMENT, default=dict)
    # Whether it will sweep its service, of which it was this change when it began.
    sweeps: bool = stored(Boolean(), default=False)
    began_after: int = stored(BigInteger(), default=0)
    # Whether it held an item whose fully qualified name cannot be read: then it sweeps nothing.
    unreadable: bool = stored(Boolean(), default=False)
    # {"outcome", "deleted", "would_delete", "sample"}, once it has swept.
    swept: dict[str, Any] | None = stored(DOCUMENT, null=True)
    finished: bool = stored(Boolean(), default=False)
    updated_at: datetime = stored(TIMESTAMP)


@dataclass(slots=True, kw_only=True)
class FailureRecord:
    """A row of `bulk_failure`: an item of a session that was refused."""

    service_id: UUID = stored(ID, key=True)
    session_id: UUID = stored(ID, key=True)
    item_offset: int = stored(BigInteger(), key=True)
    kind: str = stored(Text())
    fqn: str = stored(Text())
    # {"reason", "message", "metadata", "violations", "resource"}: what the error was made of.
    error: dict[str, Any] = stored(DOCUMENT)


@dataclass(slots=True, kw_only=True)
class MentionRecord:
    """A row of `bulk_mention`: what one chunk of a sweeping session mentioned, as 8-byte digests of names."""

    service_id: UUID = stored(ID, key=True)
    session_id: UUID = stored(ID, key=True)
    item_offset: int = stored(BigInteger(), key=True)
    # `dashboard`, `chart`, or `held` for charts that dashboards refer to.
    kind: str = stored(Text(), key=True)
    digests: bytes = stored(LargeBinary())


R = TypeVar("R")


def column_names(record: type[Any]) -> tuple[str, ...]:
    """Returns the names of a record's columns, in their order."""
    return tuple(field.name for field in dataclasses.fields(record))


def row_of(record: type[R]) -> Callable[[R], tuple[Any, ...]]:
    """Returns the function that makes the tuple of a record's columns."""
    return attrgetter(*column_names(record))


def record_maker(record: type[R]) -> Callable[[Sequence[Any]], R]:
    """Returns the function that makes a record of a row that holds its columns in order."""
    # Written out, as `dataclasses` writes `__init__`: a loop over the columns takes ten times as long.
    targets = ", ".join(f"made.{name}" for name in column_names(record))
    scope: dict[str, Any] = {"record": record, "blank": object.__new__}
    exec(f"def make(row):\n made = blank(record)\n {targets}, = row\n return made", scope)  # noqa: S102 - of column names
    make: Callable[[Sequence[Any]], R] = scope["make"]
    return make


def _table(name: str, record: type[Any], *indexes: Index, keys: tuple[str, ...] = ()) -> Table:
    """Makes the table of a record; `keys` overrides its primary key."""
    columns = [
        Column(
            field.name,
            field.metadata["type"],
            primary_key=field.name in keys if keys else field.metadata["key"],
            nullable=field.metadata["null"],
            autoincrement=False,
        )
        for field in dataclasses.fields(record)
    ]
    return Table(name, METADATA, *columns, *indexes)


def _listed_by(kind: str, column: str) -> Index:
    """Returns the index that a page of one value of a column is read from, in order."""
    there = text(f"{column} IS NOT NULL")
    return Index(
        f"{kind}_by_{column}", column, "deleted", "name", "service_id", postgresql_where=there, sqlite_where=there
    )


def _asset_indexes(kind: str) -> list[Index]:
    """Returns the indexes of every kind of asset; docs/decisions/0001 has what each costs and serves."""
    return [
        Index(f"{kind}_id", "id"),
        Index(f"{kind}_by_name", "deleted", "name", "service_id"),
        Index(f"{kind}_by_time", "updated_at", "id"),
        _listed_by(kind, "domain"),
    ]


def _references(kind: str) -> Table:
    """Makes the table that assets are found in by what they refer to: owners and tags, on SQLite charts as well.

    A row is part of a sorted range for each thing referred to, so that a page is a piece of one, or of several at once.
    """
    return Table(
        f"{kind}_reference",
        METADATA,
        Column("service_id", ID, nullable=False),
        Column("target_id", ID, nullable=False),
        Column("deleted", Boolean(), nullable=False),
        Column("name", KEY_TEXT, nullable=False),
        Index(f"{kind}_reference_by_target", "target_id", "deleted", "name", "service_id"),
        # Ranges are read from the index alone only where pages are known to be visible.
        postgresql_with={"autovacuum_vacuum_insert_scale_factor": "0.02"},
    )


def _history(kind: str, record: type[Any]) -> Table:
    return _table(f"{kind}_history", record, keys=("service_id", "id", "version"))


DASHBOARD = _table(
    "dashboard",
    DashboardRecord,
    *_asset_indexes("dashboard"),
    _listed_by("dashboard", "project"),
    Index("dashboard_by_chart", "charts", postgresql_using="gin", postgresql_with={"fastupdate": "off"}).ddl_if(
        dialect="postgresql"
    ),
)
DASHBOARD_REFERENCE = _references("dashboard")
DASHBOARD_HISTORY = _history("dashboard", DashboardRecord)
CHART = _table("chart", ChartRecord, *_asset_indexes("chart"))
CHART_REFERENCE = _references("chart")
CHART_HISTORY = _history("chart", ChartRecord)
ENTITY = _table(
    "entity",
    EntityRecord,
    Index("entity_fqn", "kind", "fqn", unique=True),
    Index("entity_by_fqn", "fqn"),
    Index("entity_by_parent", "parents", postgresql_using="gin").ddl_if(dialect="postgresql"),
)
SESSION = _table(
    "bulk_session", SessionRecord, Index("bulk_session_id", "id"), Index("bulk_session_by_time", "updated_at")
)
FAILURE = _table("bulk_failure", FailureRecord)
MENTION = _table("bulk_mention", MentionRecord)
# The number of the last change of each BI service. Its row is the lock of the service.
SERVICE_SEQUENCE = Table(
    "service_sequence",
    METADATA,
    Column("service_id", ID, primary_key=True),
    Column("last_change", BigInteger(), nullable=False),
)
