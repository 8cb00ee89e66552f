"""Connections to the processes of a server that share an address: the kernel assigns each connection to one of them."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import grpc

_READY_SECONDS = 30
# Chance misses a process of two as often only once in a million times.
_ATTEMPTS = 20
_ESTABLISHED = "01"


def spread(stack: ExitStack, address: str, workers: Sequence[int], count: int) -> list[grpc.Channel]:
    """Opens channels to processes in turns, so that each serves as many as the others, or one more.

    Without this, chance would decide how many processes work.

    Args:
        stack: Closes the channels.
        workers: The ids of the processes.
    """
    port = int(address.rpartition(":")[2])
    return [_connected(stack, address, workers[number % len(workers)], port) for number in range(count)]


def _connected(stack: ExitStack, address: str, worker: int, port: int) -> grpc.Channel:
    """Opens channels until a process gets one. Those that others got stay open until the end, unused."""
    for _ in range(_ATTEMPTS):
        before = of_process(worker, port)
        channel = stack.enter_context(grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]))
        grpc.channel_ready_future(channel).result(_READY_SECONDS)
        if of_process(worker, port) > before:
            return channel
    raise RuntimeError(f"process {worker} gets no connections at {address}")


def of_process(pid: int, port: int) -> int:
    """Returns how many connections to a port of this machine a process has."""
    sockets = set(_sockets(port))
    return sum(file in sockets for file in _open_files(pid))


def _sockets(port: int) -> Iterator[str]:
    """Yields the servers' ends of established connections to a port, as links in /proc name them."""
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, _, _, _, _, _, inode, *_ = line.split()
            if state == _ESTABLISHED and int(local.rpartition(":")[2], 16) == port:
                yield f"socket:[{inode}]"


def _open_files(pid: int) -> Iterator[str]:
    for file in Path(f"/proc/{pid}/fd").iterdir():
        try:
            yield str(file.readlink())
        except FileNotFoundError:  # It was closed since it was listed.
            continue
