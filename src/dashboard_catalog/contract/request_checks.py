"""Everything that is wrong with the shape of a request, told at once: what annotations refuse and what reading does."""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import Message

from dashboard_catalog.catalog.model.kinds import CHART_KIND, DASHBOARD_KIND
from dashboard_catalog.contract.asset_requests import AssetRequests
from dashboard_catalog.contract.validation import violations_of
from dashboard_catalog.errors import Violation, Violations
from dashboard_catalog.rpc.catalog_servicer import read_upsert
from dashboardcatalog.v1 import chart_pb2, dashboard_pb2


def shape_violations(request: Message) -> list[Violation]:
    """Returns what is wrong with a request; empty if its annotations hold, for its servicer to read it."""
    violations = Violations(violations_of(request))
    read = _READERS.get(request.DESCRIPTOR.name)
    # What is not there at all cannot be read.
    if violations and read is not None and not any(violation.field in _WHOLES for violation in violations):
        violations.gather(lambda: read(request))
    return violations


_WHOLES = ("dashboard", "chart", "entity", "entity.entity")


def _readers() -> Mapping[str, Callable[[Any], object]]:
    readers: dict[str, Callable[[Any], object]] = {"UpsertEntityRequest": read_upsert}
    for noun, requests in (
        ("Dashboard", AssetRequests(DASHBOARD_KIND, dashboard_pb2.DashboardSpec, dashboard_pb2.Dashboard)),
        ("Chart", AssetRequests(CHART_KIND, chart_pb2.ChartSpec, chart_pb2.Chart)),
    ):
        readers |= {
            f"Create{noun}Request": requests.create,
            f"Upsert{noun}Request": requests.upsert,
            f"Update{noun}Request": requests.update,
            f"Get{noun}Request": requests.read,
            f"List{noun}sRequest": requests.listing,
        }
    return readers


_READERS = _readers()
