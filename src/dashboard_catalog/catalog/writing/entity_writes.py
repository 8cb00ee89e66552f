"""Upserts of entities in a batch: the last writer wins, parents come before children."""

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Any
from uuid import UUID

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Action
from dashboard_catalog.catalog import authorization
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.commands import EntityWrite, Outcome, WrittenEntity
from dashboard_catalog.catalog.model.etag import check_etag
from dashboard_catalog.catalog.model.ids import new_id
from dashboard_catalog.catalog.model.kinds import ENTITY_KINDS, EntityKind
from dashboard_catalog.catalog.model.moments import time_of_change
from dashboard_catalog.catalog.model.refusals import already_exists, entity_already_exists, id_already_exists
from dashboard_catalog.catalog.properties.extension_rules import check_property_name
from dashboard_catalog.catalog.visibility.sight import Sight
from dashboard_catalog.catalog.writing.entity_changes import change_of
from dashboard_catalog.catalog.writing.entity_merge import EntityMerge, sent_parents
from dashboard_catalog.catalog.writing.hierarchy import Hierarchy
from dashboard_catalog.catalog.writing.present_names import in_present_names
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import CatalogError, Violation, invalid
from dashboard_catalog.store import entities, former_names, locks
from dashboard_catalog.store.connections import ReadConnection, WriteConnection
from dashboard_catalog.store.records import CATALOG_ID, EntityChangeRecord, EntityRecord

# The kinds whose entities may get other parents of their own kind.
_MOVABLE = ("team", "tag")
_RANK = {name: rank for rank, name in enumerate(ENTITY_KINDS)}


def checked_entity(kind: EntityKind, name: str, values: Mapping[str, Any]) -> tuple[str, list[Violation]]:
    """Returns the fully qualified name of an entity as sent, and what is wrong with it whatever is stored."""
    violations: list[Violation] = []
    fqn = names.quote(name)
    if kind.qualifier and kind.qualifier in kind.required and not values.get(kind.qualifier):
        violations.append(Violation(kind.qualifier, ViolationReason.REQUIRED, "is required"))
    if kind.name == "custom_property" and (fault := check_property_name(name)):
        violations.append(fault)
    for field in kind.naming_fields:
        for path, parent in sent_parents(field, values):
            try:
                names.split(parent)
            except names.NameSyntaxError as error:
                violations.append(Violation(path, ViolationReason.INVALID_FORMAT, str(error)))
    if not violations:
        fqn = kind.fqn(name, values)
        if len(fqn.encode()) > names.MAX_FQN_BYTES:
            text = f"the fully qualified name has more than {names.MAX_FQN_BYTES} bytes"
            violations.append(Violation("name", ViolationReason.TOO_LONG, text))
    return fqn, violations


def in_order(writes: Mapping[int, EntityWrite]) -> list[int]:
    """Returns the keys of `writes` in an order in which every entity comes after those it refers to.

    Writes of one entity keep their order.
    """
    of_entity: dict[tuple[str, str], list[int]] = defaultdict(list)
    for key, write in writes.items():
        of_entity[write.kind.name, _fqn(write)].append(key)
    above = {
        key: [of_entity[parent][0] for parent in _parent_keys(writes[key]) if parent in of_entity] for key in writes
    }
    for keys in of_entity.values():
        for earlier, later in pairwise(keys):
            above[later].append(earlier)
    depth = {key: place for place, key in enumerate(_parents_first(above))}
    return sorted(writes, key=lambda key: (_RANK[writes[key].kind.name], depth.get(key, len(writes)), key))


def _parents_first(above: Mapping[int, Sequence[int]]) -> Iterable[int]:
    """Yields the keys of `above`, parents first; without the keys of a circle and those below it."""
    sorter = TopologicalSorter(above)
    with suppress(CycleError):
        sorter.prepare()
    while ready := sorter.get_ready():
        yield from ready
        sorter.done(*ready)


class EntityWrites:
    """Applies the entity writes of one batch. To store them, the catalog lock must be held."""

    def __init__(self, authorizer: Authorizer, sight: Sight, now: datetime) -> None:
        self._authorizer = authorizer
        self._sight = sight
        self._known = sight.known
        self._now = now
        self._new: set[UUID] = set()
        self._written: dict[UUID, EntityRecord] = {}
        self._changes: list[EntityChangeRecord] = []
        self._last_change = 0
        # Whose former names some names are from now on, by kind; None for names that new entities have.
        self._former: dict[str, dict[str, UUID | None]] = defaultdict(dict)
        self._hierarchy = Hierarchy()

    async def load(self, connection: ReadConnection, writes: Iterable[EntityWrite]) -> None:
        """Loads the entities and their parents as they are stored."""
        sent = list(writes)
        parents = {key for write in sent for key in _parent_keys(write)}
        kept = (fqn for write in sent if write.preserved for fqn in write.preserved.former_names)
        await self._known.load_whole(connection, {*map(_fqn, sent), *kept})
        ids = {write.preserved.id for write in sent if write.preserved}
        await self._known.load(connection, fqns={fqn for _, fqn in parents}, ids=ids)
        await self._known.load_former(connection, {*map(_key, sent), *parents}, whole=True)
        for kind in _MOVABLE:
            await self._load_hierarchy(connection, kind, [write for write in sent if write.kind.name == kind])

    async def lock(self, connection: WriteConnection) -> None:
        """Locks the sequence that numbers the changes of entities, so that `store` can follow."""
        self._last_change = await locks.lock_service(connection, CATALOG_ID)

    def present_name(self, write: EntityWrite) -> str:
        """Returns the fully qualified name that the entity of a write has today, or would have."""
        sent = _fqn(write)
        return self._known.present(write.kind.name, sent) if write.writer.ingests and not write.preserved else sent

    def apply(self, write: EntityWrite) -> WrittenEntity:
        """Applies one upsert.

        Raises:
            CatalogError: If it is refused; then nothing has changed.
        """
        fqn = self.present_name(write)
        stored = self._known.find(write.kind.name, fqn)
        present = in_present_names(write, self._sight)
        values = dict(present.values)
        if stored and fqn != _fqn(present) and write.kind.qualifier:
            # It goes with the name.
            values.pop(write.kind.qualifier, None)
        written = self._put(present, stored, fqn, values)
        is_renamed = written.record.name != write.name
        return dataclasses.replace(written, kept_fields=("name",)) if is_renamed else written

    def _put(self, write: EntityWrite, stored: EntityRecord | None, fqn: str, values: dict[str, Any]) -> WrittenEntity:
        self._check_may_write(write, stored)
        check_etag(write.etag, stored)
        if write.creates and stored is not None:
            raise self._taken(write, stored, fqn)
        for field in write.mask - values.keys():
            values[field] = write.kind.attributes.get(field)
        if write.preserved:
            self._check_free(write, stored, fqn, write.preserved.id)
        merge = EntityMerge(write.kind, stored, self._known, self._hierarchy, preserves=bool(write.preserved))
        changes = merge.changes(values)
        if merge.violations:
            raise invalid([violation.under(f"entity.{write.kind.name}") for violation in merge.violations])
        if stored is None:
            outcome, stored = Outcome.CREATED, self._blank(write, fqn)
            if self._known.former.take(CATALOG_ID, write.kind.name, fqn):
                self._former[write.kind.name][fqn] = None
        elif stored.deleted:
            outcome, changes = Outcome.RESTORED, changes | {"deleted": False}
        elif changes:
            outcome = Outcome.UPDATED
        else:
            return WrittenEntity(write.kind, stored, Outcome.UNCHANGED)
        return WrittenEntity(write.kind, self._changed_to(stored, changes, write, outcome), outcome)

    def _check_may_write(self, write: EntityWrite, stored: EntityRecord | None) -> None:
        """Checks the write of an entity as it is stored, and of a BI service as the type that is sent.

        A denial names the entity as it was sent, which may be a former name.
        """
        resource = authorization.entity(write.kind, stored, _fqn(write))
        sent = dataclasses.replace(resource, service_type=write.values.get("service_type", resource.service_type))
        for action in (Action.PRESERVE, Action.WRITE) if write.preserved else (Action.WRITE,):
            for each in (sent,) if stored is None else (resource, sent):
                self._authorizer.check(write.writer.principal, action, each)

    def _taken(self, write: EntityWrite, stored: EntityRecord, fqn: str) -> CatalogError:
        resource = authorization.entity(write.kind, stored, fqn)
        shown = self._authorizer.allows(write.writer.principal, Action.VIEW, resource)
        return already_exists(write.kind.name, fqn if shown else _fqn(write), stored, shown=shown)

    def _check_free(self, write: EntityWrite, stored: EntityRecord | None, fqn: str, id_: UUID) -> None:
        if stored is not None:
            raise entity_already_exists(write.kind.name, fqn)
        if self._known.get(id_) is not None:
            raise id_already_exists(write.kind.name, fqn, id_)

    async def store(self, connection: WriteConnection) -> None:
        """Stores everything that has changed."""
        if self._written:
            new = [record for id_, record in self._written.items() if id_ in self._new]
            changed = [record for id_, record in self._written.items() if id_ not in self._new]
            await entities.save(connection, new, changed, self._changes)
        for kind, fqns in self._former.items():
            await former_names.store(connection, CATALOG_ID, kind, fqns)

    async def _load_hierarchy(self, connection: ReadConnection, kind: str, writes: Sequence[EntityWrite]) -> None:
        stored: dict[UUID, EntityRecord] = {}
        named: set[UUID] = set()
        moves = False
        for write in writes:
            before = self._known.find(kind, self.present_name(write))
            parents = {
                found.id
                for key in _parent_keys(in_present_names(write, self._sight))
                if key[0] == kind and (found := self._known.find(*key))
            }
            moves = moves or not parents.issubset(before.parents if before else ())
            named |= parents
            if before:
                stored[before.id] = before
        if moves:
            await self._hierarchy.load(connection, stored.keys(), named)
        for record in self._known.assumed(kind):
            self._hierarchy.add(record)

    def _blank(self, write: EntityWrite, fqn: str) -> EntityRecord:
        record = EntityRecord(
            id=write.preserved.id if write.preserved else new_id(),
            kind=write.kind.name,
            name=write.name,
            fqn=fqn,
            change_number=0,
            updated_at=self._now,
            updated_by="",
            call_id="",
        )
        self._new.add(record.id)
        return record

    def _changed_to(
        self, record: EntityRecord, changes: Mapping[str, Any], write: EntityWrite, outcome: Outcome
    ) -> EntityRecord:
        """Returns the changed entity. The record itself stays as it is, since it may be the answer of another write."""
        self._last_change += 1
        values = {
            **changes,
            "updated_at": time_of_change(self._now, record.updated_at),
            "updated_by": write.writer.principal.subject,
        }
        if kept := write.preserved:
            values |= {"updated_at": kept.updated_at, "updated_by": kept.updated_by, "deleted": kept.deleted}
            free = [fqn for fqn in kept.former_names if not self._known.find(record.kind, fqn)]
            self._former[record.kind] |= dict.fromkeys(free, record.id)
        changed = dataclasses.replace(record, **values, change_number=self._last_change, call_id=write.writer.call_id)
        self._written[changed.id] = changed
        self._changes.append(change_of(changed, outcome.lower(), write.writer))
        self._known.add(changed)
        if changed.kind in _MOVABLE:
            self._hierarchy.add(changed)
        return changed


def _fqn(write: EntityWrite) -> str:
    return write.kind.fqn(write.name, write.values)


def _key(write: EntityWrite) -> tuple[str, str]:
    return write.kind.name, _fqn(write)


def _parent_keys(write: EntityWrite) -> list[tuple[str, str]]:
    """Returns (kind, fully qualified name) of the parents that a write names."""
    return [
        (kind, names.requoted(fqn))
        for field, kind in write.kind.parents.items()
        for _, fqn in sent_parents(field, write.values)
    ]
