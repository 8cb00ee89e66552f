"""Remembers the sessions of loads that have not ended, so that `ingest --resume` finds them, also another day.

One small file in the data folder for each server and source. Whatever keeps it from being written costs no more than
that a load cannot be resumed.
"""

import hashlib
import json
from pathlib import Path


class Unfinished:
    """The last load of a source into a server, while it has not ended.

    Args:
        data_dir: The data folder.
        address: The server.
        source: Path of what is loaded, or `-`.
        fingerprint: Stands for what it holds and how that is written: a session goes on with the same only.
    """

    def __init__(self, data_dir: Path, address: str, source: str, fingerprint: str) -> None:
        named = source if source == "-" else str(Path(source).absolute())
        name = hashlib.blake2b(f"{address}\n{named}".encode(), digest_size=16).hexdigest()
        self._file = data_dir / "unfinished" / f"{name}.json"
        self._fingerprint = fingerprint

    def begin(self, session_id: str) -> bool:
        """Remembers a load, and says whether that was possible."""
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file.write_text(json.dumps({"session": session_id, "fingerprint": self._fingerprint}))
        except OSError:
            return False
        return True

    def session(self) -> str | None:
        """Returns the session of the load, if there is one of the same items and options."""
        try:
            kept = json.loads(self._file.read_text())
        except (OSError, ValueError):
            return None
        return str(kept["session"]) if kept.get("fingerprint") == self._fingerprint else None

    def end(self) -> None:
        """Forgets the load."""
        try:
            self._file.unlink(missing_ok=True)
        except OSError:
            # The server answers a session that has ended with its summary again.
            return
