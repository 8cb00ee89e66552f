"""The folder of a search index: which part of it is in use, and what its indexer says about it.

Every build of the index has a folder of its own, named by the version of the format, so that readers never see a
folder change under them. `status.json` beside it names the one in use.
"""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from secrets import token_hex
from typing import Any

import tantivy
from pydantic import FiniteFloat, TypeAdapter

FORMAT = 1
"""Changes whenever documents of older versions must not be searched or written any more."""


class IndexBusy(Exception):
    """Another process writes the index."""


_VERSION = f"v{FORMAT}-tantivy{'.'.join(version('tantivy').split('.')[:2])}"
_STATUS = "status.json"
_DOUBT = "doubt"


@dataclass(frozen=True, slots=True)
class Status:
    """What the indexer last said.

    Attributes:
        build: Name of the folder that is in use.
        building: Whether the first build of this folder has not ended.
        checked_at: When the indexer last looked for changes, in seconds since 1970.
        oldest: When the oldest change was made that was not indexed then, in seconds since 1970; None if all were.
    """

    build: str
    building: bool
    checked_at: FiniteFloat
    oldest: FiniteFloat | None = None

    @property
    def complete_until(self) -> float:
        """The time before which all changes were made that are known to be indexed, in seconds since 1970."""
        if self.building:
            return 0.0
        return self.checked_at if self.oldest is None else self.oldest

    def lag(self, now: float, idle: float) -> float:
        """Returns the greatest age that a change which is not indexed can have, in seconds.

        Args:
            now: In seconds since 1970.
            idle: Time between two looks of the indexer. As long as they are no further apart, nothing is late.
        """
        since = self.oldest
        if since is None:
            since = now if now - self.checked_at <= idle else self.checked_at
        return max(0.0, now - since)


_statuses = TypeAdapter(Status)


class IndexFolder:
    """A folder with the builds of one index.

    Args:
        root: The folder. Only the indexer creates it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def status(self) -> Status | None:
        """Returns what the indexer last said; None if there was none of this version."""
        try:
            said = _statuses.validate_json(self.root.joinpath(_STATUS).read_bytes(), strict=True)
        except (OSError, ValueError):
            return None
        return said if said.build.startswith(f"{_VERSION}-") else None

    def say(self, status: Status) -> None:
        """Replaces what the indexer last said.

        Raises:
            OSError: If it cannot be written.
        """
        fresh = self.root / f"{_STATUS}.new"
        fresh.write_text(json.dumps(asdict(status)))
        fresh.replace(self.root / _STATUS)

    def doubt(self) -> None:
        """Asks the indexer to look for damage: the files that are in use could not be searched."""
        with suppress(OSError):
            self.root.joinpath(_DOUBT).touch()

    def is_doubted(self) -> bool:
        """Says whether somebody has asked for that."""
        return self.root.joinpath(_DOUBT).exists()

    def end_doubt(self) -> None:
        """Notes that the indexer looks for damage now.

        Raises:
            OSError: If the folder cannot be written.
        """
        self.root.joinpath(_DOUBT).unlink(missing_ok=True)

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Creates the folder and keeps other indexers away from it while the block runs.

        Raises:
            IndexBusy: If there is another one.
            OSError: If the folder cannot be written.
        """
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        holding = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(holding, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise IndexBusy(f"{self.root} is written by the indexer of another server") from error
            os.ftruncate(holding, 0)
            os.write(holding, f"{os.getpid()}\n".encode())
            yield
        finally:
            os.close(holding)

    def path(self, build: str) -> Path:
        """Returns the folder of a build."""
        return self.root / build

    def new_build(self) -> str:
        """Creates the folder of a new build, says that it is in use, and returns its name.

        Raises:
            OSError: If the folder cannot be written.
        """
        build = f"{_VERSION}-{token_hex(8)}"
        self.path(build).mkdir(mode=0o700, parents=True)
        self.say(Status(build, building=True, checked_at=time.time()))
        return build

    def remove_others(self, build: str) -> None:
        """Removes the folders of all builds except one. Readers that have opened them keep what they have read."""
        for other in self.root.iterdir():
            if other.is_dir() and other.name != build:
                with suppress(OSError):
                    shutil.rmtree(other)


def open_index(folder: Path, schema: tantivy.Schema) -> Any:
    """Returns the index in a folder, or a new one in an empty folder.

    Raises:
        ValueError: If files are missing, or are those of another schema.
    """
    index = tantivy.Index(schema, path=str(folder))
    # Only when asked: it would look at the folder from a thread of its own.
    index.config_reader("manual")
    return index
