"""Reads JSON values from a folder, a file or standard input, as JSON or NDJSON.

A source can be read several times, once per kind of item. Of NDJSON it keeps only one line in memory. Does not know
what the values mean.
"""

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, Literal, Protocol

from dashboard_catalog.sources.json_values import JsonError, is_incomplete, values_of, values_on
from dashboard_catalog.sources.problems import SourceError
from dashboard_catalog.sources.recognition import other_folder, other_format

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
    """NDJSON: one value per line, or several. A line that is not JSON is a record with a problem."""

    name: str
    path: Path
    holding: Holding | None = None

    def records(self) -> Iterator[Record]:
        """Yields the values of each line; numbers them from 1 if there are several. Skips empty lines."""
        with _open(self.path) as file:
            for number, line in enumerate(file, start=1):
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


def sources_in(path: str, scratch: Path) -> list[Source]:
    """Returns the sources at a path.

    Args:
        path: A folder, a file, or `-` for standard input.
        scratch: Folder for a copy of input that can be read only once.

    Raises:
        SourceError: If there is nothing to read.
    """
    if path == "-":
        if sys.stdin is None:
            raise SourceError("standard input is closed")
        return [_detect_format("-", _copy(sys.stdin.buffer, scratch))]
    given = Path(path)
    if given.is_dir():
        return _in_folder(given)
    # A name may have bytes that are not UTF-8; messages and output must.
    name = os.fsencode(given.name).decode(errors="replace")
    if given.is_file():
        return [_detect_format(name, given)]
    with _open(given) as pipe:
        return [_detect_format(name, _copy(pipe, scratch))]


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
        raise SourceError(f"{folder} {_why_not_a_folder(folder)}")
    return found


def _why_not_a_folder(folder: Path) -> str:
    if tool := other_folder(folder):
        return f"is {tool}, which cannot be loaded"
    others = other_files(folder)
    hint = f"; give the path of a file, such as {folder / others[0]}, to load that" if others else ""
    return f"contains none of {', '.join(FOLDER_FILES)}{hint}"


def other_files(folder: Path) -> list[str]:
    """Returns the names of the files in a folder that look like sources but are not read; none if it is no folder."""
    if not folder.is_dir():
        return []
    suffixes = (".json", *_LINES_SUFFIXES)
    return sorted(one.name for one in folder.iterdir() if one.name.endswith(suffixes) and one.name not in FOLDER_FILES)


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
    """Returns a file as NDJSON, unless its first line can only be the beginning of a longer value.

    Raises:
        SourceError: If it is recognized as something else.
    """
    with _open(path) as file:
        if other := other_format(name, file.read(_START_BYTES)):
            raise SourceError(f"{name} {other}")
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
