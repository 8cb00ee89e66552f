"""${message}

Rules of every migration here: it runs while older servers are still writing, so it adds (nullable, or with a default)
and never renames or drops what they use; an index on a large table is built CONCURRENTLY in a migration of its own; it
works on PostgreSQL and SQLite alike; the key of a per-service table begins with service_id.

Revision: ${up_revision}
Follows: ${down_revision | comma,n}
"""

from alembic import op
import sqlalchemy as sa
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    """Goes forward."""
    ${upgrades if upgrades else "pass"}
