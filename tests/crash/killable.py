"""A server process that tests kill at any moment or at a chosen one, and start again on its port.

The processes are forked from one that has already loaded the server, because loading takes most of the time.
"""

import asyncio
import multiprocessing
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from dashboard_catalog.auth.issuing import issue_token
from dashboard_catalog.auth.signing_key import load_or_create_key
from dashboard_catalog.processes import run_until_stopped
from dashboard_catalog.server import build, prepare
from dashboard_catalog.settings import Settings
from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.records import SessionRecord

T = TypeVar("T")

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["dashboard_catalog.server"])


@dataclass(frozen=True, slots=True)
class Failpoint:
    """Where a server kills itself.

    Attributes:
        where: Before or after the commit of a transaction; the acknowledgement follows the commit.
        write: Number of the transaction since the start of the server; None for the one that ends a session.
    """

    where: Literal["before", "after"]
    write: int | None = None


class Dying(Database):
    """A database whose server dies at a failpoint."""

    def __init__(self, url: str, failpoint: Failpoint) -> None:
        super().__init__(url)
        self._failpoint = failpoint
        self._writes = 0

    async def write(self, work: Callable[[WriteConnection], Awaitable[T]]) -> T:
        self._writes += 1
        is_chosen = self._writes == self._failpoint.write

        async def worked(connection: WriteConnection) -> T:
            result = await work(connection)
            self._pass("before", is_chosen, result)
            return result

        result = await super().write(worked)
        self._pass("after", is_chosen, result)
        return result

    def _pass(self, where: str, is_chosen: bool, result: object) -> None:
        if self._failpoint.write is None:
            is_chosen = isinstance(result, SessionRecord) and result.finished
        if is_chosen and where == self._failpoint.where:
            os.kill(os.getpid(), signal.SIGKILL)


class Killable:
    """The server; it does not run until it is started.

    Attributes:
        address: Where it listens, after each start.
        token: A bot's token.
        kills: Number of times it has died.
    """

    def __init__(self, database_url: str, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self._settings = Settings.load({"address": self.address, "database_url": database_url, "data_dir": folder})
        self.token = issue_token(load_or_create_key(folder), "loader", ("ingestion_bot",), bot=True)
        self.kills = 0
        self._log = folder / "server.log"
        self._process: multiprocessing.process.BaseProcess | None = None

    def start(self, failpoint: Failpoint | None = None) -> None:
        """Starts it, without waiting until it listens."""
        self._process = _PROCESSES.Process(target=_run, args=(self._settings, failpoint, self._log), daemon=True)
        self._process.start()

    async def kill(self) -> None:
        """Kills it, and waits until it is dead."""
        if self._process is not None:
            self._process.kill()
            await self.died()

    async def died(self) -> None:
        """Waits until it has been killed, by anyone."""
        process = self._process
        assert process is not None
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(process.sentinel, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(process.sentinel)
        process.join()
        assert process.exitcode == -signal.SIGKILL, self._log.read_text()
        self.kills += 1

    def stop(self) -> None:
        """Kills it if it is running."""
        if self._process is not None:
            self._process.kill()
            self._process.join()


@contextmanager
def killable(database_url: str, folder: Path) -> Iterator[Killable]:
    """Yields a server, and kills it at the end of the block."""
    server = Killable(database_url, folder)
    try:
        yield server
    finally:
        server.stop()


def _run(settings: Settings, failpoint: Failpoint | None, log: Path) -> None:
    with log.open("ab") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    prepare(settings)

    async def main(stop_requested: asyncio.Event) -> None:
        database = Dying(settings.database_url, failpoint) if failpoint else None
        server = await build(settings, database=database)
        await server.start()
        await stop_requested.wait()
        await server.drain()

    run_until_stopped(main)
