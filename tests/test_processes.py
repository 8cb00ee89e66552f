"""Server processes: they are stopped, die, or share an address."""

import os
import signal
import socket
import sys

import pytest
import structlog

from dashboard_catalog import processes
from dashboard_catalog.processes import COULD_NOT_START, WorkersFailed, reserved, supervise
from dashboard_catalog.settings import Address


def test_workers_that_die_at_once_are_not_restarted_forever() -> None:
    with pytest.raises(WorkersFailed, match="ended soon after its start"):
        supervise(2, os._exit, 3)


def test_workers_that_cannot_start_are_not_restarted_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_HEALTHY_SECONDS", 0)
    with pytest.raises(WorkersFailed, match="ended soon after its start"):
        supervise(1, sys.exit, COULD_NOT_START)


def test_workers_ignore_ctrl_c_from_their_start(capfd: pytest.CaptureFixture[str]) -> None:
    # The status of a process that the signal ends would be another, and its traceback would be seen.
    with pytest.raises(WorkersFailed), structlog.testing.capture_logs() as lines:
        supervise(1, interrupt_and_end)
    assert [line["exit_code"] for line in lines if line["event"] == "worker_died"] == [COULD_NOT_START]
    assert capfd.readouterr().err == ""


def interrupt_and_end() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    sys.exit(COULD_NOT_START)


def test_an_address_is_reserved_with_its_port() -> None:
    with reserved(Address("127.0.0.1", 0)) as address:
        assert address.port > 0
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind((address.host, address.port))


def test_workers_can_listen_at_a_reserved_address() -> None:
    with reserved(Address("127.0.0.1", 0)) as address, socket.socket() as worker:
        worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        worker.bind((address.host, address.port))
        worker.listen()
        with socket.create_connection((address.host, address.port)):
            worker.accept()[0].close()


def test_an_address_in_use_is_not_reserved() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with (
            pytest.raises(WorkersFailed, match="in use"),
            reserved(Address("127.0.0.1", taken.getsockname()[1])),
        ):
            pass


def test_an_address_is_reserved_only_once() -> None:
    with reserved(Address("127.0.0.1", 0)) as address:
        with pytest.raises(WorkersFailed, match="in use"), reserved(address):
            pass
        with socket.socket() as worker:
            worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            worker.bind((address.host, address.port))
            worker.listen()
            with pytest.raises(WorkersFailed, match="in use"), reserved(Address("0.0.0.0", address.port)):  # noqa: S104
                pass


def test_an_unknown_host_is_not_reserved() -> None:
    with pytest.raises(WorkersFailed), reserved(Address("no.such.host.invalid", 1)):
        pass
