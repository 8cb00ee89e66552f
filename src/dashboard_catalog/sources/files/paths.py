"""Finds what lies at a path: the files that a folder holds, a file, or standard input.

Does not know what is in the files.
"""

import hashlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from dashboard_catalog.sources.files.records import LINES_SUFFIXES, Content, Holding, Source, opened, source_of
from dashboard_catalog.sources.files.trees import is_file_in
from dashboard_catalog.sources.problems import SourceError

FOLDER_FILES: Mapping[str, Holding] = MappingProxyType(
    {
        "service.json": "service",
        "entities.ndjson": "entity",
        "charts.ndjson": "chart",
        "dashboards.ndjson": "dashboard",
    }
)
"""The files that a folder may hold, in the order of loading."""


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
    with opened(given) as pipe:
        return _copy(pipe, scratch), name


def sources_at(path: Path, name: str, *, is_only: bool = True, tried_tools: bool = True) -> list[Source]:
    """Returns the sources at a path.

    Args:
        path: A folder or a file.
        name: The name that people know.
        is_only: Whether it is the only path, so that the names of the files in a folder suffice.
        tried_tools: Whether the formats of other tools did not recognize it.

    Raises:
        SourceError: If there is nothing to read.
    """
    if not path.is_dir():
        return [source_of(name, path)]
    if not (holdings := holdings_in(path)):
        raise SourceError(f"{path} {_why_not_a_folder(path, tried_tools=tried_tools)}")
    return [
        source_of(file if is_only else f"{name}/{file}", path / file, holding) for file, holding in holdings.items()
    ]


def holdings_in(folder: Path) -> dict[str, Holding]:
    """Returns the files of a folder that are read, with what they hold, in the order of loading."""
    return {name: holding for name, holding in FOLDER_FILES.items() if is_file_in(folder, folder / name)}


def digest_of(contents: Iterable[Content]) -> str:
    """Returns a digest of all files."""
    digest = hashlib.sha256()
    for content in contents:
        with opened(content.path) as file:
            digest.update(f"{content.name}\n".encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _why_not_a_folder(folder: Path, *, tried_tools: bool) -> str:
    others = other_files(folder)
    hint = f"; give the paths of files, such as {folder / others[0]}, to load those" if others else ""
    tools = (
        ", and nothing in a known format of another tool" if tried_tools else " (leave out --from to try other formats)"
    )
    return f"contains none of {', '.join(FOLDER_FILES)}{tools}{hint}"


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
