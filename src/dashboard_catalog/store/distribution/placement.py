"""The rule that says where a cluster keeps the rows of each table. It follows from the table's key.

Rows of a BI service belong together, on one node: a table whose key begins with the BI service is *distributed* by it,
and all of these tables are divided in the same way. Every node has a copy of each other table: a *reference* table.
Knows nothing of a database.
"""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import MetaData, Table

from dashboard_catalog.store.tables import METADATA, SERVICE_SEQUENCE, VERSION_TABLE

DISTRIBUTION_COLUMN = "service_id"
"""The column whose value decides on which node a row is."""

FIRST_TABLE = SERVICE_SEQUENCE.name
"""The distributed table that the others are colocated with."""


class Placement(StrEnum):
    """How a cluster keeps a table."""

    DISTRIBUTED = "distributed"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class PlacedTable:
    """Where the rows of a table belong."""

    name: str
    placement: Placement


def placed_tables(metadata: MetaData = METADATA) -> list[PlacedTable]:
    """Returns every table of the catalog, in the order in which a cluster gets them.

    The table of the schema's revision, which the migrations make for themselves, is one of them.
    """
    revision = PlacedTable(VERSION_TABLE, Placement.REFERENCE)
    return sorted([revision, *map(_placed, metadata.tables.values())], key=_turn)


def _placed(table: Table) -> PlacedTable:
    key = list(table.primary_key.columns)
    # A table without a key repeats what others hold, per BI service if it has the column.
    decisive = key[:1] or list(table.columns)
    is_distributed = DISTRIBUTION_COLUMN in [column.name for column in decisive]
    return PlacedTable(table.name, Placement.DISTRIBUTED if is_distributed else Placement.REFERENCE)


def _turn(table: PlacedTable) -> tuple[bool, bool, str]:
    return table.placement is Placement.DISTRIBUTED, table.name != FIRST_TABLE, table.name
