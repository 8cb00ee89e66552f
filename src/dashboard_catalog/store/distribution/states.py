"""Reads how a cluster keeps the catalog's tables now."""

from typing import Any

from sqlalchemy import Connection, Row, text

from dashboard_catalog.store.distribution.placement import Placement, placed_tables
from dashboard_catalog.store.distribution.plan import TableState

# The view `citus_tables` would ask every node for the sizes of the shards.
_STATES = text(
    "SELECT c.relname AS name, CAST(p.partmethod AS text) AS method, CAST(p.repmodel AS text) AS model,"
    " p.colocationid AS colocation, column_to_column_name(p.logicalrelid, p.partkey) AS distribution_column,"
    " (SELECT count(*) FROM pg_dist_shard AS s WHERE s.logicalrelid = c.oid) AS shards,"
    " c.relreplident = 'f' OR EXISTS (SELECT 1 FROM pg_index WHERE indrelid = c.oid AND indisprimary) AS sends_changes,"
    " p.logicalrelid IS NOT NULL AND pg_relation_size(c.oid) > 0 AS has_local_rows,"
    " pg_has_role(c.relowner, 'USAGE') AS is_owned"
    " FROM pg_class AS c LEFT JOIN pg_dist_partition AS p ON p.logicalrelid = c.oid"
    " WHERE c.oid = ANY (SELECT to_regclass(name) FROM unnest(CAST(:names AS text[])) AS name)"
)
# Values of `partmethod` and `repmodel`.
_WITHOUT_COLUMN, _ON_ALL_NODES = "n", "t"
_NO_COLOCATION = 0


def read_states(connection: Connection) -> dict[str, TableState]:
    """Returns the state of every table, by name, in a database that has the extension and the catalog's schema."""
    rows = connection.execute(_STATES, {"names": [table.name for table in placed_tables()]})
    return {row.name: _state(row) for row in rows}


def _state(row: Row[Any]) -> TableState:
    placement = _placement(row)
    is_distributed = placement is Placement.DISTRIBUTED
    return TableState(
        placement,
        column=row.distribution_column,
        colocation=row.colocation if is_distributed else None,
        shards=row.shards if is_distributed else None,
        sends_changes=row.sends_changes,
        has_local_rows=row.has_local_rows,
        is_owned=row.is_owned,
    )


def _placement(row: Row[Any]) -> Placement | None:
    if row.method == _WITHOUT_COLUMN and row.model == _ON_ALL_NODES:
        return Placement.REFERENCE
    # Citus also knows some tables that are on the coordinator alone.
    is_local = row.method is None or (row.method == _WITHOUT_COLUMN and row.colocation == _NO_COLOCATION)
    return None if is_local else Placement.DISTRIBUTED
