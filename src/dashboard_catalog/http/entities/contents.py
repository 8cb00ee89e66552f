"""What a BI service contains, for deletions that should delete it, too."""

from fastapi import Request

from dashboard_catalog.calls.answer_room import CallRoom
from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.catalog.model.kinds import label_of
from dashboard_catalog.contract.asset_requests import AssetRequests
from dashboard_catalog.contract.kinds import ASSET_MESSAGES
from dashboard_catalog.error_codes import Code, Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.http.dialect.requests import checked
from dashboard_catalog.http.edge.calls import call_of


async def check_empty(request: Request, catalog: Catalog, fqn: str, room: CallRoom) -> None:
    """Does nothing if a BI service has no dashboards and charts that the caller may view and that are not deleted.

    Args:
        request: The request.
        catalog: Where to look.
        fqn: Fully qualified name of the service.
        room: Of the answer.

    Raises:
        CatalogError: STILL_REFERENCED.
    """
    count = 0
    for messages in ASSET_MESSAGES.values():
        sent = messages.request("List")(service=fqn, page_size=1, include_total=True)
        listing, _ = AssetRequests(messages).listing(checked(sent), call_of(request).caller)
        try:
            async with catalog.list_assets(listing, room) as page:
                count += page.total or 0
        except CatalogError as error:
            if error.code is not Code.PERMISSION_DENIED:
                raise
    if count:
        raise CatalogError(
            Reason.STILL_REFERENCED,
            f"{label_of('bi_service')} {fqn} has {count} dashboards and charts, and DELETE deletes one thing: "
            "delete them first, or leave out recursive",
            metadata={"references": str(count)},
            resource=("bi_service", fqn),
        )
