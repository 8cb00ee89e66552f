"""The processes that serve: one with its event loop, or several behind one address, until told to stop.

Several share the address by SO_REUSEPORT, so the kernel gives each connection to one of them. What they serve
is for the caller to know.
"""

import asyncio
import gc
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any

import structlog
import uvloop

from dashboard_catalog.settings import Address

COULD_NOT_START = 2
"""Exit status of a worker that another one would do no better than."""

# Nor would another one do better than one that dies sooner.
_HEALTHY_SECONDS = 2.0

_log = structlog.get_logger("dashboard_catalog.workers")


class WorkersFailed(Exception):
    """The processes cannot run; the text says why."""


def run_until_told(main: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Runs `main` in this process, with an event that SIGTERM, SIGINT or the end of the supervisor sets.

    A second SIGINT ends the process at once.
    """

    async def watched() -> None:
        _spare_collector()
        await main(_told_to_stop())

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(watched())


@contextmanager
def reserved(address: Address) -> Iterator[Address]:
    """Holds the address for processes that share it, and gives it with the port that the system chose.

    Raises:
        WorkersFailed: If it is in use, or not of this machine.
    """
    try:
        family, *_, place = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
        holder = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise WorkersFailed(f"{address}: {error.strerror}") from error
    with holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            # Never listens, so no connection goes to it.
            holder.bind(place)
        except OSError as error:
            raise WorkersFailed(f"{address}: {error.strerror}") from error
        yield address.with_port(holder.getsockname()[1])


def supervise(count: int, target: Callable[..., None], *args: Any) -> None:
    """Runs `count` processes of `target(*args)` until SIGTERM or SIGINT, then until they have ended.

    A second signal ends them at once.

    Raises:
        WorkersFailed: If one dies soon after its start; the others have ended then.
    """
    with _signals() as told_to_stop:
        workers = _Workers(target, args)
        try:
            for _ in range(count):
                workers.start()
            while not workers.wait(told_to_stop):
                workers.replace_dead()
        finally:
            workers.stop()
            while workers.are_left() and not workers.wait(told_to_stop):
                pass
            workers.kill()


class _Workers:
    """The processes, with the time at which each was started."""

    def __init__(self, target: Callable[..., None], args: tuple[Any, ...]) -> None:
        self._spawn = multiprocessing.get_context("spawn")
        self._target = target
        self._args = args
        self._started: dict[BaseProcess, float] = {}

    def start(self) -> None:
        process = self._spawn.Process(target=self._target, args=self._args)
        process.start()
        self._started[process] = time.monotonic()
        _log.info("worker_started", pid=process.pid)

    def wait(self, told_to_stop: int) -> bool:
        """Returns once a process has ended, or a signal has come: True for a signal.

        Waits for those as well that may have ended since the last look, or it would wait for ever.
        """
        ready = wait([*(process.sentinel for process in self._started), told_to_stop])
        return told_to_stop in ready and bool(os.read(told_to_stop, 1))

    def replace_dead(self) -> None:
        for process in [process for process in self._started if not process.is_alive()]:
            lived = time.monotonic() - self._started.pop(process)
            _log.error("worker_died", pid=process.pid, exit_code=process.exitcode)
            if lived < _HEALTHY_SECONDS or process.exitcode == COULD_NOT_START:
                raise WorkersFailed("a worker ended soon after its start; the log says why")
            self.start()

    def stop(self) -> None:
        for process in self._started:
            process.terminate()

    def are_left(self) -> bool:
        """Returns whether any has not ended, and forgets those that have."""
        self._started = {process: began for process, began in self._started.items() if process.is_alive()}
        return bool(self._started)

    def kill(self) -> None:
        for process in self._started:
            process.kill()
            process.join()


@contextmanager
def _signals() -> Iterator[int]:
    """Gives a file descriptor from which one byte can be read for each SIGTERM or SIGINT."""
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


def _spare_collector() -> None:
    """Has the garbage collector look seldom, and never at what has been loaded.

    A chunk makes some hundred thousand objects, hardly one of them in a circle; to look at them again and again took a
    third of its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _told_to_stop() -> asyncio.Event:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, told.set)
    supervisor = multiprocessing.parent_process()
    if supervisor is None:
        loop.add_signal_handler(signal.SIGINT, _stop_then_die, told)
    else:
        # A terminal sends it to all processes, and the supervisor says what it means.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        loop.add_reader(supervisor.sentinel, _stop_without_supervisor, told, supervisor.sentinel)
    return told


def _stop_then_die(told: asyncio.Event) -> None:
    told.set()
    asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _stop_without_supervisor(told: asyncio.Event, sentinel: int) -> None:
    asyncio.get_running_loop().remove_reader(sentinel)
    told.set()
