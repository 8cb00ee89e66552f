from collections.abc import Callable
from pathlib import Path

import pytest

from dashboard_catalog.index.integrity import damage
from tests.index.writing import folder

__all__ = ["folder"]


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[1] ^= 1
    file.write_bytes(content)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:5])


def test_a_whole_index_is_not_damaged(folder: Path) -> None:
    assert damage(folder) is None


@pytest.mark.parametrize("harm", [flip, cut, Path.unlink])
@pytest.mark.parametrize("part", ["fast", "fieldnorm", "idx", "pos", "store", "term", "del"])
def test_damage_to_any_file_is_found(folder: Path, part: str, harm: Callable[[Path], None]) -> None:
    file = next(folder.glob(f"*.{part}"))
    harm(file)
    assert str(file) in str(damage(folder))


@pytest.mark.parametrize("content", [None, b"", b"[]", b'{"segments": [{}]}'])
def test_an_unreadable_list_of_files_is_damage(folder: Path, content: bytes | None) -> None:
    meta = folder / "meta.json"
    meta.unlink()
    if content is not None:
        meta.write_bytes(content)
    assert "meta.json" in str(damage(folder))
