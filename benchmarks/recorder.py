"""The lines of the table, and what takes them down."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from benchmarks.client import Sent
from benchmarks.servers import Server

Watch = Callable[[Server, str, int], AbstractContextManager[None]]
"""Makes the context that a measure of so many items runs in: a profiler, or nothing."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured.

    Attributes:
        items: Dashboards, and charts where charts are measured.
        chunk: Items in a message.
        calls: Unary calls.
        callers: Unary calls at once.
    """

    items: int
    chunk: int
    calls: int
    callers: int


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of the table.

    Attributes:
        cpu: Seconds of client, server and database.
    """

    database: str
    work: str
    items: int
    seconds: float
    cpu: tuple[float, float, float] = (0, 0, 0)

    @property
    def rate(self) -> float:
        """Items a second."""
        return self.items / self.seconds


class Recorder:
    """Takes down what one server does on one database.

    Attributes:
        measures: What was measured so far.
    """

    def __init__(self, database: str, server: Server, watch: Watch) -> None:
        self.measures: list[Measure] = []
        self._database = database
        self._server = server
        self._watch = watch

    def record(self, work: str, items: int, send: Callable[[], Sent]) -> None:
        """Adds a line for what `send` has the server do."""
        before = self._server.cpu()
        with self._watch(self._server, f"{self._database} {work}", items):
            sent = send()
        server, database = (after - start for after, start in zip(self._server.cpu(), before, strict=True))
        self.measures.append(Measure(self._database, work, items, sent.seconds, (sent.cpu, server, database)))
