"""The three parts of a question of authorization: who, does what, with what.

Plain values that every layer above may build; this module knows neither tokens nor policies.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

ASSET_KINDS = frozenset({"dashboard", "chart"})
"""Kinds that are assets; every other kind is an entity of the catalog."""


class Action(StrEnum):
    """What a caller wants to do; the names are those of the Cedar schema."""

    VIEW = "view"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    RESTORE = "restore"
    HARD_DELETE = "hard_delete"
    OVERRIDE_METADATA = "override_metadata"
    SWEEP = "sweep"
    WRITE = "write"
    """Upserts or soft-deletes an entity; the five verbs of a write above are for assets."""


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller.

    Attributes:
        subject: Name of the user or bot; owns what is owned by `user:SUBJECT`.
        roles: Names of roles, also of ones that only the policies of this installation know.
        teams: Raw names of the caller's teams.
        services: Raw names of the BI services that the token is limited to, None if it is not limited.
        bot: Whether the caller's writes are ingestion (claim `bot` or role `ingestion_bot`).
        expires_at: When the token stops being accepted, leeway included.
    """

    subject: str
    roles: frozenset[str]
    teams: frozenset[str]
    services: frozenset[str] | None
    bot: bool
    expires_at: datetime | None

    @property
    def ingests(self) -> bool:
        """Whether what this caller writes is ingestion and not an edit."""
        return self.bot

    @property
    def owner_names(self) -> frozenset[str]:
        """The owners that this caller acts for: `user:SUBJECT` and `team:NAME` of each team."""
        return frozenset({f"user:{self.subject}", *(f"team:{team}" for team in self.teams)})


@dataclass(frozen=True, slots=True)
class Resource:
    """What a caller wants to act on, as stored, or as sent where it is new.

    Of what is absent only `kind` and, where the caller's own words tell it, `service` are given.

    Attributes:
        kind: `dashboard`, `chart`, `bi_service`, `user`, `team`, `domain`, `classification`, `tag` or
            `custom_property`.
        name: FQN as the caller sent it, for messages; no part of the decision.
        service: Raw name of an asset's BI service; of a BI service its own.
        service_type: Type of that BI service.
        owners: `user:NAME` and `team:NAME`, raw names.
        domain: FQN.
        tags: FQNs.
    """

    kind: str
    name: str = ""
    service: str | None = None
    service_type: str | None = None
    owners: frozenset[str] = frozenset()
    domain: str | None = None
    tags: frozenset[str] = frozenset()
