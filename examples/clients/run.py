"""Runs the example clients in other languages against their own server; `make examples` runs this.

    python examples/clients/run.py            every language that has a folder here
    python examples/clients/run.py go java    some of them

Each folder has a `run.sh` that generates stubs, builds the program and runs it. It finds in its environment:
CATALOG_ADDRESS, where to call; CATALOG_TOKEN, an administrator's token; and `buf` in its PATH. The address is that of
a proxy, which cuts the connection once while the program loads its dashboards, so every load has to resume.
"""

import argparse
import asyncio
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from dashboard_catalog_client import connect
from dashboardcatalog.v1.dashboard_service_pb2 import ListDashboardsRequest
from dashboardcatalog.v1.dashboard_service_pb2_grpc import DashboardServiceStub
from proxy import HOST, CuttingProxy

FOLDER = Path(__file__).resolve().parent
PROGRAMS = Path(sys.executable).parent
TOOLS = {"go": ("go",), "typescript": ("node", "npm"), "java": ("java", "mvn")}
DASHBOARDS = 10_000
LOADED = re.compile(rf"loaded {DASHBOARDS} of {DASHBOARDS}, resumed (?P<times>\d+) time\(s\)")
# Less than any program sends to load its dashboards, if each takes more than 150 bytes.
CUT_AFTER_BYTES = 1_500_000
# The first run of a language downloads its dependencies.
SECONDS_TO_RUN = 1_200
SECONDS_TO_START = 30


@dataclass(frozen=True, slots=True)
class Catalog:
    """A running server, and the proxy in front of it."""

    address: str
    token: str
    proxy: CuttingProxy
    proxy_address: str

    def dashboards_of(self, service: str) -> int:
        with connect(self.address, token=self.token) as client:
            request = ListDashboardsRequest(service=service, include_total=True, page_size=1)
            return DashboardServiceStub(client.channel).ListDashboards(request, metadata=tuple(client.metadata)).total


@asynccontextmanager
async def serving(data_dir: Path) -> AsyncIterator[Catalog]:
    """Serves a new catalog on SQLite until the end of the block."""
    with socket.create_server((HOST, 0)) as chosen:
        port = chosen.getsockname()[1]
    settings = {"ADDRESS": f"{HOST}:{port}", "DATA_DIR": str(data_dir), "LOG_LEVEL": "error"}
    environment = environment_with({f"DASHBOARD_CATALOG_{name}": value for name, value in settings.items()})
    server = await asyncio.create_subprocess_exec(PROGRAMS / "dashboard-catalog", "serve", env=environment)
    try:
        async with asyncio.timeout(SECONDS_TO_START):
            while not await listens(port):
                if server.returncode is not None:
                    sys.exit(f"The server ended with status {server.returncode}.")
                await asyncio.sleep(0.1)
        proxy = CuttingProxy(port)
        async with await asyncio.start_server(proxy.connected, HOST, 0) as entrance:
            token = data_dir.joinpath("admin.token").read_text().strip()
            yield Catalog(f"{HOST}:{port}", token, proxy, f"{HOST}:{entrance.sockets[0].getsockname()[1]}")
    finally:
        if server.returncode is None:
            server.terminate()
            await server.wait()


async def listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True


def environment_with(added: dict[str, str]) -> dict[str, str]:
    """Returns the environment without settings of another catalog, and with the programs of the virtual environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DASHBOARD_CATALOG_")}
    return kept | {"PATH": f"{PROGRAMS}{os.pathsep}{kept['PATH']}"} | added


async def failures_of(language: str, catalog: Catalog) -> list[str]:
    """Runs the program of a language, and returns every difference from what was expected."""
    catalog.proxy.bytes_until_cut = CUT_AFTER_BYTES
    added = {"CATALOG_ADDRESS": catalog.proxy_address, "CATALOG_TOKEN": catalog.token}
    program = await asyncio.create_subprocess_exec(
        FOLDER / language / "run.sh", env=environment_with(added), stdout=asyncio.subprocess.PIPE, process_group=0
    )
    try:
        async with asyncio.timeout(SECONDS_TO_RUN):
            printed = await echo(program)
    finally:
        if program.returncode is None:
            os.killpg(program.pid, signal.SIGKILL)
    failures = [f"run.sh ended with status {program.returncode}"] if program.returncode else []
    if catalog.proxy.bytes_until_cut is not None:
        failures.append(f"sent less than {CUT_AFTER_BYTES:,} bytes, so the connection was not cut")
    loaded = [LOADED.fullmatch(line) for line in printed]
    if not any(line and int(line["times"]) for line in loaded):
        failures.append(f"did not print: loaded {DASHBOARDS} of {DASHBOARDS}, resumed N time(s), with 1 or more for N")
    if (total := catalog.dashboards_of(language)) < DASHBOARDS:
        failures.append(f"the catalog has {total:,} dashboards of the BI service {language}")
    return failures


async def echo(program: asyncio.subprocess.Process) -> list[str]:
    """Prints the output of a program as it comes, and returns its lines when it has ended."""
    if program.stdout is None:
        raise RuntimeError("the program was started without a pipe")
    lines = []
    async for line in program.stdout:
        lines.append(line.decode().rstrip())
        print(f"  {lines[-1]}", flush=True)
    await program.wait()
    return lines


async def run(languages: list[str]) -> int:
    """Runs the programs one after the other; returns the exit status."""
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        async with serving(Path(folder, "data")) as catalog:
            for language in languages:
                print(f"{language}:", flush=True)
                failures = await failures_of(language, catalog)
                for failure in failures:
                    print(f"  FAILED: {failure}", flush=True)
                failed |= bool(failures)
    return int(failed)


def main() -> None:
    existing = [language for language in TOOLS if FOLDER.joinpath(language, "run.sh").exists()]
    parser = argparse.ArgumentParser(description="Runs the example clients of other languages against a server.")
    parser.add_argument("language", nargs="*", help=f"one or more of {', '.join(existing)}; all by default")
    languages = parser.parse_args().language or existing
    if unknown := [language for language in languages if language not in existing]:
        parser.error(f"no example for {', '.join(unknown)}")
    if missing := [tool for language in languages for tool in TOOLS[language] if shutil.which(tool) is None]:
        print(f"Not installed: {', '.join(missing)}", file=sys.stderr)
        sys.exit(2)
    sys.exit(asyncio.run(run(languages)))


if __name__ == "__main__":
    main()
