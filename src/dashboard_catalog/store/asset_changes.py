"""What a transaction changes of the assets, gathered in memory.

It knows neither a connection nor a rule. `store_changes` writes all of it; since a change carries its older version
with it, no caller can forget the history.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from uuid import UUID

from dashboard_catalog.store.assets import AssetTable
from dashboard_catalog.store.records import AssetRecord, RemovedRecord

A = TypeVar("A", bound=AssetRecord)


@dataclass(slots=True)
class KindChanges(Generic[A]):
    """Changes of the assets of one kind in one BI service. Each asset is stored once, however often it changes.

    Attributes:
        table: The rows of the kind.
        new: Assets that have no row yet.
        changed: Assets that get another version: each as its row is, and as it will be.
        superseded: Versions in rows that `changed` is about to overwrite.
        history: Older versions that have never had a row.
        touched: Assets that change without another version.
        removed: Assets to be removed with all their versions, as their rows are.
        removals: What is left of them.
        names: The assets that had a name before, by that name; None for names that an asset has taken.
    """

    table: AssetTable[A]
    service_id: UUID
    new: dict[UUID, A] = field(default_factory=dict)
    changed: dict[UUID, tuple[A, A]] = field(default_factory=dict)
    superseded: dict[UUID, A] = field(default_factory=dict)
    history: list[A] = field(default_factory=list)
    touched: dict[UUID, A] = field(default_factory=dict)
    removed: dict[UUID, A] = field(default_factory=dict)
    removals: list[RemovedRecord] = field(default_factory=list)
    names: dict[str, UUID | None] = field(default_factory=dict)

    def create(self, record: A) -> None:
        """Adds an asset that is not stored yet."""
        self.new[record.id] = record

    def change(self, before: A, after: A) -> None:
        """Adds another version of an asset; `before` becomes an older version."""
        id_ = before.id
        if before.name != after.name:
            self.take_name(after.name)
            self.keep_name(before.name, id_)
        if id_ in self.new:
            self.new[id_] = after
            self.history.append(before)
        elif id_ in self.changed:
            self.changed[id_] = self.changed[id_][0], after
            self.history.append(before)
        else:
            self.changed[id_] = before, after
            # The row lacks what was touched, so it cannot be copied into the history.
            if self.touched.pop(id_, None):
                self.history.append(before)
            else:
                self.superseded[id_] = before

    def keep_name(self, name: str, id_: UUID) -> None:
        """Makes a name the former name of an asset."""
        self.names[name] = id_

    def take_name(self, name: str) -> None:
        """Frees the former name of an asset, which another one has from now on."""
        self.names[name] = None

    def touch(self, record: A) -> None:
        """Adds new values of columns that are no part of a version, such as marks and digest, which `record` has."""
        if record.id not in self.new and record.id not in self.changed:
            self.touched[record.id] = record

    def remove(self, record: A) -> bool:
        """Removes an asset with its history, including the changes that were added before.

        Returns whether it is stored, so that a removal must be added.
        """
        id_ = record.id
        stored, _ = self.changed.pop(id_, (record, record))
        is_stored = not self.new.pop(id_, None)
        if is_stored:
            self.removed[id_] = stored
        self.superseded.pop(id_, None)
        self.touched.pop(id_, None)
        self.history = [older for older in self.history if older.id != id_]
        self.names = {name: None if of == id_ else of for name, of in self.names.items()}
        return is_stored


class AssetChanges:
    """Changes of assets of any kind in any BI service."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[AssetTable[Any], UUID], KindChanges[Any]] = {}
        self._locked_at: dict[UUID, int] = {}
        self._last: dict[UUID, int] = {}

    def __iter__(self) -> Iterator[KindChanges[Any]]:
        return iter(self._kinds.values())

    def add_service(self, service_id: UUID, last_change: int) -> None:
        """Begins the changes of a locked BI service, after its change number `last_change`."""
        self._locked_at.setdefault(service_id, last_change)
        self._last.setdefault(service_id, last_change)

    def of(self, table: AssetTable[A], service_id: UUID) -> KindChanges[A]:
        """Returns the changes of one kind in one BI service."""
        found = self._kinds.get((table, service_id))
        if found is None:
            found = self._kinds[table, service_id] = KindChanges(table, service_id)
        return found

    def next_number(self, service_id: UUID) -> int:
        """Returns the number of the next change of a BI service, which `add_service` has added."""
        number = self._last[service_id] = self._last[service_id] + 1
        return number

    def last_numbers(self) -> Mapping[UUID, int]:
        """Returns the last change number of each BI service in which anything has been numbered."""
        return {id_: number for id_, number in self._last.items() if number != self._locked_at[id_]}
