"""Creates what exists before the measurement: the tables, and everything that dashboards refer to."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import uuid4

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.comparison.models import Base, BiService, Chart, Entity, Tag, User
from benchmarks.data import Item

_KINDS: Mapping[str, type[Entity]] = {"bi_service": BiService, "user": User, "tag": Tag}

Row = dict[str, Any]


def seed(database_url: str, entities: Iterable[Item], charts: Iterable[Item]) -> None:
    """Fills an empty database with the same things as the catalog has before its dashboards."""
    asyncio.run(_seed(database_url, entities, charts))


async def _seed(database_url: str, entities: Iterable[Item], charts: Iterable[Item]) -> None:
    engine = create_async_engine(database_url)
    rows = list(_entity_rows(entities))
    services = {row["fully_qualified_name"]: row["id"] for kind, row in rows if kind is BiService}
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        for kind, row in rows:
            await connection.execute(insert(kind), row)
        await connection.execute(insert(Chart), list(_chart_rows(charts, services)))
        await connection.execute(text("ANALYZE"))
    await engine.dispose()


def _entity_rows(entities: Iterable[Item]) -> Iterator[tuple[type[Entity], Row]]:
    """Yields the entities of kinds that this service has."""
    for item in entities:
        kind = item.entity.WhichOneof("entity")
        if kind and kind in _KINDS:
            entity = getattr(item.entity, kind)
            name = f"{entity.classification}.{entity.name}" if kind == "tag" else entity.name
            yield _KINDS[kind], _row(entity, name)


def _chart_rows(charts: Iterable[Item], services: Mapping[str, object]) -> Iterator[Row]:
    for chart in (item.chart for item in charts):
        yield {**_row(chart, f"{chart.service}.{chart.name}"), "service_id": services[chart.service]}


def _row(entity: Any, fully_qualified_name: str) -> Row:
    return {
        "id": uuid4(),
        "name": entity.name,
        "fully_qualified_name": fully_qualified_name,
        "display_name": entity.display_name or None,
    }
