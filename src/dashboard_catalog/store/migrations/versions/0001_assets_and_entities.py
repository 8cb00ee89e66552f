"""Assets with their history and references, entities, and change numbers.

Revision: 0001
Follows:
"""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Columns = list[tuple[str, Any, bool]]

# The types of this revision. Those of the code may change later.
UUIDS = postgresql.ARRAY(sa.Uuid()).with_variant(sa.Text(), "sqlite")
DOCUMENT = postgresql.JSONB().with_variant(sa.JSON(), "sqlite")
KEY_TEXT = sa.Text(collation="C").with_variant(sa.Text(), "sqlite")
TIME = sa.DateTime(timezone=True)

ASSET_COLUMNS: Columns = [
    ("service_id", sa.Uuid(), False),
    ("name", KEY_TEXT, False),
    ("id", sa.Uuid(), False),
    ("version", sa.Integer(), False),
    ("display_name", sa.Text(), True),
    ("description", sa.Text(), True),
    ("source_url", sa.Text(), True),
    ("owners", UUIDS, False),
    ("domain", sa.Uuid(), True),
    ("tags", UUIDS, False),
    ("tag_labels", DOCUMENT, True),
    ("extension", DOCUMENT, True),
    ("source_hash", sa.Text(), True),
    ("deleted", sa.Boolean(), False),
    ("deleted_with", sa.Uuid(), True),
    ("deleted_by_edit", sa.Boolean(), False),
    ("edited", DOCUMENT, True),
    ("change", DOCUMENT, True),
    ("digest", sa.LargeBinary(), True),
    ("ingested", sa.Boolean(), False),
    ("change_number", sa.BigInteger(), False),
    ("updated_at", TIME, False),
    ("updated_by", sa.Text(), False),
    ("by_ingestion", sa.Boolean(), False),
    ("call_id", sa.Text(), False),
    ("session_id", sa.Uuid(), True),
]
DASHBOARD_COLUMNS: Columns = [
    ("dashboard_type", sa.Text(), True),
    ("project", KEY_TEXT, True),
    ("charts", UUIDS, False),
]
CHART_COLUMNS: Columns = [("chart_type", sa.Text(), True)]
ENTITY_COLUMNS: Columns = [
    ("id", sa.Uuid(), False),
    ("kind", sa.Text(), False),
    ("name", KEY_TEXT, False),
    ("fqn", KEY_TEXT, False),
    ("display_name", sa.Text(), True),
    ("description", sa.Text(), True),
    ("parents", UUIDS, False),
    ("attributes", DOCUMENT, False),
    ("deleted", sa.Boolean(), False),
    ("change_number", sa.BigInteger(), False),
    ("updated_at", TIME, False),
    ("updated_by", sa.Text(), False),
    ("call_id", sa.Text(), False),
]


def upgrade() -> None:
    """Creates the tables."""
    for kind, own in (("dashboard", DASHBOARD_COLUMNS), ("chart", CHART_COLUMNS)):
        _create(kind, ASSET_COLUMNS + own, "service_id", "name")
        _create(f"{kind}_history", ASSET_COLUMNS + own, "service_id", "id", "version")
        op.create_index(f"{kind}_id", kind, ["id"])
        op.create_index(f"{kind}_by_name", kind, ["deleted", "name", "service_id"])
        op.create_index(f"{kind}_by_time", kind, ["updated_at", "id"])
        _create_listed_by(kind, "domain")
        op.create_table(
            f"{kind}_reference",
            sa.Column("service_id", sa.Uuid(), nullable=False),
            sa.Column("target_id", sa.Uuid(), nullable=False),
            sa.Column("deleted", sa.Boolean(), nullable=False),
            sa.Column("name", KEY_TEXT, nullable=False),
            postgresql_with={"autovacuum_vacuum_insert_scale_factor": "0.02"},
        )
        target = ["target_id", "deleted", "name", "service_id"]
        op.create_index(f"{kind}_reference_by_target", f"{kind}_reference", target)
    _create_listed_by("dashboard", "project")
    _create_gin_index("dashboard_by_chart", "dashboard", "charts", postgresql_with={"fastupdate": "off"})
    _create("entity", ENTITY_COLUMNS, "id")
    op.create_index("entity_fqn", "entity", ["kind", "fqn"], unique=True)
    op.create_index("entity_by_fqn", "entity", ["fqn"])
    _create_gin_index("entity_by_parent", "entity", "parents")
    sequence = _create(
        "service_sequence",
        [("service_id", sa.Uuid(), False), ("last_change", sa.BigInteger(), False)],
        "service_id",
    )
    # The row of the catalog itself, which numbers the changes of all entities.
    op.bulk_insert(sequence, [{"service_id": UUID(int=0), "last_change": 0}])


def _create(name: str, columns: Columns, *key: str) -> sa.Table:
    return op.create_table(
        name,
        *[sa.Column(column, type_, nullable=null, autoincrement=False) for column, type_, null in columns],
        sa.PrimaryKeyConstraint(*key),
    )


def _create_listed_by(kind: str, column: str) -> None:
    there = sa.text(f"{column} IS NOT NULL")
    columns = [column, "deleted", "name", "service_id"]
    op.create_index(f"{kind}_by_{column}", kind, columns, postgresql_where=there, sqlite_where=there)


def _create_gin_index(name: str, table: str, column: str, **options: Any) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.create_index(name, table, [column], postgresql_using="gin", **options)
