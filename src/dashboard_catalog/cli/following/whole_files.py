"""Writes files that are either complete or not there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """Opens a file to write; it replaces what is at `path` when the block ends, and not if that raises."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with _opened(temporary, path) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _opened(temporary: Path, path: Path) -> TextIO:
    try:
        return temporary.open("w", encoding="utf-8")
    except OSError as error:
        # The user knows nothing of the other one.
        error.filename = str(path)
        raise
