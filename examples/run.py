"""Runs a catalog on this machine with a small sample in it; this is what `make run` does.

It types what a person would: `dashboard-catalog serve`, then `dashboard-catalog ingest examples/sample`. Then it shows
the calls as the server logs them. The data stays in one folder, where the next run finds it.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import datetime
from pathlib import Path
from shlex import quote
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = Path(sys.executable).parent
CATALOG = PROGRAMS / "dashboard-catalog"
HOST = "127.0.0.1"
# The server writes the lines of calls a moment after the calls.
LOG_SECONDS = 0.2

TO_TRY = """
The catalog runs at {address}. Try it in another terminal:

  cd {root}

  {catalog} list --address {address}

  {grpcurl} -plaintext \\
    -H "authorization: Bearer $(cat {token})" \\
    -d '{{"fullyQualifiedName": "superset.sales_overview"}}' \\
    {address} dashboardcatalog.v1.DashboardService/GetDashboard

Clients of OpenMetadata find it at http://{http_address}/api:

  curl -H "authorization: Bearer $(cat {token})" \\
    http://{http_address}/api/v1/dashboards/name/superset.sales_overview

The README goes on from here. Calls are shown below as they come.
Ctrl-C stops the server; the data stays in {data_dir}.
"""


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs a catalog with a small sample in it.")
    parser.add_argument("--port", type=int, default=50051)
    parser.add_argument("--http-port", type=int, default=8585)
    parser.add_argument("--data-dir", type=Path, default=ROOT / ".data")
    chosen = parser.parse_args()
    for name, port in (("PORT", chosen.port), ("HTTP_PORT", chosen.http_port)):
        if something_listens(port):
            sys.exit(f"Port {port} is in use. Choose another: make run {name}={port + 1}")
    return run(chosen.port, chosen.http_port, chosen.data_dir.absolute())


def run(port: int, http_port: int, data_dir: Path) -> int:
    """Serves until SIGINT or SIGTERM, and returns the exit status."""
    settings = {
        "DASHBOARD_CATALOG_ADDRESS": f"{HOST}:{port}",
        "DASHBOARD_CATALOG_HTTP_ADDRESS": f"{HOST}:{http_port}",
        "DASHBOARD_CATALOG_DATA_DIR": str(data_dir),
        "DASHBOARD_CATALOG_LOG_FORMAT": "json",
    }
    # Settings of another catalog in the environment, such as its database, must not count here.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DASHBOARD_CATALOG_")}
    environment |= settings
    say(f"Starting a server with its data in {shown(data_dir)} ...")
    # In a process group of its own, so that Ctrl-C reaches it through this program only.
    server = subprocess.Popen([CATALOG, "serve"], env=environment, stderr=subprocess.PIPE, text=True, process_group=0)
    stop_at_signals(server)
    loaded = threading.Event()
    log = threading.Thread(target=show_log, args=(server.stderr, loaded))
    log.start()
    while server.poll() is None and not something_listens(port):
        time.sleep(0.05)
    if server.poll() is None:
        if status := load_sample(environment):
            server.terminate()
            return server.wait() or status
        data_dir.joinpath("address").write_text(f"{HOST}:{port}\n")
        time.sleep(LOG_SECONDS)
        say(what_to_try(port, http_port, data_dir))
        loaded.set()
    status = server.wait()
    log.join()
    return status


def stop_at_signals(server: subprocess.Popen[str]) -> None:
    def stop(*_: object) -> None:
        say("Stopping ...")
        server.terminate()

    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def load_sample(environment: dict[str, str]) -> int:
    """Loads the sample and returns the exit status."""
    say("Loading the sample ...")
    command = [str(CATALOG), "ingest", "examples/sample"]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def show_log(lines: IO[str] | None, loaded: threading.Event) -> None:
    """Prints the log of the server for people: its calls once the sample is loaded, and what goes wrong at any time."""
    for line in lines or ():
        try:
            entry = json.loads(line)
        except ValueError:
            # Lines that are not in the log's format, such as an error at the start.
            print(line, end="", file=sys.stderr, flush=True)
            continue
        if entry["event"] == "call":
            if loaded.is_set():
                say(call_line(entry))
        elif entry["level"] in {"warning", "error"} and entry["event"] != "denied":
            print(problem_line(entry), file=sys.stderr, flush=True)


def call_line(entry: dict[str, Any]) -> str:
    """Returns a call as one line: `16:02:11  GetDashboard      OK                     4 ms  admin`.

    Calls of HTTP are shown as `GET dashboards/{id}`.
    """
    ended = datetime.fromisoformat(entry["timestamp"]).astimezone()
    method = entry["method"]
    method = method.replace("/api/v1/", "") if " " in method else method.rpartition("/")[2]
    reason = "" if entry["reason"] in {None, entry["code"]} else entry["reason"]
    caller = entry["subject"] or "nobody"
    line = f"{ended:%H:%M:%S}  {method:<17} {entry['code']:<19} {entry['duration_ms']:>4.0f} ms  {caller}  {reason}"
    return line.rstrip()


def problem_line(entry: dict[str, Any]) -> str:
    traceback = entry.pop("exception", "")
    details = ", ".join(f"{name}: {value}" for name, value in entry.items() if name not in {"event", "level"})
    return f"{entry['level']}: {entry['event']} ({details})\n{traceback}".rstrip()


def what_to_try(port: int, http_port: int, data_dir: Path) -> str:
    paths = {
        "root": ROOT,
        "grpcurl": PROGRAMS / "grpcurl",
        "catalog": CATALOG,
        "token": data_dir / "admin.token",
        "data_dir": data_dir,
    }
    addresses = {"address": f"{HOST}:{port}", "http_address": f"{HOST}:{http_port}"}
    return TO_TRY.format(**addresses, **{name: quote(shown(path)) for name, path in paths.items()})


def shown(path: Path) -> str:
    """Returns a path that is correct in the folder of the checkout, as short as possible."""
    return str(path.relative_to(ROOT)) if path != ROOT and path.is_relative_to(ROOT) else str(path)


def say(text: str) -> None:
    print(text, flush=True)


def something_listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


if __name__ == "__main__":
    sys.exit(main())
