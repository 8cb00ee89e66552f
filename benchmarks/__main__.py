"""Measures and prints the table: `python -m benchmarks --help`."""

import argparse
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from google.protobuf.empty_pb2 import Empty

from benchmarks import client, measures, processor, report
from benchmarks.echo import ECHO
from benchmarks.profiler import Profiler
from benchmarks.recorder import Measure, Size
from benchmarks.servers import Server, echo_server

_DATABASES = {"postgresql": measures.on_postgresql, "sqlite": measures.on_sqlite}


def main() -> None:
    arguments = _arguments()
    size = Size(arguments.items, arguments.chunk, arguments.calls, arguments.callers)
    profiler = Profiler(arguments.profile) if arguments.profile else None

    def watch(server: Server, name: str, items: int) -> AbstractContextManager[None]:
        return profiler.watch(server.pid, name, items) if profiler else nullcontext()

    with tempfile.TemporaryDirectory(prefix="benchmarks-") as name:
        folder = Path(name)
        echo = _echo(folder, size)
        measured = []
        for database in [arguments.only] if arguments.only else _DATABASES:
            (folder / database).mkdir()
            measured.append(_DATABASES[database](folder / database, size, watch))
    report.show(echo, measured)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=_DATABASES, help="one database; both by default")
    parser.add_argument("--items", type=int, default=20_000, help="dashboards, and charts (%(default)s)")
    parser.add_argument("--chunk", type=int, default=1_000, help="items in a message (%(default)s)")
    parser.add_argument("--calls", type=int, default=10_000, help="unary calls (%(default)s)")
    parser.add_argument("--callers", type=int, default=64, help="unary calls at once (%(default)s)")
    parser.add_argument("--profile", type=Path, metavar="FOLDER", help="say where the time goes; keeps stacks there")
    return parser.parse_args()


def _echo(folder: Path, size: Size) -> Sequence[Measure]:
    """Measures the echo on a plain server and behind the edge."""
    requests = [Empty().SerializeToString()] * size.calls
    measured = []
    with echo_server(folder) as echo:
        for work, address in (("echo", echo.plain), ("echo behind the edge", echo.edged)):
            before = processor.seconds_of(echo.pid)
            sent = client.apart(client.call_often, address, echo.token, ECHO, requests, size.callers)
            cpu = sent.cpu, processor.seconds_of(echo.pid) - before, 0.0
            measured.append(Measure("", work, size.calls, sent.seconds, cpu))
    return measured


if __name__ == "__main__":
    main()
