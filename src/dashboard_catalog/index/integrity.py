"""Finds damage to the files of an index before anything is searched or added.

The library notices neither flipped bytes nor the loss of some files. It ends each file with a CRC32, and reads it only
when asked to.
"""

import json
import struct
import zlib
from pathlib import Path
from typing import Any

_PARTS = ("fast", "fieldnorm", "idx", "pos", "store", "term")
_MAGIC = 1337
# Length of the description of a file, and the magic number, at its very end.
_END = struct.Struct("<II")
_BLOCK = 1 << 20


def damage(folder: Path) -> str | None:
    """Returns what is wrong with the committed files of an index; None if nothing is. Takes about 1 ms per MB."""
    try:
        segments = json.loads(folder.joinpath("meta.json").read_bytes())["segments"]
        problems = (_file_damage(folder / name) for segment in segments for name in _file_names(segment))
        return next((problem for problem in problems if problem), None)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"{folder / 'meta.json'}: {error}"


def _file_names(segment: dict[str, Any]) -> list[str]:
    base = segment["segment_id"].replace("-", "")
    deletes = [f"{base}.{segment['deletes']['opstamp']}.del"] if segment["deletes"] else []
    return [*(f"{base}.{part}" for part in _PARTS), *deletes]


def _file_damage(file: Path) -> str | None:
    try:
        expected, length = _footer(file)
        return None if _crc(file, length) == expected else f"{file}: the checksum is wrong"
    except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
        return f"{file}: {error}"


def _footer(file: Path) -> tuple[int, int]:
    """Returns the CRC32 that a file should have, and the length of the part that has it."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        opened.seek(max(0, size - _END.size))
        length, magic = _END.unpack(opened.read())
        covered = size - _END.size - length
        if magic != _MAGIC or covered < 0:
            raise ValueError("the end of the file is damaged")
        opened.seek(covered)
        return int(json.loads(opened.read(length))["crc"]), covered


def _crc(file: Path, length: int) -> int:
    crc = 0
    with file.open("rb") as opened:
        while length and (block := opened.read(min(_BLOCK, length))):
            crc = zlib.crc32(block, crc)
            length -= len(block)
    return crc
