"""How callers ask a search to find what has just been written, also in another process.

Every write answers with the trailing metadata `catalog-after`. A search waits for what is sent back to it.
"""

from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.catalog.indexing.recent_writes import After, AfterSyntaxError
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation, invalid
from dashboard_catalog.rpc.edge.context import Context, call_context

AFTER_METADATA = "catalog-after"


def show_after(catalog: Catalog, context: Context) -> None:
    """Answers a write with what its caller has just written, this write included."""
    call = call_context(context)
    call.add_trailer(AFTER_METADATA, str(catalog.recent_writes.of(call.call.principal)))


def sent_after(context: Context) -> After:
    """Returns the changes that a search must find, as far as the caller says so.

    Raises:
        CatalogError: INVALID_ARGUMENT if the metadata is not what a write has answered.
    """
    sent = call_context(context).sent(AFTER_METADATA)
    try:
        return After.parse(sent) if sent else After()
    except AfterSyntaxError:
        expected = "must be what a write has answered in this metadata"
        raise invalid([Violation(AFTER_METADATA, ViolationReason.INVALID_FORMAT, expected)]) from None
