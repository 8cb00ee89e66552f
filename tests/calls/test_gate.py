"""When the gate of a server that drains is quiet."""

import asyncio

import pytest

from dashboard_catalog.calls import gate as module
from dashboard_catalog.calls.gate import Gate
from dashboard_catalog.errors import CatalogError
from tests.patience import PATIENCE


@pytest.fixture
async def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """A gate that drains while a call runs, and whose rounds of waiting are turns of the event loop."""
    monkeypatch.setattr(module, "_ROUND_SECONDS", 0)
    monkeypatch.setattr(module, "_MOST_ROUNDS", 1_000_000)
    gate = Gate(1)
    gate.enter()
    gate.drain()
    return gate


async def _turns(gate: Gate, *, refusing: bool) -> None:
    for _ in range(50):
        if refusing:
            with pytest.raises(CatalogError):
                gate.enter()
        await asyncio.sleep(0)


async def test_it_is_quiet_when_no_call_runs_and_none_arrives(gate: Gate) -> None:
    quiet = asyncio.create_task(gate.quiet())
    await _turns(gate, refusing=False)
    assert not quiet.done()
    gate.leave()
    await _turns(gate, refusing=True)
    assert not quiet.done()
    async with asyncio.timeout(PATIENCE):
        await quiet


async def test_callers_that_never_stop_are_not_waited_for(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_ROUNDS", 3)
    async with asyncio.timeout(PATIENCE):
        await gate.quiet()
    assert gate.running == 1
