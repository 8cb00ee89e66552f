"""The three parts of an authorization question: principal, action and resource.

They are plain values that every layer above can build. This module must not know tokens or policies.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

ASSET_KINDS = frozenset({"dashboard", "chart"})
"""The kinds that are assets. Every other kind is an entity."""


class Action(StrEnum):
    """What a caller wants to do, named as in the Cedar schema."""

    VIEW = "view"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    RESTORE = "restore"
    HARD_DELETE = "hard_delete"
    OVERRIDE_METADATA = "override_metadata"
    SWEEP = "sweep"
    WRITE = "write"
    """Upserts or soft-deletes an entity. Writes of assets have separate actions."""
    RENAME = "rename"
    """Renames an entity. An asset is renamed with `update`."""
    PRESERVE = "preserve"
    """Exports the catalog, and imports it with ids, versions and marks."""
    REVERT_SESSION = "revert_session"


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller.

    Attributes:
        subject: Name of the user or bot. The caller owns what `user:SUBJECT` owns.
        roles: Names of roles, including roles that only the policies of this installation use.
        teams: Unquoted names of the caller's teams.
        services: Unquoted names of the BI services that the token is limited to, or None for no limit.
        bot: Whether the caller's writes are ingestion (claim `bot` or role `ingestion_bot`).
        expires_at: When the token stops being accepted, including the leeway.
    """

    subject: str
    roles: frozenset[str]
    teams: frozenset[str]
    services: frozenset[str] | None
    bot: bool
    expires_at: datetime | None

    @property
    def ingests(self) -> bool:
        """Whether the caller's writes are ingestion rather than edits."""
        return self.bot

    @property
    def owner_names(self) -> frozenset[str]:
        """The owners that the caller acts for: `user:SUBJECT`, and `team:NAME` for each team."""
        return frozenset({f"user:{self.subject}", *(f"team:{team}" for team in self.teams)})


@dataclass(frozen=True, slots=True)
class Resource:
    """What a caller wants to act on: as stored if it exists, as sent if it is new.

    A resource that does not exist has only its `kind`, and its `service` if the request names it.

    Attributes:
        kind: `dashboard`, `chart`, `bi_service`, `user`, `team`, `domain`, `classification`, `tag` or
            `custom_property`.
        name: FQN as the caller sent it, for messages. It is not part of the decision.
        service: Unquoted name of the BI service of an asset. A BI service has its own name here.
        service_type: Type of that BI service.
        owners: `user:NAME` and `team:NAME`, with unquoted names.
        domain: FQN of the domain.
        tags: FQNs of the tags.
        deleted_by: `edit` or `ingestion`, for the restoration of an asset.
    """

    kind: str
    name: str = ""
    service: str | None = None
    service_type: str | None = None
    owners: frozenset[str] = frozenset()
    domain: str | None = None
    tags: frozenset[str] = frozenset()
    deleted_by: str | None = None
