"""Compares a server on each database with the model, by many random sequences: `python -m tests.model --help`.

`make fuzz` runs it. A sequence that fails is made shorter and printed as Python.

The sequences run in blocks: hypothesis keeps all that it has tried in memory.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from dashboard_catalog.store.migrate import upgrade
from tests.conftest import sqlite_url
from tests.model.machine import check
from tests.model.remote import remote
from tests.postgres import THROWAWAY, postgres_server

_BLOCK = 100


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--only", choices=["sqlite", "postgresql"], help="one database; both by default")
    parser.add_argument("--sequences", type=int, default=2_000, help="2,000 by default, with 20 calls or more each")
    arguments = parser.parse_args()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    for database in [arguments.only] if arguments.only else ["sqlite", "postgresql"]:
        with tempfile.TemporaryDirectory(prefix="model-") as name, _database(Path(name), database) as url:
            begun = time.monotonic()
            with remote(url, Path(name) / "server") as server:
                for done in range(0, arguments.sequences, _BLOCK):
                    block = min(_BLOCK, arguments.sequences - done)
                    check(server, block, steps=20, repeatable=False)
                    seconds = time.monotonic() - begun
                    print(f"{database}: {done + block:,} sequences agree, in {seconds:.0f} s", flush=True)


@contextmanager
def _database(folder: Path, database: str) -> Iterator[str]:
    if database == "sqlite":
        url = sqlite_url(folder / "catalog.db")
        upgrade(url)
        yield url
        return
    with postgres_server(**THROWAWAY) as postgres:
        upgrade(postgres.url())
        yield postgres.url()


if __name__ == "__main__":
    main()
