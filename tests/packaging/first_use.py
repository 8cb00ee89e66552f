"""Does with installed distributions what `make run` and the README do: serve, load the sample, look at it, call it."""

import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.packaging.environments import ROOT, own_variables
from tests.patience import PATIENCE

SAMPLE = ROOT / "examples" / "sample"
CLIENT = """
import sys
from importlib.util import find_spec

from dashboard_catalog_client import connect
from dashboardcatalog.v1.dashboard_service_pb2 import GetDashboardRequest
from dashboardcatalog.v1.dashboard_service_pb2_grpc import DashboardServiceStub

assert find_spec("dashboard_catalog") is None
address, token = sys.argv[1:]
with connect(address, token=open(token).read()) as catalog:
    stub = DashboardServiceStub(catalog.channel)
    request = GetDashboardRequest(fully_qualified_name="superset.customers")
    print(stub.GetDashboard(request, metadata=catalog.metadata).dashboard.display_name)
"""


def use(server: Path, client: Path, folder: Path) -> dict[str, str]:
    """Uses the command of one environment, and a program in another that has only the client.

    Args:
        server: Python of the environment with the server.
        client: Python of the environment with the client alone.
        folder: An empty folder, far from the checkout.

    Returns:
        What it printed: `version`, `load` (counts), `list`, `get`, `health`, `client`, and `http`, the version that the
        HTTP door states.

    Raises:
        subprocess.CalledProcessError: If a command fails.
    """
    variables = own_variables(folder)

    def run(*command: object) -> str:
        arguments = list(map(str, command))
        done = subprocess.run(arguments, check=True, cwd=folder, env=variables, stdout=subprocess.PIPE, text=True)
        return done.stdout.strip()

    command = server.parent / "dashboard-catalog"
    printed = {"version": run(command, "--version")}
    with _serving(command, folder, variables) as (address, http_address):
        variables["DASHBOARD_CATALOG_ADDRESS"] = address
        printed["load"] = run(command, "ingest", SAMPLE)
        printed["list"] = run(command, "list")
        printed["get"] = run(command, "get", "superset.customers")
        printed["health"] = run(command, "health")
        printed["client"] = run(client, "-c", CLIENT, address, folder / "data" / "admin.token")
        with urllib.request.urlopen(f"http://{http_address}/openapi.json", timeout=PATIENCE) as answer:
            printed["http"] = json.load(answer)["info"]["version"]
    return printed


@contextmanager
def _serving(command: Path, folder: Path, variables: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Runs `serve` until the end of the block, and checks that it ends as it should."""
    settings = ["--address", "127.0.0.1:0", "--http-address", "127.0.0.1:0", "--data-dir", "data"]
    log = folder / "log"
    with log.open("w") as lines:
        process = subprocess.Popen([command, "serve", *settings], cwd=folder, env=variables, stderr=lines)
    try:
        started = _line(log, "serving", process)
        yield started["address"], started["http_address"]
        process.terminate()
        assert process.wait(PATIENCE) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


# Python compiles every module at the first start.
_START_SECONDS = 5 * PATIENCE


def _line(log: Path, event: str, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    ends = time.monotonic() + _START_SECONDS
    while time.monotonic() < ends and process.poll() is None:
        for line in log.read_text().splitlines():
            if line.endswith("}") and (entry := json.loads(line))["event"] == event:
                return dict(entry)
        time.sleep(0.05)
    raise AssertionError(log.read_text())
