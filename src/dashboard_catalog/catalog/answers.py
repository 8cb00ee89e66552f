"""What the callers of unary writes are answered."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Generic, NamedTuple, TypeVar

from dashboard_catalog.catalog.model.commands import Outcome, Write, WrittenAsset, WrittenEntity
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS
from dashboard_catalog.catalog.reading.views import asset_views, entity_views
from dashboard_catalog.catalog.visibility.sight import Sight
from dashboard_catalog.catalog.writing.pipeline import Result
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store.connections import ReadConnection

V = TypeVar("V")


class WriteAnswer(NamedTuple, Generic[V]):
    """The answer to a write that was not refused.

    Attributes:
        kept_fields: Fields that ingestion left alone because people have edited them.
        view: The asset or entity after the write.
        left_out: What the write left out because it cannot be used.
    """

    outcome: Outcome
    kept_fields: tuple[str, ...]
    view: V
    left_out: tuple[str, ...] = ()


async def answers_to(
    connection: ReadConnection, writes: Sequence[Write], results: Sequence[Result], sight: Sight
) -> list[WriteAnswer[Any] | CatalogError]:
    """Returns the answer to each write of a batch, with a constant number of statements for all of them.

    Args:
        results: What became of the writes.
        sight: What the writers may view, with the entities that the batch has loaded.
    """
    viewers = [write.writer.principal for write in writes]
    # By the place of the result.
    views: dict[int, Any] = {}
    for kind in ASSET_KINDS.values():
        assets = {i: r.record for i, r in enumerate(results) if isinstance(r, WrittenAsset) and r.kind is kind}
        found = await asset_views(connection, kind, list(assets.values()), [viewers[i] for i in assets], sight)
        views |= dict(zip(assets, found, strict=True))
    entities = {i: r for i, r in enumerate(results) if isinstance(r, WrittenEntity)}
    shown = await entity_views(connection, [written.record for written in entities.values()])
    for (index, written), view in zip(entities.items(), shown, strict=True):
        is_shown = sight.shows_entity(viewers[index], written.kind, written.record)
        views[index] = view if is_shown else replace(view, is_shown=False)
    return [
        result
        if isinstance(result, CatalogError)
        else WriteAnswer(
            result.outcome,
            result.kept_fields,
            views[index],
            result.left_out if isinstance(result, WrittenAsset) else (),
        )
        for index, result in enumerate(results)
    ]
