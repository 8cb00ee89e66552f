"""Sessions of bulk streams, with their failures and mentions.

Revision: 0002
Follows: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

DOCUMENT = postgresql.JSONB().with_variant(sa.JSON(), "sqlite")


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "bulk_session",
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("options", sa.LargeBinary(), nullable=False),
        sa.Column("connection", sa.Uuid(), nullable=True),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.Column("counts", DOCUMENT, nullable=False),
        sa.Column("sweeps", sa.Boolean(), nullable=False),
        sa.Column("began_after", sa.BigInteger(), nullable=False),
        sa.Column("unreadable", sa.Boolean(), nullable=False),
        sa.Column("swept", DOCUMENT, nullable=True),
        sa.Column("finished", sa.Boolean(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("service_id", "id"),
    )
    op.create_index("bulk_session_id", "bulk_session", ["id"])
    op.create_index("bulk_session_by_time", "bulk_session", ["updated_at"])
    op.create_table(
        "bulk_failure",
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("item_offset", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("fqn", sa.Text(), nullable=False),
        sa.Column("error", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("service_id", "session_id", "item_offset"),
    )
    op.create_table(
        "bulk_mention",
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("item_offset", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("digests", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("service_id", "session_id", "item_offset", "kind"),
    )
