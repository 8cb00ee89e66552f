"""How statements find rows by id where it is known which BI services have them.

One server finds them by their ids alone. A cluster needs to know the BI services, to ask only the nodes that have them.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, bindparam

from dashboard_catalog.store.column_types import UUID_LIST
from dashboard_catalog.store.conditions import any_of
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.fixed_statements import FixedStatement


def has_id(table: Table) -> ColumnElement[bool]:
    """Returns the condition that a row has one of the parameter `ids`."""
    condition: ColumnElement[bool] = any_of(table.c.id, bindparam("ids", type_=UUID_LIST))
    return condition


def is_wanted(connection: ReadConnection, table: Table) -> ColumnElement[bool]:
    """Returns the condition that finds rows by the parameters that `within` returns."""
    return _is_within(table) if connection.is_distributed else has_id(table)


def within(service_ids: Iterable[UUID], ids: Iterable[UUID]) -> dict[str, Any]:
    """Returns the parameters of a statement that finds rows by their ids in BI services that are known."""
    return {"service_ids": list(service_ids), "ids": list(ids)}


class PlacedStatement:
    """A statement that finds rows by the parameters that `within` returns.

    Args:
        selected: What it reads.
        table: Of the rows.

    Attributes:
        anywhere: The statement that needs no BI services.
    """

    def __init__(self, selected: Select[Any], table: Table) -> None:
        self.anywhere = FixedStatement(selected.where(has_id(table)))
        self._within = FixedStatement(selected.where(_is_within(table)))

    def on(self, connection: ReadConnection) -> FixedStatement:
        """Returns the statement for the database of a connection."""
        return self._within if connection.is_distributed else self.anywhere


def _is_within(table: Table) -> ColumnElement[bool]:
    return any_of(table.c.service_id, bindparam("service_ids", type_=UUID_LIST)) & has_id(table)
