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


class FormerNames:
    """Ids of things by kind and former name. Assets have them per BI service, entities under `CATALOG_ID`."""

    def __init__(self) -> None:
        self._ids: dict[tuple[UUID, str], dict[str, UUID]] = defaultdict(dict)
        self._asked: dict[tuple[UUID, str], set[str]] = defaultdict(set)
        self.any = False
        """Whether there is any."""

    async def load_assets(
        self, connection: ReadConnection, service_id: UUID, kind: str, names: Iterable[str]
    ) -> Mapping[str, UUID]:
        """Looks up names that no asset of a kind has in a BI service, and returns the ids by former name."""
        asked = self._asked[service_id, kind]
        if unknown := set(names) - asked:
            asked |= unknown
            await self._load(connection, service_id, [kind], unknown)
        return self._ids[service_id, kind]

    async def load_entities(self, connection: ReadConnection, named: Collection[tuple[str, str]]) -> set[UUID]:
        """Looks up (kind, fully qualified name) of entities that do not exist, and returns the ids of what had them."""
        unknown = [
            (kind, fqn) for kind, fqn in named if kind in RENAMED_ENTITIES and fqn not in self._asked[CATALOG_ID, kind]
        ]
        for kind, fqn in unknown:
            self._asked[CATALOG_ID, kind].add(fqn)
        if unknown:
            await self._load(connection, CATALOG_ID, {kind for kind, _ in unknown}, {fqn for _, fqn in unknown})
        return {id_ for kind, fqn in named if (id_ := self.find(CATALOG_ID, kind, fqn))}

    async def _load(
        self, connection: ReadConnection, service_id: UUID, kinds: Collection[str], names: Collection[str]
    ) -> None:
        for kind, name, id_ in await former_names.find(connection, service_id, kinds, names):
            self.keep(service_id, kind, name, id_)

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
