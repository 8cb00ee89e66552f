"""A whole run: its rows, each with the medians of all rounds, and the file that keeps it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from benchmarks.figures import figures_of, is_beside
from benchmarks.medians import Spread
from benchmarks.recorder import Measure, Turn

_PROCESSES = ("client", "server", "database")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        database: Name of the database; empty for work without one.
        rate: Items per second.
        cpu: Microseconds of processor time per item, of `client`, `server` and `database`.
        figures: What is shown beside the rate, by name.
    """

    database: str
    work: str
    rate: Spread
    cpu: Mapping[str, Spread]
    figures: Mapping[str, Spread]

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same row in another run."""
        return self.database, self.work


@dataclass(frozen=True, slots=True)
class Run:
    """A run, as it is printed and kept in files.

    Attributes:
        conditions: What the figures depend on, by name: versions, sizes and the like.
        memory: The maximum memory of the catalog's server on each database, in MiB.
    """

    conditions: Mapping[str, str]
    memory: Mapping[str, int]
    rows: Sequence[Row]

    def save(self, file: Path) -> None:
        """Writes the run as JSON."""
        file.write_bytes(_runs.dump_json(self, indent=1) + b"\n")

    @classmethod
    def load(cls, file: Path) -> "Run":
        """Reads what `save` has written.

        Raises:
            ValueError: If the file cannot be read or holds something else.
        """
        try:
            return _runs.validate_json(file.read_bytes())
        except OSError as error:
            raise ValueError(f"{file}: {error.strerror}") from error
        except ValidationError as error:
            raise ValueError(f"{file} was not written by --output of this version") from error


_runs = TypeAdapter(Run)


def summarize(conditions: Mapping[str, str], rounds: Sequence[Sequence[Turn]]) -> Run:
    """Returns the medians of the turns of all rounds. Ratios are made of measurements of one turn, or of one round."""
    memory: dict[str, int] = {}
    samples: dict[tuple[str, str], list[_Sample]] = {}
    for turns in rounds:
        postgresql = next((_by_work(turn) for turn in turns if turn.database == "PostgreSQL"), {})
        for turn in turns:
            memory[turn.database] = max(turn.memory, memory.get(turn.database, 0))
            elsewhere = {} if turn.database == "PostgreSQL" else postgresql
            for measure, figures in _with_figures(turn, elsewhere):
                samples.setdefault((measure.database, measure.work), []).append((measure, figures))
    return Run(conditions, memory, _in_order([_row(some) for some in samples.values()]))


_Sample = tuple[Measure, Mapping[str, float]]


def _by_work(turn: Turn) -> Mapping[str, Measure]:
    return {measure.work: measure for measure in turn.measures}


def _with_figures(turn: Turn, postgresql: Mapping[str, Measure]) -> Iterator[_Sample]:
    beside = _by_work(turn)
    for measure in turn.measures:
        yield measure, dict(figures_of(measure, beside, postgresql))


def _row(samples: Sequence[_Sample]) -> Row:
    first, _ = samples[0]
    each = zip(*(measure.cpu_each for measure, _ in samples), strict=True)
    cpu = {process: Spread.of(values) for process, values in zip(_PROCESSES, each, strict=True)}
    names = dict.fromkeys(name for _, figures in samples for name in figures)
    rate = Spread.of(measure.rate for measure, _ in samples)
    shown = {name: Spread.of(_values(samples, name)) for name in names}
    return Row(first.database, first.work, rate, cpu, shown)


def _in_order(rows: Sequence[Row]) -> list[Row]:
    """Returns rows of no database first, then those of each: the catalog's, and what it is compared with."""
    databases = sorted(dict.fromkeys(row.database for row in rows))
    return sorted(rows, key=lambda row: (databases.index(row.database), is_beside(row.work)))


def _values(samples: Iterable[_Sample], name: str) -> Iterator[float]:
    return (figures[name] for _, figures in samples if name in figures)
