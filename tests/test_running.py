"""Servers on this machine are found by their address."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard_catalog.running import announced, data_dir_of, running_servers


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with the files of running servers."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "dashboard-catalog" / "servers"


def pid_of_an_ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_server_is_found_while_it_runs(folder: Path) -> None:
    with announced("127.0.0.1:50051", Path("/data")):
        [server] = running_servers()
        assert (server.address, server.data_dir, server.pid) == ("127.0.0.1:50051", Path("/data"), os.getpid())
        [file] = folder.iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert running_servers() == []
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("listens", "called"),
    [
        ("127.0.0.1:50051", "localhost:50051"),
        ("0.0.0.0:50051", "127.0.0.1:50051"),
        ("[::1]:50051", "dns:///localhost:50051"),
        ("unix:/run/catalog.sock", "unix:///run/catalog.sock"),
    ],
)
def test_the_host_may_have_another_name(listens: str, called: str) -> None:
    with announced(listens, Path("/data")):
        assert data_dir_of(called) == Path("/data")
        assert data_dir_of("127.0.0.1:50052") is None
        assert data_dir_of("unix:/run/other.sock") is None


def test_the_exact_address_is_preferred() -> None:
    with announced("127.0.0.1:1", Path("/first")), announced("[::1]:1", Path("/second")):
        assert data_dir_of("127.0.0.1:1") == Path("/first")
        assert data_dir_of("[::1]:1") == Path("/second")


def test_files_of_ended_servers_are_ignored_and_removed(folder: Path) -> None:
    folder.mkdir(parents=True)
    ended = {"address": "127.0.0.1:1", "data_dir": "/old", "pid": pid_of_an_ended_process()}
    contents = {"ended": json.dumps(ended), "broken": '{"addr', "foreign": "[]", "huge": '{"pid": 1e99}'}
    for name, content in contents.items():
        folder.joinpath(f"{name}.json").write_text(content)
    assert running_servers() == []
    with announced("127.0.0.1:2", Path("/data")):
        assert [file.name for file in folder.iterdir()] == ["127.0.0.1%3A2.json"]


def test_the_file_of_a_successor_is_kept(folder: Path) -> None:
    successor = json.dumps({"address": "127.0.0.1:1", "data_dir": "/new", "pid": os.getppid()})
    with announced("127.0.0.1:1", Path("/data")):
        [file] = folder.iterdir()
        file.write_text(successor)
    assert file.read_text() == successor


def test_an_unwritable_folder_does_not_stop_the_server(folder: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.touch()
    with announced("127.0.0.1:1", Path("/data")):
        assert running_servers() == []


def test_a_folder_that_cannot_be_searched_holds_no_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_folder: Path, _pattern: str) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "glob", refuse)
    assert running_servers() == []
    assert data_dir_of("127.0.0.1:50051") is None
