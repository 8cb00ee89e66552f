"""The indexer of a measured server, a process that works beside it."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dashboard_catalog.index.folders import IndexFolder

_START_SECONDS = 60
# Its indexer looks for changes as often as this, at least.
_IDLE_SECONDS = 2.0


@contextmanager
def paused(data: Path) -> Iterator[None]:
    """Stops the indexer while something else than its server is measured.

    Args:
        data: The server's data folder.
    """
    indexer = int((_folder(data).root / "lock").read_text())
    os.kill(indexer, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(indexer, signal.SIGCONT)


def wait_until_indexed(data: Path) -> None:
    """Waits until the index has everything that was written before."""
    folder, began = _folder(data), time.time()
    while not (status := folder.status()) or status.complete_until < began:
        time.sleep(0.05)


def _folder(data: Path) -> IndexFolder:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if found := list(data.glob("search/*/status.json")):
            return IndexFolder(found[0].parent)
        time.sleep(0.05)
    raise RuntimeError(f"no indexer has begun in {data}")
