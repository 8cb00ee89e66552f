"""Indexes that begin with the BI service serve only the statements that are meant to use them.

PostgreSQL took one of them to find assets by name while its statistics did not know yet that a BI service was large.

Revision: 0009
Follows: 0008
"""

from collections.abc import Iterator
from typing import NamedTuple

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


class _Index(NamedTuple):
    table: str
    name: str
    columns: list[str]
    where: str


def upgrade() -> None:
    """Replaces the indexes. Servers of the version before still work, but read changes more slowly."""
    op.create_index("former_name_by_id", "former_name", ["id", "service_id"], if_not_exists=True)
    op.drop_index("former_name_id", "former_name")
    if op.get_bind().dialect.name != "postgresql":
        # SQLite always finds assets by their key.
        return
    indexes = list(_indexes())
    for index in indexes:
        op.create_index(
            f"{index.name}_new",
            index.table,
            index.columns,
            postgresql_where=sa.text(index.where),
            if_not_exists=True,
        )
    # At the end, because nobody can read the tables from then on until the transaction is over.
    for index in indexes:
        op.drop_index(index.name, index.table)
        op.execute(f"ALTER INDEX {index.name}_new RENAME TO {index.name}")


def _indexes() -> Iterator[_Index]:
    for kind in ("dashboard", "chart"):
        yield _Index(kind, f"{kind}_by_service_time", ["service_id", "deleted", "updated_at", "id"], "version > 0")
        for table in (kind, f"{kind}_history"):
            yield _Index(table, f"{table}_by_change", ["service_id", "change_number"], "change_number > 0")
