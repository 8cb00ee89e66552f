"""What a process remembers from one transaction to the next: entities, and charts of BI services.

Every change of a BI service or of an entity takes the next number of its sequence, and its transaction leaves a random
number beside it. The sum of both is the state of the sequence (`locks.STATE`). What was true in a state is true
whenever the sequence is in this state. A transaction that holds the lock of a sequence reads the state, and uses what
is remembered only of exactly this one. When another process has changed anything, the states differ.

After a failover to a standby that was behind, a crash with `synchronous_commit=off`, or when a backup was restored, a
database may reach the same number again with other content, but never the same state with other content. So it does
not matter which connection a transaction uses, and whether PgBouncer is in front. On a cluster this is true of charts,
which are on the node of their BI service. Entities are not remembered there: every node has them, and only one has
their state.

Only servers of schema 0009 leave no random number. If changes of theirs are lost in a failover, while newer servers
run beside them, those may remember what was lost until the next change.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from functools import partial
from uuid import UUID

from dashboard_catalog.catalog.known.assumed import KnownChart
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.commands import AssetName
from dashboard_catalog.store import entities
from dashboard_catalog.store.column_types import uuid_of
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.records import AssetRecord, EntityRecord

MAX_CHARTS = 100_000
"""How many charts are remembered at most; they take about 20 MB, at most 40."""

_Chart = KnownChart | AssetRecord

_MAX_SERVICES = 64
# Most display names take less. With the longest, charts could take a hundred times as much memory.
_MAX_PACKED = 200
_MAX_ENTITIES = 10_000
# Length as a text. The configuration of a custom property may have 64 KiB.
_MAX_ATTRIBUTES = 2_000

# Makes a `KnownChart` of a tuple, several times as fast as the class does. A load recalls each chart.
_live_chart = partial(tuple.__new__, KnownChart)


class RememberedEntities:
    """Entities as they are in one state of the catalog's sequence, without their descriptions.

    Writers use `by_fqns` and `by_ids`, under the catalog's lock. Readers use `recall`, and read the others themselves.
    """

    def __init__(self, state: int) -> None:
        self.state = state
        self._by_id: dict[UUID, EntityRecord] = {}
        # Every entity of the name, of whatever kind.
        self._by_fqn: dict[str, list[EntityRecord]] = {}

    def add(self, records: Iterable[EntityRecord]) -> None:
        """Remembers entities that were read under the catalog's lock, or by the statement that read the state."""
        self._by_id |= {record.id: record for record in records if self._has_room(record)}

    def service(self, name: str) -> EntityRecord | None:
        """Returns the BI service of this raw name, if it is remembered."""
        alike = self._by_fqn.get(names.quote(name), ())
        return next((record for record in alike if record.kind == "bi_service"), None)

    def add_named(self, read: Iterable[EntityRecord]) -> None:
        """Remembers entities like `add`: all that there are of their names, of whatever kind."""
        named_alike: dict[str, list[EntityRecord]] = {}
        for record in read:
            named_alike.setdefault(record.fqn, []).append(record)
        self._by_fqn |= {fqn: alike for fqn, alike in named_alike.items() if all(map(self._has_room, alike))}
        self.add(read)

    async def by_fqns(self, connection: ReadConnection, fqns: Iterable[str]) -> list[EntityRecord]:
        """Returns what `entities.by_fqns` does, and remembers it. The transaction holds the catalog's lock."""
        found: list[EntityRecord] = []
        missing = []
        for fqn in fqns:
            if named := self._by_fqn.get(fqn):
                found += named
            else:
                missing.append(fqn)
        read = await entities.by_fqns(connection, missing)
        self.add_named(read)
        return found + read

    async def by_ids(self, connection: ReadConnection, ids: Iterable[UUID]) -> list[EntityRecord]:
        """Returns what `entities.by_ids` does, and remembers it. The transaction holds the catalog's lock."""
        found, missing = self.recall(ids)
        read = await entities.by_ids(connection, missing)
        self.add(read)
        return found + read

    def recall(self, ids: Iterable[UUID]) -> tuple[list[EntityRecord], list[UUID]]:
        """Returns the entities of these ids that are remembered, and the ids of the others."""
        found: list[EntityRecord] = []
        missing = []
        for id_ in ids:
            if record := self._by_id.get(id_):
                found.append(record)
            else:
                missing.append(id_)
        return found, missing

    def _has_room(self, record: EntityRecord) -> bool:
        return len(self._by_id) < _MAX_ENTITIES and len(str(record.attributes)) <= _MAX_ATTRIBUTES


def _packed(chart: _Chart) -> bytes | None:
    """Returns the id and the display name of a chart; None for one that is not remembered."""
    if chart.deleted:
        return None
    if chart.display_name is None:
        return chart.id.bytes
    packed = b"%b:%b" % (chart.id.bytes, chart.display_name.encode())
    return packed if len(packed) <= _MAX_PACKED else None


def _unpacked(packed: bytes) -> KnownChart:
    display_name = packed[17:].decode() if len(packed) > 16 else None
    return _live_chart((uuid_of(packed[:16]), display_name, False, False))


class RememberedService:
    """Live charts of a BI service as they are in one state of it.

    Attributes:
        has_no_former_names: Whether no asset of the service had another name before, as far as is known.
    """

    def __init__(self, state: int) -> None:
        self.state = state
        self.has_no_former_names = False
        # As bytes, which the garbage collector does not look at: there may be many.
        self._newer: dict[str, bytes] = {}
        self._older: dict[str, bytes] = {}

    @property
    def size(self) -> int:
        """How many charts are remembered."""
        return len(self._newer) + len(self._older)

    def charts(self, keys: Iterable[AssetName]) -> list[KnownChart | None]:
        """Returns the charts of these names, None for those that are not remembered."""
        newer, older = self._newer, self._older
        found = [newer.get(key.name) or older.get(key.name) for key in keys]
        return [_unpacked(packed) if packed else None for packed in found]

    def add(self, written: Mapping[str, _Chart], read: Mapping[str, KnownChart]) -> None:
        """Remembers live charts by name: those that were written, and others while there is room."""
        if self.size + len(read) <= MAX_CHARTS // 2:
            self._newer |= {name: packed for name, chart in read.items() if (packed := _packed(chart))}
        for name, chart in written.items():
            if packed := _packed(chart):
                self._newer[name] = packed
            else:
                self._newer.pop(name, None)
                self._older.pop(name, None)
        if len(self._newer) > MAX_CHARTS // 2:
            self._older, self._newer = self._newer, {}


class Remembered:
    """What a process remembers of one database. All of it was committed."""

    def __init__(self) -> None:
        self._entities = RememberedEntities(-1)
        # The one that was written last comes last.
        self._services: OrderedDict[UUID, RememberedService] = OrderedDict()

    @property
    def last_entities(self) -> RememberedEntities:
        """The entities in the state in which the process has found them last; use it only to guess."""
        return self._entities

    def entities(self, state: int) -> RememberedEntities:
        """Returns the entities in a state of the catalog's sequence, as far as they are remembered.

        Args:
            state: As it is under the catalog's lock, or in the snapshot of a reader.
        """
        if self._entities.state != state:
            self._entities = RememberedEntities(state)
        return self._entities

    def service(self, id_: UUID, state: int) -> RememberedService | None:
        """Returns what is remembered of a BI service in the state that it has under its lock, if anything is."""
        found = self._services.get(id_)
        return found if found is not None and found.state == state else None

    def keep(
        self,
        id_: UUID,
        states: tuple[int, int],
        written: Mapping[str, _Chart],
        read: Mapping[str, KnownChart],
        *,
        has_no_former_names: bool,
    ) -> None:
        """Remembers what a transaction has left in a BI service. It must have been committed.

        Args:
            id_: Of the service.
            states: Before the transaction, and after it.
            written: All charts of the service that have changed, by name. None of them has another name than before.
            read: Other charts, as they were under the lock.
            has_no_former_names: Whether no asset of the service had another name before.
        """
        before, after = states
        service = self.service(id_, before) or RememberedService(after)
        service.state = after
        service.has_no_former_names = has_no_former_names
        service.add(written, read)
        self._services[id_] = service
        self._services.move_to_end(id_)
        while len(self._services) > 1 and self._is_full():
            self._services.popitem(last=False)

    def _is_full(self) -> bool:
        return len(self._services) > _MAX_SERVICES or sum(one.size for one in self._services.values()) > MAX_CHARTS
