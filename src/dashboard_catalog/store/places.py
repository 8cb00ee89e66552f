"""How statements find rows by id in BI services that are known, so that a distributed database asks only their nodes.

No index holds ids together with the service. So the index of ids has to find the rows, and the service is compared.
"""

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Table, bindparam

from dashboard_catalog.store.column_types import UUID_LIST
from dashboard_catalog.store.conditions import any_of, any_of_unindexed


def has_id(table: Table) -> ColumnElement[bool]:
    """Returns the condition that a row has one of the parameter `ids`."""
    condition: ColumnElement[bool] = any_of(table.c.id, bindparam("ids", type_=UUID_LIST))
    return condition


def is_within(table: Table) -> ColumnElement[bool]:
    """Returns the condition that a row has an id and a BI service of the parameters that `within` returns."""
    return any_of_unindexed(table.c.service_id, bindparam("service_ids", type_=UUID_LIST)) & has_id(table)


def within(service_ids: Collection[UUID], ids: Iterable[UUID]) -> dict[str, Any]:
    """Returns the parameters of a statement with the condition `is_within`.

    PostgreSQL may not know yet that a BI service is large, and then looks at all of its rows. To have more services to
    look up than ids keeps it from that, unless there are about as many ids as rows. So each service is there more than
    once, which changes nothing else.

    Args:
        service_ids: At least one.
        ids: Of rows.
    """
    wanted = list(ids)
    times = 2 * len(wanted) // len(service_ids) + 1
    return {"service_ids": [*service_ids] * times, "ids": wanted}
