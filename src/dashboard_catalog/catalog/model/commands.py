"""What callers ask the catalog to write, and what they are told became of it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, cast
from uuid import UUID

from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.model import names
from dashboard_catalog.catalog.model.kinds import AssetKind, EntityKind
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store.tables import AssetRecord, EntityRecord


class Verb(StrEnum):
    """What a write does to its asset."""

    CREATE = "create"
    UPSERT = "upsert"
    UPDATE = "update"
    DELETE = "delete"
    RESTORE = "restore"


class Outcome(StrEnum):
    """What became of a write: the contract's `Outcome` without its prefix."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    UNCHANGED = "UNCHANGED"
    RESTORED = "RESTORED"
    SUPPRESSED = "SUPPRESSED"


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, and how.

    Attributes:
        overrides: Whether ingestion writes as an edit would, over what people decided.
        call_id: Id of the call, for history and logs.
        session_id: Id of the bulk session, if any.
    """

    principal: Principal
    ingests: bool
    call_id: str
    overrides: bool = False
    session_id: UUID | None = None

    @property
    def edits(self) -> bool:
        """Whether it writes as people do: over marks, and setting them."""
        return self.overrides or not self.ingests


class SentReference(NamedTuple):
    """A reference as sent: its type, and at least one of the parts that tell which."""

    type: str
    id: str
    name: str
    fqn: str


class SentLabel(NamedTuple):
    """A tag label as sent, with its defaults filled in."""

    tag_fqn: str
    label_type: str
    state: str


class AssetName(NamedTuple):
    """The asset of this raw name in the BI service of this raw name."""

    service: str
    name: str


@dataclass(frozen=True, slots=True)
class Marks:
    """Which stewarded parts of an asset people have decided: fields, tags by fully qualified name, extension keys."""

    fields: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    extension_keys: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class AssetWrite:
    """One write of one asset.

    Attributes:
        key: Which asset: by name, or by id.
        identity: Name and service (raw) that the spec of an update repeats.
        values: The fields that are set, by name, with references as sent; `catalog.shape` has checked them.
        mask: Fields that are written even where they are not set.
        digest: Digest of an ingested spec with its options.
        takes_along: Says which charts a deletion may take along; all of them by default.
    """

    kind: AssetKind
    verb: Verb
    writer: Writer
    key: AssetName | UUID
    identity: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    mask: frozenset[str] = frozenset()
    release: Marks | None = None
    etag: str = ""
    hard: bool = False
    digest: bytes | None = None
    takes_along: Callable[[AssetRecord], bool] | None = None


@dataclass(slots=True, kw_only=True)
class EntityWrite:
    """One upsert of one entity: its raw name and the fields that are set."""

    kind: EntityKind
    writer: Writer
    name: str
    values: Mapping[str, Any] = field(default_factory=dict)
    mask: frozenset[str] = frozenset()


@dataclass(slots=True, kw_only=True)
class DeferredUpsert:
    """An upsert of one asset by a stream, of which no more than name and digest has been looked at.

    Attributes:
        digest: As of the `AssetWrite` that `read` returns.
        reader: Reads the rest.
    """

    kind: AssetKind
    writer: Writer
    key: AssetName
    digest: bytes
    reader: Callable[[], AssetWrite]
    _read: AssetWrite | CatalogError | None = None

    def read(self) -> AssetWrite:
        """Returns the write that it is.

        Raises:
            CatalogError: INVALID_ARGUMENT with everything that is wrong with its shape.
        """
        self.read_ahead()
        if isinstance(self._read, AssetWrite):
            return self._read
        raise cast("CatalogError", self._read)

    def read_ahead(self) -> None:
        """Reads it, and keeps what `read` will answer."""
        if self._read is None:
            try:
                self._read = self.reader()
            except CatalogError as error:
                self._read = error


class ChunkItem(NamedTuple):
    """An item of a bulk stream at its place in it.

    Attributes:
        kind: Its kind, empty if the item holds nothing.
        named: Key of an asset, fully qualified name of an entity; empty if that cannot be told.
        write: What it asks for, or why that cannot be told.
        charts: Fully qualified names of the charts that it holds, as sent.
    """

    offset: int
    kind: str
    named: AssetName | str
    write: AssetWrite | DeferredUpsert | EntityWrite | CatalogError
    charts: Iterable[str] = ()

    @property
    def fqn(self) -> str:
        """Its fully qualified name, empty if that cannot be told."""
        return self.named if isinstance(self.named, str) else names.join(*self.named)


class Unchanged(NamedTuple):
    """What became of an asset that a stream brought as it is stored.

    Attributes:
        record: A row that has its id and version.
    """

    kind: AssetKind
    record: Any
    outcome: Outcome = Outcome.UNCHANGED
    kept_fields: tuple[str, ...] = ()


class WrittenAsset(NamedTuple):
    """What became of an asset.

    Attributes:
        record: As it is stored now, or as it last was after a hard deletion.
        charts: Fully qualified names of those that went or came back with it.
    """

    kind: AssetKind
    fqn: str
    record: AssetRecord
    outcome: Outcome
    kept_fields: tuple[str, ...] = ()
    charts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WrittenEntity:
    """What became of an entity."""

    kind: EntityKind
    record: EntityRecord
    outcome: Outcome
    kept_fields: tuple[str, ...] = ()
