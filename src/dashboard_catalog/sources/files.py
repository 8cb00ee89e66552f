"""Reads JSON values from a folder, a file or standard input, as JSON or NDJSON.

A source can be read several times, once per kind of item. Of NDJSON it keeps only one line in memory. Does not know
what the values mean.
"""

import hashlib
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, Literal, Protocol

from dashboard_catalog.sources.json_values import JsonError, is_incomplete, value_of, values_of
from dashboard_catalog.sources.problems import SourceError

Holding = Literal["service", "entity", "chart", "dashboard"]
"""What a file holds, if its name says so."""

FOLDER_FILES: Mapping[str, Holding] = MappingProxyType(
    {
        "service.json": "service",
        "entities.ndjson": "entity",
        "charts.ndjson": "chart",
        "dashboards.ndjson": "dashboard",
    }
)
"""The files that a folder may hold, in the order of loading."""

_LINES_SUFFIXES = (".ndjson", ".jsonl")


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


class Source(Protocol):
    """Something that holds records."""

    @property
    def name(self) -> str:
        """The name that people know: that of its file, or `-`."""

    @property
    def path(self) -> Path:
        """The file to read."""

    @property
    def holding(self) -> Holding | None:
        """What its bodies are; None if they may be anything."""

    def records(self) -> Iterator[Record]:
        """Yields all its records, from the first one each time it is called."""


@dataclass(frozen=True, slots=True)
class Lines:
    """NDJSON: one value per line. A line that is not JSON is a record with a problem."""

    name: str
    path: Path
    holding: Holding | None = None

    def records(self) -> Iterator[Record]:
        """Yields one record per line; skips empty lines."""
        with _open(self.path) as file:
            for number, line in enumerate(file, start=1):
                if text := line.strip():
                    yield _record(f"{self.name}:{number}", text)


@dataclass(frozen=True, slots=True)
class Document:
    """JSON values that span any number of lines, kept in memory."""

    name: str
    path: Path
    values: tuple[object, ...]
    holding: Holding | None = None

    def records(self) -> Iterator[Record]:
        """Yields the values; numbers them from 1 if there are several."""
        for number, value in enumerate(self.values, start=1):
            yield Record(f"{self.name}, value {number}" if len(self.values) > 1 else self.name, value)


def sources_in(path: str, scratch: Path) -> list[Source]:
    """Returns the sources at a path.

    Args:
        path: A folder, a file, or `-` for standard input.
        scratch: Folder for a copy of input that can be read only once.

    Raises:
        SourceError: If there is nothing to read.
    """
    if path == "-":
        return [_detect_format("-", _copy(sys.stdin.buffer, scratch))]
    given = Path(path)
    if given.is_dir():
        return _in_folder(given)
    if given.is_file():
        return [_detect_format(given.name, given)]
    with _open(given) as pipe:
        return [_detect_format(given.name, _copy(pipe, scratch))]


def digest_of(sources: Iterable[Source]) -> str:
    """Returns a digest of the content of all sources."""
    digest = hashlib.sha256()
    for source in sources:
        with _open(source.path) as file:
            digest.update(f"{source.name}\n".encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _in_folder(folder: Path) -> list[Source]:
    found = [
        _detect_format(name, folder / name, holding)
        for name, holding in FOLDER_FILES.items()
        if (folder / name).is_file()
    ]
    if not found:
        raise SourceError(f"{folder} contains none of {', '.join(FOLDER_FILES)}")
    return found


def _copy(stream: BinaryIO, scratch: Path) -> Path:
    with tempfile.NamedTemporaryFile(dir=scratch, delete=False) as copy:
        shutil.copyfileobj(stream, copy)
    return Path(copy.name)


def _open(path: Path) -> BufferedReader:
    try:
        return path.open("rb")
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error


def _detect_format(name: str, path: Path, holding: Holding | None = None) -> Source:
    """Returns a file as NDJSON, unless its first line can only be the beginning of a longer value."""
    if name.endswith(_LINES_SUFFIXES):
        return Lines(name, path, holding)
    with _open(path) as file:
        first = next((line.strip() for line in file if line.strip()), b"")
    if is_incomplete(first):
        return Document(name, path, tuple(_values(name, path)), holding)
    return Lines(name, path, holding)


def _values(name: str, path: Path) -> Iterator[object]:
    with _open(path) as file:
        content = file.read()
    try:
        yield from values_of(content)
    except JsonError as error:
        raise SourceError(f"{name} is not JSON: {error}") from error


def _record(place: str, line: bytes) -> Record:
    try:
        return Record(place, value_of(line))
    except JsonError as error:
        return Record(place, problem=f"is not JSON: {error}")
