"""The orders of a list of assets, and the positions that its pages begin after."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, func, select, tuple_

from dashboard_catalog.store.column_types import ID, KEY_TEXT, TIMESTAMP
from dashboard_catalog.store.records import AssetRecord

Position = tuple[str | datetime, UUID]
"""The last asset of the previous page: (name, service id), or (time, id)."""

# Before and after all values. No name has more than 256 characters.
_ENDS_OF_NAMES = ("", "\U0010ffff" * 257)
_ENDS_OF_TIMES = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class ListOrder:
    """The order of a list: by name and service, or by time and id."""

    by_time: bool = False
    descending: bool = False

    def keys(self, columns: Any) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
        """Returns those of the given columns that a list is ordered by."""
        return (columns.updated_at, columns.id) if self.by_time else (columns.name, columns.service_id)

    def columns(self, columns: Any) -> list[ColumnElement[Any]]:
        """Returns the expressions for ORDER BY, over the given columns."""
        return [part.desc() if self.descending else part for part in self.keys(columns)]

    def position(self, record: AssetRecord) -> Position:
        """Returns the position of an asset."""
        return (record.updated_at, record.id) if self.by_time else (record.name, record.service_id)

    def is_after(self, columns: Any, position: Position) -> ColumnElement[bool]:
        """Returns the condition that a row comes after a position."""
        if self.by_time:
            key, types = tuple_(columns.updated_at, columns.id), [columns.updated_at.type, columns.id.type]
        else:
            key, types = tuple_(columns.name, columns.service_id), [KEY_TEXT, ID]
        end = tuple_(*position, types=types)
        return key < end if self.descending else key > end

    def is_until(self, columns: Any, keys: Any, place: int) -> ColumnElement[bool]:
        """Returns the condition that a row does not come after the key in a place, apart from ties.

        If there are not so many keys, all rows fulfil it.

        Args:
            columns: Of the row.
            keys: A statement for keys, in no order.
            place: Counts from 1.
        """
        main, end = ("updated_at", _ENDS_OF_TIMES) if self.by_time else ("name", _ENDS_OF_NAMES)
        type_ = TIMESTAMP if self.by_time else KEY_TEXT
        in_place = keys.order_by(*self.columns(keys.selected_columns)).limit(1).offset(place - 1).cte()
        last = select(in_place.c[main]).scalar_subquery()
        until = func.coalesce(last, bindparam(None, end[not self.descending], type_))
        key: ColumnElement[Any] = columns[main]
        return key >= until if self.descending else key <= until
