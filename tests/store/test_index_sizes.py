"""No row of an index can be larger than PostgreSQL allows, whatever the catalog accepts."""

from typing import Any

import pytest
from sqlalchemy import ARRAY, Column, Uuid, make_url

from dashboard_catalog.auth import claims
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.kinds import ENTITY_KINDS
from dashboard_catalog.contract import limits
from dashboard_catalog.store.tables import METADATA
from dashboardcatalog.v1.dashboard_pb2 import DashboardSpec

# A third of a page of 8 KiB, without its header: `BTMaxItemSize`.
LARGEST_ROW = 2704
ROW_HEADER, TEXT_HEADER, LARGEST_PADDING = 8, 4, 7

POSTGRESQL = make_url("postgresql+asyncpg://").get_dialect()()

CHARACTER_BYTES = 4
LARGEST_TEXT = {
    "name": limits.MAX_NAME_CHARACTERS * CHARACTER_BYTES,
    "fqn": names.MAX_FQN_BYTES,
    "project": limits.rules_of(DashboardSpec.DESCRIPTOR.fields_by_name["project"]).string.max_bytes,
    "kind": max(map(len, ENTITY_KINDS)),
    "updated_by": claims.LONGEST_NAME * CHARACTER_BYTES,
    "owner": claims.LONGEST_NAME * CHARACTER_BYTES,
}
LARGEST_VALUE = {"UUID": 16, "TIMESTAMP": 8, "BIGINT": 8, "INTEGER": 4, "BOOLEAN": 1}

KEYS = {f"{table.name}_pkey": list(table.primary_key.columns) for table in METADATA.sorted_tables}
INDEXES = {
    index.name: list(index.columns)
    for table in METADATA.sorted_tables
    for index in sorted(table.indexes, key=lambda index: str(index.name))
    if index.dialect_options["postgresql"]["using"] != "gin"
}


@pytest.mark.parametrize("columns", [*KEYS.values(), *INDEXES.values()], ids=[*KEYS, *INDEXES])
def test_the_largest_row_fits(columns: list[Column[Any]]) -> None:
    assert ROW_HEADER + sum(_largest(column) + LARGEST_PADDING for column in columns) <= LARGEST_ROW


def test_an_inverted_index_holds_ids() -> None:
    inverted = [
        column
        for table in METADATA.sorted_tables
        for index in table.indexes
        if index.dialect_options["postgresql"]["using"] == "gin"
        for column in index.columns
    ]
    assert inverted
    assert all(isinstance(column.type, ARRAY) and isinstance(column.type.item_type, Uuid) for column in inverted)


def _largest(column: Column[Any]) -> int:
    kind = column.type.compile(POSTGRESQL).partition(" ")[0]
    return TEXT_HEADER + LARGEST_TEXT[column.name] if kind == "TEXT" else LARGEST_VALUE[kind]
