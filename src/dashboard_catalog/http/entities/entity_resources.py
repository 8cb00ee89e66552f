"""Which kinds of entities have resources of their own, and how these differ."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dashboard_catalog.catalog.model.kinds import ENTITY_KINDS, EntityKind
from dashboard_catalog.http.dialect.shapes import Shape


@dataclass(frozen=True, slots=True, eq=False)
class EntityResource:
    """The resource of a kind of entity.

    Attributes:
        kind: The kind.
        path: Its path below `/api/v1`.
        keys: What is answered of an entity beside what all kinds have and beside references.
        defaults: What is answered where nothing is stored, because clients require it.
        has_deleted: Whether OpenMetadata's model says if an entity is deleted. It refuses other keys.
        limit: Number of entities on a page by default.
        is_caller: Whether callers are among them, by the subject of their token.
        has_assets: Whether dashboards and charts are in them.
        dropped: What a body may have and the catalog does not keep, where it has a shape that is checked.
    """

    kind: EntityKind
    path: str
    keys: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    has_deleted: bool = True
    limit: int = 10
    is_caller: bool = False
    has_assets: bool = False
    dropped: Shape = field(default_factory=dict)

    @property
    def root(self) -> str:
        """Its whole path."""
        return f"/api/v1/{self.path}"

    @property
    def writable(self) -> frozenset[str]:
        """The members of an entity that a patch can write."""
        movable = (name for name in self.kind.parents if name not in self.kind.fixed)
        return frozenset(("displayName", "description", *self.keys, *movable))


_DESCRIBED: Mapping[str, Any] = {"description": ""}

ENTITY_RESOURCES = (
    EntityResource(
        ENTITY_KINDS["bi_service"],
        "services/dashboardServices",
        ("serviceType",),
        {"serviceType": "CustomDashboard"},
        # Clients that list them want all, and send no parameters.
        limit=1_000,
        has_assets=True,
        # It has the password of the BI tool.
        dropped={"connection": dict},
    ),
    EntityResource(ENTITY_KINDS["user"], "users", ("email", "isBot"), is_caller=True),
    EntityResource(ENTITY_KINDS["team"], "teams", ("teamType",)),
    EntityResource(
        ENTITY_KINDS["domain"], "domains", defaults={"domainType": "Aggregate", **_DESCRIBED}, has_deleted=False
    ),
    EntityResource(ENTITY_KINDS["classification"], "classifications", ("mutuallyExclusive",), _DESCRIBED),
    EntityResource(ENTITY_KINDS["tag"], "tags", ("disabled",), _DESCRIBED),
)
