"""Runs a catalog on this machine with a small sample in it: what `make run` does.

It types what a person would: `dashboard-catalog serve`, then `dashboard-catalog ingest examples/sample`. The data
stays in one folder, where the next run finds it; without the folder it begins anew.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from shlex import quote

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = Path(sys.executable).parent
CATALOG = PROGRAMS / "dashboard-catalog"
HOST = "127.0.0.1"

TO_TRY = """
The catalog serves at {address}. To try in another terminal, by gRPC and by its own command:

{grpcurl} -plaintext -H "authorization: Bearer $(cat {token})" \
-d '{{"fullyQualifiedName": "superset.sales_overview"}}' {address} dashboardcatalog.v1.DashboardService/GetDashboard

{catalog} list --address {address} --token-file {token}

Ctrl-C stops it; the data stays in {data_dir}.
"""


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs a catalog with a small sample in it.")
    parser.add_argument("--port", type=int, default=50051)
    parser.add_argument("--data-dir", type=Path, default=ROOT / ".data")
    chosen = parser.parse_args()
    if something_listens(chosen.port):
        sys.exit(f"Port {chosen.port} is in use. Choose another: make run PORT={chosen.port + 1}")
    return run(chosen.port, chosen.data_dir.absolute())


def run(port: int, data_dir: Path) -> int:
    """Serves until SIGINT or SIGTERM, and returns the exit status."""
    settings = {
        "DASHBOARD_CATALOG_ADDRESS": f"{HOST}:{port}",
        "DASHBOARD_CATALOG_DATA_DIR": str(data_dir),
        "DASHBOARD_CATALOG_LOG_LEVEL": "warning",
    }
    # What the environment says of another catalog, such as its database, does not count here.
    others = {name: value for name, value in os.environ.items() if not name.startswith("DASHBOARD_CATALOG_")}
    # In a process group of its own, so that Ctrl-C reaches it through this program only.
    server = subprocess.Popen([CATALOG, "serve"], env=others | settings, process_group=0)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: server.terminate())
    while server.poll() is None and not something_listens(port):
        time.sleep(0.05)
    if server.poll() is None:
        loaded = subprocess.run([CATALOG, "ingest", ROOT / "examples" / "sample"], env=others | settings, check=False)
        if loaded.returncode:
            server.terminate()
            return server.wait() or loaded.returncode
        print(what_to_try(port, data_dir), flush=True)
    return server.wait()


def what_to_try(port: int, data_dir: Path) -> str:
    paths = {
        "grpcurl": PROGRAMS / "grpcurl",
        "catalog": CATALOG,
        "token": data_dir / "admin.token",
        "data_dir": data_dir,
    }
    return TO_TRY.format(address=f"{HOST}:{port}", **{name: quote(str(path)) for name, path in paths.items()})


def something_listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


if __name__ == "__main__":
    sys.exit(main())
