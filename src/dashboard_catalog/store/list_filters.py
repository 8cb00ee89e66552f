"""What the lists of assets are filtered by, each filter in two forms: keys that an index finds, and a look at a row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, false, select, true

from dashboard_catalog.store.assets import AssetTable
from dashboard_catalog.store.reference_rows import fenced
from dashboard_catalog.store.types import UUID_LIST, any_of, begins_with, overlaps


@dataclass(frozen=True, slots=True)
class ListFilters:
    """Which assets a list holds, by ids; None or empty means all.

    Attributes:
        services: The BI services that they are of.
        owners: They have one of these owners.
        tags: They have one of these tags.
        charts: They hold one of these charts.
        ids: They are among these.
        domains: They are in one of these domains.
        deleted: Values of `deleted` that they may have.
    """

    services: Sequence[UUID] | None = None
    owners: Sequence[UUID] | None = None
    tags: Sequence[UUID] | None = None
    charts: Sequence[UUID] | None = None
    ids: Sequence[UUID] | None = None
    domains: Sequence[UUID] | None = None
    project: str = ""
    name_prefix: str = ""
    deleted: Sequence[bool] = (False,)


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter in both its forms.

    Attributes:
        keys: Statement for (name, service_id, deleted) of what it finds.
        holds: Makes the condition on an asset's columns.
        column: Where an index has the keys of one value in the order of names; None if there is none.
        values: Those that the column may have.
        repeats: Whether keys come once for each of the values.
    """

    keys: Select[Any]
    holds: Callable[[Any], ColumnElement[bool]]
    column: Any = None
    values: Sequence[UUID] = ()
    repeats: bool = False

    def keys_once(self) -> Select[Any]:
        """Returns the statement for the keys without any twice."""
        return self.keys.distinct() if self.repeats else self.keys


def finding_filters(table: AssetTable[Any], dialect: str, filters: ListFilters) -> list[Filter]:
    """Returns the filters that have an index each."""
    found = []
    for name, ids in (("owners", filters.owners), ("tags", filters.tags)):
        if ids is not None:
            keys, target = table.references.of(ids, once=False), table.references.rows.c.target_id
            found.append(Filter(keys, _overlapping(name, ids), target, ids, repeats=len(ids) > 1))
    if filters.charts is not None:
        keys = table.references.of_charts(dialect, filters.charts)
        found.append(Filter(keys, _overlapping("charts", filters.charts)))
    if filters.domains is not None:
        found.append(_one_of(table, "domain", filters.domains))
    if filters.ids is not None:
        ids_of = _one_of(table, "id", filters.ids)
        found.append(Filter(fenced(ids_of.keys), ids_of.holds))
    if filters.project:
        found.append(_of_rows(table, lambda c: c.project == filters.project))
    return found


def narrowing_filters(table: AssetTable[Any], filters: ListFilters) -> list[Filter]:
    """Returns the filters that every index of keys narrows itself by."""
    found = []
    if filters.services is not None:
        found.append(_one_of(table, "service_id", filters.services))
    if filters.name_prefix:
        found.append(_named(table, filters.name_prefix, filters.deleted))
    if False not in filters.deleted:
        found.append(_of_rows(table, lambda c: c.deleted == true()))
    return found


def any_asset(table: AssetTable[Any]) -> Filter:
    """Returns the filter that lets everything through."""
    return _of_rows(table, lambda _: true())


def boolean(value: bool) -> Any:
    """Returns a constant that the planner sees, as it does not see a parameter."""
    return true() if value else false()


def _of_rows(table: AssetTable[Any], holds: Callable[[Any], ColumnElement[bool]]) -> Filter:
    c = table.table.c
    return Filter(select(c.name, c.service_id, c.deleted).where(holds(c)), holds)


def _named(table: AssetTable[Any], prefix: str, deleted: Sequence[bool]) -> Filter:
    def holds(c: Any) -> ColumnElement[bool]:
        return begins_with(c.name, prefix)

    # The index of names begins with the state.
    states = table.table.c.deleted.in_(map(boolean, deleted))
    return Filter(_of_rows(table, holds).keys.where(states), holds)


def _one_of(table: AssetTable[Any], name: str, ids: Sequence[UUID]) -> Filter:
    def holds(c: Any) -> ColumnElement[bool]:
        return c[name] == ids[0] if len(ids) == 1 else any_of(c[name], bindparam(None, list(ids), UUID_LIST))

    return Filter(_of_rows(table, holds).keys, holds, table.table.c[name], ids)


def _overlapping(name: str, ids: Sequence[UUID]) -> Callable[[Any], ColumnElement[bool]]:
    return lambda c: overlaps(c[name], bindparam(None, list(ids), UUID_LIST))
