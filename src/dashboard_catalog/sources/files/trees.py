"""Files below a folder, in a ZIP archive, or just one: whatever a path holds, read with limits.

A path can come from anywhere, and so can an archive. So links are not followed out of the folder, only regular files
are read, an archive is inflated in memory only and counted on the way, and nothing in it is trusted, not even the sizes
that it states.
"""

import os
import stat
import struct
import weakref
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from io import BufferedReader, FileIO
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from dashboard_catalog.sources.problems import SourceError

MAX_ENTRIES = 10_000
MAX_LEVELS = 50
MAX_FILE_BYTES = 64 * 2**20
MAX_BYTES = 2**30

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
_PIECE_BYTES = 2**16
# The list of the files of an archive is read at once. This has room for the longest names of `MAX_ENTRIES` files.
_MAX_READ_BYTES = 8 * 2**20
# What the standard library raises for archives that are broken, or that it cannot read.
_BROKEN = (OSError, ValueError, EOFError, RuntimeError, struct.error, zipfile.BadZipFile, zlib.error)


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


def tree_at(path: Path, name: str | None = None) -> Tree:
    """Returns the files at a path: a folder, a ZIP archive, or any other file.

    Args:
        path: Where they are.
        name: The name that people know; by default the last part of the path.

    Raises:
        SourceError: If there is nothing that can be read, or too much.
    """
    shown = printable(path.name or str(path)) if name is None else name
    if path.is_dir():
        return _Folder(path, shown)
    if _start(path, 4) in _ZIP:
        return _Archive(path, shown)
    return _OneFile(path, shown)


def files_named(tree: Tree, suffixes: tuple[str, ...]) -> Sequence[str]:
    """Returns the names of the files with one of these suffixes; of a file by itself its name, whatever that is."""
    return tree.names if len(tree.names) == 1 else [name for name in tree.names if name.lower().endswith(suffixes)]


def printable(name: str) -> str:
    """Returns the name of a file with its bytes that are not UTF-8 as escapes, so that no two names become equal."""
    return os.fsencode(name).decode(errors="backslashreplace")


class _OneFile:
    """A file by itself."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self.names: Sequence[str] = (name,)
        self._path = path

    def read(self, name: str) -> bytes:
        return _limited(name, _start(self._path, MAX_FILE_BYTES + 1))

    def start(self, name: str, size: int) -> bytes:
        return _start(self._path, size)


class _Folder:
    """The files below a folder, without those whose names begin with a dot."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        files = _files_below(folder, name)
        self._paths: Mapping[str, Path] = dict(
            sorted((printable(path.relative_to(folder).as_posix()), path) for path in files)
        )
        self.names: Sequence[str] = tuple(self._paths)

    def read(self, name: str) -> bytes:
        return _limited(name, _start(self._paths[name], MAX_FILE_BYTES + 1))

    def start(self, name: str, size: int) -> bytes:
        return _start(self._paths[name], size)


def is_file_in(folder: Path, path: Path) -> bool:
    """Says whether a path is a regular file of a folder, and no link out of it."""
    try:
        return path.is_file() and (not path.is_symlink() or path.resolve().is_relative_to(folder.resolve()))
    except OSError:
        # A link into a folder that cannot be read.
        return False


def _files_below(folder: Path, name: str) -> Iterator[Path]:
    """Yields the regular files below a folder. Follows links to files that are inside, and no links to folders.

    Raises:
        SourceError: If there are too many, or too many levels, or if a folder cannot be read.
    """
    waiting, seen, files = [folder], 0, 0
    while waiting:
        try:
            found = sorted(os.scandir(waiting.pop()), key=lambda entry: entry.name)
        except OSError as error:
            raise SourceError(f"cannot read {printable(str(error.filename))}: {error.strerror}") from error
        for entry in found:
            path = Path(entry.path)
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                if len(path.relative_to(folder).parts) > MAX_LEVELS:
                    raise SourceError(f"{name} has more than {MAX_LEVELS} levels of folders")
                waiting.append(path)
                seen += 1
            elif is_file_in(folder, path):
                files += 1
                yield path
        if max(seen, files) > MAX_ENTRIES:
            raise SourceError(f"{name} has more than {MAX_ENTRIES:,} files: give a folder with less in it")


class _Archive:
    """The files in a ZIP archive."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self._read = 0
        try:
            file = _Cautious(FileIO(path))
            # Whoever reads a tree need not close it.
            weakref.finalize(self, file.close)
            self._archive = zipfile.ZipFile(file)
            entries = [entry for entry in self._archive.infolist() if not _is_special(entry)]
        except _BROKEN as error:
            raise SourceError(f"{name} is not a ZIP archive that can be read: {error}") from error
        if len(entries) > MAX_ENTRIES:
            raise SourceError(f"{name} has more than {MAX_ENTRIES:,} files")
        for entry in entries:
            if problem := _problem(entry):
                raise SourceError(f"{name} {problem}: {entry.filename!r}")
        shown = [entry for entry in entries if not _is_hidden(entry.filename)]
        self._entries = {entry.filename: entry for entry in sorted(shown, key=lambda entry: entry.filename)}
        if len(self._entries) < len(shown):
            raise SourceError(f"{name} has several files of one name")
        self.names: Sequence[str] = tuple(self._entries)

    def read(self, name: str) -> bytes:
        content = _limited(name, self.start(name, MAX_FILE_BYTES + 1))
        self._read += len(content)
        if self._read > MAX_BYTES:
            raise SourceError(f"{self.name} has more than {MAX_BYTES // 2**30} GiB")
        return content

    def start(self, name: str, size: int) -> bytes:
        try:
            with self._archive.open(self._entries[name]) as file:
                return _inflated(file, size)
        except _BROKEN as error:
            raise SourceError(f"cannot read {name} in {self.name}: {error}") from error


class _Cautious(BufferedReader):
    """A file that refuses to read much at once, as a broken or hostile archive demands."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            # The end of the file, where the list of its files is found.
            return super().read(_MAX_READ_BYTES)
        if size > _MAX_READ_BYTES:
            raise zipfile.BadZipFile("its list of files is too long")
        return super().read(size)


def _inflated(file: IO[bytes], size: int) -> bytes:
    content = bytearray()
    while len(content) < size and (piece := file.read(min(_PIECE_BYTES, size - len(content)))):
        content += piece
    return bytes(content)


def _is_special(entry: zipfile.ZipInfo) -> bool:
    """Says whether an entry is a folder, a link or a device."""
    kind = stat.S_IFMT(entry.external_attr >> 16)
    return entry.is_dir() or kind not in {0, stat.S_IFREG}


def _problem(entry: zipfile.ZipInfo) -> str | None:
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or any(":" in part for part in path.parts[:1]):
        return "has a file outside of it"
    if entry.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if entry.compress_type not in _ZIP_METHODS:
        return "is compressed in a way that is not supported; only stored and deflated files are"
    return None


def _is_hidden(name: str) -> bool:
    """Says whether a file is one that systems add, such as `__MACOSX/` and `.DS_Store`."""
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def _start(path: Path, size: int) -> bytes:
    # Without waiting for another end, should it have become a pipe meanwhile.
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise SourceError(f"{printable(str(path))} is not a regular file")
            return file.read(size)
    except OSError as error:
        raise SourceError(f"cannot read {printable(str(path))}: {error.strerror}") from error


def _limited(name: str, content: bytes) -> bytes:
    if len(content) > MAX_FILE_BYTES:
        raise SourceError(f"{name} has more than {MAX_FILE_BYTES // 2**20} MiB")
    return content
