"""Files below a folder, in a ZIP archive, or just one: whatever a path holds, read with limits.

A path can come from anywhere, and so can an archive. So links are not followed out of the folder, an archive is
inflated in memory only and counted on the way, and nothing in it is trusted, not even the sizes that it states.
"""

import os
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

from dashboard_catalog.sources.problems import SourceError

MAX_ENTRIES = 10_000
MAX_FILE_BYTES = 64 * 2**20
MAX_BYTES = 2**30


class Tree(Protocol):
    """Files with names."""

    @property
    def name(self) -> str:
        """The name that people know."""

    @property
    def names(self) -> Sequence[str]:
        """The names of the files, relative to the tree, with `/`, in their order."""

    def read(self, name: str) -> bytes:
        """Returns the content of a file.

        Raises:
            SourceError: If it cannot be read, or has more than `MAX_FILE_BYTES`.
        """

    def start(self, name: str, size: int) -> bytes:
        """Returns the first bytes of a file.

        Raises:
            SourceError: If it cannot be read.
        """


def tree_at(path: Path) -> Tree:
    """Returns the files at a path: a folder, a ZIP archive, or any other file.

    Raises:
        SourceError: If there is nothing that can be read, or too much.
    """
    if path.is_dir():
        return _Folder(path)
    if zipfile.is_zipfile(path):
        return _Archive(path)
    return _OneFile(path)


class _OneFile:
    """A file by itself."""

    def __init__(self, path: Path) -> None:
        self.name = os.fsencode(path.name).decode(errors="replace")
        self.names: Sequence[str] = (self.name,)
        self._path = path

    def read(self, name: str) -> bytes:
        return _limited(name, _start(self._path, MAX_FILE_BYTES + 1))

    def start(self, name: str, size: int) -> bytes:
        return _start(self._path, size)


class _Folder:
    """The files below a folder, without those whose names begin with a dot."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self._folder = folder
        self._root = folder.resolve()
        self.names: Sequence[str] = sorted(self._found())
        if len(self.names) > MAX_ENTRIES:
            raise SourceError(f"{self.name} has more than {MAX_ENTRIES:,} files")

    def read(self, name: str) -> bytes:
        return _limited(name, _start(self._folder / name, MAX_FILE_BYTES + 1))

    def start(self, name: str, size: int) -> bytes:
        return _start(self._folder / name, size)

    def _found(self) -> Sequence[str]:
        found: list[str] = []
        for folder, folders, files in os.walk(self._folder, followlinks=False):
            folders[:] = [name for name in folders if not name.startswith(".")]
            paths = [Path(folder) / name for name in files if not name.startswith(".")]
            found += [path.relative_to(self._folder).as_posix() for path in paths if self._is_inside(path)]
            if len(found) > MAX_ENTRIES:
                break
        return found

    def _is_inside(self, path: Path) -> bool:
        return path.is_file() and (not path.is_symlink() or path.resolve().is_relative_to(self._root))


class _Archive:
    """The files in a ZIP archive."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._path = path
        self._read = 0
        try:
            with zipfile.ZipFile(path) as archive:
                entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        except (OSError, zipfile.BadZipFile, NotImplementedError) as error:
            raise SourceError(f"{self.name} is not a ZIP archive that can be read: {error}") from error
        if len(entries) > MAX_ENTRIES:
            raise SourceError(f"{self.name} has more than {MAX_ENTRIES:,} files")
        if outside := [entry.filename for entry in entries if _leaves(entry.filename)]:
            raise SourceError(f"{self.name} has a file outside of it: {outside[0]!r}")
        self.names: Sequence[str] = sorted({entry.filename for entry in entries})

    def read(self, name: str) -> bytes:
        content = _limited(name, self.start(name, MAX_FILE_BYTES + 1))
        self._read += len(content)
        if self._read > MAX_BYTES:
            raise SourceError(f"{self.name} has more than {MAX_BYTES:,} bytes")
        return content

    def start(self, name: str, size: int) -> bytes:
        try:
            with zipfile.ZipFile(self._path) as archive, archive.open(name) as file:
                return file.read(size)
        except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
            raise SourceError(f"cannot read {name} in {self.name}: {error}") from error


def _leaves(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or ":" in path.parts[0]


def _start(path: Path, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error


def _limited(name: str, content: bytes) -> bytes:
    if len(content) > MAX_FILE_BYTES:
        raise SourceError(f"{name} has more than {MAX_FILE_BYTES:,} bytes")
    return content
