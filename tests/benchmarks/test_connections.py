"""Connections that are spread over the processes of a server."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import grpc
import pytest

from benchmarks import connections


@pytest.fixture
def address() -> Iterator[str]:
    """The address of a server in this process."""
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(grace=None).wait()


def test_each_process_gets_its_share_of_the_connections(address: str) -> None:
    with ExitStack() as stack:
        channels = connections.spread(stack, address, [os.getpid()], 3)
        assert len(set(map(id, channels))) == 3
        assert connections.of_process(os.getpid(), int(address.rpartition(":")[2])) == 3


def test_a_process_that_gets_no_connection_is_not_waited_for(address: str) -> None:
    with ExitStack() as stack, pytest.raises(RuntimeError, match="gets no connections"):
        connections.spread(stack, address, [os.getpid(), os.getppid()], 2)
