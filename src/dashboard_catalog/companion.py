"""Keeps one more process running beside the processes of a server, and ends it with them.

The server does not need it: if it dies, another one is started after a while. This module must not know what it does.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import Any

import structlog

_FIRST_DELAY_SECONDS = 1.0
_LONGEST_DELAY_SECONDS = 60.0
# A process that lives longer has not died of how it was started.
_HEALTHY_SECONDS = 60.0
_STOP_SECONDS = 5.0

MakesLink = Callable[[], AbstractContextManager[Any]]

_log = structlog.get_logger("dashboard_catalog.companion")


@contextmanager
def accompanied(
    target: Callable[..., None],
    *args: Any,
    link: MakesLink = nullcontext,
    died: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """Keeps a process of `target(*args)` running while the block runs.

    If this process is killed, `target` must end by itself, as `run_until_stopped` does.

    Args:
        link: Returns what each process gets as one more argument. Its block ends when the process has been started.
        died: Called when a process has died, and another one will be started.
    """
    stopped, stopping = os.pipe()
    keeper = Thread(target=_keep, args=(stopped, target, args, link, died), name="companion", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        os.close(stopping)
        keeper.join()
        os.close(stopped)


def _keep(
    stopped: int, target: Callable[..., None], args: tuple[Any, ...], link: MakesLink, died: Callable[[], None]
) -> None:
    """Starts a process, and another one whenever it dies, until the other end of the pipe `stopped` is closed."""
    # What this thread starts takes over its mask. A terminal sends SIGINT to all processes, but the server decides.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    delay = _FIRST_DELAY_SECONDS
    while True:
        began = time.monotonic()
        with link() as linked:
            given = args if linked is None else (*args, linked)
            process = multiprocessing.get_context("spawn").Process(target=target, args=given)
            process.start()
        if stopped in wait([process.sentinel, stopped]):
            _stop(process)
            return
        process.join()
        if time.monotonic() - began >= _HEALTHY_SECONDS:
            delay = _FIRST_DELAY_SECONDS
        if process.exitcode == 0:
            # Whoever asks all processes of a service to stop asks this one, too.
            _log.info("companion_ended", pid=process.pid, retry_seconds=delay)
        else:
            _log.error("companion_died", pid=process.pid, exit_code=process.exitcode, retry_seconds=delay)
            died()
        if wait([stopped], delay):
            return
        delay = min(delay * 2, _LONGEST_DELAY_SECONDS)


def _stop(process: BaseProcess) -> None:
    process.terminate()
    process.join(_STOP_SECONDS)
    if process.is_alive():
        process.kill()
        process.join()
