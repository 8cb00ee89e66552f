"""Random lives of a few assets: after each write the catalog returns and stores the same as the model."""

import asyncio
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.index.folders import IndexFolder
from dashboard_catalog.index.searching import SearchIndex
from dashboard_catalog.store.database import Database
from tests.catalog.writing.merge_model import EDIT, INGESTION, OVERRIDE, Asset, Refused, Spec, World
from tests.catalog.writing.named_assets import CHARTS, DASHBOARDS, TAGS, Held, NamedAssets, add_entities

PLAIN, OTHER = ("Manual", "Confirmed"), ("Derived", "Suggested")
FULL: Spec = {
    "display_name": "A",
    "owners": ("ann",),
    "domain": "finance",
    "tags": {"PII.Email": PLAIN},
    "extension": {"costCentre": "1", "budget": 1},
    "source_url": "https://a",
}
NOTHING: frozenset[str] = frozenset()

names = st.sampled_from([*DASHBOARDS, *CHARTS, *DASHBOARDS[:1] * 4])
writers = st.sampled_from([EDIT, INGESTION])
# Values that differ from `FULL` come first, because they are drawn most often.
parts: dict[str, st.SearchStrategy[Any]] = {
    "display_name": st.sampled_from(["B", "A", "C"]),
    "owners": st.sampled_from([("bob",), ("ann",), ("ann", "bob")]),
    "domain": st.sampled_from(["sales", "finance"]),
    "tags": st.dictionaries(st.sampled_from(TAGS[::-1]), st.sampled_from([OTHER, PLAIN]), min_size=1).filter(
        lambda sent: not sent.keys() >= {"Tier.Gold", "Tier.Silver"}
    ),
    "extension": st.fixed_dictionaries(
        {}, optional={"costCentre": st.sampled_from(["2", "1", None]), "budget": st.sampled_from([2, 1, None])}
    ).filter(bool),
    "source_url": st.sampled_from(["https://b", "https://a"]),
    "charts": st.sampled_from([CHARTS[:1], CHARTS[1:], CHARTS, CHARTS[::-1]]),
}
specs = st.lists(st.sampled_from(sorted(parts)), min_size=1, max_size=4, unique=True).flatmap(
    lambda chosen: st.fixed_dictionaries({part: parts[part] for part in chosen})
)
masks = st.frozensets(st.sampled_from(sorted(parts)), max_size=3)
stewarded = [
    *("display_name", "owners", "domain", "extension.costCentre", "extension.budget"),
    *(f"tags.{fqn}" for fqn in TAGS),
]


class Life:
    """Writes the same to assets in the catalog and in the model, and compares the results."""

    def __init__(self, catalog: NamedAssets) -> None:
        self._catalog = catalog
        self._model = World()
        self._ingested: dict[str, tuple[Spec, frozenset[str]]] = {}

    async def begin(self) -> None:
        """Ingests everything once."""
        for name in CHARTS:
            await self.upsert(name, INGESTION, FULL, NOTHING)
        for name, charts in zip(DASHBOARDS, (CHARTS, CHARTS[:1]), strict=True):
            await self.upsert(name, INGESTION, {**FULL, "charts": charts}, NOTHING)

    async def end(self) -> None:
        """Compares all assets, because a write may have changed more than it returned."""
        held = await self._catalog.held(self._model.assets)
        assert held == {name: _shown(asset) for name, asset in self._model.assets.items()}

    async def upsert(self, name: str, by: str, spec: Spec, mask: frozenset[str]) -> None:
        if by == INGESTION:
            self._ingested[name] = spec, mask
        await self._both("upsert", name, by, *_fitting(name, spec, mask))

    async def ingest_again(self, name: str) -> None:
        await self.upsert(name, INGESTION, *self._ingested[name])

    async def ingest_what_is_held(self, name: str) -> None:
        spec: dict[str, Any] = {}
        for path, value in self._model.assets[name].content.items():
            part, dot, key = path.partition(".")
            if dot:
                spec.setdefault(part, {})[key] = value
            else:
                spec[part] = value
        await self.upsert(name, INGESTION, spec, NOTHING)

    async def update(self, name: str, by: str, spec: Spec, mask: frozenset[str]) -> None:
        await self._both("update", name, by, *_fitting(name, spec, mask))

    async def release(self, name: str, spec: Spec, mask: frozenset[str], release: frozenset[str]) -> None:
        await self._both("update", name, EDIT, *_fitting(name, spec, mask), release)

    async def release_and_ingest_again(self, name: str, release: frozenset[str]) -> None:
        await self.release(name, {}, NOTHING, release)
        await self.ingest_again(name)

    async def delete(self, name: str, by: str) -> None:
        await self._both("delete", name, by)

    async def delete_or_restore(self, name: str, by: str) -> None:
        await (self._both("restore", name) if self._model.assets[name].deleted_by else self.delete(name, by))

    async def disable(self, tags: frozenset[str]) -> None:
        self._model.disabled_tags = set(tags)
        await self._catalog.disable(tags)

    async def _both(self, verb: str, name: str, *arguments: Any) -> None:
        result: object
        try:
            result, held = await getattr(self._catalog, verb)(name, *arguments)
        except Refused as refused:
            result, held = refused.why, None
        try:
            wanted: object = getattr(self._model, verb)(name, *arguments)
        except Refused as refused:
            wanted = refused.why
        assert result == wanted
        if held is not None:
            assert held == _shown(self._model.assets[name])


steps = st.one_of(
    st.tuples(st.just(Life.upsert), names, st.just(EDIT), specs, masks),
    st.tuples(st.just(Life.upsert), names, st.just(INGESTION), specs, masks),
    st.tuples(st.just(Life.upsert), names, st.just(INGESTION), specs, st.just(NOTHING)),
    st.tuples(st.just(Life.upsert), names, st.just(OVERRIDE), specs, st.just(NOTHING)),
    st.tuples(st.just(Life.update), names, writers, specs, masks),
    st.tuples(st.just(Life.ingest_again), names),
    st.tuples(st.just(Life.ingest_what_is_held), names),
    st.tuples(st.just(Life.release), names, specs, masks, st.frozensets(st.sampled_from(stewarded), min_size=1)),
    st.tuples(st.just(Life.release_and_ingest_again), names, st.just(frozenset(stewarded))),
    st.tuples(st.just(Life.delete), names, writers),
    st.tuples(st.just(Life.delete_or_restore), names, writers),
    st.tuples(st.just(Life.disable), st.frozensets(st.sampled_from(TAGS), max_size=2)),
)


def _fitting(name: str, spec: Spec, mask: frozenset[str]) -> tuple[Spec, frozenset[str]]:
    """Returns the part of a write that fits the kind of the asset: charts hold no charts."""
    unfit = {"charts"} if name in CHARTS else set()
    return {part: value for part, value in spec.items() if part not in unfit}, mask - unfit


def _shown(asset: Asset) -> Held:
    return Held(asset.content, asset.marks, asset.version, asset.deleted_by is not None)


@pytest.fixture
def run(migrated_sqlite: Path, tmp_path: Path) -> Iterator[tuple[asyncio.Runner, Catalog]]:
    """An event loop, and a catalog in it with everything that assets can refer to."""
    file = tmp_path / "catalog.db"
    shutil.copy(migrated_sqlite, file)
    database = Database(f"sqlite+aiosqlite:///{file}")
    catalog = Catalog(database, Authorizer(None), SearchIndex(IndexFolder(tmp_path)))
    with asyncio.Runner() as runner:
        runner.run(add_entities(catalog))
        yield runner, catalog
        runner.run(database.close())


_lives = count()


@settings(max_examples=12)  # each is the life of several assets
@given(life=st.lists(steps, min_size=28, max_size=28))
def test_the_catalog_agrees_with_the_model(run: tuple[asyncio.Runner, Catalog], life: list[Any]) -> None:
    runner, catalog = run
    assets = NamedAssets(catalog, next(_lives))

    async def live() -> None:
        one = Life(assets)
        await one.begin()
        try:
            for step, *arguments in life:
                await step(one, *arguments)
            await one.end()
        finally:
            await assets.disable(())

    runner.run(live())
