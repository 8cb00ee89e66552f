"""Filters of lists of assets, each in two forms: the keys that an index finds, and a condition on a row."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, bindparam, false, select, true

from dashboard_catalog.store.assets import AssetTable
from dashboard_catalog.store.column_types import ID, TIMESTAMP, UUID_LIST
from dashboard_catalog.store.conditions import any_of, begins_with, holds, is_missing, overlaps
from dashboard_catalog.store.reference_rows import fenced


@dataclass(frozen=True, slots=True)
class ListFilters:
    """What the assets of a list have in common, with references as ids. None or empty matches every asset.

    Attributes:
        services: Belongs to one of these BI services.
        owners: Has one of these owners.
        tags: Has one of these tags.
        charts: Holds one of these charts.
        ids: Has one of these ids.
        domains: Is in one of these domains.
        missing: Has nothing in any of these columns.
        updated_by: Its newest version was written by this caller.
        updated_after: ... at this time or later.
        updated_before: ... before this time.
        deleted: Has one of these values of `deleted`.
    """

    services: Sequence[UUID] | None = None
    owners: Sequence[UUID] | None = None
    tags: Sequence[UUID] | None = None
    charts: Sequence[UUID] | None = None
    ids: Sequence[UUID] | None = None
    domains: Sequence[UUID] | None = None
    project: str = ""
    missing: Sequence[str] = ()
    updated_by: str = ""
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    name_prefix: str = ""
    deleted: Sequence[bool] = (False,)


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter in both forms.

    Attributes:
        keys: Statement for (name, service_id, deleted) of the assets that it finds.
        condition: Returns the condition on the columns of an asset.
        column: The column for which an index holds the keys of each value in the order of names; None without one.
        values: The values that the column may have.
        repeats: Whether an asset that matches several of the values appears once per value.
        by_time: Whether its index holds the assets in the order of time instead of names.
        of_state: Whether it finds deleted assets, whatever else they are.
    """

    keys: Select[Any]
    condition: Callable[[Any], ColumnElement[bool]]
    column: Any = None
    values: Sequence[UUID] = ()
    repeats: bool = False
    by_time: bool = False
    of_state: bool = False

    def keys_once(self) -> Select[Any]:
        """Returns the statement for the keys, without duplicates."""
        return self.keys.distinct() if self.repeats else self.keys


def finding_filters(table: AssetTable[Any], dialect: str, filters: ListFilters) -> list[Filter]:
    """Returns the filters that have an index of their own."""
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
        found.append(Filter(fenced(ids_of.keys), ids_of.condition))
    if filters.project:
        found.append(_of_rows(table, lambda c: c.project == filters.project))
    found += [_of_rows(table, partial(_misses, name)) for name in filters.missing]
    if filters.updated_by or filters.updated_after or filters.updated_before:
        found.append(_written(table, filters))
    return found


def narrowing_filters(table: AssetTable[Any], filters: ListFilters) -> list[Filter]:
    """Returns the filters that narrow the range of any other one: each index of keys has their columns."""
    found = []
    if filters.services is not None:
        found.append(_one_of(table, "service_id", filters.services))
    if filters.name_prefix:
        found.append(_named(table, filters))
    if False not in filters.deleted:
        found.append(replace(_of_rows(table, lambda c: c.deleted == true()), of_state=True))
    return found


def any_asset(table: AssetTable[Any]) -> Filter:
    """Returns the filter that every asset passes."""
    return _of_rows(table, lambda _: true())


def boolean(value: bool) -> Any:
    """Returns a constant. The planner takes it into account, unlike the value of a parameter."""
    return true() if value else false()


def _of_rows(table: AssetTable[Any], condition: Callable[[Any], ColumnElement[bool]]) -> Filter:
    c = table.table.c
    return Filter(select(c.name, c.service_id, c.deleted).where(condition(c)), condition)


def _misses(name: str, columns: Any) -> ColumnElement[bool]:
    return is_missing(columns[name])


def _written(table: AssetTable[Any], filters: ListFilters) -> Filter:
    """Returns the filter for who wrote the newest version and when: one index serves both."""

    def conditions(c: Any) -> Iterator[ColumnElement[bool]]:
        if filters.updated_by:
            yield c.updated_by == filters.updated_by
        if filters.updated_after:
            yield c.updated_at >= bindparam(None, filters.updated_after, TIMESTAMP)
        if filters.updated_before:
            yield c.updated_at < bindparam(None, filters.updated_before, TIMESTAMP)

    def condition(c: Any) -> ColumnElement[bool]:
        return and_(*conditions(c))

    keys = _of_rows(table, condition).keys.where(_in_states(table, filters))
    return Filter(fenced(keys), condition, by_time=True)


def _named(table: AssetTable[Any], filters: ListFilters) -> Filter:
    def condition(c: Any) -> ColumnElement[bool]:
        return begins_with(c.name, filters.name_prefix)

    return Filter(_of_rows(table, condition).keys.where(_in_states(table, filters)), condition)


def _in_states(table: AssetTable[Any], filters: ListFilters) -> ColumnElement[bool]:
    """Returns the condition on `deleted`, for indexes that have it before the column that a filter compares."""
    return table.table.c.deleted.in_(map(boolean, filters.deleted))


def _one_of(table: AssetTable[Any], name: str, ids: Sequence[UUID]) -> Filter:
    def condition(c: Any) -> ColumnElement[bool]:
        return c[name] == ids[0] if len(ids) == 1 else any_of(c[name], bindparam(None, list(ids), UUID_LIST))

    return Filter(_of_rows(table, condition).keys, condition, table.table.c[name], ids)


def _overlapping(name: str, ids: Sequence[UUID]) -> Callable[[Any], ColumnElement[bool]]:
    if len(ids) == 1:
        return lambda c: holds(c[name], bindparam(None, ids[0], ID))
    return lambda c: overlaps(c[name], bindparam(None, list(ids), UUID_LIST))
