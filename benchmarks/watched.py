"""What a watcher of `benchmarks.watching` got, and how it compares with what is stored."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import grpc.aio
from sqlalchemy import literal, select

from benchmarks.told import differences, stored_versions
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.tables import (
    CHART,
    CHART_HISTORY,
    DASHBOARD,
    DASHBOARD_HISTORY,
    ENTITY,
    ENTITY_CHANGE,
    REMOVED,
)
from dashboardcatalog.v1 import entity_pb2, watch_pb2
from dashboardcatalog.v1.catalog_service_pb2_grpc import CatalogServiceStub

BEFORE = "before"
"""Id of the calls that have written before any watcher began."""

_ASSETS = (entity_pb2.KIND_DASHBOARD, entity_pb2.KIND_CHART)


class Watched:
    """One watcher, through many streams.

    Args:
        run: The run that it belongs to.
        kind: A key of `KINDS`.
    """

    KINDS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "now": {},
        "now again": {},
        "one service": {"services": ["s1"]},
        "charts": {"kinds": [entity_pb2.KIND_CHART]},
        "entities": {"kinds": [entity_pb2.KIND_USER, entity_pb2.KIND_DOMAIN]},
        "with states": {"include_state": True},
        "beginning": {"start": watch_pb2.WATCH_START_BEGINNING},
        "beginning with states": {"start": watch_pb2.WATCH_START_BEGINNING, "include_state": True},
    }

    def __init__(self, run: Any, kind: str, seed: int) -> None:
        self._run = run
        self.kind = kind
        self._request = self.KINDS[kind]
        self._chance = random.Random(seed)
        self._token = ""
        # By BI service, what it got for the first time, in order: (id, version or type, call).
        self.got: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
        self._known: set[tuple[str, str, str]] = set()
        # What it got as something that existed or was new.
        self.created: set[tuple[str, str, str]] = set()
        self.states: dict[str, tuple[float, str]] = {}
        self.counts: Counter[str] = Counter()
        self.problems: list[str] = []
        self._is_final = False

    async def begin(self) -> None:
        """Gets its first message."""
        while not self._token:
            await self._stream(most=1)

    async def watch_on(self) -> None:
        """Watches until everything has been written, and then until it has caught up."""
        while not self._run.is_written:
            await self._stream(most=self._chance.choice([1, 2, 5, 20, 200]))
        self._is_final = True
        while self._is_final:
            await self._stream(most=1_000_000)

    async def _stream(self, most: int) -> None:
        self.counts["streams"] += 1
        request = watch_pb2.WatchChangesRequest(**self._request, resume_token=self._token)
        patience = 0.5 + 4 * self._chance.random() if not self._is_final else 60.0
        async with self._run.channel() as channel:
            stub: Any = CatalogServiceStub(channel)
            seen: set[tuple[str, str, str]] = set()
            token = self._token
            try:
                async with asyncio.timeout(patience):
                    call = stub.WatchChanges(request, metadata=self._run.metadata)
                    async for message in call:
                        self._take(message, seen)
                        token = message.resume_token
                        most -= 1
                        if self._is_final and message.caught_up:
                            self._is_final = False
                            most = 0
                        if most <= 0:
                            break
            except TimeoutError:
                self.counts["ended by itself"] += 1
            except grpc.aio.AioRpcError as error:
                self.counts[f"ended {error.code().name}"] += 1
                if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
                    self.problems.append(f"{error.code().name}: {error.details()}")
                    await asyncio.sleep(1)
            # Sometimes it dies before it has kept the token.
            if self._is_final or not self._token or self._chance.random() > 0.25:
                self._token = token

    def _take(self, message: watch_pb2.WatchChangesResponse, seen: set[tuple[str, str, str]]) -> None:
        for change in message.changes:
            is_removal = change.type == watch_pb2.CHANGE_TYPE_REMOVED
            what = "removed" if is_removal else f"{round(change.version * 10)}"
            key = change.id, what, change.call_id
            self.counts["changes"] += 1
            if key in seen:
                self.problems.append(f"twice in one stream: {key}")
            seen.add(key)
            if key in self._known:
                self.counts["again after a resume"] += 1
                continue
            self._known.add(key)
            if change.type == watch_pb2.CHANGE_TYPE_CREATED:
                self.created.add(key)
            self.got[change.service if change.kind in _ASSETS else ""].append(key)
            self._follow(change, is_removal)

    def _follow(self, change: watch_pb2.Change, is_removal: bool) -> None:
        """Keeps the state of dashboards as a mirror would."""
        if change.kind == entity_pb2.KIND_DASHBOARD:
            if is_removal:
                self.states.pop(change.id, None)
            else:
                self.states[change.id] = round(change.version, 1), change.dashboard.description


async def compare(run: Any, watchers: Sequence[Watched], problems: Sequence[str]) -> bool:
    """Prints what happened and what is wrong with it, also what is known to be, and returns whether nothing is."""
    rows, states = await _stored(run.database)
    print(f"written: {dict(run.written)}; kills of servers: {[server.kills for server in run.servers]}")
    print(f"stored: {len(rows):,} changes, {sum(row.what == 'removed' for row in rows):,} of them removals")
    bugs = sum(server.log.read_text().count('"event": "bug"') for server in run.servers)
    run.ledger.show()
    problems = [*problems, *differences(run.ledger, await stored_versions(run.database))]
    print(f"{len(run.ledger.told):,} answers {'right' if not problems else 'WRONG'}")
    for problem in problems[:20]:
        print(f"    {problem}")
    is_right = not bugs and not problems
    for watcher in watchers:
        problems = [*watcher.problems, *_problems(watcher, rows)]
        if watcher.kind.startswith("beginning"):
            mirrored = {id_: state[0] for id_, state in watcher.states.items()}
            if mirrored != {id_: state[0] for id_, state in states.items()}:
                problems.append("what it has mirrored is not what is stored")
        if "state" in watcher.kind:
            different = [id_ for id_, state in watcher.states.items() if states.get(id_) != state]
            problems += [f"another state of {id_}" for id_ in different]
        print(f"{watcher.kind:<24} {'right' if not problems else 'WRONG'} {dict(watcher.counts)}")
        for problem in problems[:10]:
            print(f"    {problem}")
        is_right = is_right and not problems
    print(f"bugs in the logs of the servers: {bugs}")
    return is_right


class _Row(NamedTuple):
    sequence: str
    number: int
    kind: str
    id: str
    what: str
    call_id: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.id, self.what, self.call_id


async def _stored(database: Database) -> tuple[list[_Row], dict[str, tuple[float, str]]]:
    """Returns all changes in the order of their numbers, and version and description of each dashboard."""
    changes: list[tuple[str, int, str, str, str, str]] = []
    async with database.read() as connection:
        found = await connection.execute(select(ENTITY.c.id, ENTITY.c.fqn))
        names = {row.id: row.fqn for row in found}
        for table in (DASHBOARD, DASHBOARD_HISTORY, CHART, CHART_HISTORY, REMOVED, ENTITY_CHANGE):
            kind = table.c.kind if "kind" in table.c else literal(table.name.partition("_")[0])
            service = table.c.service_id if "service_id" in table.c else literal(None)
            what = table.c.version if "version" in table.c else literal("removed" if table is REMOVED else "0")
            columns = (service, table.c.change_number, kind, table.c.id, what, table.c.call_id)
            found = await connection.execute(select(*columns))
            changes += [(names.get(row[0], ""), row[1], row[2], str(row[3]), str(row[4]), row[5]) for row in found]
        dashboards = await connection.execute(select(DASHBOARD.c.id, DASHBOARD.c.version, DASHBOARD.c.description))
        states = {str(row.id): (round(row.version / 10, 1), row.description or "") for row in dashboards}
    return [_Row(*change) for change in sorted(changes, key=lambda change: change[1])], states


def _problems(watcher: Watched, rows: Sequence[_Row]) -> Iterator[str]:
    wanted = [row for row in rows if _is_wanted(watcher, row)]
    removed = {row.id for row in rows if row.what == "removed"}
    numbers = {row.key: row.number for row in wanted}
    ids = {row.key: row.id for row in wanted}
    for sequence, got in watcher.got.items():
        there = [numbers[key] for key in got if key in numbers]
        if there != sorted(there):
            yield f"out of order in {sequence or 'entities'}"
        yield from (f"invented: {key}" for key in got if key not in numbers and key[0] not in removed)
    known = {key for got in watcher.got.values() for key in got}
    latest_created: dict[str, int] = {}
    for key in watcher.created & numbers.keys():
        latest_created[ids[key]] = max(latest_created.get(ids[key], 0), numbers[key])
    for row in wanted:
        if row.key not in known and not row.number < latest_created.get(row.id, 0) and not _is_before(watcher, row):
            yield f"missed: {row}"


def _is_wanted(watcher: Watched, row: _Row) -> bool:
    request = Watched.KINDS[watcher.kind]
    kinds = [entity_pb2.Kind.Name(kind).removeprefix("KIND_").lower() for kind in request.get("kinds", ())]
    services = request.get("services", ())
    return (not kinds or row.kind in kinds) and (not services or not row.sequence or row.sequence in services)


def _is_before(watcher: Watched, row: _Row) -> bool:
    """Says whether a change happened before the watcher began, so that it gets nothing of it."""
    if not watcher.kind.startswith("beginning"):
        return row.call_id == BEFORE
    # It is delivered as it was when the watcher began, which is not before its removal if that came first.
    return row.what == "removed"
