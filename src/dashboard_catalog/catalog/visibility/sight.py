"""Which things the callers of one batch may view.

Dashboards and charts are viewed per BI service. Users, teams, domains, classifications, tags and custom properties
belong to no BI service: whoever may view an asset sees the names of those that it has.
"""

from collections.abc import Iterable
from uuid import UUID

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Action, Principal
from dashboard_catalog.catalog import authorization
from dashboard_catalog.catalog.known.assumed import KnownAsset
from dashboard_catalog.catalog.known.known_entities import KnownEntities
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.commands import AssetName
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS, CHART_KIND, ENTITY_KINDS, KINDS, EntityKind, Kind
from dashboard_catalog.store.records import EntityRecord

_BI_SERVICE = ENTITY_KINDS["bi_service"]

KINDS_OF_SERVICES = frozenset({*ASSET_KINDS, _BI_SERVICE.name})
"""The kinds of things that belong to a BI service, or are one."""


class Sight:
    """What callers may view, each distinct question asked once.

    Args:
        authorizer: Decides.
        known_entities: Holds the BI services of everything that is asked about.
    """

    def __init__(self, authorizer: Authorizer, known_entities: KnownEntities) -> None:
        self.known = known_entities
        self._authorizer = authorizer
        # Principals are kept, so that no other one gets the id of one of them.
        self._limited: dict[int, tuple[bool, Principal]] = {}
        self._shown: dict[tuple[int, str, UUID], bool] = {}

    def is_limited(self, principal: Principal) -> bool:
        """Says whether there may be anything that a caller may not view. What others may view costs nothing."""
        found = self._limited.get(id(principal))
        if found is None:
            limited = not self._authorizer.allows_everything(principal, Action.VIEW)
            found = self._limited[id(principal)] = limited, principal
        return found[0]

    def shows(self, principal: Principal, kind: Kind, service: EntityRecord | None) -> bool:
        """Says whether a caller may view the assets of a kind in a BI service, or the service itself.

        Args:
            kind: A kind of asset, or `bi_service`.
            service: None if there is no such service: nothing in it can be viewed.
        """
        if not self.is_limited(principal):
            return True
        if service is None:
            return False
        question = id(principal), kind.name, service.id
        if question not in self._shown:
            resource = authorization.viewed(kind, service)
            self._shown[question] = self._authorizer.allows(principal, Action.VIEW, resource)
        return self._shown[question]

    def shows_charts(self, principal: Principal, charts: Iterable[AssetName]) -> bool:
        """Says whether a caller may view all charts of these names, as far as they exist."""
        if not self.is_limited(principal):
            return True
        services = {chart.service for chart in charts}
        return all(self.shows(principal, CHART_KIND, self.known.service(name)) for name in services)

    def shows_target(self, principal: Principal, target: KnownAsset) -> bool:
        """Says whether a caller may view what a custom property refers to."""
        if target.kind not in KINDS_OF_SERVICES:
            return True
        service = self.known.service(names.split(target.fqn)[0])
        return self.shows(principal, KINDS[target.kind], service)

    def shows_entity(self, principal: Principal, kind: EntityKind, record: EntityRecord) -> bool:
        """Says whether a caller may view an entity itself."""
        if kind is _BI_SERVICE:
            return self.shows(principal, kind, record)
        if not self.is_limited(principal):
            return True
        return self._authorizer.allows(principal, Action.VIEW, authorization.entity(kind, record, record.fqn))
