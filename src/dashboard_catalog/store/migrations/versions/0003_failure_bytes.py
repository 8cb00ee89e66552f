"""How much the failures of bulk sessions take, so that they can be bounded per session and per caller.

Revision: 0003
Follows: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns, with a default for servers of the version before, and the index that finds a caller's."""
    for name in ("failure_bytes", "failures_not_kept"):
        op.add_column("bulk_session", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index("bulk_session_by_owner", "bulk_session", ["owner"])
