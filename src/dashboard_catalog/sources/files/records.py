"""Reads JSON values from a file, as JSON or NDJSON.

A source can be read several times, once per kind of item. Of NDJSON it keeps only one line in memory. Does not know
what the values mean.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader
from itertools import count
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

from dashboard_catalog.sources.files.json_values import (
    MAX_BYTES,
    TOO_LARGE,
    JsonError,
    is_incomplete,
    values_of,
    values_on,
)
from dashboard_catalog.sources.files.recognition import other_format
from dashboard_catalog.sources.problems import SourceError

Holding = Literal["service", "entity", "chart", "dashboard"]
"""What a file holds, if its name says so."""

LINES_SUFFIXES = (".ndjson", ".jsonl")
"""Names of NDJSON end so."""
_START_BYTES = 4_096


@dataclass(frozen=True, slots=True)
class Record:
    """One JSON value, or the reason why there is none.

    Attributes:
        place: Where it was found: `charts.ndjson:12`.
        value: The value.
        problem: What is wrong with it; None if it is a value.
    """

    place: str
    value: object = None
    problem: str | None = None


class Content(Protocol):
    """A file with a name."""

    @property
    def name(self) -> str:
        """The name that people know: that of its file, or `-`."""

    @property
    def path(self) -> Path:
        """The file to read."""


class Source(Content, Protocol):
    """A file that holds records."""

    @property
    def holding(self) -> Holding | None:
        """What its bodies are; None if they may be anything."""

    def records(self) -> Iterator[Record]:
        """Yields all its records, from the first one each time it is called."""


@dataclass(frozen=True, slots=True)
class Lines:
    """NDJSON: one value per line, or several. A line that is not JSON is a record with a problem."""

    name: str
    path: Path
    holding: Holding | None = None

    def records(self) -> Iterator[Record]:
        """Yields the values of each line; numbers them from 1 if there are several. Skips empty lines."""
        with opened(self.path) as file:
            for number, line in enumerate(_lines(self.name, file), start=1):
                if text := line.strip():
                    yield from _on_line(f"{self.name}:{number}", text)


@dataclass(frozen=True, slots=True)
class Document:
    """JSON values that span any number of lines, kept in memory."""

    name: str
    path: Path
    values: tuple[object, ...]
    holding: Holding | None = None

    def records(self) -> Iterator[Record]:
        """Yields the values; numbers them from 1 if there are several."""
        yield from _numbered(self.name, self.values)


def opened(path: Path) -> BufferedReader:
    """Returns a file, open for reading.

    Raises:
        SourceError: If it cannot be read.
    """
    try:
        return path.open("rb")
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error


def source_of(name: str, path: Path, holding: Holding | None = None) -> Source:
    """Returns a file as NDJSON, unless its first line can only be the beginning of a longer value.

    Raises:
        SourceError: If it is recognized as something else.
    """
    with opened(path) as file:
        if other := other_format(name, file.read(_START_BYTES)):
            raise SourceError(f"{'standard input' if name == '-' else name} {other}")
    if name.endswith(LINES_SUFFIXES):
        return Lines(name, path, holding)
    with opened(path) as file:
        first = next((line.strip() for line in _lines(name, file) if line.strip()), b"")
    if is_incomplete(first):
        return Document(name, path, tuple(_values(name, path)), holding)
    return Lines(name, path, holding)


def _values(name: str, path: Path) -> Iterator[object]:
    with opened(path) as file:
        content = file.read(MAX_BYTES + 1)
    try:
        yield from values_of(content)
    except JsonError as error:
        raise SourceError(f"{name} is not JSON: {error}") from error


def _lines(name: str, file: BinaryIO) -> Iterator[bytes]:
    """Yields the lines of a file.

    Raises:
        SourceError: If one is too long to be kept in memory.
    """
    for number in count(1):
        line = file.readline(MAX_BYTES + 1)
        if not line:
            return
        if len(line) > MAX_BYTES:
            raise SourceError(f"{name}:{number} is too long for one line: {TOO_LARGE}")
        yield line


def _on_line(place: str, line: bytes) -> Iterator[Record]:
    try:
        values = values_on(line)
    except JsonError as error:
        yield Record(place, problem=f"is not JSON: {error}")
    else:
        yield from _numbered(place, values)


def _numbered(place: str, values: Sequence[object]) -> Iterator[Record]:
    for number, value in enumerate(values, start=1):
        yield Record(f"{place}, value {number}" if len(values) > 1 else place, value)
