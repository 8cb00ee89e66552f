"""Fuzzes a server on each database, for as long as wanted: `python -m tests.fuzz --help`; `make fuzz` runs it.

Prints what it calls with, so that a run can be repeated: the seed and the number of a call decide its request, but for
ids and the like that come from earlier responses.
"""

import argparse
import asyncio
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from benchmarks.servers import Server, catalog_server
from dashboard_catalog.auth.signing_key import load_or_create_key
from dashboard_catalog.store.migrate import upgrade
from tests.fuzz.callers import metadata_of_callers
from tests.fuzz.calls import Fuzz, Report
from tests.fuzz.http_calls import HttpFuzz
from tests.postgres import THROWAWAY, postgres_server

_MEBIBYTE = 2**20
# The memory that a server may take for more calls of the same kind, after the first third of them.
_MOST_GROWTH_MIB = 64
_PARTS = 6


def main() -> int:
    arguments = _arguments()
    # Issuing tokens leaves audit lines.
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    failed = False
    for database in [arguments.only] if arguments.only else ["sqlite", "postgresql"]:
        print(
            f"{database}: {arguments.calls:,} calls from number {arguments.first} with seed {arguments.seed}",
            flush=True,
        )
        with tempfile.TemporaryDirectory(prefix="fuzz-") as name, _server(Path(name), database) as server:
            report, memory = asyncio.run(_run(server, Path(name) / "data", arguments))
        _show(report, memory)
        grown = memory[-1] - memory[_PARTS // 3]
        failed |= bool(report.failures) or grown > _MOST_GROWTH_MIB
    return int(failed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--door", choices=["grpc", "http"], default="grpc")
    parser.add_argument("--only", choices=["sqlite", "postgresql"], help="one database; both by default")
    parser.add_argument("--calls", type=int, default=230_000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="a random one by default")
    parser.add_argument("--first", type=int, default=0, help="number of the first call")
    return parser.parse_args()


@contextmanager
def _server(folder: Path, database: str) -> Iterator[Server]:
    if database == "sqlite":
        with catalog_server(folder, f"sqlite+aiosqlite:///{folder / 'catalog.db'}", None, http=True) as server:
            yield server
        return
    with postgres_server(**THROWAWAY) as postgres:
        upgrade(postgres.url())
        with catalog_server(folder, postgres.url(), postgres, http=True) as server:
            yield server


async def _run(server: Server, data: Path, arguments: argparse.Namespace) -> tuple[Report, list[int]]:
    """Returns what was found, and the MiB that the server took before, between and after parts of the calls."""
    tokens = metadata_of_callers(load_or_create_key(data))
    # Its beginning adds what requests of both doors refer to.
    fuzz: Fuzz | HttpFuzz = Fuzz(server.address, tokens, arguments.seed)
    if arguments.door == "http":
        await fuzz.run(0, 1)
        fuzz = HttpFuzz(server.http_address, tokens, arguments.seed)
    memory = [_memory(server.pid)]
    for part in range(_PARTS):
        begin, end = (arguments.calls * at // _PARTS for at in (part, part + 1))
        await fuzz.run(arguments.first + begin, end - begin)
        memory.append(_memory(server.pid))
    return fuzz.report, memory


def _memory(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4_096 // _MEBIBYTE


def _show(report: Report, memory: list[int]) -> None:
    for rpc, codes in sorted(report.codes.items()):
        counts = ", ".join(f"{code} {count:,}" for code, count in codes.most_common())
        print(f"  {rpc:<24} {codes.total():>8,}  {counts}")
    print(f"  {report.calls:,} calls; memory of the server in MiB: {', '.join(map(str, memory))}")
    for kind, description in report.failures.items():
        print(f"\n  WRONG {kind}\n{description}")
    print("  nothing is wrong" if not report.failures else "", flush=True)


if __name__ == "__main__":
    sys.exit(main())
