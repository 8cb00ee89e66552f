"""Finds the writes of a batch that the database refuses, so that each of them fails alone.

Nobody knows in advance what a database refuses: operators add constraints and triggers, and it has limits of its own.
So a batch that the database has refused is halved until the writes at fault are found.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog

from dashboard_catalog.catalog.model.commands import EntityWrite, Write, kind_and_name
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS, label_of
from dashboard_catalog.catalog.writing.entity_writes import in_order
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.driver_errors import Refused

R = TypeVar("R")

_log = structlog.get_logger(__name__)


async def isolated(
    connection: WriteConnection,
    writes: Sequence[Write],
    run: Callable[[Sequence[Write], Sequence[tuple[str, str]]], Awaitable[Sequence[R]]],
) -> list[R | CatalogError]:
    """Runs writes in parts that the database accepts, and returns the result of each write, in their order.

    A write that the database refuses even alone leaves nothing behind.

    Args:
        connection: The transaction.
        writes: The writes of a batch.
        run: Runs some of them and returns their results. Its second argument is the kind and the name of what was
            refused before.
    """
    results: dict[int, R | CatalogError] = {}
    failed: list[tuple[str, str]] = []
    waiting = [_in_order(writes)]
    while waiting:
        indexes = waiting.pop()
        part = [writes[index] for index in indexes]
        try:
            async with connection.savepoint():
                found: Sequence[R | CatalogError] = await run(part, failed)
        except Refused as error:
            if len(part) > 1:
                middle = len(part) // 2
                waiting += [indexes[middle:], indexes[:middle]]
                continue
            found = [_refused(part[0], error)]
        results |= zip(indexes, found, strict=True)
        refused = (write for write, result in zip(part, found, strict=True) if isinstance(result, CatalogError))
        failed += map(kind_and_name, refused)
    return [results[index] for index in range(len(writes))]


def _in_order(writes: Sequence[Write]) -> list[int]:
    """Returns the indexes of writes in the order in which a batch applies them."""
    entities = {index: write for index, write in enumerate(writes) if isinstance(write, EntityWrite)}
    assets = [index for kind in ASSET_KINDS.values() for index, write in enumerate(writes) if write.kind is kind]
    return [*in_order(entities), *assets]


def _refused(write: Write, error: Refused) -> CatalogError:
    kind, name = kind_and_name(write)
    call_id = write.writer.call_id
    _log.error("database_refused", code=error.code, problem=error.problem, kind=kind, name=name, call_id=call_id)
    text = f"the database refuses to store {label_of(kind)} {name}; the server log has details"
    return CatalogError(Reason.DATABASE_REFUSED, text, resource=(kind, name))
