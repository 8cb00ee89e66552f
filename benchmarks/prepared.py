"""Catalogs to measure with: each measurement gets its own copy of one that was prepared once."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import client, data, indexing
from benchmarks.recorder import Size
from benchmarks.servers import Server, catalog_server
from dashboard_catalog.store import migrate
from tests.postgres import PostgresServer

# So that a copy runs no statement for the first time.
_WARM_UP_DASHBOARDS = 50

DATABASE = "catalog"

Copied = Callable[[], AbstractContextManager[str]]
"""Returns a context in which a copy of a database exists, and yields its URL."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """A copy of the prepared catalog, with its server.

    Attributes:
        folder: Of this copy; `data` in it is the server's data folder.
        url: Of its database.
    """

    folder: Path
    url: str
    server: Server


class Prepared:
    """A catalog with entities, and with all charts but the first of each measurement, all of them indexed.

    Args:
        folder: Holds the data folder of the prepared catalog, and copies of it.
        postgres: The database server, if it is PostgreSQL.
        copied: Makes copies of its database.
    """

    def __init__(self, folder: Path, postgres: PostgresServer | None, copied: Copied) -> None:
        self._folder = folder
        self._postgres = postgres
        self._copied = copied

    @contextmanager
    def fresh(self, *, workers: int = 1) -> Iterator[Fresh]:
        """Runs a server on a copy until the end of the block. It has done a bit of everything that loads do."""
        with TemporaryDirectory(dir=self._folder) as name, self._copied() as url:
            folder = Path(name)
            shutil.copytree(self._folder / "data", folder / "data")
            with catalog_server(folder, url, self._postgres, http=workers == 1, workers=workers) as server:
                _warm_up(server)
                indexing.wait_until_indexed(folder / "data")
                yield Fresh(folder, url, server)


@contextmanager
def on_postgresql(folder: Path, postgres: PostgresServer, size: Size) -> Iterator[Prepared]:
    """Prepares a catalog on a PostgreSQL server that is running."""
    postgres.execute(f"CREATE DATABASE {DATABASE}")
    migrate.upgrade(postgres.url(DATABASE))
    _load(folder, postgres.url(DATABASE), postgres, size)
    # As autovacuum would do to each copy at some moment.
    postgres.execute("VACUUM ANALYZE", database=DATABASE)
    # Copies have the name, since a server has an index for each name.
    postgres.execute(f"ALTER DATABASE {DATABASE} RENAME TO prepared")

    @contextmanager
    def copied() -> Iterator[str]:
        # Through files, which also makes checkpoints: each copy begins in the same state.
        postgres.execute(f"CREATE DATABASE {DATABASE} TEMPLATE prepared STRATEGY file_copy")
        try:
            yield postgres.url(DATABASE)
        finally:
            postgres.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")

    yield Prepared(folder, postgres, copied)


@contextmanager
def on_sqlite(folder: Path, size: Size) -> Iterator[Prepared]:
    """Prepares a catalog in a SQLite file."""
    file, original = folder / f"{DATABASE}.db", folder / "prepared.db"
    _load(folder, _sqlite_url(file), None, size)
    file.rename(original)

    @contextmanager
    def copied() -> Iterator[str]:
        with closing(sqlite3.connect(original)) as source, closing(sqlite3.connect(file)) as target:
            source.backup(target)
        try:
            yield _sqlite_url(file)
        finally:
            for left in folder.glob(f"{file.name}*"):
                left.unlink()

    yield Prepared(folder, None, copied)


def _load(folder: Path, url: str, postgres: PostgresServer | None, size: Size) -> None:
    others = data.charts(size.items * data.CHARTS)[size.items :]
    with catalog_server(folder, url, postgres) as server:
        for items in (data.entities(), others):
            _send(server, items, size.chunk)
        indexing.wait_until_indexed(folder / "data")


def _warm_up(server: Server) -> None:
    few = data.whole("warm-up", _WARM_UP_DASHBOARDS)
    for items in (few, few, data.dashboards(_WARM_UP_DASHBOARDS, edition=2, service="warm-up")):
        _send(server, items, len(items))


def _send(server: Server, items: list[data.Item], chunk: int) -> None:
    """Sends the same items to each process of a server."""
    workers = server.workers or (server.pid,)
    streams = [data.bulk_messages(items, chunk)] * len(workers)
    client.apart(client.send_streams, server.address, server.token, streams, workers)


def _sqlite_url(file: Path) -> str:
    return f"sqlite+aiosqlite:///{file}"
