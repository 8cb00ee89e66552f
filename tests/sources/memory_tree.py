"""Files in memory, in place of a folder or an archive."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboard_catalog.sources.problems import SourceError


@dataclass(frozen=True)
class MemoryTree:
    """Files by name."""

    files: Mapping[str, bytes]
    name: str = "source"

    @property
    def names(self) -> Sequence[str]:
        return sorted(self.files)

    def read(self, name: str) -> bytes:
        return self.start(name, sys.maxsize)

    def start(self, name: str, size: int) -> bytes:
        if name not in self.files:
            raise SourceError(f"cannot read {name}")
        return self.files[name][:size]
