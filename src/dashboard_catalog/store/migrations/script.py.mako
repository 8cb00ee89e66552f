"""${message.rstrip(".")}.

Revision: ${up_revision}
Follows: ${down_revision | comma,n}
"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
# Rules for every migration:
#
# 1. Servers of older versions read and write while it runs, and after it until they are replaced. So it only adds
#    what they can ignore: a table, an index, or a column that is nullable or has a server default. It renames, drops
#    or restricts nothing that they use. A change that does takes two releases: add the new form and use it, and drop
#    the old form when no server uses it any more.
# 2. It runs in one transaction, which holds its locks until it commits. So it must not rewrite or fill a large table.
#    Adding a column that is nullable or has a constant default does neither.
# 3. CREATE INDEX blocks the writers of its table, and CONCURRENTLY does not work in a transaction. For a large table,
#    create the index here with `if_not_exists=True`, and add it to the statements in `docs/operations.md`, which
#    operators can run CONCURRENTLY before they upgrade.
# 4. It runs on PostgreSQL and SQLite alike. SQLite can add tables, columns and indexes, and little else.
# 5. A column of an asset goes into both of its tables, `KIND` and `KIND_history`.
# 6. The key of a table that has rows per BI service begins with `service_id`, and whatever else is unique there too.
#    On a cluster, `db distribute` finds the place of a new table by its key.
# 7. It imports nothing of this project. Tables and types change later; a migration must not.
# 8. Once released, it never changes. Corrections are another migration.
#
# `tests/store/test_migrate.py` compares what the migrations make with `store/tables.py`.

revision = "${up_revision}"
down_revision = ${f'"{down_revision}"' if down_revision else None}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Migrates from ${down_revision} to ${up_revision}."""
    ${upgrades if upgrades else "pass"}
