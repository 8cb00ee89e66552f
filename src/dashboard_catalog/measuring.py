"""Lets the metrics of a process read what its parts know: the one module that knows both.

What happens is counted where it happens. What is read here is how things are at the moment of a scrape.
"""

import asyncio
import math
import time

from dashboard_catalog.calls.certificates import Certificate
from dashboard_catalog.calls.gate import Gate
from dashboard_catalog.http.door import HttpDoor
from dashboard_catalog.index.searching import IDLE_SECONDS, SearchIndex
from dashboard_catalog.metrics.declared import Metrics
from dashboard_catalog.rpc.edge.watchers import Watchers
from dashboard_catalog.rpc.health import DatabaseHealth

_LOOK_SECONDS = 1.0


def measure(metrics: Metrics, *, gate: Gate, watchers: Watchers, health: DatabaseHealth, index: SearchIndex) -> None:
    """Measures what runs in a process that serves calls, whether its database can be used, and its search index."""
    metrics.calls.running.set_function(lambda: gate.running)
    metrics.calls.limit.set(gate.limit)
    metrics.watches.watchers.set_function(lambda: watchers.running)
    metrics.health.usable.set_function(lambda: health.is_usable)

    def lag() -> float:
        status = index.folder.status()
        return math.nan if status is None else status.lag(time.time(), IDLE_SECONDS)

    metrics.search.lag.set_function(lag)
    metrics.search.building.set_function(lambda: index.building)
    metrics.search.documents.set_function(index.documents)


def measure_http(metrics: Metrics, door: HttpDoor) -> None:
    """Measures the connections of the HTTP door, and when its certificate expires."""
    metrics.http.connections.set_function(lambda: door.connections)
    if door.certificate:
        measure_certificate(metrics, "http", door.certificate)


def measure_certificate(metrics: Metrics, door: str, certificate: Certificate) -> None:
    """Measures when the certificate of a door expires."""
    gauge = metrics.auth.certificate_expiry.labels(door)

    def expires_at() -> float:
        return certificate.expires_at.timestamp()

    gauge.set_function(expires_at)


async def measure_event_loop(metrics: Metrics) -> None:
    """Measures how late the event loop is, until it is cancelled."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(_LOOK_SECONDS)
        metrics.runtime.loop_lag.observe(max(0.0, time.perf_counter() - began - _LOOK_SECONDS))
