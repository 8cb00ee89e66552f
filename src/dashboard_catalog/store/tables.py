"""The tables: one per record, plus the references and the change numbers.

The history of a kind of asset has the same columns as its table, so a row moves there unchanged when its asset gets
another version.
"""

import dataclasses
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Index, MetaData, Table, Text, text
from sqlalchemy.types import TypeEngine

from dashboard_catalog.store.column_types import ID, KEY_TEXT, UUID_LIST
from dashboard_catalog.store.conditions import nothing_in
from dashboard_catalog.store.records import (
    ChartRecord,
    DashboardRecord,
    EntityChangeRecord,
    EntityRecord,
    FailureRecord,
    FormerNameRecord,
    MentionRecord,
    RemovedRecord,
    SessionRecord,
)

VERSION_TABLE = "dashboard_catalog_version"
"""The table that holds the revision of the schema. Migrations make it, before all others."""

METADATA = MetaData()

_TIME = ("deleted", "updated_at", "id")


def _table(name: str, record: type[Any], *indexes: Index, keys: tuple[str, ...] = ()) -> Table:
    """Returns the table of a record; `keys` replaces its primary key."""
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
    """Returns the index that holds the assets of each value of a column in the order of a list."""
    there = text(f"{column} IS NOT NULL")
    return Index(
        f"{kind}_by_{column}", column, "deleted", "name", "service_id", postgresql_where=there, sqlite_where=there
    )


def _without(kind: str, column: str, type_: TypeEngine[Any]) -> Index:
    """Returns the index that holds the assets without a value in a column, in the order of a list."""
    postgresql, sqlite = (
        text(f"{column} {nothing_in(Column(column, type_), dialect)}") for dialect in ("postgresql", "sqlite")
    )
    return Index(
        f"{kind}_without_{column}", "deleted", "name", "service_id", postgresql_where=postgresql, sqlite_where=sqlite
    )


def _asset_indexes(kind: str) -> list[Index]:
    """Returns the indexes of any kind of asset. docs/decisions/0001 says what each is for and what it costs."""
    return [
        Index(f"{kind}_id", "id"),
        Index(f"{kind}_by_name", "deleted", "name", "service_id"),
        _by_time(kind, "state"),
        _by_service(f"{kind}_by_service_time", *_TIME, only_for="version"),
        _by_time(kind, "writer", "updated_by"),
        _by_change(kind),
        _listed_by(kind, "domain"),
        _without(kind, "description", Text()),
        _without(kind, "owners", UUID_LIST),
        _without(kind, "domain", ID),
        _without(kind, "tags", UUID_LIST),
    ]


def _by_time(kind: str, of: str, *columns: str) -> Index:
    """Returns the index that holds the live and the deleted assets of each value in the order of time."""
    return Index(f"{kind}_by_{of}_time", *columns, *_TIME)


def _by_change(table: str) -> Index:
    """Returns the index that holds the versions of a table in the order of the changes of their BI service."""
    return _by_service(f"{table}_by_change", "change_number", only_for="change_number")


def _by_service(name: str, *columns: str, only_for: str) -> Index:
    """Returns an index that begins with the BI service, for statements with `is_positive` of the column `only_for`.

    While statistics do not know that a BI service is large, PostgreSQL takes any such index for a short way to the
    assets that have some names, and then compares each of its assets with each name.
    """
    return Index(name, "service_id", *columns, postgresql_where=text(f"{only_for} > 0"))


def _detailed(name: str, column: str) -> Index:
    """Returns an index of the sessions that keep failures and mentions, which are few of all sessions."""
    return Index(name, column, postgresql_where=text("NOT details_expired"), sqlite_where=text("details_expired = 0"))


def _references(kind: str) -> Table:
    """Returns the table that finds assets by what they refer to: by owners and tags, and on SQLite by charts too.

    Its index has a sorted range of assets per target. So a page of a list is a piece of one range, or of what several
    ranges have in common.
    """
    return Table(
        f"{kind}_reference",
        METADATA,
        Column("service_id", ID, nullable=False),
        Column("target_id", ID, nullable=False),
        Column("deleted", Boolean(), nullable=False),
        Column("name", KEY_TEXT, nullable=False),
        Index(f"{kind}_reference_by_target", "target_id", "deleted", "name", "service_id"),
        # A range is read from the index alone only if a vacuum has marked the table's pages as visible.
        postgresql_with={"autovacuum_vacuum_insert_scale_factor": "0.02"},
    )


def _history(kind: str, record: type[Any]) -> Table:
    return _table(f"{kind}_history", record, _by_change(f"{kind}_history"), keys=("service_id", "id", "version"))


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
ENTITY_CHANGE = _table("entity_change", EntityChangeRecord, Index("entity_change_id", "id"))
REMOVED = _table("removed", RemovedRecord)
FORMER_NAME = _table("former_name", FormerNameRecord, Index("former_name_by_id", "id", "service_id"))
SESSION = _table(
    "bulk_session",
    SessionRecord,
    Index("bulk_session_id", "id"),
    Index("bulk_session_by_start", "started_at", "id"),
    _detailed("bulk_session_by_owner", "owner"),
    Index("bulk_session_by_time", "updated_at"),
    _detailed("bulk_session_detailed", "updated_at"),
)
FAILURE = _table("bulk_failure", FailureRecord)
MENTION = _table("bulk_mention", MentionRecord)
# The last change number of each BI service. Writers of a service lock its row, and leave a random number of their own.
SERVICE_SEQUENCE = Table(
    "service_sequence",
    METADATA,
    Column("service_id", ID, primary_key=True),
    Column("last_change", BigInteger(), nullable=False),
    Column("nonce", BigInteger(), nullable=False, server_default="0"),
)
