"""Measures and prints the table: `python -m benchmarks --help`."""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path

from benchmarks import machine, measures, report
from benchmarks.measures import TakeTurn
from benchmarks.profiler import Profiler
from benchmarks.recorder import Size, Watch
from benchmarks.run import Run, summarize
from benchmarks.servers import Server, echo_server
from tests.postgres import PostgresServer, postgres_server

_DATABASES = ("postgresql", "sqlite")


def main() -> None:
    arguments = parse()
    run = _measure(arguments)
    if arguments.output:
        run.save(arguments.output)
    report.show(run, arguments.baseline)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Returns the arguments, of this process by default. Refuses files that could not be read or written at the end."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=_DATABASES, help="one database; both by default")
    parser.add_argument("--rounds", type=_positive, default=3, help="how often everything is measured (%(default)s)")
    parser.add_argument("--items", type=_positive, default=10_000, help="dashboards, and charts (%(default)s)")
    parser.add_argument("--chunk", type=_positive, default=1_000, help="items in a message (%(default)s)")
    parser.add_argument("--calls", type=_positive, default=5_000, help="unary calls (%(default)s)")
    parser.add_argument("--callers", type=_positive, default=64, help="unary calls at once (%(default)s)")
    parser.add_argument("--output", type=_new_file, metavar="FILE", help="write the figures to a file, as JSON")
    parser.add_argument("--baseline", type=_run, metavar="FILE", help="show the changes since the run of a file")
    parser.add_argument("--profile", type=Path, metavar="FOLDER", help="say where the time goes; keeps stacks there")
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no whole number of at least 1")
    return int(text)


def _new_file(text: str) -> Path:
    """Returns a path that can be written to; it is written to only after minutes."""
    file = Path(text)
    if file.is_dir() or not file.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"{file} cannot be created")
    return file


def _run(text: str) -> Run:
    try:
        return Run.load(Path(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _measure(arguments: argparse.Namespace) -> Run:
    size = Size(arguments.items, arguments.chunk, arguments.calls, arguments.callers)
    databases = [arguments.only] if arguments.only else _DATABASES
    profiler = Profiler(arguments.profile) if arguments.profile else None
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmarks-")))
        postgres = None
        if "postgresql" in databases:
            postgres = stack.enter_context(postgres_server(**measures.POSTGRESQL_SETTINGS))
        conditions = {**machine.conditions(postgres), **_sizes(arguments)}
        turns = list(_turns(stack, folder, postgres, databases, size))
        rounds = []
        for number in range(arguments.rounds):
            watch = _watch(profiler if number == 0 else None)
            # In turns, each database is the first.
            order = turns if number % 2 == 0 else turns[::-1]
            rounds.append([take(watch) for take in order])
            print(f"Round {number + 1} of {arguments.rounds} ended.", file=sys.stderr, flush=True)
        return summarize(conditions, rounds)


def _sizes(arguments: argparse.Namespace) -> dict[str, str]:
    """Returns the arguments that figures depend on."""
    return {name: f"{getattr(arguments, name):,}" for name in ("rounds", "items", "chunk", "calls", "callers")}


def _turns(
    stack: ExitStack, folder: Path, postgres: PostgresServer | None, databases: Sequence[str], size: Size
) -> Iterator[TakeTurn]:
    echo = stack.enter_context(echo_server(folder))
    for database in databases:
        place = folder / database
        place.mkdir()
        if database == "postgresql" and postgres:
            yield stack.enter_context(measures.on_postgresql(place, postgres, echo, size))
        else:
            yield stack.enter_context(measures.on_sqlite(place, echo, size))


def _watch(profiler: Profiler | None) -> Watch:
    def watch(server: Server, name: str, items: int) -> AbstractContextManager[None]:
        pid, *_ = server.workers or (server.pid,)
        return profiler.watch(pid, name, items) if profiler else nullcontext()

    return watch


if __name__ == "__main__":
    main()
