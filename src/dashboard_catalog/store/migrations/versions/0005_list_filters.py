"""Indexes for lists of what lacks a part, and of what one caller has written.

Revision: 0005
Follows: 0004
"""

from alembic import op
from sqlalchemy import text

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEYS = ["deleted", "name", "service_id"]
EMPTY_LIST = {"postgresql": "= '{}'", "sqlite": "= '[]'"}


def upgrade() -> None:
    """Creates the indexes."""
    empty = EMPTY_LIST[op.get_bind().dialect.name]
    for kind in ("dashboard", "chart"):
        op.create_index(f"{kind}_by_writer", kind, ["updated_by", "updated_at", "id"])
        for column, nothing in (
            ("description", "IS NULL"),
            ("owners", empty),
            ("domain", "IS NULL"),
            ("tags", empty),
        ):
            where = text(f"{column} {nothing}")
            op.create_index(f"{kind}_without_{column}", kind, KEYS, postgresql_where=where, sqlite_where=where)
