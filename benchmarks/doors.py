"""Measures the HTTP door, and an HTTP server with no catalog behind it."""

from collections.abc import Callable, Sequence
from functools import partial

from benchmarks import data, http_client, indexing
from benchmarks.client import Sent, apart
from benchmarks.data import Item
from benchmarks.figures import ALONE, DOOR, DOOR_FLOOR
from benchmarks.prepared import Fresh
from benchmarks.recorder import Recorder, Size
from benchmarks.servers import Server, http_floor_server

_PATH = "/api/v1/dashboards"

_Send = Callable[[Server, int], Sent]
"""Sends requests to a server with a number of callers."""


def measure_doors(recorder: Recorder, fresh: Fresh, size: Size) -> None:
    """Records reads by name, and updates of known dashboards, which must be all those of `size`."""
    known = data.dashboards(size.items)
    many = _works(known, size.calls, edition=4)
    answer = _get(data.names(known, 1))(fresh.server, 1)
    with http_floor_server(fresh.folder, answer.counts["bytes"]) as bare, indexing.paused(fresh.folder / "data"):
        for work, send in many.items():
            recorder.record(bare, f"{DOOR_FLOOR}{work}", size.calls, partial(send, bare, size.callers))
    for work, send in many.items():
        recorder.record(fresh.server, f"{DOOR}{work}", size.calls, partial(send, fresh.server, size.callers))
    for work, send in _works(known, size.calls_alone, edition=5).items():
        alone = partial(send, fresh.server, 1)
        recorder.record(fresh.server, f"{DOOR}{work}{ALONE}", size.calls_alone, alone, has_latencies=True)


def _works(known: Sequence[Item], calls: int, *, edition: int) -> dict[str, _Send]:
    return {"get": _get(data.names(known, calls)), "update": _put(data.updates(known, calls, edition))}


def _get(names: Sequence[str]) -> _Send:
    paths = [f"{_PATH}/name/{name}?fields=*" for name in names]
    return lambda server, callers: apart(http_client.get, server.http_address, server.token, paths, callers)


def _put(items: Sequence[Item]) -> _Send:
    bodies = data.json_bodies(items)
    return lambda server, callers: apart(http_client.put, server.http_address, server.token, _PATH, bodies, callers)
