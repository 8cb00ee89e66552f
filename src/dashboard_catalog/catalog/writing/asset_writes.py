"""Create, upsert, update, delete and restore of one asset, on what a batch has loaded.

Nothing here waits: `pipeline` loads before and stores after. An asset is changed only when everything about the write
has been found right.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Action, Resource
from dashboard_catalog.catalog.known_entities import KnownEntities
from dashboard_catalog.catalog.model import names
from dashboard_catalog.catalog.model.commands import AssetName, AssetWrite, Outcome, Verb, WrittenAsset
from dashboard_catalog.catalog.model.etag import check_etag
from dashboard_catalog.catalog.model.refusals import not_found
from dashboard_catalog.catalog.properties.extension_shape import check_size
from dashboard_catalog.catalog.writing.cascade import RESTORED, Cascade
from dashboard_catalog.catalog.writing.merge import merged, released
from dashboard_catalog.catalog.writing.references import Resolved, Resolver
from dashboard_catalog.catalog.writing.working_set import WorkingSet
from dashboard_catalog.errors import CatalogError, Reason, Violation, ViolationReason, invalid
from dashboard_catalog.store.tables import AssetRecord, EntityRecord


class AssetWrites:
    """Applies the writes of one batch, one after the other."""

    def __init__(
        self, authorizer: Authorizer, known_entities: KnownEntities, working: WorkingSet, cascade: Cascade
    ) -> None:
        self._authorizer = authorizer
        self._known = known_entities
        self._working = working
        self._cascade = cascade
        self._allowed: dict[tuple[int, Verb, Action, int], Resource] = {}
        self._sent: dict[tuple[Any, ...], Resource] = {}

    def apply(self, write: AssetWrite) -> WrittenAsset:
        """Applies one write.

        Raises:
            CatalogError: If it is refused; then nothing has changed.
        """
        match write:
            case AssetWrite(verb=Verb.CREATE | Verb.UPSERT, key=AssetName() as key):
                return self._create_or_upsert(write, key)
            case AssetWrite(verb=Verb.UPDATE):
                return self._update(write)
            case AssetWrite(verb=Verb.DELETE):
                return self._delete(write)
        return self._restore(write)

    # The four ways in: each finds the asset, authorizes, and goes on.

    def _create_or_upsert(self, write: AssetWrite, key: AssetName) -> WrittenAsset:
        service = self._known.service(key.service)
        stored = self._working.find(write.kind, service.id if service else None, key.name)
        if write.verb is Verb.CREATE or stored is None:
            self._authorize(write, Action.CREATE, self._as_sent(write, key, service))
        else:
            self._authorize_update(write, stored)
        if write.verb is Verb.CREATE and stored is not None:
            raise _already_exists(write, stored)
        if write.verb is Verb.UPSERT:
            check_etag(write.etag, stored)
        if stored is None:
            return self._create(write, key, service)
        if write.digest and write.digest == stored.digest and not stored.deleted:
            return self._written(write, stored, Outcome.UNCHANGED, self._kept(write, stored))
        if stored.deleted and stored.deleted_by_edit and not write.writer.edits:
            return self._written(write, stored, Outcome.SUPPRESSED)
        return self._change(write, stored)

    def _update(self, write: AssetWrite) -> WrittenAsset:
        stored = self._live(write, Action.UPDATE)
        if "domain" in write.mask:
            self._authorize_update(write, stored)
        check_etag(write.etag, stored)
        self._check_same_asset(write, stored)
        return self._change(write, stored)

    def _delete(self, write: AssetWrite) -> WrittenAsset:
        action = Action.HARD_DELETE if write.hard else Action.DELETE
        stored = self._live(write, action, deleted_too=write.hard)
        check_etag(write.etag, stored)
        if write.hard:
            self._cascade.remove(write, stored)
            return self._written(write, stored, Outcome.UPDATED)
        return self._written(write, self._cascade.delete(write, stored), Outcome.UPDATED)

    def _restore(self, write: AssetWrite) -> WrittenAsset:
        stored = self._live(write, Action.RESTORE, deleted_too=True)
        if not stored.deleted:
            shown = self._known.fqn_of(stored)
            raise CatalogError(
                Reason.NOT_DELETED,
                f"{write.kind.name} {shown} is not deleted",
                resource=(write.kind.name, shown),
            )
        return self._written(write, self._cascade.restore(write, stored), Outcome.RESTORED)

    # What they share.

    def _create(self, write: AssetWrite, key: AssetName, service: EntityRecord | None) -> WrittenAsset:
        resolver = Resolver(self._known, write.kind.name, None, write.writer)
        resolved = resolver.resolve(write.values)
        if service is None or service.deleted:
            resolver.violations.insert(0, _no_service(self._known, key.service, service))
            raise _refused(write, resolver)
        if resolver.violations:
            raise _refused(write, resolver)
        record = self._working.blank(write.kind, service.id, key)
        merge = merged(record, resolved.values, (), edits=write.writer.edits, known_entities=self._known)
        self._working.create(write.kind, record, merge.changes, write.writer)
        self._remember(write, record, resolved, merge.edited, changed=True)
        return self._written(write, record, Outcome.CREATED, [*merge.kept, *resolved.left_out])

    def _change(self, write: AssetWrite, stored: AssetRecord) -> WrittenAsset:
        resolver = Resolver(self._known, write.kind.name, stored, write.writer)
        resolved = resolver.resolve(write.values)
        if resolver.violations:
            raise _refused(write, resolver)
        merge = merged(stored, resolved.values, write.mask, edits=write.writer.edits, known_entities=self._known)
        extension = merge.changes.get("extension")
        # Key by key it could grow without end.
        if extension and (grown := check_size(extension, f"{write.kind.name}.extension")):
            raise invalid(grown)
        changes = dict(merge.changes)
        outcome = Outcome.UPDATED if changes else Outcome.UNCHANGED
        if stored.deleted:
            self._cascade.restore_charts(write, stored)
            changes, outcome = {**RESTORED, **changes}, Outcome.RESTORED
        if changes:
            stored = self._working.change(write.kind, stored, changes, write.writer)
        self._remember(write, stored, resolved, merge.edited, changed=bool(changes))
        if write.release:
            edited = released(stored, write.release, self._known)
            if edited != stored.edited:
                self._working.touch(write.kind, stored, edited=edited, digest=None)
        return self._written(write, stored, outcome, [*merge.kept, *resolved.left_out])

    def _kept(self, write: AssetWrite, stored: AssetRecord) -> list[str]:
        """Returns what the same spec was told before, whether or not its references still hold."""
        if not stored.edited:
            return []
        resolved = Resolver(self._known, write.kind.name, stored, write.writer).resolve(write.values)
        merge = merged(stored, resolved.values, write.mask, edits=write.writer.edits, known_entities=self._known)
        return merge.kept

    def _remember(
        self,
        write: AssetWrite,
        record: AssetRecord,
        resolved: Resolved,
        edited: dict[str, list[str]] | None,
        *,
        changed: bool,
    ) -> None:
        """Stores what is no part of the version: marks, source_hash, and the digest while it holds."""
        cleared = None if "source_hash" in write.mask else record.source_hash
        source_hash = resolved.values.get("source_hash", cleared)
        same = not changed and edited == record.edited and source_hash == record.source_hash
        digest = write.digest or (record.digest if same else None)
        if write.digest and resolved.left_out:
            # What was left out must be looked at again: people may restore it.
            digest = None
        self._working.touch(
            write.kind,
            record,
            edited=edited,
            digest=digest,
            source_hash=source_hash,
            ingested=record.ingested or write.writer.ingests,
        )

    def _live(self, write: AssetWrite, action: Action, *, deleted_too: bool = False) -> AssetRecord:
        """Returns the authorized asset that a write is about; NOT_FOUND if there is none or it is deleted."""
        stored = self._stored(write.key, write)
        if stored is None:
            service = write.key.service if isinstance(write.key, AssetName) else None
            self._authorize(write, action, Resource(write.kind.name, service=service))
        else:
            self._authorize(write, action, self._known.resource(write.kind.name, stored.service_id, stored))
        if stored is None or (stored.deleted and not deleted_too):
            raise not_found(write.kind.name, _shown(write))
        return stored

    def _stored(self, key: AssetName | UUID, write: AssetWrite) -> AssetRecord | None:
        if isinstance(key, UUID):
            found = self._working.get(key)
            return found if isinstance(found, write.kind.table.record) else None
        service = self._known.service(key.service)
        return self._working.find(write.kind, service.id if service else None, key.name)

    def _authorize_update(self, write: AssetWrite, stored: AssetRecord) -> None:
        resource = self._known.resource(write.kind.name, stored.service_id, stored)
        self._authorize(write, Action.UPDATE, resource)
        if "domain" in write.values or "domain" in write.mask:
            domain = self._known_domain(write.values.get("domain"))
            if domain != resource.domain:
                self._authorize(write, Action.UPDATE, dataclasses.replace(resource, domain=domain))

    def _authorize(self, write: AssetWrite, action: Action, resource: Resource) -> None:
        # A stream asks the same about each of its items. Both live as long as this does, so their ids are theirs alone.
        question = (id(write.writer), write.verb, action, id(resource))
        if question not in self._allowed:
            self._check(write, action, resource)
            self._allowed[question] = resource

    def _check(self, write: AssetWrite, action: Action, resource: Resource) -> None:
        # Named as the caller did: a denial must not tell whether the thing exists.
        resource = dataclasses.replace(resource, name=_shown(write))
        if write.writer.overrides:
            self._authorizer.check(write.writer.principal, Action.OVERRIDE_METADATA, resource)
        asked = write.verb.value if write.verb is Verb.UPSERT else action.value
        self._authorizer.check(write.writer.principal, action, resource, asked)

    def _as_sent(self, write: AssetWrite, key: AssetName, service: EntityRecord | None) -> Resource:
        """Returns a new asset as authorization sees it: the same object for all that are alike."""
        values = write.values
        alike = (write.kind.name, key.service, values.get("domain"), *values.get("owners", ()), *values.get("tags", ()))
        if alike not in self._sent:
            self._sent[alike] = self._sent_resource(write, key, service)
        return self._sent[alike]

    def _sent_resource(self, write: AssetWrite, key: AssetName, service: EntityRecord | None) -> Resource:
        return Resource(
            kind=write.kind.name,
            service=key.service,
            service_type=service.attributes["service_type"] if service else None,
            owners=frozenset(self._sent_owners(write.values.get("owners", ()))),
            domain=self._known_domain(write.values.get("domain")),
            tags=frozenset(write.values.get("tags", ())),
        )

    def _sent_owners(self, owners: Iterable[Any]) -> Iterable[str]:
        for sent in owners:
            known = self._known.get(UUID(sent.id)) if sent.id else self._known.find(sent.type, sent.fqn)
            yield f"{sent.type}:{known.name if known else sent.name}"

    def _known_domain(self, fqn: str | None) -> str | None:
        return fqn if fqn and self._known.find("domain", fqn) else None

    def _check_same_asset(self, write: AssetWrite, stored: AssetRecord) -> None:
        """Refuses another name or service in the spec of an update."""
        service = self._known.get(stored.service_id)
        same = {"name": stored.name, "service": service.name if service else None}
        violations = [
            Violation(f"{write.kind.name}.{field}", ViolationReason.IMMUTABLE, f"never changes; it is {value}")
            for field, value in same.items()
            if write.identity.get(field, value) != value
        ]
        if violations:
            raise invalid(violations)

    def _written(
        self, write: AssetWrite, record: AssetRecord, outcome: Outcome, kept: Iterable[str] = ()
    ) -> WrittenAsset:
        return WrittenAsset(
            write.kind, self._known.fqn_of(record), record, outcome, tuple(kept), self._cascade.take_affected()
        )


def _shown(write: AssetWrite) -> str:
    return str(write.key) if isinstance(write.key, UUID) else names.join(*write.key)


def _refused(write: AssetWrite, resolver: Resolver) -> CatalogError:
    return invalid([violation.under(write.kind.name) for violation in resolver.violations])


def _already_exists(write: AssetWrite, stored: AssetRecord) -> CatalogError:
    fqn = _shown(write)
    hint = "; it is deleted, restore it or upsert it" if stored.deleted else ""
    metadata = {
        "id": str(stored.id),
        "version": f"{stored.version / 10:.1f}",
        "updated_by": stored.updated_by,
        "deleted": str(stored.deleted).lower(),
    }
    return CatalogError(
        Reason.ALREADY_EXISTS,
        f"{write.kind.name} {fqn} exists already{hint}",
        metadata=metadata,
        resource=(write.kind.name, fqn),
    )


def _no_service(known_entities: KnownEntities, name: str, service: EntityRecord | None) -> Violation:
    fqn = names.quote(name)
    if known_entities.has_failed("bi_service", fqn):
        return Violation("service", ViolationReason.FAILED_REFERENCE, f"bi_service {fqn} failed in this chunk")
    if service is None:
        return Violation("service", ViolationReason.UNKNOWN_REFERENCE, f"there is no bi_service {fqn}")
    return Violation("service", ViolationReason.DELETED_REFERENCE, f"bi_service {fqn} is deleted")
