"""A random number beside the last change of a BI service tells it from one with the same number that was lost.

So a server may use what it remembers whatever connection it has: behind PgBouncer, and on a cluster.

Revision: 0010
Follows: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column. Servers of the version before leave it as it is.

    Only the numbers tell their changes apart, so a failover that loses some of them can make newer servers remember
    what was lost. `docs/operations.md` says what to do then.
    """
    op.add_column("service_sequence", sa.Column("nonce", sa.BigInteger(), nullable=False, server_default="0"))
