"""The data to load: BI services with dashboards of 5 charts, an owner and 2 tags each, as serialized messages."""

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeAlias

from google.protobuf.json_format import MessageToDict

from dashboardcatalog.v1 import (
    bulk_pb2,
    chart_pb2,
    dashboard_pb2,
    dashboard_service_pb2,
    entity_pb2,
    reference_pb2,
)

SERVICE = "superset"
CHARTS = 5
TAGS = 2
USERS = 100

_WORDS = ["sales", "revenue", "churn", "latency", "orders", "stock", "traffic", "budget", "margin", "energy"]
_DESCRIPTION = (
    "Shows how {0} moved over the last quarter, by region and by product, against the plan and the year before. "
    "Refreshed every night; edition {1}."
)

Item: TypeAlias = bulk_pb2.BulkUpsertItem


def entities() -> list[Item]:
    """Returns the entities that assets refer to: the service, users, and tags of one classification."""
    found = [entity_pb2.Entity(classification=entity_pb2.Classification(name="Area"))]
    found += [entity_pb2.Entity(user=entity_pb2.User(name=f"user-{number}")) for number in range(USERS)]
    found += [entity_pb2.Entity(tag=entity_pb2.Tag(name=word, classification="Area")) for word in _WORDS]
    return [_bi_service(SERVICE), *(Item(entity=entity) for entity in found)]


def charts(count: int, edition: int = 1, service: str = SERVICE) -> list[Item]:
    """Returns `count` charts; another edition has the same names and other descriptions."""
    return [Item(chart=_chart(number, edition, service)) for number in range(count)]


def dashboards(count: int, edition: int = 1, service: str = SERVICE) -> list[Item]:
    """Returns `count` dashboards, each with its own charts; see `charts` for editions."""
    return [Item(dashboard=_dashboard(number, edition, service)) for number in range(count)]


def whole(service: str, count: int) -> list[Item]:
    """Returns a BI service with `count` dashboards and their charts, as one load would bring them."""
    return [_bi_service(service), *charts(count * CHARTS, service=service), *dashboards(count, service=service)]


def copies(items: Sequence[Item], count: int) -> list[Item]:
    """Returns `count` dashboards like these, with other names."""
    made = [Item.FromString(items[number % len(items)].SerializeToString()) for number in range(count)]
    for number, item in enumerate(made):
        item.dashboard.name += f"-copy-{number}"
    return made


def updates(items: Sequence[Item], count: int, edition: int) -> list[Item]:
    """Returns `count` of these dashboards, in turns, each time in another edition than before."""
    return [_edited(items[number % len(items)], f"{edition}.{number // len(items)}") for number in range(count)]


def bulk_messages(items: Iterable[Item], size: int) -> list[bytes]:
    """Returns the messages of a stream, with `size` items each."""
    return [bulk_pb2.BulkUpsertRequest(items=chunk).SerializeToString() for chunk in _chunks(iter(items), size)]


def upsert_requests(items: Iterable[Item]) -> list[bytes]:
    """Returns a unary request for each dashboard."""
    request = dashboard_service_pb2.UpsertDashboardRequest
    return [request(dashboard=item.dashboard).SerializeToString() for item in items]


def get_requests(items: Sequence[Item], count: int) -> list[bytes]:
    """Returns `count` unary requests for random dashboards."""
    request = dashboard_service_pb2.GetDashboardRequest
    return [request(fully_qualified_name=name).SerializeToString() for name in names(items, count)]


def names(items: Sequence[Item], count: int) -> list[str]:
    """Returns the fully qualified names of `count` random dashboards."""
    return [f"{SERVICE}.{item.dashboard.name}" for item in random.Random(2).choices(items, k=count)]


def json_bodies(items: Iterable[Item]) -> list[bytes]:
    """Returns the JSON of each dashboard."""
    return [json.dumps(MessageToDict(item.dashboard)).encode() for item in items]


def _edited(item: Item, edition: str) -> Item:
    edited = Item.FromString(item.SerializeToString())
    edited.dashboard.description += f" Edited: {edition}."
    return edited


def _bi_service(name: str) -> Item:
    return Item(entity=entity_pb2.Entity(bi_service=entity_pb2.BiService(name=name, service_type="Superset")))


def _chart(number: int, edition: int, service: str) -> chart_pb2.ChartSpec:
    topic = _topic(number)
    return chart_pb2.ChartSpec(
        name=_chart_name(number),
        service=service,
        display_name=f"{topic} {number}",
        description=_DESCRIPTION.format(topic, edition),
        chart_type="Line",
        source_url=f"https://superset.example.org/explore/?slice_id={number}",
        owners=[_owner(number)],
        tags=_tags(number),
    )


def _dashboard(number: int, edition: int, service: str) -> dashboard_pb2.DashboardSpec:
    topic = _topic(number)
    return dashboard_pb2.DashboardSpec(
        name=f"{topic.replace(' ', '-')}-{number}",
        service=service,
        display_name=f"{topic} {number}",
        description=_DESCRIPTION.format(topic, edition),
        dashboard_type="Dashboard",
        source_url=f"https://superset.example.org/superset/dashboard/{number}/",
        project=_WORDS[number % len(_WORDS)],
        charts=[f"{service}.{_chart_name(number * CHARTS + place)}" for place in range(CHARTS)],
        owners=[_owner(number)],
        tags=_tags(number),
    )


def _topic(number: int) -> str:
    # In BI tools, names are not sorted.
    return " by ".join(random.Random(number).choices(_WORDS, k=2))


def _chart_name(number: int) -> str:
    return f"{_topic(number).replace(' ', '-')}-chart-{number}"


def _owner(number: int) -> reference_pb2.EntityReference:
    return reference_pb2.EntityReference(type="user", name=f"user-{number % USERS}")


def _tags(number: int) -> list[reference_pb2.TagLabel]:
    return [reference_pb2.TagLabel(tag_fqn=f"Area.{_WORDS[(number + place) % len(_WORDS)]}") for place in range(TAGS)]


def _chunks(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    while chunk := list(islice(items, size)):
        yield chunk
