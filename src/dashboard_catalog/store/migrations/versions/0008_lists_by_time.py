"""Indexes of live and of deleted assets in the order of time: of all, of one writer and of one BI service.

Revision: 0008
Follows: 0007
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KINDS = ("dashboard", "chart")
TIMES = ["deleted", "updated_at", "id"]


def upgrade() -> None:
    """Replaces the indexes by time. Servers of the version before still work, but sort lists by time themselves."""
    for kind in KINDS:
        op.create_index(f"{kind}_by_state_time", kind, TIMES, if_not_exists=True)
        op.create_index(f"{kind}_by_writer_time", kind, ["updated_by", *TIMES], if_not_exists=True)
        op.create_index(f"{kind}_by_service_time", kind, ["service_id", *TIMES], if_not_exists=True)
    # At the end, because nobody can read the table from then on until the transaction is over.
    for kind in KINDS:
        op.drop_index(f"{kind}_by_time", kind)
        op.drop_index(f"{kind}_by_writer", kind)
