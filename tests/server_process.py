"""A server as `serve` runs it, in processes of its own."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from dashboard_catalog.environment import environment_name
from tests.patience import PATIENCE


class Process:
    """`serve` in a separate process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []

    async def line(self, event: str) -> dict[str, Any]:
        """Waits for a log line."""
        assert self.process.stderr is not None
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while text := await self.process.stderr.readline():
                    # gRPC's own lines are not JSON.
                    line = json.loads(text) if text.startswith(b"{") else {"event": text.decode()}
                    self.lines.append(line)
                    if line["event"] == event:
                        return line
        raise AssertionError(f"no line {event!r} in {self.lines}")

    async def ended(self) -> int:
        """Waits until it has ended, with all its processes, and returns its exit status."""
        async with asyncio.timeout(PATIENCE):
            await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode


@asynccontextmanager
async def process(**given: Any) -> AsyncIterator[Process]:
    """Runs a server until the end of the block.

    Args:
        given: Its settings, by field name.
    """
    environment = {environment_name(name): str(value) for name, value in given.items()}
    code = (
        "from dashboard_catalog import server; from dashboard_catalog.settings import Settings;"
        "server.serve(Settings.load())"
    )
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **environment},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Process(started)
    finally:
        if started.returncode is None:
            started.kill()
            await started.wait()
