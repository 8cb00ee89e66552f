"""A process that accompanies a server is replaced when it dies, and ends with the server."""

import asyncio
import os
import signal
import time
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

import pytest
import structlog

from dashboard_catalog import companion
from dashboard_catalog.companion import accompanied
from dashboard_catalog.processes import run_until_stopped
from tests.patience import PATIENCE


def report(sending: Connection) -> None:
    """Says which process this is, and waits until it is asked to stop."""

    async def main(stop_requested: asyncio.Event) -> None:
        sending.send(os.getpid())
        await stop_requested.wait()
        sending.send("stopped")

    run_until_stopped(main)


def test_a_process_that_dies_is_replaced_and_the_last_one_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(companion, "_FIRST_DELAY_SECONDS", 0.01)
    receiving, sending = Pipe(duplex=False)
    deaths: list[int] = []
    with structlog.testing.capture_logs() as lines:
        with accompanied(report, sending, died=lambda: deaths.append(first)):
            first = received(receiving)
            os.kill(first, signal.SIGKILL)
            second = received(receiving)
        assert received(receiving) == "stopped"
    assert first != second
    assert [(line["pid"], line["exit_code"]) for line in lines] == [(first, -signal.SIGKILL)]
    assert deaths == [first]


def test_a_process_that_ends_in_order_has_not_died(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(companion, "_FIRST_DELAY_SECONDS", 0.01)
    receiving, sending = Pipe(duplex=False)
    deaths: list[int] = []
    with structlog.testing.capture_logs() as lines, accompanied(report, sending, died=lambda: deaths.append(1)):
        os.kill(received(receiving), signal.SIGTERM)
        assert received(receiving) == "stopped"
        received(receiving)
    assert {line["event"] for line in lines} == {"companion_ended"}
    assert deaths == []


def test_a_process_that_dies_again_and_again_is_replaced_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(companion, "_FIRST_DELAY_SECONDS", 0.01)
    with structlog.testing.capture_logs() as lines, accompanied(os._exit, 3):
        deadline = time.monotonic() + PATIENCE
        while len(lines) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert [line["retry_seconds"] for line in lines[:3]] == [0.01, 0.02, 0.04]


def received(receiving: Connection) -> Any:
    assert receiving.poll(PATIENCE)
    return receiving.recv()
