"""Trees of files: folders, ZIP archives and single files, also hostile ones."""

import os
import stat
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from dashboard_catalog.sources.files import trees
from dashboard_catalog.sources.files.trees import tree_at
from dashboard_catalog.sources.problems import SourceError


def archive(path: Path, **files: bytes | str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as written:
        for name, content in files.items():
            written.writestr(name, content)
    return path


def everything(path: Path) -> dict[str, bytes]:
    tree = tree_at(path)
    return {name: tree.read(name) for name in tree.names}


def test_a_folder_an_archive_and_a_file_are_read_alike(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "two.json").write_text("2")
    (tmp_path / "a" / "one.json").write_text("1")
    for hidden in (".git", "__MACOSX"):
        (tmp_path / "a" / hidden).mkdir()
    (tmp_path / "a" / ".git" / "x.json").touch()
    expected = {"b/two.json": b"2", "one.json": b"1"}
    assert everything(tmp_path / "a") == expected
    zipped = archive(tmp_path / "a.bin", **{"one.json": "1", "b/two.json": "2", "b/": "", ".x": "", "__MACOSX/one": ""})
    assert everything(zipped) == expected
    assert everything(tmp_path / "a" / "one.json") == {"one.json": b"1"}
    for tree in map(tree_at, (tmp_path / "a", zipped, tmp_path / "a" / "one.json")):
        assert tree.start("one.json", 10) == b"1"
    assert tree_at(zipped, "shown").name == "shown"


def test_links_out_of_a_folder_loops_pipes_and_devices_are_not_read(tmp_path: Path) -> None:
    folder, outside = tmp_path / "in", tmp_path / "outside"
    for one in (folder, folder / "sub", outside):
        one.mkdir()
    (outside / "secret").write_text("secret")
    (folder / "kept").write_text("kept")
    for name, target in {
        "file": outside / "secret",
        "folder": outside,
        "relative": Path("../outside/secret"),
        "loop": Path("loop"),
        "self": Path(),
        "up": Path(".."),
        "device": Path("/dev/zero"),
        "dangling": Path("nothing"),
        "inside": Path("kept"),
        "sub/chain": Path("../file"),
    }.items():
        (folder / name).symlink_to(target)
    os.mkfifo(folder / "pipe")
    assert everything(folder) == {"kept": b"kept", "inside": b"kept"}
    # What people name themselves may be a link.
    (tmp_path / "link").symlink_to(folder)
    assert everything(tmp_path / "link") == everything(folder)
    for path in (folder / "pipe", Path("/dev/zero")):
        with pytest.raises(SourceError, match="is not a regular file"):
            tree_at(path)
    with pytest.raises(SourceError, match="No such file"):
        tree_at(folder / "dangling")


def test_a_file_that_becomes_a_pipe_or_goes_away_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    tree = tree_at(tmp_path)
    (tmp_path / "x").unlink()
    with pytest.raises(SourceError, match="No such file"):
        tree.read("x")
    os.mkfifo(tmp_path / "x")
    with pytest.raises(SourceError, match="is not a regular file"):
        tree.start("x", 1)


def test_names_that_are_not_utf_8_are_shown_and_read(tmp_path: Path) -> None:
    for name in (b"\xff.json", b"\xfe.json"):
        (tmp_path / os.fsdecode(name)).write_bytes(name)
    assert everything(tmp_path) == {"\\xff.json": b"\xff.json", "\\xfe.json": b"\xfe.json"}


def test_there_are_limits_for_files_and_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "MAX_ENTRIES", 3)
    for number in range(4):
        (tmp_path / f"{number}").touch()
    with pytest.raises(SourceError, match=" has more than 3 files: give a folder with less in it"):
        tree_at(tmp_path)
    names = {f"{number}": b"" for number in range(4)}
    with pytest.raises(SourceError, match=r"a\.zip has more than 3 files"):
        tree_at(archive(tmp_path / "a.zip", **names))
    monkeypatch.undo()
    deep = tmp_path / "deep"
    (deep / "/".join("x" * (trees.MAX_LEVELS + 1))).mkdir(parents=True)
    with pytest.raises(SourceError, match=f"deep has more than {trees.MAX_LEVELS} levels of folders"):
        tree_at(deep)


def test_there_are_limits_for_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "MAX_FILE_BYTES", 2**20)
    monkeypatch.setattr(trees, "MAX_BYTES", 2 * 2**20)
    (tmp_path / "in").mkdir()
    with (tmp_path / "in" / "large").open("wb") as file:
        file.truncate(2**20 + 1)
    bomb = archive(tmp_path / "bomb.zip", large=bytes(2**20 + 1))
    assert bomb.stat().st_size < 2_000
    for path in (tmp_path / "in", tmp_path / "in" / "large", bomb):
        with pytest.raises(SourceError, match="large has more than 1 MiB"):
            everything(path)
    many = archive(tmp_path / "many.zip", **{str(number): bytes(2**20) for number in range(3)})
    with pytest.raises(SourceError, match=r"many\.zip has more than 0 GiB"):
        everything(many)


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "..\\x", "C:\\x", "C:/x", "\\\\host\\x"])
def test_paths_out_of_an_archive_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match=r"a.zip has a file outside of it: '"):
        tree_at(archive(tmp_path / "a.zip", **{"fine": "", name: ""}))


def encrypted(path: Path) -> None:
    content = bytearray(archive(path, x="secret").read_bytes())
    for start, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(start) + flags] |= 1
    path.write_bytes(content)


def by_bzip2(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as written:
        written.writestr("x", "y")


def of_one_name(path: Path) -> None:
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as written:
        warnings.simplefilter("ignore")
        written.writestr("x", "1")
        written.writestr("x", "2")


def cut_off(path: Path) -> None:
    path.write_bytes(archive(path, x="y" * 100).read_bytes()[:-30])


def with_a_long_list(path: Path) -> None:
    """Says that its list of files is as large as the whole archive, which is larger than what may be read at once."""
    ending = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, 100 * 2**20, 0, 0)
    path.write_bytes(b"PK\x03\x04")
    with path.open("r+b") as file:
        file.truncate(100 * 2**20)
        file.seek(0, os.SEEK_END)
        file.write(ending)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (encrypted, "is encrypted: 'x'"),
        (by_bzip2, "is compressed in a way that is not supported; only stored and deflated files are: 'x'"),
        (of_one_name, "has several files of one name"),
        (cut_off, "is not a ZIP archive that can be read: File is not a zip file"),
        (with_a_long_list, "is not a ZIP archive that can be read: its list of files is too long"),
    ],
)
def test_archives_that_cannot_be_trusted_are_refused(tmp_path: Path, make: Callable[[Path], None], text: str) -> None:
    make(tmp_path / "a.zip")
    with pytest.raises(SourceError, match=f"^a.zip {text}"):
        tree_at(tmp_path / "a.zip")


def test_links_in_an_archive_are_not_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as written:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        written.writestr(link, "/etc/passwd")
        written.writestr("x", "y")
    assert everything(tmp_path / "a.zip") == {"x": b"y"}


def test_sizes_that_an_archive_states_are_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "MAX_FILE_BYTES", 1_000)
    content = archive(tmp_path / "a.zip", x=bytes(10_000)).read_bytes()
    for stated in (10, 2**31):
        (tmp_path / "b.zip").write_bytes(content.replace(struct.pack("<L", 10_000), struct.pack("<L", stated)))
        with pytest.raises(SourceError, match=r"cannot read x in b\.zip: Bad CRC-32|x has more than 0 MiB"):
            everything(tmp_path / "b.zip")


def test_files_of_an_archive_that_share_their_content_count_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trees, "MAX_BYTES", 5_000)
    packed = zlib.compressobj(wbits=-15)
    data = packed.compress(bytes(1_000)) + packed.flush()
    sizes = (zlib.crc32(bytes(1_000)), len(data), 1_000)
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 8, 0, 0, *sizes, 1, 0) + b"0" + data
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 8, 0, 0, *sizes, 1, 0, 0, 0, 0, 0, 0)
    entries = b"".join(entry + b"%d" % number for number in range(9))
    ending = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 9, 9, len(entries), len(local), 0)
    (tmp_path / "a.zip").write_bytes(local + entries + ending)
    tree = tree_at(tmp_path / "a.zip")
    assert tree.read("0") == bytes(1_000)
    # A local header must have the name of its entry, so most archives of this kind fail at once.
    with pytest.raises(SourceError, match=r"cannot read 1 in a\.zip: File name in directory '1' and header"):
        tree.read("1")
    with pytest.raises(SourceError, match=r"a\.zip has more than 0 GiB"):
        list(map(tree.read, "00000"))
