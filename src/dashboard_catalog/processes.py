"""Runs the server's processes until they are asked to stop: one with its event loop, or several behind one address.

Several processes share the address by SO_REUSEPORT, so the kernel assigns each connection to one of them. This module
must not know what they serve.
"""

import asyncio
import gc
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any

import structlog
import uvloop

from dashboard_catalog.settings import Address

COULD_NOT_START = 2
"""Exit status of a worker that could not start. A replacement would fail as well."""

# A worker that dies sooner is not replaced either.
_HEALTHY_SECONDS = 2.0

MakesLink = Callable[[int], AbstractContextManager[Any]]

_log = structlog.get_logger("dashboard_catalog.workers")


class WorkersFailed(Exception):
    """The processes cannot run. The message says why."""


def run_until_stopped(main: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Runs `main` in this process, with an event that is set by SIGTERM, by SIGINT or when the supervisor ends.

    A second SIGINT ends the process at once.
    """

    async def watched() -> None:
        _tune_garbage_collector()
        await main(_stop_requested())

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(watched())


@contextmanager
def reserved(address: Address) -> Iterator[Address]:
    """Reserves the address for processes that share it. Yields it with the port that the system chose.

    Raises:
        WorkersFailed: If the address is in use or does not belong to this machine.
    """
    try:
        family, *_, place = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
        holder = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise WorkersFailed(f"{address}: {error.strerror}") from error
    with holder:
        # Connections of an earlier server that are still closing do not matter.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            # This socket never listens, so it gets no connections.
            holder.bind(place)
        except OSError as error:
            raise WorkersFailed(f"{address}: {error.strerror}") from error
        # Only now: it must not share the address of another server, or of another door of this one.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        yield address.with_port(holder.getsockname()[1])


def supervise(
    count: int,
    target: Callable[..., None],
    *args: Any,
    link: MakesLink = lambda _: nullcontext(),
    died: Callable[[], None] = lambda: None,
) -> None:
    """Runs `count` processes of `target(*args)`. After SIGTERM or SIGINT, stops them and waits until they have ended.

    A second signal kills them at once.

    Args:
        link: Returns what a process gets as one more argument, by its number. One that replaces another has the same
            number. Its block ends when the process has been started.
        died: Called when a process has died, before it is replaced.

    Raises:
        WorkersFailed: If a process dies soon after its start. All others have ended by then.
    """
    with _signals() as stop_requested:
        workers = _Workers(target, args, link)
        try:
            for number in range(count):
                workers.start(number)
            while not workers.wait(stop_requested):
                workers.replace_dead(died)
        finally:
            workers.stop()
            while workers.are_left() and not workers.wait(stop_requested):
                pass
            workers.kill()


class _Workers:
    """The worker processes, with the number of each and the time when it was started."""

    def __init__(self, target: Callable[..., None], args: tuple[Any, ...], link: MakesLink) -> None:
        self._spawn = multiprocessing.get_context("spawn")
        self._target = target
        self._args = args
        self._link = link
        self._started: dict[BaseProcess, tuple[int, float]] = {}

    def start(self, number: int) -> None:
        with self._link(number) as linked:
            args = self._args if linked is None else (*self._args, linked)
            process = self._spawn.Process(target=self._target, args=args)
            # A terminal sends SIGINT to all processes. The supervisor decides what it means for this one, from its
            # start.
            blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            process.start()
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        self._started[process] = number, time.monotonic()
        _log.info("worker_started", pid=process.pid)

    def wait(self, stop_requested: int) -> bool:
        """Waits for a process to end or for a signal, and returns whether it was a signal.

        Includes processes that have already ended; otherwise it could wait forever.
        """
        ready = wait([*(process.sentinel for process in self._started), stop_requested])
        return stop_requested in ready and bool(os.read(stop_requested, 1))

    def replace_dead(self, died: Callable[[], None]) -> None:
        for process in [process for process in self._started if not process.is_alive()]:
            number, began = self._started.pop(process)
            lived = time.monotonic() - began
            died()
            _log.error("worker_died", pid=process.pid, exit_code=process.exitcode)
            if lived < _HEALTHY_SECONDS or process.exitcode == COULD_NOT_START:
                raise WorkersFailed("a worker ended soon after its start; see the log for the reason")
            self.start(number)

    def stop(self) -> None:
        for process in self._started:
            process.terminate()

    def are_left(self) -> bool:
        """Returns whether any process is still running, and forgets the others."""
        self._started = {process: began for process, began in self._started.items() if process.is_alive()}
        return bool(self._started)

    def kill(self) -> None:
        for process in self._started:
            process.kill()
            process.join()


@contextmanager
def _signals() -> Iterator[int]:
    """Yields a file descriptor from which one byte can be read per SIGTERM or SIGINT."""
    reading, writing = os.pipe()

    def note(_number: int, _frame: object) -> None:
        os.write(writing, b"!")

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield reading
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reading)
        os.close(writing)


def _tune_garbage_collector() -> None:
    """Makes the garbage collector run rarely and ignore everything that is loaded already.

    A chunk holds up to a hundred thousand objects while it is written, and hardly any is part of a reference cycle.
    With lower thresholds, the collector looks at them again and again: with the defaults, for a third of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


def _stop_requested() -> asyncio.Event:
    requested = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, requested.set)
    supervisor = multiprocessing.parent_process()
    if supervisor is None:
        loop.add_signal_handler(signal.SIGINT, _stop_then_die, requested)
    else:
        # A terminal sends SIGINT to all processes; the supervisor decides what it means for this one.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        loop.add_reader(supervisor.sentinel, _stop_without_supervisor, requested, supervisor.sentinel)
    return requested


def _stop_then_die(requested: asyncio.Event) -> None:
    requested.set()
    asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _stop_without_supervisor(requested: asyncio.Event, sentinel: int) -> None:
    asyncio.get_running_loop().remove_reader(sentinel)
    requested.set()
