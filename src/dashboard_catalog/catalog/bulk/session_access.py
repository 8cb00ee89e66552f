"""Who may see a bulk session, and what of it: its owner, and those who may revert it.

An owner with a token that is limited to BI services does not see what their other tokens did in other BI services.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Action, Principal
from dashboard_catalog.catalog.authorization import may_revert_sessions, viewable_services
from dashboard_catalog.catalog.bulk.failure_texts import named_services, without_hidden
from dashboard_catalog.catalog.bulk.failures import ItemFailure
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS, ENTITY_KINDS, KINDS
from dashboard_catalog.catalog.model.refusals import not_found
from dashboard_catalog.catalog.visibility.sight import KINDS_OF_SERVICES
from dashboard_catalog.store import bulk_sessions as sessions
from dashboard_catalog.store import entities
from dashboard_catalog.store.bulk_sessions import SessionPage, SessionState, state_of
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.records import CATALOG_ID, EntityRecord, SessionRecord

_BI_SERVICE = ENTITY_KINDS["bi_service"]


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session as a caller may see it.

    Attributes:
        service: Its BI service, if it has one that exists.
    """

    record: SessionRecord
    service: EntityRecord | None
    state: SessionState


async def seen_session(
    connection: ReadConnection, authorizer: Authorizer, principal: Principal, session_id: UUID
) -> SessionView:
    """Returns a session.

    Raises:
        CatalogError: NOT_FOUND if it does not exist, or if the caller may not see it.
    """
    record = await sessions.find(connection, session_id)
    if record is None:
        raise not_found("session", str(session_id))
    service = next(iter(await entities.by_ids(connection, [record.service_id])), None)
    if not (_is_own(principal, record, service) or may_revert_sessions(authorizer, principal, service)):
        raise not_found("session", str(session_id))
    return session_view(authorizer, principal, record, service, datetime.now(UTC))


def session_view(
    authorizer: Authorizer, principal: Principal, record: SessionRecord, service: EntityRecord | None, now: datetime
) -> SessionView:
    """Returns a session without the names of swept assets, if the caller may not view them."""
    state = state_of(record, now)
    if record.swept is not None and hides(principal, record):
        services = [service] if service else []
        shown = [viewable_services(authorizer, principal, kind, services) for kind in ASSET_KINDS.values()]
        if not all(shown):
            record = replace(record, swept=record.swept | {"sample": []})
    return SessionView(record, service, state)


def visible_sessions(
    authorizer: Authorizer, principal: Principal, services: Mapping[UUID, EntityRecord]
) -> SessionPage:
    """Returns the page of all sessions that a caller may see.

    Args:
        services: All BI services by id.
    """
    owned_in = None
    if principal.services is not None:
        owned_in = [CATALOG_ID, *(id_ for id_, service in services.items() if service.name in principal.services)]
    elif all(authorizer.allows_everything(principal, action) for action in (Action.REVERT_SESSION, Action.VIEW)):
        return SessionPage(principal.subject, of_services=None, owned_in=None)
    of_services = [id_ for id_, one in services.items() if may_revert_sessions(authorizer, principal, one)]
    if may_revert_sessions(authorizer, principal, None):
        of_services.append(CATALOG_ID)
    return SessionPage(principal.subject, of_services, owned_in)


def _is_own(principal: Principal, record: SessionRecord, service: EntityRecord | None) -> bool:
    names_none = record.service_id == CATALOG_ID
    is_within = principal.services is None or names_none or (service and service.name in principal.services)
    return record.owner == principal.subject and bool(is_within)


def hides(principal: Principal, record: SessionRecord) -> bool:
    """Says whether a session may name things that a caller may not view. Its owner has named them."""
    return record.owner != principal.subject or principal.services is not None


async def shown_failures(
    connection: ReadConnection, authorizer: Authorizer, principal: Principal, failures: Sequence[ItemFailure]
) -> list[ItemFailure]:
    """Returns the failures of things that a caller may view, or that belong to no BI service.

    They do not say why something cannot be referred to that the caller may not view.
    """
    if authorizer.allows_everything(principal, Action.VIEW):
        return list(failures)
    service_of = {one: names.split(one.fqn)[0] for one in failures if one.kind in KINDS_OF_SERVICES and one.fqn}
    named = {*service_of.values(), *named_services([one.error for one in failures])}
    found = await entities.by_fqns(connection, {names.quote(name) for name in named if name})
    services = [service for service in found if service.kind == _BI_SERVICE.name]
    viewable = {
        name: {service.name for service in viewable_services(authorizer, principal, KINDS[name], services)}
        for name in KINDS_OF_SERVICES
    }
    shown = (one for one in failures if one.kind not in KINDS_OF_SERVICES or service_of.get(one) in viewable[one.kind])
    return [one._replace(error=without_hidden(one.error, viewable)) for one in shown]
