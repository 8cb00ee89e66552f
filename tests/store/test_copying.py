"""Copies of whole databases, compared table by table."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest

from dashboard_catalog.store import migrate
from dashboard_catalog.store.copying import sides, table_copy
from dashboard_catalog.store.copying.database_copy import copy_database
from dashboard_catalog.store.copying.sides import CopyError, Side, prepared
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.file_claim import claimed
from dashboard_catalog.store.schema import SchemaError
from dashboard_catalog.store.sqlite_file import is_sqlite
from dashboard_catalog.store.tables import METADATA
from tests.conftest import sqlite_url
from tests.postgres import PostgresServer
from tests.store.database_work import query
from tests.store.filling import contents, fill


class Progress:
    """The progress of a copy, which may break off."""

    def __init__(self, pages: int | None = None) -> None:
        self.total = 0
        self.seen: list[int] = []
        self._pages = pages

    def begin(self, total: int) -> None:
        self.total = total

    def done(self, rows: int) -> None:
        self.seen.append(rows)
        if len(self.seen) == self._pages:
            raise KeyboardInterrupt


def copy(source: str, target: str, progress: Progress | None = None) -> None:
    both = Side(source, "the source"), Side(target, "the target")
    with prepared(*both):
        asyncio.run(copy_database(*both, progress or Progress()))


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_copy, "_PAGE_ROWS", 7)


@pytest.fixture
def filled(migrated_sqlite: Path, tmp_path: Path) -> str:
    file = tmp_path / "filled.db"
    file.write_bytes(migrated_sqlite.read_bytes())
    asyncio.run(fill(sqlite_url(file), 20, large=5_000))
    return sqlite_url(file)


def test_everything_survives_the_way_through_both_kinds_of_databases(
    filled: str, empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Less than a page for the larger rows.
    monkeypatch.setattr(table_copy, "_PAGE_BYTES", 20_000)
    progress = Progress()
    last = sqlite_url(tmp_path / "last.db")

    copy(filled, empty_database_url, progress)
    copy(empty_database_url, last)

    before, between, after = (asyncio.run(contents(url)) for url in (filled, empty_database_url, last))
    keyed = {name for name in before if not name.endswith("_reference")}
    assert all(len(before[name]) == 20 for name in keyed)
    for name in keyed:
        assert between[name] == before[name], name
        assert after[name] == before[name], name
    assert progress.total == progress.seen[-1] == sum(len(before[name]) for name in keyed)
    # They are what the store itself writes for these assets. On SQLite, they find charts, too.
    assert after["chart_reference"] == between["chart_reference"]
    for kind, lists in (("dashboard", ("owners", "tags", "charts")), ("chart", ("owners", "tags"))):
        names = list(METADATA.tables[kind].c.keys())
        assets = [dict(zip(names, row, strict=True)) for row in before[kind]]
        found = [
            (asset["service_id"], id_, asset["deleted"], asset["name"])
            for asset in assets
            for name in lists
            for id_ in asset[name]
        ]
        assert sorted(found) == sorted(after[f"{kind}_reference"])
    assert not migrate.check(empty_database_url)
    assert not migrate.drift(empty_database_url)


@pytest.mark.usefixtures("small_pages")
def test_an_interrupted_copy_is_refused_to_servers_and_goes_on(filled: str, empty_database_url: str) -> None:
    for progress in (Progress(4), last := Progress(9)):
        with pytest.raises(KeyboardInterrupt):
            copy(filled, empty_database_url, progress)
        assert progress.seen == sorted(set(progress.seen))
        for use in (migrate.check, migrate.upgrade):
            with pytest.raises(SchemaError, match="unfinished copy"):
                use(empty_database_url)
        with pytest.raises(CopyError, match=r"the source: .*unfinished copy"):
            copy(empty_database_url, filled)
    # It went on where the run before had stopped.
    assert last.seen[0] > 0

    copy(filled, empty_database_url)

    of_source, of_copy = (asyncio.run(contents(url)) for url in (filled, empty_database_url))
    for name in of_source:
        if not name.endswith("_reference"):
            assert of_copy[name] == of_source[name], name
    assert not migrate.check(empty_database_url)
    with pytest.raises(CopyError, match="the target is not empty, bulk_failure has rows"):
        copy(filled, empty_database_url)


@pytest.mark.usefixtures("small_pages")
def test_an_unfinished_copy_of_what_has_changed_does_not_go_on(empty_database_url: str, tmp_path: Path) -> None:
    migrate.upgrade(empty_database_url)
    asyncio.run(fill(empty_database_url, 20))
    target = sqlite_url(tmp_path / "target.db")
    with pytest.raises(KeyboardInterrupt):
        copy(empty_database_url, target, Progress(3))
    with pytest.raises(KeyboardInterrupt):
        # Nothing has changed yet.
        copy(empty_database_url, target, Progress(2))

    # No number of a change and no count of rows tells of this.
    query(empty_database_url, "UPDATE chart SET source_hash = 'x' WHERE name LIKE '01%'")

    with pytest.raises(CopyError, match="or the source has changed since"):
        copy(empty_database_url, target)


@pytest.mark.usefixtures("small_pages")
def test_of_two_copies_into_one_database_one_ends(filled: str, empty_database_url: str) -> None:
    class Moving(Progress):
        def done(self, rows: int) -> None:
            super().done(rows)
            if rows:
                moving = "UPDATE dashboard_catalog_copy SET copied = copied + 1"
                with ThreadPoolExecutor() as elsewhere:
                    elsewhere.submit(query, empty_database_url, moving).result()

    with pytest.raises(CopyError, match="another copy into the target is running"):
        copy(filled, empty_database_url, Moving())


def test_databases_that_do_not_suit_are_refused(
    empty_database_url: str, tmp_path: Path, postgres: PostgresServer
) -> None:
    migrate.upgrade(database_url := empty_database_url)
    other = sqlite_url(tmp_path / "other.db")
    again = database_url.replace("catalog.db", "./catalog.db") + ("&user=postgres" if "?" in database_url else "")
    with pytest.raises(CopyError, match="the source and the target are the same database"):
        copy(database_url, again)
    with pytest.raises(CopyError, match=r"other\.db does not exist"):
        copy(other, database_url)
    with pytest.raises(CopyError, match=r"the folder .+/nothing does not exist"):
        copy(database_url, sqlite_url(tmp_path / "nothing" / "catalog.db"))
    with pytest.raises(CopyError, match=r'the target cannot be used: database "nothing" does not exist'):
        copy(database_url, postgres.url("nothing"))
    copy(database_url, other)
    query(database_url, "UPDATE dashboard_catalog_version SET version_num = '9999'")
    with pytest.raises(CopyError, match="the source has the schema of a later version"):
        copy(database_url, other)
    with pytest.raises(CopyError, match=r"the target: the schema is at 9999, which this version does not know"):
        copy(other, database_url)


async def test_a_database_that_a_server_uses_is_refused(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sides, "_STOPPING_SECONDS", 0.2)
    other = sqlite_url(tmp_path / "other.db")
    with claimed(database_url) if is_sqlite(database_url) else nullcontext():
        server = Database(database_url)
        assert await server.probe() is None
        await asyncio.to_thread(migrate.upgrade, other)
        for urls in ((database_url, other), (other, database_url)):
            with pytest.raises(CopyError, match=r"is used by (a|another) server"):
                await asyncio.to_thread(copy, *urls)
        await server.close()
