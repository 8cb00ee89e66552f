"""Finds out which thing a reference means, in bodies and in documents that have been patched.

A client that patches a reference replaces its id, and may leave the name of what it meant before. So the id counts if
it is known; if it is the id of another catalog, the name counts.
"""

from asyncio import gather
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from dashboard_catalog.calls.answer_room import AnswerRoom
from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS, ENTITY_KINDS
from dashboard_catalog.catalog.reading.asset_reads import AssetRead
from dashboard_catalog.error_codes import Code, ViolationReason
from dashboard_catalog.errors import CatalogError, Violation, invalid
from dashboard_catalog.http.dialect.requests import MAX_CHARTS, MAX_OWNERS
from dashboard_catalog.http.edge.calls import HttpCall

_NAMES = ("name", "fullyQualifiedName")


class References:
    """Finds what references mean.

    Args:
        catalog: Where they are looked for.
        room: Where answers are built.
    """

    def __init__(self, catalog: Catalog, room: AnswerRoom) -> None:
        self._catalog = catalog
        self._room = room

    async def owners(self, sent: Any, before: Any, call: HttpCall) -> Any:
        """Returns owners with the id or the name alone, whichever counts. What is no list of them stays as it is.

        Args:
            sent: The owners as patched.
            before: The owners as answered.
            call: The call.
        """
        if not isinstance(sent, list) or len(sent) > MAX_OWNERS:
            return sent
        types = {owner["id"]: owner["type"] for owner in before or ()}
        return list(await gather(*(self._owner(owner, types, call) for owner in sent)))

    async def named(self, kind: str, sent: Any, before: Any, field: str, call: HttpCall) -> Any:
        """Returns references to things of one kind by fully qualified name. What is no list of them stays as it is.

        Args:
            kind: Of the things.
            sent: The references as patched.
            before: The references as answered.
            field: Their field path, for violations.
            call: The call.

        Raises:
            CatalogError: INVALID_ARGUMENT for an unknown id without a name.
        """
        if not isinstance(sent, list) or len(sent) > (MAX_CHARTS if kind in ASSET_KINDS else MAX_OWNERS):
            return sent
        # A large asset is shown without some names.
        known = {one["id"]: one["fullyQualifiedName"] for one in before or () if "fullyQualifiedName" in one}
        found = (self._named(kind, one, known, f"{field}[{index}]", call) for index, one in enumerate(sent))
        return list(await gather(*found))

    async def fqn_of(self, kind: str, id_: str, call: HttpCall) -> str | None:
        """Returns the fully qualified name of a thing; None if the caller can see no such thing."""
        principal, room = call.caller.principal, self._room.of(call)
        try:
            if kind in ASSET_KINDS:
                read = AssetRead(ASSET_KINDS[kind], principal, UUID(id_), deleted="include")
                return (await self._catalog.get_asset(read, room)).fqn
            return (await self._catalog.get_entity(principal, ENTITY_KINDS[kind], UUID(id_), room)).record.fqn
        except ValueError:
            return None
        except CatalogError as error:
            if error.code in (Code.NOT_FOUND, Code.PERMISSION_DENIED):
                return None
            raise

    async def _owner(self, sent: Any, types: Mapping[str, str], call: HttpCall) -> Any:
        if (id_ := _id_in(sent)) is None:
            return sent
        if id_ in types:
            return {"id": id_, "type": types[id_]}
        type_ = sent.get("type")
        if _has_name(sent) and (type_ not in ("user", "team") or await self.fqn_of(type_, id_, call) is None):
            return sent
        return {"id": id_, "type": type_}

    async def _named(self, kind: str, sent: Any, known: Mapping[str, str], path: str, call: HttpCall) -> Any:
        if (id_ := _id_in(sent)) is None:
            return sent
        if (fqn := known.get(id_) or await self.fqn_of(kind, id_, call)) is not None:
            return fqn
        if _has_name(sent):
            return sent
        raise invalid([Violation(f"{path}.id", ViolationReason.UNKNOWN_REFERENCE, f"there is no {kind} with this id")])


def _id_in(reference: Any) -> str | None:
    id_ = reference.get("id") if isinstance(reference, dict) else None
    return id_ if isinstance(id_, str) else None


def _has_name(reference: Mapping[str, Any]) -> bool:
    return any(isinstance(reference.get(name), str) for name in _NAMES)
