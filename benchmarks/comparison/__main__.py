"""Serves in one process until it is stopped, and prints its address to standard error like the catalog's server."""

import argparse
import gc
import json
import sys
from pathlib import Path

import uvicorn

from benchmarks.comparison.service import create_app


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.comparison", description=__doc__)
    parser.add_argument("database_url")
    parser.add_argument("public_key", type=Path, help="PEM file of the key that tokens are verified by")
    arguments = parser.parse_args()
    app = create_app(arguments.database_url, arguments.public_key.read_bytes())
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, loop="uvloop", http="httptools", access_log=False, log_level="warning"
    )
    _spare_collector()
    with config.bind_socket() as socket:
        # So that clients can connect before the service is up.
        socket.listen(config.backlog)
        host, port = socket.getsockname()
        print(json.dumps({"event": "serving", "address": f"{host}:{port}"}), file=sys.stderr, flush=True)
        uvicorn.Server(config).run([socket])


def _spare_collector() -> None:
    """Runs the garbage collector as rarely as the catalog does; with its defaults, a list took two thirds more time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


if __name__ == "__main__":
    main()
