"""Makes items of what Superset says about charts, dashboards and tags, in an export and over its API alike.

The names are those that OpenMetadata's connector gives: the number of a chart or a dashboard in Superset. So one can
replace the other. Does not know files and servers.
"""

from collections.abc import Iterable, Iterator, Mapping

from dashboard_catalog.catalog.model.qualified_names import join, quote
from dashboard_catalog.sources.items.found import BadItem, Body, Found, FoundItem
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.tools.superset.charts import chart_type
from dashboard_catalog.sources.tools.tool_items import Tags, is_something, present, service_item, wished_service
from dashboard_catalog.sources.wishes import Wishes

CLASSIFICATION = "SupersetTags"

_SERVICE_TYPE = "Superset"
_TITLES: Mapping[Kind, str] = {Kind.CHART: "slice_name", Kind.DASHBOARD: "dashboard_title"}
_READ = frozenset(("id", "uuid", "url", "description", "viz_type", "tags", "owners", *_TITLES.values()))


class SupersetItems:
    """Makes the items of one BI service.

    Args:
        wishes: What the user says about it.
        ignored: Fields of charts and dashboards that say nothing about them, or are used otherwise.
        url: Address of the server; None if it is not known.

    Raises:
        SourceError: If the BI service is not named, because Superset has no name for itself.
    """

    def __init__(self, wishes: Wishes, ignored: Iterable[str], url: str | None = None) -> None:
        self._service = wished_service(wishes, "Superset")
        self._service_type = wishes.service_type or _SERVICE_TYPE
        self._known = _READ.union(ignored)
        self._url = url
        self._tags = Tags(CLASSIFICATION)

    def bi_service(self, place: str) -> FoundItem:
        """Returns the BI service."""
        return service_item(place, self._service, self._service_type, self._url)

    def chart(self, place: str, number: int, content: Body) -> Found:
        """Returns a chart.

        Args:
            place: Where it was found.
            number: Its id.
            content: What Superset says about it, with the names of its tags as `tags`.
        """
        own = {"chartType": chart_type(content.get("viz_type"))}
        return self._asset(place, Kind.CHART, number, content, own)

    def dashboard(self, place: str, number: int, content: Body, charts: Iterable[int]) -> Found:
        """Returns a dashboard. `charts` are the ids of its charts; for the other arguments see `chart`."""
        names = [join(self._service, str(chart)) for chart in dict.fromkeys(charts)]
        return self._asset(place, Kind.DASHBOARD, number, content, {"charts": names})

    def failed(self, place: str, kind: Kind, number: int, problem: str) -> BadItem:
        """Returns a chart or a dashboard that cannot be an item."""
        return BadItem(place, problem, kind, {"name": str(number), "service": quote(self._service)})

    def tags(self, place: str, descriptions: Mapping[str, object]) -> Iterator[FoundItem]:
        """Yields the tags, and before them their classification.

        Args:
            place: Where the descriptions were found.
            descriptions: The description of each tag, also of tags that no chart and no dashboard has.
        """
        described = {name: (place, {"description": text}) for name, text in descriptions.items()}
        return self._tags.items(place, described)

    def _asset(self, place: str, kind: Kind, number: int, content: Body, own: Body) -> Found:
        if (title := _TITLES[kind]) not in content:
            return self.failed(place, kind, number, f"is not a {kind} of Superset: it has no {title}")
        owners, unnamed = _owners(kind, content.get("owners"))
        labels, unusable = self._tags.labels(place, kind, content.get("tags") or [])
        body = {
            "name": str(number),
            "service": quote(self._service),
            "displayName": content[title],
            "description": content.get("description"),
            "sourceUrl": self._source_url(content.get("url")),
            "owners": owners,
            "tags": labels,
            **own,
        }
        others = [f"{kind}.{key}" for key, value in content.items() if key not in self._known and is_something(value)]
        return FoundItem(place, kind, present(body), dropped=(*others, *unnamed, *unusable))

    def _source_url(self, path: object) -> str | None:
        return f"{self._url}{path}" if self._url and isinstance(path, str) and path.startswith("/") else None


def _owners(kind: Kind, owners: object) -> tuple[list[Body], list[str]]:
    """Returns references to the owners, and what to say of those that cannot be named.

    OpenMetadata names a user by what is before the `@` of the e-mail address.
    """
    if not isinstance(owners, list):
        return [], []
    addresses = [owner.get("email") if isinstance(owner, dict) else None for owner in owners]
    names = [address.partition("@")[0] for address in addresses if isinstance(address, str)]
    references: list[Body] = [{"type": "user", "name": name} for name in dict.fromkeys(names) if name]
    return references, [f"{kind}.owners (without an e-mail address)"] * (len(owners) - len(names))
