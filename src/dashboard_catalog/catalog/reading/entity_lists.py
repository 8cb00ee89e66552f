"""Lists of entities, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.authorization import check_views_any, viewable_services
from dashboard_catalog.catalog.model.kinds import EntityKind
from dashboard_catalog.catalog.reading import page_tokens
from dashboard_catalog.catalog.reading.asset_reads import DELETED
from dashboard_catalog.catalog.reading.page_sizes import DEFAULT_PAGE_SIZE
from dashboard_catalog.catalog.reading.views import EntityView, entity_views
from dashboard_catalog.errors import Violation, invalid
from dashboard_catalog.store import entities
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.tables import EntityRecord


@dataclass(frozen=True, slots=True)
class EntityListing:
    """One page of entities that a caller asks for, ordered by fully qualified name."""

    kind: EntityKind
    principal: Principal
    name_prefix: str = ""
    deleted: str = "exclude"
    page_size: int = DEFAULT_PAGE_SIZE
    page_token: str = ""

    @property
    def _listing(self) -> tuple[str, str, str]:
        return self.kind.name, self.name_prefix, self.deleted

    def token_after(self, record: EntityRecord) -> str:
        """Returns the token of the page that begins after an entity."""
        return page_tokens.encode(self._listing, [record.fqn])

    def position(self) -> str | None:
        """Returns where the page before ended.

        Raises:
            CatalogError: INVALID_ARGUMENT if the page token is not one of this listing.
        """
        violations: list[Violation] = []
        position = page_tokens.decode(self._listing, self.page_token, _by_fqn, violations)
        if violations:
            raise invalid(violations)
        return position


def _by_fqn(parts: Sequence[str]) -> str:
    (fqn,) = parts
    return fqn


@dataclass(frozen=True, slots=True)
class EntityPage:
    """A page of entities; `more` says whether anything follows it."""

    entities: list[EntityView]
    more: bool


class EntityLister:
    """Lists assets and entities for callers."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    async def entities(self, connection: ReadConnection, listing: EntityListing) -> EntityPage:
        """Returns a page of entities that the caller may view, of BI services only those.

        Raises:
            CatalogError: PERMISSION_DENIED, or INVALID_ARGUMENT for a wrong page token.
        """
        after = listing.position()
        only = None
        if listing.kind.name == "bi_service":
            services = await entities.of_kind(connection, "bi_service")
            only = [s.id for s in viewable_services(self._authorizer, listing.principal, listing.kind, services)]
        if not only:
            check_views_any(self._authorizer, listing.principal, listing.kind)
        records = await entities.page(
            connection,
            listing.kind.name,
            only=only,
            deleted=DELETED[listing.deleted],
            name_prefix=listing.name_prefix,
            after=after,
            limit=listing.page_size + 1,
        )
        page = await entity_views(connection, records[: listing.page_size])
        return EntityPage(page, more=len(records) > listing.page_size)
