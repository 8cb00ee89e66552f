"""Processor time and memory of other processes, from /proc."""

import os
from collections.abc import Iterable
from pathlib import Path

from tests.postgres import PostgresServer

_TICKS = os.sysconf("SC_CLK_TCK")


def seconds_of(pid: int) -> float:
    """Returns the processor time of a process, without its children."""
    return sum(map(int, _fields(pid)[11:13])) / _TICKS


def seconds_of_tree(pid: int) -> float:
    """Returns the processor time of a process and its children, including ended ones."""
    ended = sum(map(int, _fields(pid)[13:15])) / _TICKS
    return seconds_of(pid) + ended + sum(map(_seconds_if_running, _children(pid)))


def postmaster_of(server: PostgresServer) -> int:
    """Returns the parent process of a PostgreSQL server."""
    return int((server.folder / "data" / "postmaster.pid").read_text().split()[0])


def memory_of(pid: int) -> int:
    """Returns the memory of a process, in MiB."""
    return _mebibytes(pid, "VmRSS")


def peak_memory_of(pid: int) -> int:
    """Returns the maximum memory of a process so far, in MiB."""
    return _mebibytes(pid, "VmHWM")


def _mebibytes(pid: int, field: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith(field))


def _seconds_if_running(pid: int) -> float:
    try:
        return seconds_of(pid)
    except (FileNotFoundError, ProcessLookupError):  # It has ended since it was listed.
        return 0.0


def _children(pid: int) -> Iterable[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        yield from map(int, (task / "children").read_text().split())


def _fields(pid: int) -> list[str]:
    """Returns the fields of /proc/PID/stat after the program's name: state, parent, ... (proc(5))."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
