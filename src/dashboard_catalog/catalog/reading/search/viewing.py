"""What of each kind the caller of a search may view. The rest is neither found nor counted."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from dashboard_catalog.auth.policies import ActionDenied, Authorizer
from dashboard_catalog.auth.principal import Action, Principal
from dashboard_catalog.catalog.authorization import check_views_any, viewable_services
from dashboard_catalog.catalog.model.kinds import CHART_KIND, DASHBOARD_KIND, KINDS, Kind
from dashboard_catalog.catalog.visibility.sight import KINDS_OF_SERVICES
from dashboard_catalog.index import queries
from dashboard_catalog.store.records import CATALOG_ID, EntityRecord

Limit = frozenset[UUID] | None


@dataclass(frozen=True, slots=True)
class Viewing:
    """What a caller may view.

    Attributes:
        services: For each kind that the caller may view, the BI services that it is limited to; None without a limit.
        charts: The BI services whose charts the caller may view, also if no charts are searched; None without a limit.
        everything: Whether the caller may view everything, also what is not searched.
    """

    services: Mapping[str, Limit]
    charts: Limit
    everything: bool

    @classmethod
    def of(
        cls, authorizer: Authorizer, principal: Principal, kinds: Iterable[str], services: Sequence[EntityRecord]
    ) -> "Viewing":
        """Returns what a caller may view of some kinds.

        Args:
            services: All BI services.

        Raises:
            CatalogError: PERMISSION_DENIED if the caller may view none of the kinds.
        """
        limits: dict[str, Limit] = {}
        denials = []
        for name in kinds:
            limit = _limit(authorizer, principal, KINDS[name], services)
            try:
                if not limit:
                    check_views_any(authorizer, principal, KINDS[name])
                limits[name] = limit
            except ActionDenied as denial:
                denials.append(denial)
        if not limits:
            raise denials[0]
        charts = _limit(authorizer, principal, CHART_KIND, services)
        return cls(limits, charts, authorizer.allows_everything(principal, Action.VIEW))

    def shows(self, kind: str, service: UUID | None) -> bool:
        """Says whether the caller may view a thing.

        Args:
            service: The BI service of an asset, or the BI service itself; None for other entities.
        """
        limit = self.services.get(kind, frozenset())
        return limit is None or service in limit

    def shown_services(self, services: Sequence[EntityRecord]) -> list[EntityRecord]:
        """Returns those of some BI services of which the caller may view anything that is searched."""
        limits = [limit for kind, limit in self.services.items() if kind in KINDS_OF_SERVICES]
        if None in limits:
            return list(services)
        shown = frozenset[UUID]().union(*(limit or () for limit in limits))
        return [service for service in services if service.id in shown]

    def condition(self) -> queries.Query | None:
        """Returns what finds everything that the caller may view; None if that is everything."""
        if self.services.keys() >= KINDS.keys() and all(limit is None for limit in self.services.values()):
            return None
        of_limit: dict[Limit, list[str]] = {}
        for kind, limit in self.services.items():
            of_limit.setdefault(limit, []).append(kind)
        return queries.condition(queries.either([_of_kinds(kinds, limit) for limit, kinds in of_limit.items()]))

    def condition_of_charts(self) -> queries.Query | None:
        """Returns what a dashboard must be for the caller to view the charts of its BI service; None for any."""
        dashboards = self.services.get(DASHBOARD_KIND.name, frozenset())
        if self.charts is None or (dashboards is not None and dashboards <= self.charts):
            return None
        return queries.any_of("service", [id_.hex for id_ in self.charts])


def viewable_sequences(
    authorizer: Authorizer, principal: Principal, services: Sequence[EntityRecord]
) -> Collection[UUID]:
    """Returns the sequences of changes in which there may be any that a caller may view.

    Args:
        services: All BI services.
    """
    limits = [_limit(authorizer, principal, KINDS[name], services) for name in KINDS_OF_SERVICES]
    shown = {service.id for service in services if any(limit is None or service.id in limit for limit in limits)}
    return {CATALOG_ID, *shown}


def _limit(authorizer: Authorizer, principal: Principal, kind: Kind, services: Sequence[EntityRecord]) -> Limit:
    """Returns the BI services that viewing a kind is limited to; None if it is not limited by service."""
    if kind.name not in KINDS_OF_SERVICES or authorizer.allows_everything(principal, Action.VIEW):
        return None
    return frozenset(service.id for service in viewable_services(authorizer, principal, kind, services))


def _of_kinds(kinds: Sequence[str], services: Limit) -> queries.Query:
    of_kind = queries.any_of("kind", kinds)
    if services is None:
        return of_kind
    return queries.all_of([of_kind, queries.any_of("service", [id_.hex for id_ in services])])
