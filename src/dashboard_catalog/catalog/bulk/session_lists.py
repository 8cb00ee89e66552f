"""Lists of bulk sessions and of their failures, page by page."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.bulk.failures import ItemFailure, read_failure
from dashboard_catalog.catalog.bulk.session_access import (
    SessionView,
    hides,
    session_view,
    shown_failures,
    visible_sessions,
)
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.reading import page_tokens
from dashboard_catalog.catalog.reading.page_sizes import DEFAULT_PAGE_SIZE
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation, Violations
from dashboard_catalog.store import bulk_details as details
from dashboard_catalog.store import bulk_sessions as sessions
from dashboard_catalog.store import entities
from dashboard_catalog.store.bulk_sessions import SessionState
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.records import SessionRecord

# A session may hold a sample of 240 KB, and a failure 80 KB.
_SLICE = 20
_END = 2**63 - 1


@dataclass(frozen=True, slots=True)
class SessionListing:
    """The page of sessions that a caller asks for, newest first.

    Attributes:
        service: Fully qualified name of the only BI service that it is about; empty for all.
        state: The only state that it is about; None for all.
        page_size: Maximum number of sessions.
        page_token: Where the page begins; empty for the first page.
    """

    principal: Principal
    service: str = ""
    state: SessionState | None = None
    page_size: int = DEFAULT_PAGE_SIZE
    page_token: str = ""

    @property
    def _filters(self) -> tuple[str, str, SessionState | None]:
        return "sessions", self.service, self.state

    def token_after(self, view: SessionView) -> str:
        """Returns the token of the page that begins after a session."""
        return page_tokens.encode(self._filters, [view.record.started_at.isoformat(), str(view.record.id)])

    def position(self) -> tuple[datetime, UUID] | None:
        """Returns where the previous page ended; None for the first page.

        Raises:
            CatalogError: INVALID_ARGUMENT, also for the name of a BI service that does not parse.
        """
        violations = Violations()
        try:
            if self.service:
                names.split(self.service, 1)
        except names.NameSyntaxError as error:
            violations.append(Violation("service", ViolationReason.INVALID_FORMAT, str(error)))
        position = page_tokens.decode(self._filters, self.page_token, _start_and_id, violations)
        violations.check()
        return position


class FailureListing(NamedTuple):
    """The page of the failures of a session that a caller asks for, in the order of their items."""

    principal: Principal
    session_id: UUID
    page_size: int = DEFAULT_PAGE_SIZE
    page_token: str = ""

    def token_after(self, failure: ItemFailure) -> str:
        """Returns the token of the page that begins after a refused item."""
        return page_tokens.encode(("failures", self.session_id), [str(failure.offset)])

    def first(self) -> int:
        """Returns the offset that the page begins with.

        Raises:
            CatalogError: INVALID_ARGUMENT if the page token does not belong to these failures.
        """
        violations = Violations()
        after = page_tokens.decode(("failures", self.session_id), self.page_token, _offset, violations)
        violations.check()
        return 0 if after is None else after + 1


async def find_sessions(
    connection: ReadConnection, authorizer: Authorizer, listing: SessionListing
) -> AsyncGenerator[SessionView]:
    """Yields the sessions of a page and those that follow, as long as somebody takes them.

    Raises:
        CatalogError: INVALID_ARGUMENT for a wrong page token, or a name that does not parse.
    """
    after = listing.position()
    services = {service.id: service for service in await entities.of_kind(connection, "bi_service")}
    wanted = replace(visible_sessions(authorizer, listing.principal, services), state=listing.state, after=after)
    if listing.service:
        fqn = names.requoted(listing.service)
        service_id = next((id_ for id_, service in services.items() if service.fqn == fqn), None)
        if service_id is None:
            return
        wanted = replace(wanted, service_id=service_id)
    now = datetime.now(UTC)
    while found := await sessions.page(connection, wanted, now, _SLICE):
        for record in found:
            yield session_view(authorizer, listing.principal, record, services.get(record.service_id), now)
        wanted = replace(wanted, after=(found[-1].started_at, found[-1].id))


async def find_failures(
    connection: ReadConnection, authorizer: Authorizer, listing: FailureListing, session: SessionRecord
) -> AsyncGenerator[ItemFailure]:
    """Yields the failures of a page and those that follow, as long as somebody takes them.

    Raises:
        CatalogError: INVALID_ARGUMENT for a wrong page token.
    """
    first = listing.first()
    while rows := await details.failures(connection, session, first, _END, _SLICE):
        failures = [read_failure(row) for row in rows]
        if hides(listing.principal, session):
            failures = await shown_failures(connection, authorizer, listing.principal, failures)
        for failure in failures:
            yield failure
        first = rows[-1].item_offset + 1


def _start_and_id(parts: Sequence[str]) -> tuple[datetime, UUID]:
    text, id_ = parts
    start = datetime.fromisoformat(text)
    if start.tzinfo != UTC:
        raise ValueError("not a position")
    return start, UUID(id_)


def _offset(parts: Sequence[str]) -> int:
    (offset,) = map(int, parts)
    if not 0 <= offset < _END:
        raise ValueError("not an offset")
    return offset
