"""The things that had a name before, as far as one batch asks for them and leaves them.

A name is looked up once, and only where nothing has it today.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from dashboard_catalog.store import former_names
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.records import CATALOG_ID

RENAMED_ENTITIES = ("bi_service", "team", "domain", "classification", "tag")
"""The kinds of entities that can be renamed."""

_FEW = 100


class FormerNames:
    """Ids of things by kind and former name. Assets have them per BI service, entities under `CATALOG_ID`.

    Attributes:
        any: Whether the batch has asked for any, or has made one. If not, there is nothing more to do about them.
    """

    def __init__(self) -> None:
        self._ids: dict[tuple[UUID, str], dict[str, UUID]] = defaultdict(dict)
        # The services whose former names are all known, and what has been asked of the others.
        self._complete: set[UUID] = set()
        self._asked: dict[UUID, set[tuple[str, str]]] = defaultdict(set)
        self.any = False

    async def load_assets(
        self, connection: ReadConnection, service_id: UUID, kind: str, names: Collection[str]
    ) -> Mapping[str, UUID]:
        """Looks up names that no asset of a kind has in a BI service, and returns the ids of those that had them."""
        await self._load(connection, service_id, [(kind, name) for name in names])
        ids = self._ids[service_id, kind]
        found = {name: ids[name] for name in names if name in ids} if ids else {}
        self.any = self.any or bool(found)
        return found

    async def load_entities(self, connection: ReadConnection, named: Collection[tuple[str, str]]) -> set[UUID]:
        """Looks up (kind, fully qualified name) of entities that do not exist, and returns the ids of what had them."""
        await self._load(connection, CATALOG_ID, [key for key in named if key[0] in RENAMED_ENTITIES])
        ids = {id_ for kind, fqn in named if (id_ := self._ids[CATALOG_ID, kind].get(fqn))}
        self.any = self.any or bool(ids)
        return ids

    async def _load(self, connection: ReadConnection, service_id: UUID, named: Collection[tuple[str, str]]) -> None:
        if not named or service_id in self._complete:
            return
        # Most services have few former names, and who has loaded all of them need not ask for each name.
        if service_id not in self._asked:
            found = await former_names.some(connection, service_id, _FEW + 1)
            if len(found) <= _FEW:
                self._complete.add(service_id)
                self._add(service_id, found)
                return
        asked = self._asked[service_id]
        if unknown := set(named) - asked:
            asked |= unknown
            kinds, names = {kind for kind, _ in unknown}, {name for _, name in unknown}
            self._add(service_id, await former_names.find(connection, service_id, kinds, names))

    def _add(self, service_id: UUID, found: Iterable[tuple[str, str, UUID]]) -> None:
        for kind, name, id_ in found:
            self._ids[service_id, kind][name] = id_

    def note_none(self, service_id: UUID) -> None:
        """Notes that nothing in a BI service had another name before."""
        self._complete.add(service_id)

    def has_none(self, service_id: UUID) -> bool:
        """Says whether it is known that nothing in a BI service had another name before."""
        return service_id in self._complete and not any(ids for (of, _), ids in self._ids.items() if of == service_id)

    def find(self, service_id: UUID, kind: str, name: str) -> UUID | None:
        """Returns the id of the thing that had this name before, if that is known."""
        return self._ids[service_id, kind].get(name) if self.any else None

    def keep(self, service_id: UUID, kind: str, name: str, id_: UUID) -> None:
        """Makes a name the former name of a thing."""
        self._ids[service_id, kind][name] = id_
        self.any = True

    def take(self, service_id: UUID, kind: str, name: str) -> bool:
        """Frees a name that something has from now on, and returns whether it was a former name."""
        return self.any and self._ids[service_id, kind].pop(name, None) is not None
