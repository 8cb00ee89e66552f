"""Keeps bulk sessions longer than what they keep beside their rows, and what they wrote that was removed for good.

Revision: 0006
Follows: 0005
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

UUIDS = postgresql.ARRAY(sa.Uuid()).with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    """Adds the column, with a default for servers of the version before, and indexes of the sessions in use."""
    none = sa.text("'{}'") if op.get_bind().dialect.name == "postgresql" else sa.text("'[]'")
    op.add_column("removed", sa.Column("session_ids", UUIDS, nullable=False, server_default=none))
    op.drop_index("bulk_session_by_owner", "bulk_session")
    for name, column in (("bulk_session_by_owner", "owner"), ("bulk_session_detailed", "updated_at")):
        op.create_index(
            name,
            "bulk_session",
            [column],
            postgresql_where=sa.text("NOT details_expired"),
            sqlite_where=sa.text("details_expired = 0"),
        )
