"""Renames one entity. What is below it by name follows: the domains below a domain, the tags of a classification.

Assets refer to entities by id, so nothing that refers to a renamed entity changes.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Action
from dashboard_catalog.catalog.authorization import entity
from dashboard_catalog.catalog.known.former_names import RENAMED_ENTITIES
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.commands import Writer
from dashboard_catalog.catalog.model.kinds import EntityKind, label_of
from dashboard_catalog.catalog.model.moments import time_of_change
from dashboard_catalog.catalog.model.refusals import already_exists, not_found
from dashboard_catalog.catalog.reading.entity_reads import entity_to_write, whole_entity
from dashboard_catalog.catalog.writing.entity_changes import change_of
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import CatalogError, Violation, invalid
from dashboard_catalog.store import entities, former_names, locks
from dashboard_catalog.store.connections import ReadConnection, WriteConnection
from dashboard_catalog.store.hierarchies import ids_below
from dashboard_catalog.store.records import CATALOG_ID, EntityChangeRecord, EntityRecord


async def rename_entity(
    connection: WriteConnection,
    authorizer: Authorizer,
    writer: Writer,
    *,
    kind: EntityKind,
    key: str | UUID,
    new_name: str,
) -> tuple[EntityRecord, str]:
    """Renames an entity in the transaction of `connection`; returns it, and its fully qualified name before.

    Raises:
        CatalogError: INVALID_ARGUMENT for a kind that cannot be renamed or a name that is too long, PERMISSION_DENIED,
            NOT_FOUND, or ALREADY_EXISTS.
    """
    if kind.name not in RENAMED_ENTITIES:
        raise _fixed(kind)
    await locks.lock_catalog(connection, to_write=True)
    record = await entity_to_write(connection, authorizer, writer.principal, Action.RENAME, kind=kind, key=key)
    if record.deleted:
        raise not_found(kind.name, str(key))
    before, after = record.fqn, names.join(*names.split(record.fqn)[:-1], new_name)
    if after == before:
        return record, before
    renamed = dataclasses.replace(record, name=new_name, fqn=after)
    authorizer.check(writer.principal, Action.RENAME, entity(kind, renamed, after))
    if taken := await whole_entity(connection, kind, after):
        shown = authorizer.allows(writer.principal, Action.VIEW, entity(kind, taken, after))
        raise already_exists(kind.name, after, taken, shown=shown)
    below = await _below(connection, record)
    changed = [renamed, *[dataclasses.replace(each, fqn=after + each.fqn.removeprefix(before)) for each in below]]
    _check_lengths(changed)
    await _store(connection, writer, [record, *below], changed)
    return changed[0], before


def _fixed(kind: EntityKind) -> CatalogError:
    why = "its name is the subject of its tokens" if kind.name == "user" else "assets hold its values under its name"
    text = f"a {label_of(kind.name)} cannot be renamed: {why}"
    return invalid([Violation("kind", ViolationReason.INVALID_VALUE, text)])


async def _below(connection: ReadConnection, record: EntityRecord) -> list[EntityRecord]:
    """Returns the entities whose fully qualified names begin with that of a domain or classification, in order."""
    if record.kind not in ("domain", "classification"):
        return []
    ids = await ids_below(connection, [record]) - {record.id}
    return sorted(await entities.whole_by_ids(connection, ids), key=lambda each: each.fqn)


def _check_lengths(renamed: Iterable[EntityRecord]) -> None:
    for record in renamed:
        if len(record.fqn.encode()) > names.MAX_FQN_BYTES:
            text = f"the fully qualified name of {label_of(record.kind)} {record.name} would have more than"
            text = f"{text} {names.MAX_FQN_BYTES} bytes"
            raise invalid([Violation("new_name", ViolationReason.TOO_LONG, text)])


async def _store(
    connection: WriteConnection, writer: Writer, before: Sequence[EntityRecord], after: Sequence[EntityRecord]
) -> None:
    """Stores renamed entities, each as one change, and their former names."""
    number, now = await locks.lock_service(connection, CATALOG_ID), datetime.now(UTC)
    changes: list[EntityChangeRecord] = []
    taken: dict[str, dict[str, UUID | None]] = defaultdict(dict)
    for old, new in zip(before, after, strict=True):
        number += 1
        new.change_number, new.updated_at = number, time_of_change(now, new.updated_at)
        new.updated_by, new.call_id = writer.principal.subject, writer.call_id
        changes.append(change_of(new, "updated", writer, old.fqn))
        taken[new.kind] |= {new.fqn: None, old.fqn: new.id}
    await entities.save(connection, [], after, changes)
    for kind, fqns in taken.items():
        await former_names.store(connection, CATALOG_ID, kind, fqns)
