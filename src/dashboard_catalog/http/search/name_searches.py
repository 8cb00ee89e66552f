"""Finds things by a fully qualified name, or assets by how theirs begins."""

from collections.abc import Sequence

from dashboard_catalog.calls.answer_room import AnswerRoom
from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.commands import AssetName
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS, ENTITY_KINDS
from dashboard_catalog.catalog.reading.asset_reads import AssetRead
from dashboard_catalog.catalog.reading.views import AssetView, EntityView
from dashboard_catalog.contract.asset_requests import AssetRequests
from dashboard_catalog.contract.kinds import ASSET_MESSAGES
from dashboard_catalog.contract.pages import fill_page
from dashboard_catalog.contract.shown import shown
from dashboard_catalog.error_codes import Code, ViolationReason
from dashboard_catalog.errors import CatalogError, Violation, invalid
from dashboard_catalog.http.dialect.requests import checked
from dashboard_catalog.http.edge.calls import HttpCall

View = AssetView | EntityView


class NameSearches:
    """Searches for names. What is deleted is not found.

    Args:
        catalog: Where to look.
        room: Where answers are built.
    """

    def __init__(self, catalog: Catalog, room: AnswerRoom) -> None:
        self._catalog = catalog
        self._room = room

    async def find(
        self, call: HttpCall, kinds: Sequence[str], pattern: str, start: int, size: int
    ) -> tuple[Sequence[View], int]:
        """Returns what has a name that matches, and the number of all.

        Args:
            call: The call.
            kinds: Kinds to look for.
            pattern: A fully qualified name; for one kind of asset also the BI service with the beginning of the name,
                and a star.
            start: How many results to leave out.
            size: Maximum number of results.

        Raises:
            CatalogError: INVALID_ARGUMENT for any other pattern.
        """
        beginning, star, rest = pattern.partition("*")
        if not star:
            found = [view for kind in kinds for view in await self._exactly(call, kind, pattern)]
            return found[start : start + size], len(found)
        place = _place(beginning)
        if rest or place is None or len(kinds) != 1 or kinds[0] not in ASSET_KINDS:
            text = (
                "must be a fully qualified name, or end with * after the service and the beginning of an asset's name"
            )
            raise invalid([Violation("fieldValue", ViolationReason.INVALID_VALUE, text)])
        return await self._beginning(call, kinds[0], place, start, size)

    async def _exactly(self, call: HttpCall, kind: str, fqn: str) -> Sequence[View]:
        principal, room = call.caller.principal, self._room.of(call)
        try:
            if kind in ASSET_KINDS:
                read = AssetRead(ASSET_KINDS[kind], principal, AssetName(*names.split(fqn, 2)))
                return [await self._catalog.get_asset(read, room)]
            entity = await self._catalog.get_entity(principal, ENTITY_KINDS[kind], names.requoted(fqn), room)
            return [] if entity.record.deleted else [entity]
        except names.NameSyntaxError:
            return []
        except CatalogError as error:
            if error.code is Code.NOT_FOUND:
                return []
            raise

    async def _beginning(
        self, call: HttpCall, kind: str, place: AssetName, start: int, size: int
    ) -> tuple[Sequence[View], int]:
        messages = ASSET_MESSAGES[kind]
        sent = messages.request("List")(
            service=names.quote(place.service),
            name_prefix=place.name,
            page_size=max(start + size, 1),
            include_total=True,
        )
        listing, _ = AssetRequests(messages).listing(checked(sent), call.caller)
        async with self._catalog.list_assets(listing, self._room.of(call)) as page:
            found, _ = await fill_page(page, shown, listing.token_after)
            return [one.view for one in found[start : start + size]], page.total or 0


def _place(beginning: str) -> AssetName | None:
    """Returns the BI service and the beginning of a name, from how a fully qualified name begins."""
    try:
        if beginning.endswith("."):
            return AssetName(names.segment(beginning[:-1]), "")
        return AssetName(*names.split(beginning, 2))
    except names.NameSyntaxError:
        return None
