"""An index for lists of the assets of some BI services in the order of time.

Revision: 0008
Follows: 0007
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the index."""
    for kind in ("dashboard", "chart"):
        op.create_index(f"{kind}_by_service_time", kind, ["service_id", "deleted", "updated_at", "id"])
