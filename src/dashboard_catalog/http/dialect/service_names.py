"""The names of BI services in bodies and filters. OpenMetadata's clients send raw names; others send quoted ones."""

from typing import Any

from dashboard_catalog.calls.answer_room import AnswerRoom
from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.kinds import ENTITY_KINDS
from dashboard_catalog.error_codes import Code
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.http.dialect.lookups import decoded
from dashboard_catalog.http.edge.calls import HttpCall

_KIND = ENTITY_KINDS["bi_service"]


class ServiceNames:
    """Finds out which BI service is meant.

    Args:
        catalog: Where they are looked for.
        room: Where answers are built.
    """

    def __init__(self, catalog: Catalog, room: AnswerRoom) -> None:
        self._catalog = catalog
        self._room = room

    async def fqn_of(self, sent: Any, call: HttpCall) -> Any:
        """Returns the fully qualified name of a BI service, and what is not text as it is.

        A text counts as a fully qualified name if there is such a service, and otherwise as a raw name. For most texts
        the two are the same, so that nothing needs to be looked up.
        """
        if not isinstance(sent, str) or not sent:
            return sent
        raw = names.quote(sent)
        candidates = dict.fromkeys((names.segment_meant(sent), raw, names.quote(decoded(sent))))
        if len(candidates) > 1:
            for fqn in candidates:
                if await self._exists(fqn, call):
                    return fqn
        return raw

    async def with_service(self, body: dict[str, Any], call: HttpCall) -> dict[str, Any]:
        """Returns the body of an asset with the fully qualified name of its BI service."""
        return body | {"service": await self.fqn_of(body["service"], call)} if "service" in body else body

    async def _exists(self, fqn: str, call: HttpCall) -> bool:
        try:
            await self._catalog.get_entity(call.caller.principal, _KIND, fqn, self._room.of(call))
        except CatalogError as error:
            if error.code is Code.NOT_FOUND:
                return False
            # A caller who may not view it learns nothing here: the write says what is wrong.
            if error.code is not Code.PERMISSION_DENIED:
                raise
        return True
