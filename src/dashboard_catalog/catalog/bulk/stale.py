"""Deletes what a source no longer has, in one call: a session that only mentions names, and then sweeps.

All of it is one transaction, so an interruption leaves neither some of the deletions nor a session that would keep
other sweeps waiting.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from uuid import uuid4

from dashboard_catalog.catalog import audit
from dashboard_catalog.catalog.bulk.mentions import Mentions
from dashboard_catalog.catalog.bulk.opening import begin_session
from dashboard_catalog.catalog.bulk.request import SessionRequest
from dashboard_catalog.catalog.bulk.session import finish_session, log_sweep
from dashboard_catalog.catalog.bulk.sweep import Swept, sweep
from dashboard_catalog.catalog.model.commands import AssetName, Writer
from dashboard_catalog.catalog.model.kinds import AssetKind
from dashboard_catalog.catalog.writing.pipeline import Pipeline
from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.database import Advanced, Database

# Different from the options of every stream, so that none can resume such a session.
_OPTIONS = b"delete_stale"


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleRequest:
    """What a source still has of one kind.

    Attributes:
        writer: Who deletes.
        service: Raw name of the BI service.
        kind: The kind of asset that is deleted.
        seen: What the source still has. Nothing is deleted if it has none of this service.
        takes_charts: Whether the charts of a deleted dashboard go along with it.
    """

    writer: Writer
    service: str
    kind: AssetKind
    seen: Collection[AssetName]
    takes_charts: bool = True


async def delete_stale(
    database: Database, pipeline: Pipeline, stale: StaleRequest, *, validate_only: bool
) -> tuple[Swept, Advanced]:
    """Deletes everything of a kind that ingestion has written and the source no longer has, however much it is.

    Returns:
        What was deleted, and the last change number in each BI service that it has changed.

    Raises:
        CatalogError: PERMISSION_DENIED if the caller may not sweep the service, FAILED_PRECONDITION if a session is
            sweeping it.
    """
    writer = replace(stale.writer, ingests=True, session_id=(session_id := uuid4()))
    request = SessionRequest(session_id, writer, stale.service, _OPTIONS, max_deleted_percent=100, is_new=True)

    async def work(connection: WriteConnection) -> tuple[Swept, Advanced]:
        record = await begin_session(connection, pipeline.authorizer, request)
        mentions = Mentions()
        mentions.add_names(stale.kind, stale.seen, await request.service_names(connection, record.service_id))
        swept = await sweep(connection, pipeline, request, record, mentions, takes_charts=stale.takes_charts)
        swept.result.keep(record)
        await finish_session(connection, record)
        return swept, connection.advanced

    if validate_only:
        swept, _ = await database.rehearse(work)
        return swept, {}
    swept, advanced = await database.write(work)
    audit.log_denied_items(writer, [error for _, error in swept.refused], pipeline.authorizer.metrics)
    log_sweep(request, swept.result)
    return swept, advanced
