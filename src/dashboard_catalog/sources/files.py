"""Reads what is to be ingested: a folder, a file or standard input, as JSON or as NDJSON, into JSON values.

A source can be read several times, once for each kind of item, and holds no more than a line of NDJSON in
memory. What the values mean is not known here.
"""

import hashlib
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, Literal, NoReturn, Protocol

from dashboard_catalog.sources.problems import SourceError

Holding = Literal["service", "entity", "chart", "dashboard"]
"""What a file holds where its name says so."""

FOLDER_FILES: Mapping[str, Holding] = MappingProxyType(
    {
        "service.json": "service",
        "entities.ndjson": "entity",
        "charts.ndjson": "chart",
        "dashboards.ndjson": "dashboard",
    }
)
"""What a folder may hold, in the order in which it is loaded."""

_LINES_SUFFIXES = (".ndjson", ".jsonl")


@dataclass(frozen=True, slots=True)
class Record:
    """One JSON value, or why there is none.

    Attributes:
        place: Where it was found: `charts.ndjson:12`.
        value: The value.
        problem: What is wrong with it; None if nothing is.
    """

    place: str
    value: object = None
    problem: str | None = None


class Source(Protocol):
    """Something that holds records."""

    @property
    def name(self) -> str:
        """What people know it by: the name of its file, or `-`."""

    @property
    def path(self) -> Path:
        """Where it is read."""

    @property
    def holding(self) -> Holding | None:
        """What its bodies are, if that is certain."""

    def records(self) -> Iterator[Record]:
        """Yields its records from the first one on, each time anew."""


@dataclass(frozen=True, slots=True)
class Lines:
    """NDJSON: a value on each line; a line that is none is a record with a problem."""

    name: str
    path: Path
    holding: Holding | None = None

    def records(self) -> Iterator[Record]:
        """Yields one record a line; empty lines are none."""
        with _opened(self.path) as file:
            for number, line in enumerate(file, start=1):
                if text := line.strip():
                    yield _record(f"{self.name}:{number}", text)


@dataclass(frozen=True, slots=True)
class Document:
    """JSON values over any number of lines, held in memory."""

    name: str
    path: Path
    values: tuple[object, ...]
    holding: Holding | None = None

    def records(self) -> Iterator[Record]:
        """Yields the values, counted from 1 if they are several."""
        for number, value in enumerate(self.values, start=1):
            yield Record(f"{self.name}, value {number}" if len(self.values) > 1 else self.name, value)


def sources_in(path: str, scratch: Path) -> list[Source]:
    """Returns the sources at a path.

    Args:
        path: A folder, a file, or `-` for standard input.
        scratch: Folder for a copy of what can be read only once.

    Raises:
        SourceError: If there is nothing to read.
    """
    if path == "-":
        return [_sniffed("-", _copy(sys.stdin.buffer, scratch))]
    given = Path(path)
    if given.is_dir():
        return _in_folder(given)
    if given.is_file():
        return [_sniffed(given.name, given)]
    with _opened(given) as pipe:
        return [_sniffed(given.name, _copy(pipe, scratch))]


def content_of(sources: Iterable[Source]) -> str:
    """Returns a digest of all that the sources hold."""
    digest = hashlib.sha256()
    for source in sources:
        with _opened(source.path) as file:
            digest.update(f"{source.name}\n".encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _in_folder(folder: Path) -> list[Source]:
    found = [
        _sniffed(name, folder / name, holding) for name, holding in FOLDER_FILES.items() if (folder / name).is_file()
    ]
    if not found:
        raise SourceError(f"{folder} holds none of {', '.join(FOLDER_FILES)}")
    return found


def _copy(stream: BinaryIO, scratch: Path) -> Path:
    with tempfile.NamedTemporaryFile(dir=scratch, delete=False) as copy:
        shutil.copyfileobj(stream, copy)
    return Path(copy.name)


def _opened(path: Path) -> BufferedReader:
    try:
        return path.open("rb")
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error


def _sniffed(name: str, path: Path, holding: Holding | None = None) -> Source:
    """Returns a file as NDJSON, unless its first line can only be the beginning of something longer."""
    if name.endswith(_LINES_SUFFIXES):
        return Lines(name, path, holding)
    with _opened(path) as file:
        first = next((line.strip() for line in file if line.strip()), b"")
    if _is_unfinished(first):
        return Document(name, path, tuple(_values(name, path)), holding)
    return Lines(name, path, holding)


def _is_unfinished(line: bytes) -> bool:
    text = line.decode("utf-8-sig", errors="replace")
    try:
        _parse(text)
    except json.JSONDecodeError as error:
        return text.endswith(("{", "[", ",", ":")) or error.pos >= len(text)
    except (ValueError, RecursionError):
        pass
    return False


def _values(name: str, path: Path) -> Iterator[object]:
    """Yields the values of a document; there may be several in a row, as `grpcurl -d @` takes them."""
    with _opened(path) as file:
        content = file.read()
    try:
        text = content.decode("utf-8-sig").rstrip()
        end = 0
        while end < len(text):
            value, end = _DECODER.raw_decode(text, _BLANKS.match(text, end).end())  # type: ignore[union-attr]
            yield value
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{name} is not JSON: {_complaint(error)}") from error


def _record(place: str, line: bytes) -> Record:
    try:
        return Record(place, _parse(line.decode("utf-8-sig")))
    except (ValueError, RecursionError) as error:
        return Record(place, problem=f"is not JSON: {_complaint(error).replace(' line 1, ', ' ')}")


def _complaint(error: ValueError | RecursionError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start + 1} is not UTF-8"
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)


def _refuse_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number")


_BLANKS = re.compile(r"\s*")
_DECODER = json.JSONDecoder(parse_constant=_refuse_number)
_parse = _DECODER.decode
