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
from threading import Lock, Thread
from typing import NamedTuple, Protocol

from dashboard_catalog.metrics.declared import Metrics
from dashboard_catalog.metrics.samples import Family, taken_from

ANSWER_SECONDS = 2.0
"""How long the others may take to answer."""

# Until the one that gathers has given up on everybody else.
_GATHER_SECONDS = 2 * ANSWER_SECONDS

Gathered = Mapping[str, list[Family]]
"""Samples by the name of their process."""


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
            found = {name: other.answer(deadline) for name, other in others.items()}
        answered = {name: families for name, families in found.items() if families is not None}
        if silent := len(found) - len(answered):
            self._silent.inc(silent)
        own = {self._name: taken_from(self.metrics.registry)}
        return own | {name: answered[name] for name in sorted(answered)}

    def _serve(self, serving: Connection) -> None:
        """Gathers for another process whenever it asks, until it has ended."""
        _leave_signals_to_others()
        with serving, suppress(EOFError, OSError):
            while True:
                serving.recv()
                serving.send(self.gather())


class _Other:
    """The pipe to another process, which may be busy, stopped or dead."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._is_asked = False

    def ask(self) -> None:
        """Asks it for its samples, unless it still owes an answer."""
        with suppress(EOFError, OSError):
            if self._is_asked and self._pipe.poll():
                # Late, and so of an earlier moment.
                self._pipe.recv()
                self._is_asked = False
            if not self._is_asked:
                self._pipe.send(None)
                self._is_asked = True

    def answer(self, deadline: float) -> list[Family] | None:
        """Returns its samples; None if they do not arrive in time."""
        with suppress(EOFError, OSError):
            if self._is_asked and self._pipe.poll(max(0.0, deadline - time.monotonic())):
                families: list[Family] = self._pipe.recv()
                self._is_asked = False
                return families
        return None


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
        self._asking = Lock()
        Thread(target=self._answer, name="metrics", daemon=True).start()

    def gather(self) -> Gathered:
        """Returns the samples of all processes; only its own if the one that gathers does not answer in time."""
        with self._asking, suppress(EOFError, OSError):
            pipe = self._link.asks
            while pipe.poll():
                pipe.recv()
            pipe.send(None)
            if pipe.poll(_GATHER_SECONDS):
                gathered: Gathered = pipe.recv()
                return gathered
        self._silent.inc()
        return {self._link.name: taken_from(self.metrics.registry)}

    def _answer(self) -> None:
        _leave_signals_to_others()
        with suppress(EOFError, OSError):
            while True:
                self._link.answers.recv()
                self._link.answers.send(taken_from(self.metrics.registry))


def _leave_signals_to_others() -> None:
    # Python handles signals in the main thread, which would go on waiting if this thread got one.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
