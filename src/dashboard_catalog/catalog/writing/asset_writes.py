"""Create, upsert, update, rename, delete, restore and revert of one asset, on what a batch has loaded.

Nothing here waits: `pipeline` loads before and stores after. An asset changes only after every check has passed.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from dashboard_catalog.auth.policies import ActionDenied
from dashboard_catalog.auth.principal import Action
from dashboard_catalog.catalog.known.known_entities import KnownEntities
from dashboard_catalog.catalog.known.unusable import why_unusable
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.commands import (
    AssetName,
    AssetWrite,
    Outcome,
    Verb,
    WrittenAsset,
    text_of,
)
from dashboard_catalog.catalog.model.etag import check_etag
from dashboard_catalog.catalog.model.refusals import already_exists, id_already_exists, not_found, unknown_version
from dashboard_catalog.catalog.properties.extension_rules import check_size
from dashboard_catalog.catalog.writing.asset_deletion import RESTORED, AssetDeletion
from dashboard_catalog.catalog.writing.asset_lookup import AssetLookup
from dashboard_catalog.catalog.writing.hidden_references import HiddenReferences
from dashboard_catalog.catalog.writing.merge import Merge, merge, released
from dashboard_catalog.catalog.writing.permissions import WritePermissions
from dashboard_catalog.catalog.writing.preserving import preserved_columns
from dashboard_catalog.catalog.writing.references import Resolved, resolve
from dashboard_catalog.catalog.writing.reverting import as_sent, bring_back, resolve_version
from dashboard_catalog.error_codes import Reason, ViolationReason
from dashboard_catalog.errors import CatalogError, Violation, invalid
from dashboard_catalog.store.records import AssetRecord, EntityRecord

MAX_CHARTS = 2_000
"""Charts of a dashboard at most. The contract limits the charts of a spec to the same number."""


class AssetWrites:
    """Applies the writes of one batch, one after the other.

    Args:
        permissions: Of the batch.
        known_entities: Everything that the batch refers to.
        hidden: What the references of the batch lead to, as far as its writers may view it.
        lookup: Finds the assets of the batch.
        deletion: Deletes and restores assets with their charts.
    """

    def __init__(
        self,
        permissions: WritePermissions,
        known_entities: KnownEntities,
        hidden: HiddenReferences,
        lookup: AssetLookup,
        deletion: AssetDeletion,
    ) -> None:
        self._permissions = permissions
        self._known = known_entities
        self._hidden = hidden
        self._working = lookup.working
        self._lookup = lookup
        self._deletion = deletion

    def apply(self, write: AssetWrite) -> WrittenAsset:
        """Applies one write.

        Raises:
            CatalogError: If it is refused; then nothing has changed.
        """
        match write:
            case AssetWrite(verb=Verb.CREATE | Verb.UPSERT | Verb.PRESERVE, key=AssetName() as key):
                return self._create_or_upsert(write, key)
            case AssetWrite(verb=Verb.UPDATE):
                return self._update(write)
            case AssetWrite(verb=Verb.RENAME):
                return self._rename(write)
            case AssetWrite(verb=Verb.DELETE):
                return self._delete(write)
            case AssetWrite(verb=Verb.REVERT):
                return self._revert(write)
        return self._restore(write)

    # Each of these finds the asset, checks that the writer may do it, and goes on.

    def _create_or_upsert(self, write: AssetWrite, sent: AssetName) -> WrittenAsset:
        find = self._known.any_service if write.follows_renames else self._known.service
        service = find(sent.service)
        key = AssetName(service.name, sent.name) if service else sent
        written = self._put(write, key, self._lookup.target(write), service)
        if written.record.name == key.name or not self._permissions.shows(write, service):
            return written
        return written._replace(kept_fields=("name", *written.kept_fields))

    def _put(
        self, write: AssetWrite, key: AssetName, stored: AssetRecord | None, service: EntityRecord | None
    ) -> WrittenAsset:
        try:
            self._check_may_put(write, key, stored)
        except ActionDenied as denial:
            if service is None or self._permissions.knows(write, key, service):
                raise
            # What the writer may not view is answered like what does not exist.
            key = cast("AssetName", write.key)
            self._permissions.check_create_nowhere(write, key, denial)
            stored = service = None
        if write.verb is not Verb.UPSERT and stored is not None:
            shown = self._permissions.shows(write, service)
            named, present = text_of(write.key), self._known.fqn_of(stored)
            moved_to = present if present != named else None
            raise already_exists(write.kind.name, named, stored, shown=shown, moved_to=moved_to)
        if write.verb is Verb.UPSERT:
            check_etag(write.etag, stored)
        if stored is None:
            return self._create(write, key, service)
        if self._is_same(write, stored):
            return self._written(write, stored, Outcome.UNCHANGED, self._kept(write, stored))
        if stored.deleted and stored.deleted_by_edit and not write.writer.edits:
            return self._written(write, stored, Outcome.SUPPRESSED)
        if stored.deleted:
            self._permissions.check_restore(write, stored)
        return self._change(write, stored, self._resolved(write, stored))

    def _check_may_put(self, write: AssetWrite, key: AssetName, stored: AssetRecord | None) -> None:
        if write.verb is not Verb.UPSERT or stored is None:
            self._permissions.check_create(write, key)
        else:
            self._permissions.check_update(write, stored)

    def _is_same(self, write: AssetWrite, stored: AssetRecord) -> bool:
        """Says whether the same spec was ingested before and nothing has changed since, as far as digests tell."""
        is_same = write.digest is not None and write.digest == stored.digest and not stored.deleted
        return is_same and not self._hidden.may_be_in(write)

    def _update(self, write: AssetWrite) -> WrittenAsset:
        stored = self._live(write, Action.UPDATE)
        self._permissions.check_update(write, stored)
        if write.release:
            self._permissions.check_release(write, stored)
        check_etag(write.etag, stored)
        self._check_same_asset(write, stored)
        return self._change(write, stored, self._resolved(write, stored))

    def _rename(self, write: AssetWrite) -> WrittenAsset:
        stored = self._live(write, Action.UPDATE)
        check_etag(write.etag, stored)
        if write.new_name == stored.name:
            return self._written(write, stored, Outcome.UNCHANGED)
        if taken := self._working.find(write.kind, stored.service_id, write.new_name):
            shown = self._permissions.shows(write, self._known.get(stored.service_id))
            raise already_exists(write.kind.name, self._known.fqn_of(taken), taken, shown=shown)
        # Without its digest the next load takes a full look at it, and says that it keeps the name.
        changes = {"name": write.new_name, "digest": None}
        renamed = self._working.change(write.kind, stored, changes, write.writer)
        return self._written(write, renamed, Outcome.UPDATED)._replace(former_fqn=self._known.fqn_of(stored))

    def _delete(self, write: AssetWrite) -> WrittenAsset:
        action = Action.HARD_DELETE if write.hard else Action.DELETE
        stored = self._live(write, action, or_deleted=write.hard)
        check_etag(write.etag, stored)
        if write.hard:
            self._deletion.remove(write, stored)
            return self._written(write, stored, Outcome.UPDATED)
        return self._written(write, self._deletion.delete(write, stored), Outcome.UPDATED)

    def _restore(self, write: AssetWrite) -> WrittenAsset:
        stored = self._live(write, Action.RESTORE, or_deleted=True)
        if not stored.deleted:
            fqn = self._known.fqn_of(stored)
            raise CatalogError(
                Reason.NOT_DELETED, f"{write.kind.name} {fqn} is not deleted", resource=(write.kind.name, fqn)
            )
        return self._written(write, self._deletion.restore(write, stored), Outcome.RESTORED)

    def _revert(self, write: AssetWrite) -> WrittenAsset:
        stored = self._live(write, Action.UPDATE, or_deleted=write.whole)
        version = self._working.version(stored, write.version)
        sent, left_out = as_sent(write, stored, version or stored, self._known, self._hidden)
        self._permissions.check_update(sent, stored)
        check_etag(write.etag, stored)
        if version is None:
            raise unknown_version(write.kind.name, text_of(write.key), write.version)
        if version is stored:
            return self._written(write, stored, Outcome.UNCHANGED)
        if write.whole and version.deleted != stored.deleted:
            self._permissions.check(write, Action.DELETE if version.deleted else Action.RESTORE, stored)
        resolved = resolve_version(sent, stored, self._known, self._hidden, left_out)
        return self._change(sent, stored, resolved, version)

    # What they share.

    def _create(self, write: AssetWrite, key: AssetName, service: EntityRecord | None) -> WrittenAsset:
        resolved = self._resolved(write, None)
        violations = [*self._service_problems(write, key.service, service), *resolved.violations]
        columns = preserved_columns(write, write.preserved, self._known, violations) if write.preserved else {}
        if service is None or violations:
            raise _refused(write, violations, resolved.more)
        record = self._working.blank(write.kind, service.id, key)
        merged = self._merge(write, record, resolved)
        if write.preserved:
            if self._working.is_taken(write.kind, write.preserved.id):
                raise id_already_exists(write.kind.name, text_of(key), write.preserved.id)
            columns |= {**merged.changes, "source_hash": resolved.values.get("source_hash")}
            self._working.create_preserved(write.kind, record, columns, write.writer)
            self._working.keep_names(write.kind, record, write.preserved.former_names)
            return self._written(write, record, Outcome.CREATED, (), resolved.dropped)
        columns = merged.changes | self._unversioned(write, record, resolved, merged, changed=True)
        self._working.create(write.kind, record, columns, write.writer)
        return self._written(write, record, Outcome.CREATED, [*merged.kept, *resolved.left_out], resolved.dropped)

    def _service_problems(self, write: AssetWrite, name: str, service: EntityRecord | None) -> list[Violation]:
        # A service that exists can be used, also if an item of the same chunk that would change it was refused.
        if service is not None and (write.preserved or not service.deleted):
            return []
        fqn = names.quote(name)
        failed = self._known.has_failed("bi_service", fqn)
        renamed = self._known.formerly("bi_service", fqn)
        moved_to = renamed.fqn if renamed and self._permissions.shows(write, renamed) else None
        problem = why_unusable("service", "bi_service", fqn, service, failed=failed, moved_to=moved_to)
        return [problem] if problem else []

    def _change(
        self, write: AssetWrite, stored: AssetRecord, resolved: Resolved, version: AssetRecord | None = None
    ) -> WrittenAsset:
        """Changes a stored asset, and restores it unless the write is a reversion to `version`."""
        if resolved.violations:
            raise _refused(write, resolved.violations, resolved.more)
        merged = self._merge(write, stored, resolved)
        if version and write.whole:
            bring_back(merged, stored, version)
            resolved.values["source_hash"] = version.source_hash
        if violations := list(_outgrown(stored, merged.changes)):
            raise _refused(write, violations)
        changes = dict(merged.changes)
        if stored.deleted and version is None:
            self._deletion.restore_charts(write, stored)
            changes = {**RESTORED, **changes}
        outcome = Outcome.UPDATED if changes else Outcome.UNCHANGED
        if changes.get("deleted") is False:
            outcome = Outcome.RESTORED
        if changes:
            stored = self._working.change(write.kind, stored, changes, write.writer)
        unversioned = self._unversioned(write, stored, resolved, merged, changed=bool(changes))
        self._working.touch(write.kind, stored, unversioned)
        if write.release:
            edited = released(stored, write.release, self._known).encode()
            if edited != stored.edited:
                self._working.touch(write.kind, stored, {"edited": edited, "digest": None})
        return self._written(write, stored, outcome, [*merged.kept, *resolved.left_out], resolved.dropped)

    def _resolved(self, write: AssetWrite, stored: AssetRecord | None) -> Resolved:
        return resolve(write, stored, self._known, self._hidden)

    def _merge(self, write: AssetWrite, record: AssetRecord, resolved: Resolved) -> Merge:
        merged = merge(
            write.kind,
            record,
            resolved.values,
            write.mask,
            edits=write.edits,
            known_entities=self._known,
            hidden=self._hidden.parts(write, record),
        )
        merged.kept += [path for path in resolved.kept if path not in merged.kept]
        return merged

    def _kept(self, write: AssetWrite, stored: AssetRecord) -> list[str]:
        """Returns what the same spec left alone before, whether or not its references still exist."""
        if not stored.edited:
            return []
        return self._merge(write, stored, self._resolved(write, stored)).kept

    def _unversioned(
        self, write: AssetWrite, record: AssetRecord, resolved: Resolved, merged: Merge, *, changed: bool
    ) -> dict[str, Any]:
        """Returns what is not part of the version: marks, source_hash, and the digest while it is valid."""
        # Only now: nothing is created for a write that is refused.
        self._known.missing |= resolved.missing
        edited = merged.marks.encode()
        cleared = None if "source_hash" in write.mask else record.source_hash
        source_hash = resolved.values.get("source_hash", cleared)
        same = not changed and edited == record.edited and source_hash == record.source_hash
        digest = write.digest or (record.digest if same else None)
        if write.digest and (resolved.left_out or resolved.dropped or merged.kept_hidden):
            # The next load must look at what was left out: it may exist by then, or the writer may view it.
            digest = None
        ingested = record.ingested or write.writer.ingests
        return {"edited": edited, "digest": digest, "source_hash": source_hash, "ingested": ingested}

    def _live(self, write: AssetWrite, action: Action, *, or_deleted: bool = False) -> AssetRecord:
        """Returns the asset that a write is about.

        Raises:
            CatalogError: PERMISSION_DENIED, or NOT_FOUND if it does not exist, or is deleted where that counts.
        """
        stored = self._lookup.named(write)
        renamed = self._lookup.renamed(write) if stored is None else None
        # Who may view a thing learns its name of today, and is asked what today's thing needs.
        if renamed and not self._permissions.shows(write, self._known.get(renamed.service_id)):
            renamed = None
        self._permissions.check_found(write, action, stored or renamed)
        if stored is None or (stored.deleted and not or_deleted):
            moved_to = self._known.fqn_of(renamed) if renamed else None
            raise not_found(write.kind.name, text_of(write.key), moved_to)
        return stored

    def _check_same_asset(self, write: AssetWrite, stored: AssetRecord) -> None:
        """Refuses another name or BI service in the spec of an update."""
        service = self._known.get(stored.service_id)
        same = {"name": stored.name, "service": service.name if service else None}
        violations = [
            Violation(field, ViolationReason.IMMUTABLE, f"cannot be changed; it is {value}")
            for field, value in same.items()
            if write.identity.get(field, value) != value
        ]
        if violations:
            raise _refused(write, violations)

    def _written(
        self,
        write: AssetWrite,
        record: AssetRecord,
        outcome: Outcome,
        kept: Iterable[str] = (),
        left_out: Iterable[str] = (),
    ) -> WrittenAsset:
        affected = self._deletion.take_affected()
        if (kept or left_out) and not self._permissions.shows(write, self._known.get(record.service_id)):
            # They say what people have decided, and what the asset was.
            kept = left_out = ()
        fqn = self._known.fqn_of(record)
        return WrittenAsset(write.kind, fqn, record, outcome, tuple(kept), affected, tuple(left_out))


def _outgrown(stored: AssetRecord, changes: Mapping[str, Any]) -> Iterator[Violation]:
    """Yields what has become too large by what a merge keeps of the stored asset: other keys, and hidden charts."""
    if extension := changes.get("extension"):
        yield from check_size(extension, "extension")
    charts = changes.get("charts", ())
    if len(charts) > MAX_CHARTS and len(charts) > len(getattr(stored, "charts", ())):
        text = f"has {len(charts)} charts with those that you may not view, at most {MAX_CHARTS} are allowed"
        yield Violation("charts", ViolationReason.TOO_MANY, text)


def _refused(write: AssetWrite, violations: Iterable[Violation], more: int = 0) -> CatalogError:
    # What an export has kept stands beside the asset in its item.
    return invalid([v if v.field.startswith("preserved.") else v.under(write.kind.name) for v in violations], more)
