"""What follows changes, former names, and what bulk sessions wrote.

Revision: 0004
Follows: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

UUIDS = postgresql.ARRAY(sa.Uuid()).with_variant(sa.Text(), "sqlite")
DOCUMENT = postgresql.JSONB().with_variant(sa.JSON(), "sqlite")
KEY_TEXT = sa.Text(collation="C").with_variant(sa.Text(), "sqlite")
TIME = sa.DateTime(timezone=True)

# The columns that a change of an entity has in common with the entity.
ENTITY_COLUMNS = (
    "change_number, id, kind, name, fqn, display_name, description, parents, attributes, deleted, updated_at, "
    "updated_by, call_id"
)


def upgrade() -> None:
    """Adds the tables and columns. Each entity that exists becomes one change."""
    for table in ("dashboard", "chart", "dashboard_history", "chart_history"):
        op.create_index(f"{table}_by_change", table, ["service_id", "change_number"])
    _create_entity_change()
    op.create_table(
        "removed",
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("change_number", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("fqn", sa.Text(), nullable=False),
        sa.Column("service_fqn", sa.Text(), nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.Column("by_ingestion", sa.Boolean(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("service_id", "change_number"),
    )
    op.create_table(
        "former_name",
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", KEY_TEXT, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("service_id", "kind", "name"),
    )
    op.create_index("former_name_id", "former_name", ["service_id", "id"])
    _add_to_sessions()


def _create_entity_change() -> None:
    op.create_table(
        "entity_change",
        sa.Column("change_number", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", KEY_TEXT, nullable=False),
        sa.Column("fqn", KEY_TEXT, nullable=False),
        sa.Column("previous_fqn", KEY_TEXT, nullable=True),
        sa.Column("display_name", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("parents", UUIDS, nullable=False),
        sa.Column("attributes", DOCUMENT, nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.Column("by_ingestion", sa.Boolean(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("change_number"),
    )
    op.create_index("entity_change_id", "entity_change", ["id"])
    op.execute(
        f"INSERT INTO entity_change ({ENTITY_COLUMNS}, change, by_ingestion)"  # noqa: S608 - of names of columns
        f" SELECT {ENTITY_COLUMNS}, CASE WHEN deleted THEN 'deleted' ELSE 'created' END, false FROM entity"
    )


def _add_to_sessions() -> None:
    """Adds the columns of sessions, with defaults for servers of the version before."""
    empty = sa.text("'{}'")
    op.add_column("bulk_session", sa.Column("changes", DOCUMENT, nullable=False, server_default=empty))
    op.add_column("bulk_session", sa.Column("reverted_at", TIME, nullable=True))
    op.add_column("bulk_session", sa.Column("details_expired", sa.Boolean(), nullable=False, server_default=sa.false()))
    # SQLite adds no column whose default it has to compute.
    long_ago = sa.text("'1970-01-01 00:00:00+00'")
    op.add_column("bulk_session", sa.Column("started_at", TIME, nullable=False, server_default=long_ago))
    op.execute("UPDATE bulk_session SET started_at = updated_at")
    op.create_index("bulk_session_by_start", "bulk_session", ["started_at", "id"])
