"""The examples in Python: `load.py` loads its items, `upsert.py` explains errors."""

import asyncio
import subprocess
import sys
from pathlib import Path

from tests.client.conftest import Restarting

EXAMPLES = Path(__file__).parents[2] / "examples"


async def _run(server: Restarting, folder: Path) -> list[str]:
    token = folder / "token"
    token.write_text(server.token)
    arguments = ["--address", server.address, "--token-file", str(token), "--dashboards", "600"]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLES / "load.py"),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return output.decode().splitlines()


async def test_the_example_loads_its_items(server: Restarting, tmp_path: Path) -> None:
    first = await _run(server, tmp_path)
    assert first[-4:] == [
        "2,402 items done",
        "generated.broken: dashboard.charts[0]: there is no chart generated.missing",
        "2,401 created, 0 updated, 0 unchanged",
        "1 refused",
    ]
    assert (await _run(server, tmp_path))[-2] == "0 created, 0 updated, 2,401 unchanged"


def test_an_unreachable_server_is_a_one_line_error(tmp_path: Path) -> None:
    (tmp_path / ".data").mkdir()
    (tmp_path / ".data" / "address").write_text("127.0.0.1:1\n")
    (tmp_path / ".data" / "admin.token").write_text("a.b.c\n")
    command = [sys.executable, str(EXAMPLES / "upsert.py")]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ended.stdout == "No catalog answers at 127.0.0.1:1. Start one with `make run`.\n"
    assert ended.stderr == ""
