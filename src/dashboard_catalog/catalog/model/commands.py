"""What callers ask the catalog to write, and the outcome of each write."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, cast
from uuid import UUID

from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.change import ChangeDescription
from dashboard_catalog.catalog.model.kinds import AssetKind, EntityKind
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store.records import AssetRecord, EntityRecord


class Verb(StrEnum):
    """What a write does with its asset."""

    CREATE = "create"
    UPSERT = "upsert"
    UPDATE = "update"
    DELETE = "delete"
    RESTORE = "restore"
    REVERT = "revert"
    PRESERVE = "preserve"
    RENAME = "rename"


class Outcome(StrEnum):
    """The outcome of a write: the contract's `Outcome` without its prefix."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    UNCHANGED = "UNCHANGED"
    RESTORED = "RESTORED"
    SUPPRESSED = "SUPPRESSED"


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, and how.

    Attributes:
        principal: The caller.
        ingests: Whether the write is ingestion, not an edit.
        call_id: Id of the call, for history and logs.
        overrides: Whether ingestion writes as an edit does, over what people have decided.
        preserves: Whether it writes what an export has kept.
        session_id: Id of the bulk session, if any.
    """

    principal: Principal
    ingests: bool
    call_id: str
    overrides: bool = False
    session_id: UUID | None = None
    preserves: bool = False

    @property
    def edits(self) -> bool:
        """Whether the writer writes as people do: over marks, and setting them."""
        return self.overrides or self.preserves or not self.ingests


class SentReference(NamedTuple):
    """A reference as sent: its type, and at least one of id, raw name and fully qualified name."""

    type: str
    id: str
    name: str
    fqn: str


class SentLabel(NamedTuple):
    """A tag label as sent, with defaults filled in."""

    tag_fqn: str
    label_type: str
    state: str


class AssetName(NamedTuple):
    """An asset by its raw name and that of its BI service."""

    service: str
    name: str


AssetKey = AssetName | UUID
"""An asset as a caller names it."""


def text_of(key: AssetKey) -> str:
    """Returns a key for messages: the id, or the fully qualified name."""
    return str(key) if isinstance(key, UUID) else names.join(*key)


@dataclass(frozen=True, slots=True)
class SentMarks:
    """The marks that a caller gives back to ingestion: fields, tags by fully qualified name, and extension keys."""

    fields: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    extension_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Preserved:
    """What an export has kept of an asset or entity beside its fields.

    Attributes:
        id: Its id.
        updated_at: When it was last written.
        updated_by: Subject of the caller who wrote it.
        deleted: Whether it is deleted.
        former_names: Its former names; those of an entity are fully qualified.
        version: In tenths. This and what follows is only for assets.
        by_ingestion: Whether ingestion wrote this version.
        ingested: Whether ingestion has ever written the asset.
        edited: The marks.
        deleted_by_edit: Whether an edit deleted it.
        deleted_with: The asset whose deletion took it along.
        change: What this version changed.
    """

    id: UUID
    updated_at: datetime
    updated_by: str
    deleted: bool = False
    former_names: tuple[str, ...] = ()
    version: int = 1
    by_ingestion: bool = False
    ingested: bool = False
    edited: SentMarks = field(default_factory=SentMarks)
    deleted_by_edit: bool = False
    deleted_with: UUID | None = None
    change: ChangeDescription | None = None


@dataclass(slots=True, kw_only=True)
class AssetWrite:
    """One write of one asset.

    Attributes:
        kind: Of the asset.
        verb: What to do with it.
        writer: Who writes.
        key: The asset.
        identity: Raw name and service that the spec of an update repeats.
        values: The fields that are set, by name, with references as sent; `spec_parsing` has checked them.
        mask: Fields that are written even without a value, which clears them.
        release: Marks to give back to ingestion.
        etag: The version that the caller expects; empty for any.
        hard: Whether a deletion is for good.
        digest: Digest of an ingested spec with its options.
        new_name: Raw name that a renaming gives.
        takes_along: Says which charts a deletion may delete too; all of them by default.
        drops: Why references and custom properties are left out. For other reasons they are refused.
        version: The version that a reversion brings back, in tenths.
        whole: Whether a reversion also brings back the marks, and whether the asset was deleted.
        preserved: What an export has kept of the asset, for `Verb.PRESERVE`.
    """

    kind: AssetKind
    verb: Verb
    writer: Writer
    key: AssetKey
    identity: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    mask: frozenset[str] = frozenset()
    release: SentMarks | None = None
    etag: str = ""
    hard: bool = False
    digest: bytes | None = None
    new_name: str = ""
    takes_along: Callable[[AssetRecord], bool] | None = None
    drops: frozenset[ViolationReason] = frozenset()
    version: int | None = None
    whole: bool = False
    preserved: Preserved | None = None

    @property
    def edits(self) -> bool:
        """Whether it writes as people do: over marks, and setting them."""
        return self.verb is Verb.REVERT or self.writer.edits

    @property
    def follows_renames(self) -> bool:
        """Whether it is an item of ingestion, which reaches an asset by its former names too."""
        return self.writer.ingests and self.verb in (Verb.CREATE, Verb.UPSERT)


def reversion(
    kind: AssetKind, writer: Writer, key: AssetKey, version: int, *, etag: str = "", whole: bool = False
) -> AssetWrite:
    """Returns the write that gives an asset the spec of one of its versions again, without what has gone since.

    Args:
        version: In tenths.
        whole: Whether the marks become those of the version too, and whether the asset is deleted. Then an asset that
            is deleted now can be reverted as well. No mark is set.
    """
    return AssetWrite(
        kind=kind,
        verb=Verb.REVERT,
        writer=writer,
        key=key,
        mask=kind.fields,
        etag=etag,
        drops=frozenset(ViolationReason),
        version=version,
        whole=whole,
    )


@dataclass(slots=True, kw_only=True)
class EntityWrite:
    """One upsert of one entity.

    Attributes:
        kind: Of the entity.
        writer: Who writes.
        name: Its raw name.
        values: The fields that are set, by name.
        mask: Fields that are written even without a value, which clears them.
        preserved: What an export has kept of the entity.
        etag: What the caller expects to be stored; empty for anything.
        creates: Whether the entity must not exist yet, not even a deleted one.
    """

    kind: EntityKind
    writer: Writer
    name: str
    values: Mapping[str, Any] = field(default_factory=dict)
    mask: frozenset[str] = frozenset()
    preserved: Preserved | None = None
    etag: str = ""
    creates: bool = False


@dataclass(slots=True, kw_only=True)
class DeferredUpsert:
    """An upsert of one asset by a stream, read only as far as its name and digest.

    Most items of a repeated load are unchanged, which name and digest show. The others are read in full later.

    Attributes:
        kind: Of the asset.
        writer: Who writes.
        key: The asset.
        digest: That of the `AssetWrite` that `read` returns.
        reader: Reads the rest.
        refers_elsewhere: Says, without reading it, whether the write may refer to things of other BI services.
    """

    kind: AssetKind
    writer: Writer
    key: AssetName
    digest: bytes
    reader: Callable[[], AssetWrite]
    refers_elsewhere: Callable[[], bool]
    _read: AssetWrite | CatalogError | None = None

    def read(self) -> AssetWrite:
        """Returns the whole write.

        Raises:
            CatalogError: INVALID_ARGUMENT with everything that is wrong with its shape.
        """
        self.read_ahead()
        if isinstance(self._read, AssetWrite):
            return self._read
        raise cast("CatalogError", self._read)

    def read_ahead(self) -> None:
        """Reads the write now and keeps the result for `read`."""
        if self._read is None:
            try:
                self._read = self.reader()
            except CatalogError as error:
                self._read = error


MISSING = frozenset(
    {
        ViolationReason.UNKNOWN_REFERENCE,
        ViolationReason.DELETED_REFERENCE,
        ViolationReason.FAILED_REFERENCE,
        ViolationReason.UNKNOWN_PROPERTY,
    }
)
"""What a write `drops` that does not need its references to exist."""

Write = AssetWrite | DeferredUpsert | EntityWrite


def kind_and_name(write: Write) -> tuple[str, str]:
    """Returns the kind of what a write is about, and its fully qualified name, or its id if the write has only that."""
    if isinstance(write, EntityWrite):
        return write.kind.name, write.kind.fqn(write.name, write.values)
    return write.kind.name, text_of(write.key)


class ChunkItem(NamedTuple):
    """An item of a bulk stream.

    Attributes:
        offset: Its place in the stream.
        kind: Its kind; empty if the item is empty.
        named: Name of an asset, or fully qualified name of an entity; empty if it cannot be read.
        write: The write that it asks for, or why it cannot be read.
        charts: Fully qualified names of the charts of a dashboard, as sent.
    """

    offset: int
    kind: str
    named: AssetName | str
    write: AssetWrite | DeferredUpsert | EntityWrite | CatalogError
    charts: Iterable[str] = ()

    @property
    def fqn(self) -> str:
        """Its fully qualified name; empty if it cannot be read."""
        return self.named if isinstance(self.named, str) else names.join(*self.named)

    @property
    def content(self) -> object:
        """What it says about its thing, to compare it with items of the same name; None if it cannot be read."""
        if isinstance(self.write, CatalogError):
            return None
        return self.write.values if isinstance(self.write, EntityWrite) else self.write.digest


class Unchanged(NamedTuple):
    """The outcome of an item that is equal to what is stored.

    Attributes:
        kind: Of the asset.
        service: Raw name of its BI service.
        record: A row with its name, id and version.
        outcome: UNCHANGED.
        kept_fields: `name` if the item has a former name of the asset, else none.
        left_out: None.
    """

    kind: AssetKind
    service: str
    record: Any
    outcome: Outcome = Outcome.UNCHANGED
    kept_fields: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def fqn(self) -> str:
        """The fully qualified name of the asset."""
        return names.join(self.service, self.record.name)


class WrittenAsset(NamedTuple):
    """The outcome of a write of an asset.

    Attributes:
        kind: Of the asset.
        fqn: Its fully qualified name.
        record: The asset as it is stored now, or as it was before a hard deletion.
        outcome: The outcome.
        kept_fields: What ingestion left alone, as the contract names it.
        charts: Fully qualified names of the charts that were deleted or restored with it.
        left_out: What the write left out because it cannot be used, as the contract names it.
        former_fqn: Its fully qualified name before a renaming.
    """

    kind: AssetKind
    fqn: str
    record: AssetRecord
    outcome: Outcome
    kept_fields: tuple[str, ...] = ()
    charts: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    former_fqn: str | None = None


@dataclass(frozen=True, slots=True)
class WrittenEntity:
    """The outcome of a write of an entity."""

    kind: EntityKind
    record: EntityRecord
    outcome: Outcome
    kept_fields: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def fqn(self) -> str:
        """The fully qualified name of the entity."""
        return self.record.fqn
