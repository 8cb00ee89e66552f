"""The feed: every change in the order of its number, whatever has moved into history since."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.model.commands import AssetName, AssetWrite, EntityWrite, Verb, Writer
from dashboard_catalog.catalog.model.kinds import CHART_KIND, DASHBOARD_KIND, ENTITY_KINDS
from dashboard_catalog.catalog.writing.entity_deletion import delete_entity
from dashboard_catalog.catalog.writing.pipeline import Batch, Pipeline
from dashboard_catalog.store import feed
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.records import CATALOG_ID

ADMIN = Principal("admin", frozenset({"admin"}), frozenset(), None, False, None)
EDIT = Writer(principal=ADMIN, ingests=False, call_id="call")
ALL = frozenset({"dashboard", "chart", *ENTITY_KINDS})

Apply = Callable[..., Awaitable[Any]]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


class Catalog:
    """Applies writes, each in a transaction of its own, and reads the feed."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._pipeline = Pipeline(Authorizer(None))
        self.service = UUID(int=1)

    async def write(self, verb: str, name: str, **values: Any) -> None:
        kind = CHART_KIND if name.startswith("c") else DASHBOARD_KIND
        hard = verb == "remove"
        write = AssetWrite(
            kind=kind,
            verb=Verb.DELETE if hard else Verb(verb),
            writer=EDIT,
            key=AssetName("s", name),
            values=values,
            hard=hard,
        )
        await self._run(write)

    async def add_entity(self, kind: str, name: str, **values: Any) -> UUID:
        written = await self._run(EntityWrite(kind=ENTITY_KINDS[kind], writer=EDIT, name=name, values=values))
        id_: UUID = written.record.id
        return id_

    async def delete_entity(self, kind: str, name: str, *, hard: bool = False) -> None:
        await self.database.write(
            lambda c: delete_entity(c, Authorizer(None), EDIT, ENTITY_KINDS[kind], name, hard=hard)
        )

    async def _run(self, write: Any) -> Any:
        (result,) = await self.database.write(lambda c: self._pipeline.run(c, Batch([write])))
        if isinstance(result, Exception):
            raise result
        return result

    async def changes(
        self,
        sequence: UUID | None = None,
        *,
        after: int = 0,
        until: int = 1_000,
        kinds: frozenset[str] = ALL,
        as_of: int | None = None,
        limit: int = 100,
    ) -> list[str]:
        stretch = feed.Stretch(sequence or self.service, after, until, kinds, as_of=as_of, sized=True)
        async with self.database.read() as connection:
            rows, _ = await feed.read(connection, stretch, limit)
        return [f"{row.change_number} {row.type} {row.name} {row.version}" for row in rows]


@pytest.fixture
async def catalog(database: Database) -> Catalog:
    catalog = Catalog(database)
    catalog.service = await catalog.add_entity("bi_service", "s", service_type="Superset")
    return catalog


async def test_each_version_is_one_change_wherever_it_is_stored(catalog: Catalog) -> None:
    await catalog.write("create", "d1")
    await catalog.write("create", "c1", display_name="C")
    await catalog.write("upsert", "d1", description="x" * 9_000)
    await catalog.write("delete", "d1")
    await catalog.write("restore", "d1")
    await catalog.write("upsert", "c1", display_name="deleted")

    everything = [
        "1 created d1 1",
        "2 created c1 1",
        "3 updated d1 2",
        "4 deleted d1 3",
        "5 restored d1 4",
        "6 updated c1 2",
    ]
    assert await catalog.changes() == everything
    assert await catalog.changes(after=2, limit=2) == everything[2:4]
    assert await catalog.changes(until=3) == everything[:3]
    assert await catalog.changes(kinds=frozenset({"chart", "tag"})) == [everything[1], everything[5]]
    async with catalog.database.read() as connection:
        assert await feed.ahead(connection, {CATALOG_ID: 1}) == {catalog.service: 6}
        assert await feed.total(connection) == 7


async def test_nothing_but_the_removal_is_left_of_what_was_removed_for_good(catalog: Catalog) -> None:
    await catalog.write("create", "c1")
    await catalog.write("create", "c2")
    await catalog.write("upsert", "c1", description="new")
    await catalog.write("remove", "c1")
    await catalog.add_entity("user", "ann")
    await catalog.add_entity("user", "ann", email="ann@example.com")
    await catalog.delete_entity("user", "ann", hard=True)

    assert await catalog.changes() == ["2 created c2 1", "4 removed s.c1 0"]
    assert await catalog.changes(CATALOG_ID) == ["1 created s 0", "4 removed ann 0"]


async def test_the_numbers_of_a_removed_service_stay(catalog: Catalog) -> None:
    await catalog.write("create", "c1")
    await catalog.write("remove", "c1")
    await catalog.delete_entity("bi_service", "s", hard=True)

    assert await catalog.changes() == ["2 removed s.c1 0"]
    async with catalog.database.read() as connection:
        assert (await feed.positions(connection))[catalog.service] == 2
        (removed,) = await feed.removed_services(connection)
    assert (removed.id, removed.fqn, removed.service_fqn) == (catalog.service, "s", "s")


async def test_every_change_of_an_entity_is_kept(catalog: Catalog) -> None:
    await catalog.add_entity("user", "ann")
    await catalog.add_entity("user", "ann", email="ann@example.com")
    await catalog.add_entity("user", "ann", email="ann@example.com")
    await catalog.delete_entity("user", "ann")
    await catalog.add_entity("user", "ann")

    assert await catalog.changes(CATALOG_ID, after=1) == [
        "2 created ann 0",
        "3 updated ann 0",
        "4 deleted ann 0",
        "5 restored ann 0",
    ]
    async with catalog.database.read() as connection:
        versions = await feed.entity_versions(connection, [2, 3])
    assert [version.attributes["email"] for version in versions] == [None, "ann@example.com"]


async def test_what_existed_at_a_number_is_found_whatever_has_changed_since(catalog: Catalog) -> None:
    await catalog.write("create", "d1")
    await catalog.write("create", "c1")
    await catalog.write("create", "c2")
    await catalog.write("upsert", "c1", description="one")
    await catalog.write("create", "c3")
    await catalog.write("upsert", "c1", description="two")
    await catalog.write("upsert", "d1", description="two")
    await catalog.write("upsert", "d1", description="three")
    await catalog.write("remove", "c2")
    await catalog.add_entity("user", "ann")
    await catalog.add_entity("user", "ann", email="ann@example.com")

    assert await catalog.changes(until=5, as_of=5) == ["1 created d1 1", "4 created c1 2", "5 created c3 1"]
    assert await catalog.changes(after=1, until=7, as_of=7) == ["5 created c3 1", "6 created c1 3", "7 created d1 2"]
    assert await catalog.changes(CATALOG_ID, until=2, as_of=2) == ["1 created s 0", "2 created ann 0"]
    assert await catalog.changes(CATALOG_ID, until=3, as_of=3) == ["1 created s 0", "3 created ann 0"]


async def test_a_change_is_told_from_another_with_its_number(catalog: Catalog) -> None:
    await catalog.write("create", "d1")
    await catalog.write("upsert", "d1", description="new")
    await catalog.write("create", "c1")
    async with catalog.database.read() as connection:
        first = await feed.traces(connection, {catalog.service: 1, CATALOG_ID: 1})
        second = await feed.traces(connection, {catalog.service: 2})
    assert first.keys() == {catalog.service, CATALOG_ID}
    assert first[catalog.service].id == second[catalog.service].id
    assert first[catalog.service] != second[catalog.service]
    await catalog.write("remove", "d1")

    async with catalog.database.read() as connection:
        assert await feed.traces(connection, {catalog.service: 1}) == {}
        removal = await feed.traces(connection, {catalog.service: 4})
        assert [chart.name for chart in await feed.asset_versions(connection, "chart", catalog.service, [3])] == ["c1"]
        assert await feed.asset_versions(connection, "dashboard", catalog.service, [1, 2]) == []
    assert removal[catalog.service].id == first[catalog.service].id
