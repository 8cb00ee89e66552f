"""Measures the HTTP door beside gRPC, and beside an HTTP server with no catalog behind it."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks import client, data, http_client
from benchmarks.client import Sent, apart
from benchmarks.data import Item
from benchmarks.recorder import Recorder, Size
from benchmarks.searches import latency
from benchmarks.servers import Server, http_floor_server

DOOR = "HTTP "
"""What stands before work that gRPC does as `unary`."""
FLOOR = "HTTP alone: "
"""What stands before work whose requests go to the server with no catalog."""

_PATH = "/api/v1/dashboards"
# Calls of a single caller, for latencies.
_ALONE = 500


class _Work(NamedTuple):
    """The same work for both doors.

    Attributes:
        name: Its name.
        by_http: Sends the requests of many callers.
        alone: Sends those of a single caller by HTTP.
        alone_by_grpc: The same by gRPC.
    """

    name: str
    by_http: Callable[[Server, int], Sent]
    alone: Callable[[Server, int], Sent]
    alone_by_grpc: Callable[[Server, int], Sent]


def measure_doors(recorder: Recorder, server: Server, size: Size, folder: Path) -> None:
    """Records reads by name, and updates of known dashboards.

    Args:
        recorder: For the catalog's server.
        server: The catalog's server, with both doors and all dashboards of `size`.
        size: Number of calls and callers.
        folder: For the files of the server with no catalog.
    """
    known = data.dashboards(size.items)
    with http_floor_server(folder, _get(data.names(known, 1))(server, 1).counts["bytes"]) as bare:
        floor = recorder.beside(bare)
        for work in _works(known, size.calls):
            floor.record(f"{FLOOR}{work.name}", size.calls, partial(work.by_http, bare, size.callers), str)
            note = partial(_latencies, work, server)
            recorder.record(f"{DOOR}{work.name}", size.calls, partial(work.by_http, server, size.callers), note)
    recorder.measures += floor.measures


def _works(known: Sequence[Item], calls: int) -> tuple[_Work, ...]:
    few = known[:_ALONE]
    return (
        _Work(
            "get",
            _get(data.names(known, calls)),
            _get(data.names(few, _ALONE)),
            _call(client.GET, data.get_requests(few, _ALONE)),
        ),
        _Work(
            "update",
            _put(data.updates(known, calls, 4)),
            _put(data.updates(few, _ALONE, 5)),
            _call(client.UPSERT, data.upsert_requests(data.updates(few, _ALONE, 6))),
        ),
    )


def _latencies(work: _Work, server: Server) -> str:
    by_http, by_grpc = (latency(send(server, 1).each) for send in (work.alone, work.alone_by_grpc))
    return f"one caller: {by_http}; gRPC {by_grpc}"


def _get(names: Sequence[str]) -> Callable[[Server, int], Sent]:
    paths = [f"{_PATH}/name/{name}?fields=*" for name in names]
    return lambda server, callers: apart(http_client.get, server.http_address, server.token, paths, callers)


def _put(items: Sequence[Item]) -> Callable[[Server, int], Sent]:
    bodies = data.json_bodies(items)
    return lambda server, callers: apart(http_client.put, server.http_address, server.token, _PATH, bodies, callers)


def _call(method: str, requests: Sequence[bytes]) -> Callable[[Server, int], Sent]:
    return lambda server, callers: apart(client.call_often, server.address, server.token, method, requests, callers)
