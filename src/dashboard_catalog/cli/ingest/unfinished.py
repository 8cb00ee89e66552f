"""Remembers the sessions of loads that have not ended, so that `ingest --resume` finds them, even days later.

There is one small file per server and source in the data folder. If it cannot be written, the load cannot be resumed;
nothing else fails.
"""

import hashlib
import json
import os
from pathlib import Path


class Unfinished:
    """The last load of a source into a server, while it has not ended.

    Args:
        data_dir: The data folder.
        address: The server.
        source: What tells the source from others.
        fingerprint: Digest of content and options; a session continues only with the same.
    """

    def __init__(self, data_dir: Path, address: str, source: str, fingerprint: str) -> None:
        name = hashlib.blake2b(os.fsencode(f"{address}\n{source}"), digest_size=16).hexdigest()
        self._file = data_dir / "unfinished" / f"{name}.json"
        self._fingerprint = fingerprint

    def begin(self, session_id: str) -> bool:
        """Remembers the load, and says whether that was possible."""
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file.write_text(json.dumps({"session": session_id, "fingerprint": self._fingerprint}))
        except OSError:
            return False
        return True

    def session(self) -> str | None:
        """Returns the session of the load; None if there is none with the same content and options."""
        try:
            kept = json.loads(self._file.read_text())
        except (OSError, ValueError):
            return None
        return str(kept["session"]) if kept.get("fingerprint") == self._fingerprint else None

    def end(self) -> None:
        """Forgets the load, which has ended."""
        try:
            self._file.unlink(missing_ok=True)
        except OSError:
            # Resuming it would do no harm: the server answers an ended session with its summary.
            return
