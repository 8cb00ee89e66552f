"""What is stored, as dataclasses. `tables` makes a table from each of them.

A field declared with `stored` is a column of the same name, so a record and its table cannot differ. Every key of a
per-service table begins with `service_id`, so that the table can be distributed by it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Integer, LargeBinary, Text

from dashboard_catalog.store.column_types import DOCUMENT, ID, KEY_TEXT, TIMESTAMP, UUID_LIST
from dashboard_catalog.store.columns import stored

CATALOG_ID = UUID(int=0)
"""Takes the place of a BI service for everything that belongs to the catalog as a whole."""


@dataclass(slots=True, kw_only=True)
class AssetRecord:
    """One version of an asset of any kind. References are ids."""

    service_id: UUID = stored(ID, key=True)
    name: str = stored(KEY_TEXT, key=True)
    id: UUID = stored(ID)
    # In tenths: 1 is version 0.1.
    version: int = stored(Integer(), default=1)
    display_name: str | None = stored(Text(), null=True)
    description: str | None = stored(Text(), null=True)
    source_url: str | None = stored(Text(), null=True)
    owners: list[UUID] = stored(UUID_LIST, default=list)
    domain: UUID | None = stored(ID, null=True)
    tags: list[UUID] = stored(UUID_LIST, default=list)
    # The labels that are not Manual and Confirmed, as `catalog/model/labels.py` encodes them.
    tag_labels: dict[str, list[str]] | None = stored(DOCUMENT, null=True)
    extension: dict[str, Any] | None = stored(DOCUMENT, null=True)
    source_hash: str | None = stored(Text(), null=True)
    deleted: bool = stored(Boolean(), default=False)
    # The asset whose deletion took this one along.
    deleted_with: UUID | None = stored(ID, null=True)
    # Whether an edit deleted it. Then ingestion does not restore it.
    deleted_by_edit: bool = stored(Boolean(), default=False)
    # What people have decided, as `catalog/model/stewardship.py` encodes it.
    edited: dict[str, list[str]] | None = stored(DOCUMENT, null=True)
    # What this version changed, as `catalog/model/change.py` encodes it.
    change: dict[str, Any] | None = stored(DOCUMENT, null=True)
    # Digest of the last ingested spec, until something else changes the asset or its marks.
    digest: bytes | None = stored(LargeBinary(), null=True)
    # Whether ingestion has ever written it. A sweep deletes nothing else.
    ingested: bool = stored(Boolean(), default=False)
    change_number: int = stored(BigInteger())
    updated_at: datetime = stored(TIMESTAMP)
    updated_by: str = stored(Text())
    # The source of this version: ingestion or an edit, its call, and its bulk session if there was one.
    by_ingestion: bool = stored(Boolean())
    call_id: str = stored(Text())
    session_id: UUID | None = stored(ID, null=True)


@dataclass(slots=True, kw_only=True)
class DashboardRecord(AssetRecord):
    """One version of a dashboard."""

    dashboard_type: str | None = stored(Text(), null=True)
    project: str | None = stored(KEY_TEXT, null=True)
    charts: list[UUID] = stored(UUID_LIST, default=list)


@dataclass(slots=True, kw_only=True)
class ChartRecord(AssetRecord):
    """One version of a chart."""

    chart_type: str | None = stored(Text(), null=True)


@dataclass(slots=True, kw_only=True)
class EntityRecord:
    """A BI service, user, team, domain, classification, tag or custom property."""

    id: UUID = stored(ID, key=True)
    kind: str = stored(Text())
    name: str = stored(KEY_TEXT)
    fqn: str = stored(KEY_TEXT)
    display_name: str | None = stored(Text(), null=True)
    description: str | None = stored(Text(), null=True)
    # The teams above a team, the domain above a domain, or a tag's classification and then the tag above it.
    parents: list[UUID] = stored(UUID_LIST, default=list)
    # The fields of its kind that are not references.
    attributes: dict[str, Any] = stored(DOCUMENT, default=dict)
    deleted: bool = stored(Boolean(), default=False)
    change_number: int = stored(BigInteger())
    updated_at: datetime = stored(TIMESTAMP)
    updated_by: str = stored(Text())
    call_id: str = stored(Text())


@dataclass(slots=True, kw_only=True)
class EntityChangeRecord:
    """One change of an entity: all that the entity was after it. Numbered in the sequence of `CATALOG_ID`."""

    change_number: int = stored(BigInteger(), key=True)
    # `created`, `updated`, `deleted` or `restored`.
    change: str = stored(Text())
    id: UUID = stored(ID)
    kind: str = stored(Text())
    name: str = stored(KEY_TEXT)
    fqn: str = stored(KEY_TEXT)
    # The name before, if the change is another name.
    previous_fqn: str | None = stored(KEY_TEXT, null=True)
    display_name: str | None = stored(Text(), null=True)
    description: str | None = stored(Text(), null=True)
    parents: list[UUID] = stored(UUID_LIST, default=list)
    attributes: dict[str, Any] = stored(DOCUMENT, default=dict)
    deleted: bool = stored(Boolean(), default=False)
    updated_at: datetime = stored(TIMESTAMP)
    updated_by: str = stored(Text())
    by_ingestion: bool = stored(Boolean())
    call_id: str = stored(Text())
    session_id: UUID | None = stored(ID, null=True)


@dataclass(slots=True, kw_only=True)
class RemovedRecord:
    """What is left of an asset or entity that was removed for good."""

    # The BI service of an asset; `CATALOG_ID` for an entity.
    service_id: UUID = stored(ID, key=True)
    change_number: int = stored(BigInteger(), key=True)
    kind: str = stored(Text())
    id: UUID = stored(ID)
    # Its name then.
    fqn: str = stored(Text())
    # The name of its BI service then, or of itself if it was one. Empty for all other entities.
    service_fqn: str = stored(Text())
    updated_at: datetime = stored(TIMESTAMP)
    updated_by: str = stored(Text())
    by_ingestion: bool = stored(Boolean())
    call_id: str = stored(Text())
    # The bulk sessions that wrote any of its versions.
    session_ids: list[UUID] = stored(UUID_LIST, default=list)
    # The type of a BI service then, by which policies decide.
    service_type: str | None = stored(Text(), null=True)


@dataclass(slots=True, kw_only=True)
class FormerNameRecord:
    """A name that an asset or entity had before, as long as nothing else has it."""

    # The BI service of an asset; `CATALOG_ID` for an entity.
    service_id: UUID = stored(ID, key=True)
    kind: str = stored(Text(), key=True)
    # The name of an asset; the fully qualified name of an entity.
    name: str = stored(KEY_TEXT, key=True)
    id: UUID = stored(ID)


@dataclass(slots=True, kw_only=True)
class SessionRecord:
    """The progress of a bulk session, committed together with each of its chunks."""

    # The BI service of the session, or `CATALOG_ID`.
    service_id: UUID = stored(ID, key=True)
    id: UUID = stored(ID, key=True)
    owner: str = stored(Text())
    # Digest of its options. A stream that resumes the session must have the same.
    options: bytes = stored(LargeBinary())
    # The only connection that may write: the newest one. None after it is known to have ended.
    connection: UUID | None = stored(ID, null=True)
    next_offset: int = stored(BigInteger(), default=0)
    # Number of items by outcome, in lower case, and by kind of what was created for them.
    counts: dict[str, int] = stored(DOCUMENT, default=dict)
    # Size of the refused items that are kept, and the number of those that are not.
    failure_bytes: int = stored(BigInteger(), default=0)
    failures_not_kept: int = stored(BigInteger(), default=0)
    # Whether it will sweep its service, and the last change number of the service when the session began.
    sweeps: bool = stored(Boolean(), default=False)
    began_after: int = stored(BigInteger(), default=0)
    # Whether it had an item with an unreadable fully qualified name. Then it sweeps nothing.
    unreadable: bool = stored(Boolean(), default=False)
    # {"outcome", "deleted", "would_delete", "sample"} after its sweep.
    swept: dict[str, Any] | None = stored(DOCUMENT, null=True)
    finished: bool = stored(Boolean(), default=False)
    # The first and the last change number that it wrote in each BI service, by the service's id in hex.
    changes: dict[str, list[int]] = stored(DOCUMENT, default=dict)
    # When it was first reverted. Then it cannot be resumed.
    reverted_at: datetime | None = stored(TIMESTAMP, null=True)
    # Whether its failures and mentions have expired. Then it cannot go on, only begin again.
    details_expired: bool = stored(Boolean(), default=False)
    started_at: datetime = stored(TIMESTAMP)
    updated_at: datetime = stored(TIMESTAMP)


@dataclass(slots=True, kw_only=True)
class FailureRecord:
    """A refused item of a bulk session."""

    service_id: UUID = stored(ID, key=True)
    session_id: UUID = stored(ID, key=True)
    item_offset: int = stored(BigInteger(), key=True)
    kind: str = stored(Text())
    fqn: str = stored(Text())
    # The parts of the error: {"reason", "message", "metadata", "violations", "resource"}.
    error: dict[str, Any] = stored(DOCUMENT)


@dataclass(slots=True, kw_only=True)
class MentionRecord:
    """The assets of one kind that one chunk of a sweeping session mentioned."""

    service_id: UUID = stored(ID, key=True)
    session_id: UUID = stored(ID, key=True)
    item_offset: int = stored(BigInteger(), key=True)
    # `dashboard`, `chart`, or `held` for charts that dashboards refer to.
    kind: str = stored(Text(), key=True)
    # Digests of their names, 8 bytes each.
    digests: bytes = stored(LargeBinary())
