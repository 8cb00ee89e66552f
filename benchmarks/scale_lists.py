"""Pages and gets of a large catalog from a client's view: one call after another, on a new connection per read."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice, product
from typing import Any, NamedTuple

import grpc
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from benchmarks import client
from benchmarks.scale_data import Scale
from dashboardcatalog.v1 import (
    asset_pb2,
    chart_service_pb2,
    chart_service_pb2_grpc,
    dashboard_service_pb2,
    dashboard_service_pb2_grpc,
)

# Goals in milliseconds, for a page with one filter and with several.
_ONE, _SEVERAL = 20, 200
_WARM_UP, _CALLS = 3, 20
CAPTION = f"Each read: the same page {_CALLS} times, after {_WARM_UP} others: everything is in memory."
_DEEP_PAGES, _DEEP_SIZE = 100, 1_000

Filters = dict[str, Any]
_GOLD, _CORE, _SUBJECT = {"tag": "Tier.Gold"}, {"tag": "Area.Core"}, {"tag": "Subject"}
_ANN, _ZOE = {"owner": "user:ann"}, {"owner": "user:zoe"}
_NEWEST = {"order_by": "updated_at desc"}
_OWNERLESS = {"missing": [asset_pb2.MISSING_OWNERS]}
_ONLY_DELETED = {"deleted": asset_pb2.DELETED_ONLY}

_OF_DASHBOARDS: Sequence[tuple[str, Filters]] = [
    ("no filter", {}),
    ("service, 28 %", {"service": "superset-0"}),
    ("service, 100", {"service": "mode-20"}),
    ("service type, 4 services", {"service_type": "Superset"}),
    ("service type, 3 services, 10 %", {"service_type": "PowerBI"}),
    ("owner, 10 %", _ANN),
    ("owner, 1 %", {"owner": "user:bob"}),
    ("owner, 10", _ZOE),
    ("owner, team, 10 %", {"owner": "team:analytics"}),
    ("domain, 10 %", {"domain": "legal"}),
    ("domain, 3 of 20 %", {"domain": "finance"}),
    ("domain, 10", {"domain": "attic"}),
    ("tag, 45 %", _CORE),
    ("tag, 4 %, late in the order", {"tag": "Area.Late"}),
    ("tag, 1 %", {"tag": "PII.Sensitive"}),
    ("tag, 10", {"tag": "Area.Rare"}),
    ("classification, 3 tags of 80 %", {"tag": "Tier"}),
    ("classification, 300 tags of 90 %", _SUBJECT),
    ("project, 5 %", {"project": "Sales"}),
    ("project, 10", {"project": "Pilot"}),
    ("name prefix", {"name_prefix": "sales-"}),
    ("name prefix, few", {"name_prefix": "sales-churn-12"}),
    ("missing description, 2 %", {"missing": [asset_pb2.MISSING_DESCRIPTION]}),
    ("missing owners, 14 %", _OWNERLESS),
    ("missing domain, 10 %", {"missing": [asset_pb2.MISSING_DOMAIN]}),
    ("missing tags, 1 %", {"missing": [asset_pb2.MISSING_TAGS]}),
    ("updated by, nearly all", {"updated_by": "admin"}),
    ("updated by, none", {"updated_by": "nobody"}),
    ("deleted only, 0.2 %", _ONLY_DELETED),
    ("deleted too", {"deleted": asset_pb2.DELETED_INCLUDE}),
    ("name desc", {"order_by": "name desc"}),
    ("name desc, service, 28 %", {"service": "superset-0", "order_by": "name desc"}),
    ("name desc, tag, 45 %", {**_CORE, "order_by": "name desc"}),
    ("name desc, 300 tags", {**_SUBJECT, "order_by": "name desc"}),
    ("updated_at", {"order_by": "updated_at"}),
    ("updated_at desc", _NEWEST),
    ("updated_at desc, service, 100", {"service": "mode-20", **_NEWEST}),
    ("updated_at desc, service, 28 %", {"service": "superset-0", **_NEWEST}),
    ("updated_at desc, service type", {"service_type": "PowerBI", **_NEWEST}),
    ("updated_at desc, owner, 1 %", {"owner": "user:bob", **_NEWEST}),
    ("updated_at desc, owner, 10", {**_ZOE, **_NEWEST}),
    ("updated_at desc, tag, 45 %", {**_CORE, **_NEWEST}),
    ("updated_at desc, tag, late", {"tag": "Area.Late", **_NEWEST}),
    # These dashboards were loaded together, long after the first and long before the last.
    ("updated_at, tag, 4 %, far", {"tag": "Area.Late", "order_by": "updated_at"}),
    ("updated_at, service, 4 %, far", {"service": "grafana-5", "order_by": "updated_at"}),
    ("updated_at desc, 300 tags", {**_SUBJECT, **_NEWEST}),
    ("updated_at desc, project, 5 %", {"project": "Sales", **_NEWEST}),
    ("updated_at desc, missing owners", {**_OWNERLESS, **_NEWEST}),
    ("updated_at desc, updated by", {"updated_by": "admin", **_NEWEST}),
    ("tag 45 % + owner 10 %", {**_CORE, **_ANN}),
    ("tag 45 % + owner, 10", {**_CORE, **_ZOE}),
    ("tag 45 % + domain 10 %, never", {**_CORE, "domain": "legal"}),
    ("tag 30 % + 3 domains of 20 %", {**_GOLD, "domain": "finance"}),
    ("tag, late + service, never", {"tag": "Area.Late", "service": "superset-0"}),
    ("tag, late + service type", {"tag": "Area.Late", "service_type": "Grafana"}),
    ("tag 45 % + service, 100", {**_CORE, "service": "mode-20"}),
    ("tag 45 % + name prefix", {**_CORE, "name_prefix": "sales-"}),
    ("300 tags + owner 10 %", {**_SUBJECT, **_ANN}),
    ("300 tags + owner, 10", {**_SUBJECT, **_ZOE}),
    ("300 tags + project, 10", {**_SUBJECT, "project": "Pilot"}),
    ("300 tags + service type", {**_SUBJECT, "service_type": "PowerBI"}),
    ("owner, 10 + tag, 10, never", {**_ZOE, "tag": "Area.Rare"}),
    ("missing owners + tag 45 %", {**_OWNERLESS, **_CORE}),
    ("missing owners + domain", {"missing": [asset_pb2.MISSING_OWNERS, asset_pb2.MISSING_DOMAIN]}),
    ("owner, project, domain, tag", {**_ANN, **_GOLD, "project": "Sales", "domain": "finance"}),
    ("deleted only + tag 45 %", {**_CORE, **_ONLY_DELETED}),
    ("name desc, tag 45 % + owner 10 %", {**_CORE, **_ANN, "order_by": "name desc"}),
    ("updated_at desc, tag 45 % + owner 10 %", {**_CORE, **_ANN, **_NEWEST}),
    ("updated_at desc, tag + domain, never", {**_CORE, "domain": "legal", **_NEWEST}),
    ("updated_at desc, service + tag 45 %", {"service": "superset-0", **_CORE, **_NEWEST}),
]
# After many pages of the maximum size.
_DEEP: Sequence[tuple[str, Filters]] = [
    ("no filter", {}),
    ("service, 28 %", {"service": "superset-0"}),
    ("tag, 45 %", _CORE),
    ("300 tags", _SUBJECT),
    ("updated_at desc", _NEWEST),
    ("updated_at desc, tag, 45 %", {**_CORE, **_NEWEST}),
    ("tag 45 % + owner 10 %", {**_CORE, **_ANN}),
]
_WITH_TOTAL: Sequence[tuple[str, Filters]] = [
    ("no filter", {}),
    ("service, 28 %", {"service": "superset-0"}),
    ("tag, 45 %", _CORE),
    ("owner, 10", _ZOE),
    ("300 tags", _SUBJECT),
    ("tag 45 % + owner 10 %", {**_CORE, **_ANN}),
]
_OF_CHARTS: Sequence[tuple[str, Filters]] = [
    ("no filter", {}),
    ("service, 28 %", {"service": "superset-0"}),
    ("service type, 3 services, 10 %", {"service_type": "PowerBI"}),
    ("owner, 10 %", _ANN),
    ("owner, 10", _ZOE),
    ("domain, 3 of 20 %", {"domain": "finance"}),
    ("tag, 45 %", _CORE),
    ("tag, 10", {"tag": "Area.Rare"}),
    ("classification, 300 tags of 90 %", _SUBJECT),
    ("updated_at desc", _NEWEST),
    ("updated_at desc, tag, 45 %", {**_CORE, **_NEWEST}),
    ("tag 45 % + owner 10 %", {**_CORE, **_ANN}),
    ("tag 45 % + domain 10 %, never", {**_CORE, "domain": "legal"}),
]


# The share of dashboards that were written at a time or later.
_SHARES = (0.01, 0.05, 0.3)

_STUBS: Mapping[str, Callable[[grpc.Channel], Any]] = {
    "Dashboard": dashboard_service_pb2_grpc.DashboardServiceStub,
    "Chart": chart_service_pb2_grpc.ChartServiceStub,
}
_MESSAGES: Mapping[str, Any] = {"Dashboard": dashboard_service_pb2, "Chart": chart_service_pb2}


@dataclass(frozen=True, slots=True)
class Read:
    """A call to measure.

    Attributes:
        goal: Maximum number of milliseconds; None without a goal.
        deep: Whether to request a page after many others.
        newest: If set, only this number of the newest assets is listed: `updated_after` is the time of the last.
    """

    label: str
    kind: str
    method: str
    request: Any
    goal: int | None
    deep: bool = False
    newest: int = 0


class Timing(NamedTuple):
    """The milliseconds of a read, and the number of assets in its response."""

    median: float
    worst: float
    found: int


def reads(scale: Scale) -> Iterator[Read]:
    """Yields all reads to measure."""
    service = scale.services()[0]
    last = next(islice(scale.dashboard_fqns(), service.dashboards.stop - 1, None))
    shared, held = {"chart": f"{service.name}.{service.asset(0)}"}, {"dashboard": last}
    of_charts = [
        ("chart in 1,000", shared),
        ("updated_at desc, chart in 1,000", {**shared, **_NEWEST}),
        ("chart in 1,000 + tag 45 %", {**shared, **_CORE}),
    ]
    yield _get("get dashboard", "Dashboard", last)
    yield _get("get dashboard, older version", "Dashboard", f"{service.name}.{service.asset(1)}", version=0.1)
    yield _get("get chart", "Chart", shared["chart"])
    for label, filters in [*_OF_DASHBOARDS, *of_charts]:
        yield _list(label, "Dashboard", filters)
    for share, order in product(_SHARES, ("name", "updated_at desc")):
        newest = int(share * scale.dashboards)
        yield replace(_list(f"{order}, updated after, {share:.0%}", "Dashboard", {"order_by": order}), newest=newest)
    for label, filters in _DEEP:
        yield _list(f"deep: {label}", "Dashboard", filters, deep=True)
    for label, filters in _WITH_TOTAL:
        yield _list(f"with total: {label}", "Dashboard", {**filters, "include_total": True})
    for label, filters in [*_OF_CHARTS, ("dashboard", held), ("dashboard + tag 45 %", {**held, **_CORE})]:
        yield _list(f"charts: {label}", "Chart", filters)


def _get(label: str, kind: str, fqn: str, **fields: Any) -> Read:
    request = getattr(_MESSAGES[kind], f"Get{kind}Request")(fully_qualified_name=fqn, **fields)
    return Read(label, kind, f"Get{kind}", request, _ONE)


def _list(label: str, kind: str, filters: Filters, *, deep: bool = False) -> Read:
    request = getattr(_MESSAGES[kind], f"List{kind}sRequest")(**filters)
    several = len(filters.keys() - {"order_by", "include_total"}) > 1 or len(request.missing) > 1
    goal = None if request.include_total else _SEVERAL if several else _ONE
    return Read(label, kind, f"List{kind}s", request, goal, deep)


def measure(address: str, token: str, read: Read) -> Timing:
    """Makes a call repeatedly, on its own connection."""
    with grpc.insecure_channel(address) as channel:
        call = partial(getattr(_STUBS[read.kind](channel), read.method), metadata=client.metadata(token))
        request = _behind(call, read.request) if read.deep else read.request
        if read.newest:
            request = _changed(request, updated_after=_time_of_newest(call, read))
        answer = [call(request) for _ in range(_WARM_UP)][-1]
        milliseconds = [_milliseconds(call, request) for _ in range(_CALLS)]
    found = len(getattr(answer, f"{read.kind.lower()}s")) if read.method.startswith("List") else 1
    return Timing(statistics.median(milliseconds), max(milliseconds), found)


def _milliseconds(call: Callable[[Any], Any], request: Any) -> float:
    began = time.perf_counter()
    call(request)
    return (time.perf_counter() - began) * 1000


def _behind(call: Callable[[Any], Any], request: Any) -> Any:
    """Returns the request for the page after many large ones."""
    large = {"page_size": _DEEP_SIZE, "read_mask": FieldMask(paths=["name"])}
    token = ""
    for _ in range(_DEEP_PAGES):
        following = call(_changed(request, page_token=token, **large)).next_page_token
        if not following:
            break
        token = following
    return _changed(request, page_token=token)


def _time_of_newest(call: Callable[[Any], Any], read: Read) -> Timestamp:
    """Returns the time of the last of the newest assets."""
    request = type(read.request)(page_size=_DEEP_SIZE, read_mask=FieldMask(paths=["updated_at"]), **_NEWEST)
    seen = 0
    while True:
        answer = call(request)
        dashboards = answer.dashboards
        if seen + len(dashboards) >= read.newest or not answer.next_page_token:
            time: Timestamp = dashboards[min(read.newest - seen, len(dashboards)) - 1].updated_at
            return time
        seen += len(dashboards)
        request.page_token = answer.next_page_token


def _changed(request: Any, **fields: Any) -> Any:
    changed = type(request)(**fields)
    changed.MergeFrom(request)
    return changed
