"""Files in memory, in place of a folder or an archive."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class MemoryTree:
    """Files by name."""

    files: Mapping[str, bytes]
    name: str = "source"

    @property
    def names(self) -> Sequence[str]:
        return sorted(self.files)

    def read(self, name: str) -> bytes:
        return self.files[name]

    def start(self, name: str, size: int) -> bytes:
        return self.files[name][:size]
