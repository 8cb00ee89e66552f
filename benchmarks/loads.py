"""Measures loads of whole BI services at the same time, each into its own BI service."""

from functools import partial

from benchmarks import client, data
from benchmarks.client import Sent, apart
from benchmarks.figures import ONE_LOAD, WORKERS
from benchmarks.recorder import Recorder, Size
from benchmarks.servers import Server

AT_ONCE = (1, 2, 4)
# All loads of one measurement have together a third of the dashboards of other loads, with five charts each.
_SHARE = 3


def measure_loads(recorder: Recorder, server: Server, size: Size) -> None:
    """Records one, two and four loads at once, with the same number of items in all."""
    workers = server.workers or (server.pid,)
    suffix = WORKERS if server.workers else ""
    for count in AT_ONCE:
        loads = [data.whole(f"at-once-{count}-{number}", size.items // _SHARE // count) for number in range(count)]
        work = ONE_LOAD.replace("1", str(count)) + suffix
        streams = [data.bulk_messages(load, size.chunk) for load in loads]
        recorder.record(server, work, sum(map(len, loads)), partial(_send, server, streams, workers))


def _send(server: Server, streams: list[list[bytes]], workers: tuple[int, ...]) -> Sent:
    return apart(client.send_streams, server.address, server.token, streams, workers)
