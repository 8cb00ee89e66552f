"""The BI service and the name of each asset of DataHub.

DataHub knows platforms, such as `superset`, and where there are several installations of one, instances. Ids of an
instance begin with its name: `(superset,prod.3)` is the dashboard 3 of prod.
"""

from collections.abc import Iterator, Mapping

from dashboard_catalog.sources.problems import SourceError
from dashboard_catalog.sources.tools.datahub.aspects import Metadata
from dashboard_catalog.sources.tools.datahub.urns import platform_and_id
from dashboard_catalog.sources.wishes import Wishes

_SERVICE_TYPES: Mapping[str, str] = {
    "domo": "DomoDashboard",
    "grafana": "Grafana",
    "hex": "Hex",
    "lightdash": "Lightdash",
    "looker": "Looker",
    "metabase": "Metabase",
    "microstrategy": "MicroStrategy",
    "mode": "Mode",
    "omni": "Omni",
    "powerbi": "PowerBI",
    "powerbi-report-server": "PowerBIReportServer",
    "preset": "Superset",
    "qlik-sense": "QlikSense",
    "quicksight": "QuickSight",
    "redash": "Redash",
    "sigma": "Sigma",
    "ssrs": "Ssrs",
    "superset": "Superset",
    "tableau": "Tableau",
    "thoughtspot": "ThoughtSpot",
}
"""The type of the BI service of each platform."""


class Names:
    """The names of the assets that the files have or refer to."""

    def __init__(self, metadata: Metadata, wishes: Wishes) -> None:
        self._wishes = wishes
        self._own: dict[str, str] = {}
        self._instances: dict[str, set[str]] = {}
        self._platforms: dict[str, str] = {}
        for urn, entity in metadata.entities.items():
            if isinstance(instance_urn := entity.get("dataPlatformInstance", "instance"), str):
                _, instance = platform_and_id(instance_urn)
                if instance:
                    self._own[urn] = instance
                    self._instances.setdefault(platform_and_id(urn)[0], set()).add(instance)

    def of(self, urn: str) -> tuple[str, str]:
        """Returns the name of an asset and the name of its BI service; either is empty if the URN does not have it.

        The BI service is the instance, if the files name one, or else what people wish, or else the platform.
        """
        platform, id = platform_and_id(urn)
        instance = self._instance(urn, platform, id)
        if instance is None:
            return id, platform and (self._wishes.service or platform)
        return id.removeprefix(f"{instance}.") or id, instance

    def use(self, urn: str) -> None:
        """Adds the BI service of an asset to those that are used, if the URN names both.

        Raises:
            SourceError: If it is that of another platform already.
        """
        platform, _ = platform_and_id(urn)
        name, service = self.of(urn)
        if not name or not service:
            return
        other = self._platforms.setdefault(service, platform)
        if self._type(service, other) != self._type(service, platform):
            hint = "leave --service out" if service == self._wishes.service else "their instances need different names"
            raise SourceError(f"{service} would be a BI service of {other} and of {platform}: {hint}")

    def services(self) -> Iterator[tuple[str, str]]:
        """Yields the BI services that are used, with their types."""
        for service, platform in self._platforms.items():
            yield service, self._wished_type(service) or self._type(service, platform)

    def _instance(self, urn: str, platform: str, id: str) -> str | None:
        """Returns the instance of an asset. A chart may only be referred to; then its id tells."""
        if (own := self._own.get(urn)) is not None:
            return own
        fitting = [one for one in self._instances.get(platform, ()) if id.startswith(f"{one}.")]
        return max(fitting, key=len, default=None)

    def _wished_type(self, service: str) -> str | None:
        return self._wishes.service_type if service == self._wishes.service else None

    def _type(self, service: str, platform: str) -> str:
        return _SERVICE_TYPES.get(platform) or self._wishes.service_type or platform
