"""`examples/load.py` loads its items."""

import asyncio
import sys
from pathlib import Path

from tests.client.conftest import Restarting

EXAMPLE = Path(__file__).parents[2] / "examples" / "load.py"


async def _run(server: Restarting, folder: Path) -> list[str]:
    token = folder / "token"
    token.write_text(server.token)
    arguments = ["--address", server.address, "--token-file", str(token), "--dashboards", "600"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLE), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return output.decode().splitlines()


async def test_the_example_loads_what_it_makes(server: Restarting, tmp_path: Path) -> None:
    first = await _run(server, tmp_path)
    assert first[-4:] == [
        "2,402 items done",
        "generated.broken: dashboard.charts[0]: there is no chart generated.missing",
        "2,401 created, 0 updated, 0 unchanged",
        "1 refused",
    ]
    assert (await _run(server, tmp_path))[-2] == "0 created, 0 updated, 2,401 unchanged"
