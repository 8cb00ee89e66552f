"""The measurements of one turn, and a recorder for them."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from benchmarks.client import Sent
from benchmarks.servers import Server

Watch = Callable[[Server, str, int], AbstractContextManager[None]]
"""Returns the context in which a number of items is measured: a profiler, or nothing."""


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a measurement.

    Attributes:
        items: Number of dashboards, and of charts where charts are measured.
        chunk: Number of items per message.
        calls: Number of unary calls.
        callers: Number of concurrent unary calls.
    """

    items: int
    chunk: int
    calls: int
    callers: int

    @property
    def calls_alone(self) -> int:
        """Number of calls by a single caller."""
        return max(2, self.calls // 10)

    @property
    def calls_compared(self) -> int:
        """Number of unary calls to the comparison, which is slow."""
        return max(2, self.calls // 5)


@dataclass(frozen=True, slots=True)
class Measure:
    """One measurement.

    Attributes:
        cpu: Seconds of client, server and database.
        each: Milliseconds of each call, where latencies matter.
    """

    database: str
    work: str
    items: int
    seconds: float
    cpu: tuple[float, float, float] = (0, 0, 0)
    each: Sequence[float] = ()

    @property
    def rate(self) -> float:
        """Items per second."""
        return self.items / self.seconds

    @property
    def cpu_each(self) -> tuple[float, ...]:
        """Microseconds per item of client, server and database."""
        return tuple(seconds / self.items * 1e6 for seconds in self.cpu)


@dataclass(frozen=True, slots=True)
class Turn:
    """What was measured on one database in one round.

    Attributes:
        memory: The maximum memory of the catalog's server, in MiB.
    """

    database: str
    measures: Sequence[Measure]
    memory: int


class Recorder:
    """Records the work of servers beside one database.

    Attributes:
        measures: The measurements so far.
        database: Name of the database.
    """

    def __init__(self, database: str, watch: Watch) -> None:
        self.measures: list[Measure] = []
        self.database = database
        self._watch = watch

    def record(
        self,
        server: Server,
        work: str,
        items: int,
        send: Callable[[], Sent],
        *,
        has_latencies: bool = False,
        database: str | None = None,
    ) -> None:
        """Adds the measurement of the work that `send` causes in a server.

        Args:
            has_latencies: Whether the latencies of calls matter.
            database: For work that has nothing to do with the database: empty.
        """
        before = server.cpu()
        with self._watch(server, f"{self.database} {work}", items):
            sent = send()
        of_server, of_database = (after - start for after, start in zip(server.cpu(), before, strict=True))
        cpu = sent.cpu, of_server, of_database
        each = sent.each if has_latencies else ()
        place = self.database if database is None else database
        self.measures.append(Measure(place, work, items, sent.seconds, cpu, each))
