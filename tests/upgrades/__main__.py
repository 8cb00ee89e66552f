"""Runs old servers with the schema of today: `python -m tests.upgrades --help`; `make upgrades` runs it.

For each earlier schema, a filled database is upgraded. On PostgreSQL, a server of that schema and one of today then
write it at the same time. On SQLite, only one server can use the file, so the old one and the one of today take turns.
At the end, the database must be whole, and the server of today must find everything.
"""

import argparse
import asyncio
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import structlog

from dashboard_catalog.store import migrate
from tests.conftest import DATABASES, sqlite_url
from tests.postgres import THROWAWAY, PostgresServer, postgres_server
from tests.service.servers import running
from tests.upgrades.releases import SERVERS, TODAY, Serving, checked_out, is_there
from tests.upgrades.rows import contents, load_postgresql, load_sqlite
from tests.upgrades.using import Use
from tests.upgrades.whole import check_whole


def main() -> int:
    """Runs them, and returns 1 if anything was not as promised."""
    arguments = _arguments()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    failed = False
    with postgres_server(**THROWAWAY, max_connections=200) as postgres:
        for revision, commit in SERVERS.items():
            if arguments.only not in (None, revision):
                continue
            if not is_there(commit):
                print(f"{revision}: skipped, because the history has no commit {commit[:7]}", flush=True)
                continue
            for kind in DATABASES:
                failed |= not _proves(revision, kind, postgres)
    return int(failed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.upgrades", description=__doc__)
    parser.add_argument("--only", choices=SERVERS, help="one schema; all by default")
    return parser.parse_args()


def _proves(revision: str, kind: str, postgres: PostgresServer) -> bool:
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="upgrades-") as folder:
            _prove(revision, kind, postgres, Path(folder))
    except Exception:  # noqa: BLE001 - the others are to run as well
        print(f"{revision} {kind}: failed\n{traceback.format_exc()}", flush=True)
        return False
    print(f"{revision} {kind}: whole after {time.monotonic() - began:.0f} s", flush=True)
    return True


def _prove(revision: str, kind: str, postgres: PostgresServer, folder: Path) -> None:
    with _upgraded(revision, kind, postgres, folder) as url, ExitStack() as servers:
        old_code = checked_out(SERVERS[revision], folder / "code")
        new_data, old_data = folder / "new", folder / "old"
        if kind == "postgresql":
            new = servers.enter_context(TODAY.serving(new_data, url))
            old = servers.enter_context(old_code.serving(old_data, url))
            _visit_at_once({old: ["old"], new: ["new"]})
            _visit_at_once({old: ["-", "new"]})
            _visit_at_once({new: ["-", "old"]})
            _visit_at_once({old: ["older", "old"], new: ["newer", "new"]})
        else:
            for code, data, names in (
                (old_code, old_data, ["old"]),
                (TODAY, new_data, ["new", "old"]),
                (old_code, old_data, ["older", "old", "new"]),
            ):
                with code.serving(data, url) as serving:
                    _visit_at_once({serving: names})
        servers.close()
        migrate.upgrade(url)
        check_whole(contents(url), alone=[f"by-{name}" for name in ("old", "new", "older")])
        asyncio.run(_use(url, folder))


def _visit_at_once(names: dict[Serving, list[str]]) -> None:
    """Lets visitors call servers at the same time.

    Args:
        names: For each server, the name of its visitor, `-` for none, and those of visitors to check.
    """
    waiting = [
        serving.code.begin("-m", "tests.upgrades.visit", serving.address, *serving.tokens(), *named)
        for serving, named in names.items()
    ]
    for wait in waiting:
        wait()
    for serving in names:
        if bugs := serving.bugs():
            raise AssertionError(f"bugs in {serving.log}: {bugs}")


async def _use(url: str, folder: Path) -> None:
    """Reads everything through a server of today, and writes on."""
    async with running(url, folder / "last") as (_, service):
        use = Use(service, url, await asyncio.to_thread(contents, url), folder)
        await use.read_all_versions()
        await use.list_by_every_filter()
        await use.read_sessions()
        token = await use.follow_from_the_beginning()
        async with use.searched():
            await use.write_each_kind()
            await use.resume()
        await use.follow_on(token)


@contextmanager
def _upgraded(revision: str, kind: str, postgres: PostgresServer, folder: Path) -> Iterator[str]:
    file = folder / "catalog.db"
    load_sqlite(file, revision)
    name = f"upgraded_{revision}"
    url = sqlite_url(file)
    if kind == "postgresql":
        postgres.execute(f"CREATE DATABASE {name}")
        url = postgres.url(name)
        load_postgresql(url, revision, file)
    migrate.upgrade(url)
    yield url
    if kind == "postgresql":
        postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


if __name__ == "__main__":
    sys.exit(main())
