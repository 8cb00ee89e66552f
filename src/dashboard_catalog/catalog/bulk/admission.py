"""Who may begin a stream that loads: whoever may write anything that a stream can write.

Otherwise a caller who may only look could fill the database with the failures of refused items. The right to write over
what people have decided is asked for beforehand too, where a load as a whole can be refused for it.
"""

from dashboard_catalog.auth.policies import ActionDenied, Authorizer
from dashboard_catalog.auth.principal import Action, Principal, Resource
from dashboard_catalog.catalog.bulk.request import SessionRequest
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.kinds import AssetKind
from dashboard_catalog.store import entities
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.referrers import is_owner

_WRITES = (Action.CREATE, Action.UPDATE, Action.WRITE)


async def check_may_load(connection: ReadConnection, authorizer: Authorizer, request: SessionRequest) -> None:
    """Returns if the caller may write anything, at least the assets that they own.

    Raises:
        CatalogError: PERMISSION_DENIED.
    """
    principal = request.writer.principal
    # What is created has the owners that are sent. What is updated has the owners that are stored.
    if any(authorizer.may_allow(principal, action, owns=action is Action.CREATE) for action in _WRITES):
        return
    if authorizer.may_allow(principal, Action.UPDATE, owns=True) and await _owns_assets(connection, principal):
        return
    why = "no policy lets this caller write anything"
    raise ActionDenied(principal, "begin", Resource("session", name=str(request.id)), why=why)


def check_may_override(authorizer: Authorizer, principal: Principal, kind: AssetKind) -> None:
    """Returns if the caller may write over what people have decided, at least with some assets of a kind.

    Raises:
        CatalogError: PERMISSION_DENIED.
    """
    if not authorizer.may_allow(principal, Action.OVERRIDE_METADATA, owns=True):
        why = "no policy lets this caller write over what people have edited"
        raise ActionDenied(principal, Action.OVERRIDE_METADATA, Resource(kind.name), why=why)


async def _owns_assets(connection: ReadConnection, principal: Principal) -> bool:
    acts_for = {("user", principal.subject), *(("team", team) for team in principal.teams)}
    found = await entities.by_fqns(connection, {names.quote(name) for _, name in acts_for})
    return await is_owner(connection, [record.id for record in found if (record.kind, record.name) in acts_for])
