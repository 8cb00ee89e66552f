"""From the request of WatchChanges to what the catalog is asked for, and from changes to responses."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from dashboard_catalog.catalog.model import version
from dashboard_catalog.catalog.reading.feed.changes import Change
from dashboard_catalog.catalog.reading.feed.watch import Step, Watch, WatchRequest
from dashboard_catalog.catalog.reading.views import EntityView
from dashboard_catalog.contract import wire
from dashboard_catalog.contract.caller import Caller
from dashboard_catalog.contract.fitting import fit
from dashboard_catalog.contract.kinds import ASSET_MESSAGES, kind_number
from dashboard_catalog.contract.pages import portions
from dashboard_catalog.contract.wanted import wanted_of
from dashboardcatalog.v1 import watch_pb2

MESSAGE_BYTES = 2**19
"""Size at which a message of changes ends, unless one change alone is larger."""

# To build more at once would keep other calls waiting.
MESSAGE_CHANGES = 250

_TYPES = {
    change_type: watch_pb2.ChangeType.Value(f"CHANGE_TYPE_{change_type.upper()}")
    for change_type in ("created", "updated", "deleted", "restored", "removed")
}
# Everything that a batch writes has the same time.
_timestamp = lru_cache(maxsize=256)(wire.to_timestamp)


def watch_request(request: watch_pb2.WatchChangesRequest, caller: Caller) -> WatchRequest:
    """Reads WatchChanges.

    Raises:
        CatalogError: INVALID_ARGUMENT for names of BI services that do not parse.
    """
    return WatchRequest(
        wanted_of(request, caller),
        resume_token=request.resume_token,
        from_beginning=request.start == watch_pb2.WATCH_START_BEGINNING,
        include_state=request.include_state,
    )


def watch_responses(watch: Watch, step: Step) -> Iterator[watch_pb2.WatchChangesResponse]:
    """Yields the responses that deliver one step, each with the token of a reader that has got it."""
    messages, delivered = map(change_message, step.changes), 0
    # A step without changes takes one response, too.
    for changes in portions(messages, MESSAGE_BYTES, MESSAGE_CHANGES) if step.changes else ([],):
        delivered += len(changes)
        response = watch_pb2.WatchChangesResponse(
            changes=changes,
            resume_token=watch.token_after(step, delivered),
            caught_up=step.caught_up and delivered == len(step.changes),
        )
        # A client that does not read may leave this waiting here for hours.
        changes.clear()
        yield response


def change_message(change: Change) -> watch_pb2.Change:
    """Returns the message of one change."""
    row = change.row
    message = watch_pb2.Change(
        kind=kind_number(row.kind),
        id=str(row.id),
        fully_qualified_name=change.fqn,
        previous_fully_qualified_name=change.previous_fqn,
        service=change.service_fqn,
        type=_TYPES[row.type],
        version=version.as_number(row.version),
        updated_at=_timestamp(row.updated_at),
        updated_by=row.updated_by,
        by_ingestion=row.by_ingestion,
        session_id=str(row.session_id) if row.session_id else "",
        call_id=row.call_id,
        **_state(change),
    )
    if message.WhichOneof("state") in ASSET_MESSAGES:
        fit(getattr(message, row.kind))
    return message


def _state(change: Change) -> dict[str, Any]:
    if change.state is None:
        return {}
    if isinstance(change.state, EntityView):
        return {"entity": wire.entity_message(change.state)}
    return {change.row.kind: wire.asset_fields(change.state)}
