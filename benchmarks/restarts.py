"""Restarts a server under callers, and counts the errors that they see: `python -m benchmarks.restarts --help`.

Each caller has a connection of its own and calls again as soon as it has its answer. It retries as docs/clients says,
and as the Python client does. Every error that reaches it counts.
"""

import argparse
import asyncio
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path
from typing import NamedTuple

import grpc
import grpc.aio

from dashboard_catalog.store.migrate import upgrade
from dashboard_catalog_client.channel import SERVICE_CONFIG, channel_options
from dashboardcatalog.v1.catalog_service_pb2 import UpsertEntityRequest
from dashboardcatalog.v1.catalog_service_pb2_grpc import CatalogServiceStub
from dashboardcatalog.v1.dashboard_pb2 import DashboardSpec
from dashboardcatalog.v1.dashboard_service_pb2 import UpsertDashboardRequest
from dashboardcatalog.v1.dashboard_service_pb2_grpc import DashboardServiceStub
from dashboardcatalog.v1.entity_pb2 import BiService, Entity
from tests.postgres import THROWAWAY, postgres_server

# What docs/clients advises for a unary call, including its retries.
DEADLINE_SECONDS = 10.0
PROGRAM = [sys.executable, "-c", "from dashboard_catalog.cli.main import main; main()"]

Channel = Callable[[str], grpc.aio.Channel]


class Plan(NamedTuple):
    """What to do.

    Attributes:
        restarts: How often to restart.
        callers: How many callers call meanwhile.
        seconds: How long they call before each restart, after each of them has an answer.
        rolls: Whether the next server starts before the last one ends; both share the port then.
        channel: Opens the channel of a caller.
    """

    restarts: int
    callers: int
    seconds: float
    rolls: bool
    channel: Channel


class Seen(NamedTuple):
    """What the callers saw.

    Attributes:
        answers: How many calls were answered.
        errors: The others, by code and text.
        longest_call: Seconds.
        longest_absence: Seconds in which no server was there, at worst.
    """

    answers: int
    errors: Counter[str]
    longest_call: float
    longest_absence: float


def documented_channel(address: str) -> grpc.aio.Channel:
    """Opens a channel that has the documented service config and nothing else."""
    options: list[tuple[str, str | int]] = [("grpc.service_config", SERVICE_CONFIG), ("grpc.enable_http_proxy", 0)]
    return grpc.aio.insecure_channel(address, [*options, ("grpc.use_local_subchannel_pool", 1)])


def client_channel(address: str) -> grpc.aio.Channel:
    """Opens a channel as the Python client does, but with a connection of its own."""
    return grpc.aio.insecure_channel(address, [*channel_options(address), ("grpc.use_local_subchannel_pool", 1)])


CHANNELS: dict[str, Channel] = {"documented": documented_channel, "client": client_channel}


class Restarted:
    """A server that is replaced again and again.

    Args:
        folder: Its data folder and its log.
        options: Further options of `serve`.
    """

    def __init__(self, folder: Path, port: int, options: list[str]) -> None:
        self.address = f"127.0.0.1:{port}"
        self._log = folder / "server.log"
        self._data = folder / "data"
        self._command = [*PROGRAM, "serve", "--address", self.address, "--data-dir", str(self._data), *options]
        self._command += ["--log-format", "json"]
        self._process: asyncio.subprocess.Process | None = None
        self.longest_absence = 0.0

    @property
    def metadata(self) -> list[tuple[str, str]]:
        """The metadata of an administrator."""
        return [("authorization", f"Bearer {(self._data / 'admin.token').read_text().strip()}")]

    async def start(self) -> None:
        """Starts the next process, and returns when it serves."""
        at = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(*self._command, stderr=log)
        while b'"serving"' not in self._log.read_bytes()[at:]:
            if self._process.returncode is not None:
                raise RuntimeError(self._log.read_text())
            await asyncio.sleep(0.02)

    async def restart(self) -> None:
        """Stops the process, then starts the next one."""
        began = time.monotonic()
        await self.stop()
        await self.start()
        self.longest_absence = max(self.longest_absence, time.monotonic() - began)

    async def roll(self) -> None:
        """Starts the next process, then stops the last one."""
        last = self._process
        await self.start()
        await _stopped(last)

    async def stop(self) -> None:
        """Stops the process that was started last."""
        await _stopped(self._process)


async def _stopped(process: asyncio.subprocess.Process | None) -> None:
    if process is not None:
        process.send_signal(signal.SIGTERM)
        await process.wait()


async def watch(server: Restarted, plan: Plan) -> Seen:
    """Restarts a server that serves, under callers, and returns what they saw."""
    errors: Counter[str] = Counter()
    answers: Counter[int] = Counter()
    longest, stopped = 0.0, False
    metadata = server.metadata

    async def call(caller: int) -> None:
        nonlocal longest
        turn = 0
        async with plan.channel(server.address) as channel:
            stub = DashboardServiceStub(channel)
            while not stopped:
                turn += 1
                spec = DashboardSpec(name=f"d{caller}", service="superset", description=f"turn {turn}")
                began = time.monotonic()
                try:
                    await stub.UpsertDashboard(
                        UpsertDashboardRequest(dashboard=spec), metadata=metadata, timeout=DEADLINE_SECONDS
                    )
                    answers[caller] += 1
                except grpc.aio.AioRpcError as error:
                    errors[f"{error.code().name}: {error.details()}"] += 1
                longest = max(longest, time.monotonic() - began)

    callers = [asyncio.create_task(call(number)) for number in range(plan.callers)]
    for _ in range(plan.restarts):
        await _all_answered(answers, plan.callers)
        await asyncio.sleep(plan.seconds)
        await (server.roll() if plan.rolls else server.restart())
    await _all_answered(answers, plan.callers)
    stopped = True
    await asyncio.gather(*callers)
    return Seen(answers.total(), errors, longest, server.longest_absence)


async def _all_answered(answers: Counter[int], callers: int) -> None:
    """Returns when each caller has another answer."""
    before = answers.copy()
    while any(answers[caller] == before[caller] for caller in range(callers)):  # noqa: ASYNC110 - callers only count
        await asyncio.sleep(0.02)


async def measure(folder: Path, database_url: str, plan: Plan) -> Seen:
    """Runs a server on a database, and returns what callers saw of its restarts."""
    options = ["--database-url", database_url, *(["--workers", "2"] if plan.rolls else [])]
    server = Restarted(folder, _free_port(), options)
    await server.start()
    try:
        async with grpc.aio.insecure_channel(server.address) as channel:
            entity = Entity(bi_service=BiService(name="superset", service_type="Superset"))
            await CatalogServiceStub(channel).UpsertEntity(
                UpsertEntityRequest(entity=entity), metadata=server.metadata, wait_for_ready=True
            )
        return await watch(server, plan)
    finally:
        await server.stop()


def _free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return int(chosen.getsockname()[1])


@contextmanager
def _databases(folder: Path, only: str | None) -> Iterator[dict[str, str]]:
    """Yields the URLs of migrated, empty databases by name."""
    with ExitStack() as stack:
        urls = {}
        if only != "postgresql":
            urls["sqlite"] = f"sqlite+aiosqlite:///{folder / 'catalog.db'}"
        if only != "sqlite":
            postgres = stack.enter_context(postgres_server(**THROWAWAY))
            urls["postgresql"] = postgres.url()
            upgrade(postgres.url())
        yield urls


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.restarts", description=__doc__)
    parser.add_argument("--only", choices=["sqlite", "postgresql"], help="one database; both by default")
    parser.add_argument("--restarts", type=int, default=10)
    parser.add_argument("--callers", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=1.0, help="how long callers call before each restart")
    parser.add_argument("--channel", choices=CHANNELS, help="how callers connect; in both ways by default")
    return parser.parse_args()


def main() -> int:
    arguments = _arguments()
    seen_errors = 0
    with (
        tempfile.TemporaryDirectory(prefix="restarts-") as name,
        _databases(Path(name), arguments.only) as databases,
    ):
        for (database, url), channel, rolls in product(databases.items(), CHANNELS, (False, True)):
            if (rolls and database == "sqlite") or arguments.channel not in (None, channel):
                continue
            folder = Path(name, f"{database}-{channel}-{rolls}")
            folder.mkdir()
            plan = Plan(arguments.restarts, arguments.callers, arguments.seconds, rolls, CHANNELS[channel])
            seen = asyncio.run(measure(folder, url, plan))
            seen_errors += seen.errors.total()
            what = "rolling" if rolls else "restart"
            print(
                f"{database:<10} {what}, channel {channel:<10} {seen.answers:>8,} answers, "
                f"{seen.errors.total():>4} errors, longest call {seen.longest_call:.1f} s, "
                f"longest absence {seen.longest_absence:.1f} s"
            )
            for text, count in seen.errors.most_common(5):
                print(f"    {count:>4} {text[:200]}")
    return 1 if seen_errors else 0


if __name__ == "__main__":
    sys.exit(main())
