"""Says which processes have a SQLite file open: a server and its indexer.

SQLite finds the log of a file by its path. A process that opened another file at that path, while a second process
still has the first one open, would mix the two. The operating system ends the use of a process that dies.
"""

import fcntl
import os
from pathlib import Path


class FileUse:
    """The use of whatever file is at a path, by this process.

    Args:
        path: The file. `FILE.use` beside it is the lock.
    """

    def __init__(self, path: Path) -> None:
        self._lock = path.with_name(f"{path.name}.use")
        self._held: int | None = None

    def begin(self, *, alone: bool) -> bool:
        """Returns whether the file may be used, and begins the use if so.

        Args:
            alone: Whether that is so only if no other process uses the path.
        """
        self.end()
        try:
            held = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            # No place for the lock, on a full disk for example. The file can still be read.
            return not alone
        try:
            if alone:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.flock(held, fcntl.LOCK_SH)
        except BlockingIOError:
            os.close(held)
            return False
        self._held = held
        return True

    def end(self) -> None:
        """Ends the use, if there is one."""
        if self._held is not None:
            os.close(self._held)
            self._held = None
