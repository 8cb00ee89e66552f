"""One scrape shows all processes of a server, whichever of them answers.

The process that starts the others has a pair of pipes to each of them. It gathers the samples of all, and does so for
the others when one of them is scraped. The ends of pipes are handed over when a process is started, so nothing is left
behind in the file system, however a process ends. Threads exchange the samples: a process whose event loop is busy
still answers.
"""

import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, NamedTuple, Protocol

import structlog

from dashboard_catalog.metrics.declared import Metrics
from dashboard_catalog.metrics.samples import Family, taken_from

ANSWER_SECONDS = 2.0
"""How long the others may take to answer."""

# Until the one that gathers has given up on everybody else.
_GATHER_SECONDS = 2 * ANSWER_SECONDS

Gathered = Mapping[str, list[Family]]
"""Samples by the name of their process."""

_log = structlog.get_logger(__name__)


class Link(NamedTuple):
    """What a process gets when it is started.

    Attributes:
        name: The name of the process.
        answers: Where it is asked for its own samples.
        asks: Where it asks for those of all.
    """

    name: str
    answers: Connection
    asks: Connection


class Gathers(Protocol):
    """One process among those of a server.

    Attributes:
        metrics: Its own metrics.
    """

    metrics: Metrics

    def gather(self) -> Gathered:
        """Returns the samples of all processes. Waits for them, so it needs a thread."""


class Exchange:
    """The process that starts the others.

    Args:
        name: Its name.
        metrics: Its own metrics.
    """

    def __init__(self, name: str, metrics: Metrics) -> None:
        self.metrics = metrics
        self._silent = metrics.runtime.silent
        self._name = name
        self._others: dict[str, _Other] = {}
        self._gathering = Lock()

    @contextmanager
    def joined(self, name: str) -> Iterator[Link]:
        """Yields what a process gets that is started in the block. It takes the place of an earlier one of its name."""
        asking, answers = Pipe()
        serving, asks = Pipe()
        with answers, asks:
            yield Link(name, answers, asks)
        # A process of this name that has died leaves its pipes to be closed here.
        self._others[name] = _Other(asking)
        Thread(target=self._serve, args=(serving,), name=f"metrics for {name}", daemon=True).start()

    def gather(self) -> Gathered:
        """Returns the samples of all processes, without those that do not answer in time."""
        with self._gathering:
            others = dict(self._others)
            for other in others.values():
                other.ask()
            deadline = time.monotonic() + ANSWER_SECONDS
            found: dict[str, list[Family] | None] = {name: other.answer(deadline) for name, other in others.items()}
        answered = {name: families for name, families in found.items() if families is not None}
        if silent := len(found) - len(answered):
            self._silent.inc(silent)
        return _own(self._name, self.metrics) | {name: answered[name] for name in sorted(answered)}

    def _serve(self, serving: Connection) -> None:
        """Gathers for another process whenever it asks, until it has ended."""
        _leave_signals_to_others()
        with serving, suppress(EOFError, OSError):
            while True:
                serving.recv()
                serving.send(self.gather())


class _Other:
    """Another process at the end of a pipe, which may be busy, stopped or dead."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._answers: SimpleQueue[Any] = SimpleQueue()
        self._is_asked = False
        Thread(target=self._receive, name="metrics of others", daemon=True).start()

    def ask(self) -> None:
        """Asks it, unless it still owes an answer."""
        while not self._answers.empty():
            # Late, and so of an earlier moment.
            self._answers.get()
            self._is_asked = False
        if not self._is_asked:
            with suppress(OSError):
                self._pipe.send(None)
                self._is_asked = True

    def answer(self, deadline: float) -> Any:
        """Returns its answer; None if it does not arrive in time."""
        if not self._is_asked:
            return None
        try:
            answer = self._answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except Empty:
            return None
        self._is_asked = False
        return answer

    def _receive(self) -> None:
        """Takes what it answers. A process can be stopped in the middle, so nothing else waits for the rest."""
        _leave_signals_to_others()
        with suppress(EOFError, OSError):
            while True:
                self._answers.put(self._pipe.recv())
        # Whoever waits need not wait for longer.
        self._answers.put(None)


class Member:
    """A process that was started by another one.

    Args:
        link: What it got from that process.
        metrics: Its own metrics.
    """

    def __init__(self, link: Link, metrics: Metrics) -> None:
        self.metrics = metrics
        self._silent = metrics.runtime.silent
        self._link = link
        self._starter = _Other(link.asks)
        self._asking = Lock()
        Thread(target=self._answer, name="metrics", daemon=True).start()

    def gather(self) -> Gathered:
        """Returns the samples of all processes; only its own if the one that gathers does not answer in time."""
        with self._asking:
            self._starter.ask()
            gathered: Gathered | None = self._starter.answer(time.monotonic() + _GATHER_SECONDS)
        if gathered is None:
            self._silent.inc()
            return _own(self._link.name, self.metrics)
        return gathered

    def _answer(self) -> None:
        _leave_signals_to_others()
        with suppress(EOFError, OSError):
            while True:
                self._link.answers.recv()
                self._link.answers.send(_taken(self.metrics))


def _own(name: str, metrics: Metrics) -> dict[str, list[Family]]:
    families = _taken(metrics)
    return {} if families is None else {name: families}


def _taken(metrics: Metrics) -> list[Family] | None:
    """Returns the samples of this process; None if something cannot be measured, which the log then explains."""
    try:
        return taken_from(metrics.registry)
    except Exception:  # noqa: BLE001 - a later scrape may succeed, and the others must not miss theirs
        _log.exception("metrics_not_taken")
        return None


def _leave_signals_to_others() -> None:
    # Python handles signals in the main thread, which would go on waiting if this thread got one.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
