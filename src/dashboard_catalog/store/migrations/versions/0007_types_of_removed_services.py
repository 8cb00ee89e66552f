"""Keeps the types of BI services that are removed for good: policies may decide by them who learns of the removal.

Revision: 0007
Follows: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column."""
    op.add_column("removed", sa.Column("service_type", sa.Text(), nullable=True))
