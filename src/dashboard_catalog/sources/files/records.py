"""Reads JSON values from a folder, a file or standard input, as JSON or NDJSON.

A source can be read several times, once per kind of item. Of NDJSON it keeps only one line in memory. Does not know
what the values mean.
"""

import hashlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BufferedReader
from itertools import count
from pathlib import Path
from types import MappingProxyType
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
from dashboard_catalog.sources.files.trees import is_file_in
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


class Content(Protocol):
    """A file with a name."""

    @property
    def name(self) -> str:
        """The name that people know."""

    @property
    def path(self) -> Path:
        """The file."""


def received(path: str, scratch: Path) -> tuple[Path, str]:
    """Returns where to read a path, any number of times, and the name that people know.

    Args:
        path: A folder, a file, or `-` for standard input.
        scratch: Folder for a copy of input that can be read only once.

    Raises:
        SourceError: If there is nothing to read.
    """
    if path == "-":
        if sys.stdin is None:
            raise SourceError("standard input is closed")
        return _copy(sys.stdin.buffer, scratch), "-"
    given = Path(path)
    try:
        kind = stat.S_IFMT(given.stat().st_mode)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SourceError(f"cannot read {given}: {reason}") from error
    # A name may have bytes that are not UTF-8; messages and output must.
    name = os.fsencode(given.name or path).decode(errors="replace")
    if kind in {stat.S_IFREG, stat.S_IFDIR}:
        return given, name
    if kind != stat.S_IFIFO:
        raise SourceError(f"{given} is a device or a socket: give a file, or - for standard input")
    with _open(given) as pipe:
        return _copy(pipe, scratch), name


def sources_at(path: Path, name: str, *, is_only: bool = True) -> list[Source]:
    """Returns the sources at a path.

    Args:
        path: A folder or a file.
        name: The name that people know.
        is_only: Whether it is the only path, so that the names of the files in a folder suffice.

    Raises:
        SourceError: If there is nothing to read.
    """
    if not path.is_dir():
        return [_detect_format(name, path)]
    if not (holdings := holdings_in(path)):
        raise SourceError(f"{path} {_why_not_a_folder(path)}")
    return [
        _detect_format(file if is_only else f"{name}/{file}", path / file, holding)
        for file, holding in holdings.items()
    ]


def holdings_in(folder: Path) -> dict[str, Holding]:
    """Returns the files of a folder that are read, with what they hold, in the order of loading."""
    return {name: holding for name, holding in FOLDER_FILES.items() if is_file_in(folder, folder / name)}


def digest_of(contents: Iterable[Content]) -> str:
    """Returns a digest of all files."""
    digest = hashlib.sha256()
    for content in contents:
        with _open(content.path) as file:
            digest.update(f"{content.name}\n".encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _why_not_a_folder(folder: Path) -> str:
    others = other_files(folder)
    hint = f"; give the paths of files, such as {folder / others[0]}, to load those" if others else ""
    return f"contains none of {', '.join(FOLDER_FILES)}, and nothing in a known format of another tool{hint}"


def other_files(folder: Path) -> list[str]:
    """Returns the names of the files in a folder that look like sources but are not read; none if it is no folder."""
    if not folder.is_dir():
        return []
    suffixes = (".json", *LINES_SUFFIXES)
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
    if name.endswith(LINES_SUFFIXES):
        return Lines(name, path, holding)
    with _open(path) as file:
        first = next((line.strip() for line in _lines(name, file) if line.strip()), b"")
    if is_incomplete(first):
        return Document(name, path, tuple(_values(name, path)), holding)
    return Lines(name, path, holding)


def _values(name: str, path: Path) -> Iterator[object]:
    with _open(path) as file:
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
