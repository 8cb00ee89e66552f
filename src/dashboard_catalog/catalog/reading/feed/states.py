"""The state that each change left, as its reader sees it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS
from dashboard_catalog.catalog.reading.feed.changes import Change
from dashboard_catalog.catalog.reading.views import asset_views, entity_views
from dashboard_catalog.catalog.visibility.sight import Sight
from dashboard_catalog.store import feed
from dashboard_catalog.store.connections import ReadConnection

MOST_STATES = 200
"""How many states to read at once at most. Beside its large values, a version takes up to 10 KB."""

_LARGE_BYTES = 2**19


def affordable(changes: Sequence[Change]) -> int:
    """Returns how many of the first changes can be read with their states at once; one at least if there are any."""
    size = 0
    for count, change in enumerate(changes):
        size += change.row.size
        if size > _LARGE_BYTES and count:
            return count
    return len(changes)


async def with_states(
    connection: ReadConnection, sequence: UUID, changes: Sequence[Change], principal: Principal, sight: Sight
) -> list[Change]:
    """Returns changes of one sequence with the states that they left; without those removed for good in the meantime.

    Marks and source hashes are no part of a version, so no state has them.
    """
    numbers: dict[str, list[int]] = defaultdict(list)
    for change in changes:
        if change.row.type != "removed":
            numbers["asset" if change.row.kind in ASSET_KINDS else "entity"].append(change.row.change_number)
    states: dict[int, Any] = {}
    for kind in ASSET_KINDS.values() if numbers["asset"] else ():
        records = await feed.asset_versions(connection, kind.name, sequence, numbers["asset"])
        for record in records:
            record.edited = record.source_hash = None
        views = await asset_views(connection, kind, records, [principal] * len(records), sight)
        states |= {record.change_number: view for record, view in zip(records, views, strict=True)}
    if numbers["entity"]:
        entities = await feed.entity_versions(connection, numbers["entity"])
        states |= {view.record.change_number: view for view in await entity_views(connection, entities)}
    return [
        replace(change, state=states.get(change.row.change_number))
        for change in changes
        if change.row.type == "removed" or change.row.change_number in states
    ]
