"""A large catalog, generated item by item: BI services of different sizes, with common and rare values per filter.

Items are drawn in order from a seeded source, so another edition of a kind has the same owners, tags and so on.
"""

import random
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Generic, TypeVar

from dashboardcatalog.v1 import bulk_pb2, chart_pb2, dashboard_pb2, entity_pb2, reference_pb2

T = TypeVar("T", bound=Hashable)
Item = bulk_pb2.BulkUpsertItem

# Number of assets with a rare value, with the shared chart, and in the smallest BI service.
RARE, SHARED, TINY = 10, 1_000, 100
# One asset in this number has no description.
UNDESCRIBED = 50
# The form of names depends on the tool, and determines where its assets are in the order of names.
_FORMS = {
    "Superset": "slug",
    "Looker": "number",
    "Tableau": "hex",
    "Metabase": "number",
    "PowerBI": "hex",
    "Grafana": "slug",
}
_WORDS = ["sales", "revenue", "churn", "latency", "orders", "stock", "traffic", "budget", "margin", "energy"]
_DESCRIPTION = (
    "Shows how {0} moved over the last quarter, by region and by product, against the plan and the year before. "
    "Refreshed every night; edition {1}."
)


class _Shares(Generic[T]):
    """Values with the share of assets that have each; other assets have none."""

    def __init__(self, shares: Mapping[T, float]) -> None:
        self._values = [*shares, None]
        self._sums = [*accumulate(shares.values()), 1.0]

    def pick(self, source: random.Random) -> T | None:
        return source.choices(self._values, cum_weights=self._sums)[0]


def _skewed(names: list[str], share: float) -> dict[str, float]:
    """Returns shares that decrease from the first name on, and together are `share`."""
    weights = [1 / (place + 3) for place in range(len(names))]
    return {name: share * weight / sum(weights) for name, weight in zip(names, weights, strict=True)}


USERS = [f"user-{number}" for number in range(2_000)]
TEAMS = [f"team-{number}" for number in range(50)]
SUBJECTS = [f"subject-{number}" for number in range(300)]
# Each is below the first, which covers a fifth of all assets with its subdomains.
FINANCE = ["finance", "finance.tax", "finance.tax.vat"]
DOMAINS = [f"domain-{number}" for number in range(40)]
PROJECTS = [f"project-{number}" for number in range(500)]

_OWNERS = _Shares(
    {"user:ann": 0.1, "user:bob": 0.01, "team:analytics": 0.1}
    | _skewed([f"team:{name}" for name in TEAMS], 0.15)
    | _skewed([f"user:{name}" for name in USERS], 0.5)
)
_DOMAINS = _Shares({"legal": 0.1} | dict(zip(FINANCE, (0.15, 0.04, 0.01), strict=True)) | _skewed(DOMAINS, 0.6))
_PROJECTS = _Shares({"Sales": 0.05} | _skewed(PROJECTS, 0.65))
_TIERS = _Shares({"Tier.Gold": 0.3, "Tier.Silver": 0.3, "Tier.Bronze": 0.2})
_SUBJECTS = _Shares(_skewed([f"Subject.{name}" for name in SUBJECTS], 0.9))


@dataclass(frozen=True, slots=True)
class BiService:
    """One BI service, and its range of all dashboards."""

    name: str
    type: str
    dashboards: range

    def asset(self, number: int) -> str:
        """Returns the name of an asset; as in the tool, names do not come in order."""
        mixed = number * 2_654_435_761 % 2**32
        match _FORMS.get(self.type, "slug"):
            case "number":
                return str(mixed)
            case "hex":
                return f"{mixed:08x}-{number:08x}"
        return f"{_WORDS[mixed % 10]}-{_WORDS[mixed // 10 % 10]}-{number}"


@dataclass(frozen=True, slots=True)
class Scale:
    """The size of a catalog; each dashboard has the same number of its own charts."""

    dashboards: int
    charts: int

    def services(self) -> list[BiService]:
        """Returns 20 BI services, the first with more than a quarter of all dashboards, and a tiny one."""
        types = [*_FORMS] * 4
        parts = [1 / (place + 1) for place in range(20)]
        ends = [round(part * (self.dashboards - TINY) / sum(parts)) for part in accumulate(parts)]
        found = [
            BiService(f"{types[place].lower()}-{place}", types[place], range(begin, end))
            for place, (begin, end) in enumerate(zip([0, *ends], ends, strict=False))
        ]
        return [*found, BiService("mode-20", "Mode", range(ends[-1], self.dashboards))]

    def items(self, kind: str, edition: int = 1) -> Iterator[Item]:
        """Yields all entities, all charts or all dashboards; another edition has other display names."""
        if kind == "entity":
            return _entities(self.services())
        return self._charts(edition) if kind == "chart" else self._dashboards(edition)

    def dashboard_fqns(self) -> Iterator[str]:
        """Yields the fully qualified names of the dashboards in order."""
        return (
            f"{service.name}.{service.asset(number)}" for service in self.services() for number in service.dashboards
        )

    def _charts(self, edition: int) -> Iterator[Item]:
        source, each = random.Random("charts"), self.charts // self.dashboards
        for service in self.services():
            for number in range(service.dashboards.start * each, service.dashboards.stop * each):
                spec = chart_pb2.ChartSpec(
                    chart_type="Line",
                    source_url=f"https://bi.example.org/{service.name}/charts/{number}",
                    **_written(service, number, edition),
                    **_found_by(source, _rarity(number, self.charts), service),
                )
                yield Item(chart=spec)

    def _dashboards(self, edition: int) -> Iterator[Item]:
        source, each = random.Random("dashboards"), self.charts // self.dashboards
        services = self.services()
        shared = f"{services[0].name}.{services[0].asset(0)}"
        for service in services:
            for number in service.dashboards:
                charts = [f"{service.name}.{service.asset(number * each + place)}" for place in range(each)]
                if number % max(self.dashboards // SHARED, 1) == 0:
                    charts.append(shared)
                rarity = _rarity(number, self.dashboards)
                spec = dashboard_pb2.DashboardSpec(
                    dashboard_type="Dashboard",
                    source_url=f"https://bi.example.org/{service.name}/dashboards/{number}",
                    project="Pilot" if rarity == 4 else _PROJECTS.pick(source),
                    charts=charts,
                    **_written(service, number, edition),
                    **_found_by(source, rarity, service),
                )
                yield Item(dashboard=spec)


def _rarity(number: int, of: int) -> int:
    """Returns 1 to 4 for the few assets that have the rare owner, tag, domain or project."""
    return number % (of // RARE)


def _written(service: BiService, number: int, edition: int) -> dict[str, Any]:
    name = service.asset(number)
    topic = f"{_WORDS[number % 10]} by {_WORDS[number // 10 % 10]}"
    return {
        "name": name,
        "service": service.name,
        "display_name": f"{topic.title()} {number}, edition {edition}",
        "description": _DESCRIPTION.format(topic, edition) if number % UNDESCRIBED else None,
    }


def _found_by(source: random.Random, rarity: int, service: BiService) -> dict[str, Any]:
    """Returns owner, domain and tags. The domain `legal` and the tag `Area.Core` never occur together."""
    owner = _OWNERS.pick(source)
    domain = _DOMAINS.pick(source)
    tags = [_TIERS.pick(source), _SUBJECTS.pick(source)]
    if source.random() < 0.5 and domain != "legal":
        tags.append("Area.Core")
    if source.random() < 0.01:
        tags.append("PII.Sensitive")
    if service.name == "grafana-5":
        tags.append("Area.Late")
    if rarity == 2:
        tags.append("Area.Rare")
    return {
        "owners": _owners("user:zoe" if rarity == 1 else owner),
        "domain": "attic" if rarity == 3 else domain,
        "tags": [reference_pb2.TagLabel(tag_fqn=tag) for tag in tags if tag],
    }


def _owners(owner: str | None) -> list[reference_pb2.EntityReference]:
    if owner is None:
        return []
    kind, _, name = owner.partition(":")
    return [reference_pb2.EntityReference(type=kind, name=name)]


def _entities(services: list[BiService]) -> Iterator[Item]:
    for service in services:
        yield _item(bi_service=entity_pb2.BiService(name=service.name, service_type=service.type))
    for name in ("ann", "bob", "zoe", *USERS):
        yield _item(user=entity_pb2.User(name=name))
    for name in ("analytics", *TEAMS):
        yield _item(team=entity_pb2.Team(name=name))
    for fqn in ("legal", "attic", *FINANCE, *DOMAINS):
        parent, _, name = fqn.rpartition(".")
        yield _item(domain=entity_pb2.Domain(name=name, parent=parent))
    tags = {"Tier": ["Gold", "Silver", "Bronze"], "Area": ["Core", "Late", "Rare"], "PII": ["Sensitive"]}
    for classification, names in {**tags, "Subject": SUBJECTS}.items():
        yield _item(classification=entity_pb2.Classification(name=classification))
        for name in names:
            yield _item(tag=entity_pb2.Tag(name=name, classification=classification))


def _item(**entity: Any) -> Item:
    return Item(entity=entity_pb2.Entity(**entity))
