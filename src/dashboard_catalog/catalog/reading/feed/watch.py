"""Follows the feed for one reader: first what has changed before, then each change as it happens.

It reads a piece at a time, and the next one when its reader has taken that. In between it holds no connection.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from uuid import UUID

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.catalog.reading.feed import positions
from dashboard_catalog.catalog.reading.feed.changes import Change, PieceReader
from dashboard_catalog.catalog.reading.feed.horizon import LOOK_SECONDS, Horizon
from dashboard_catalog.catalog.reading.feed.positions import NOWHERE, Place, Places
from dashboard_catalog.catalog.reading.feed.scope import Scope, Wanted, open_scope
from dashboard_catalog.catalog.reading.feed.states import MOST_STATES, affordable, with_states
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import CatalogError, Violation, invalid
from dashboard_catalog.store import feed
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.feed import Stretch
from dashboard_catalog.store.records import CATALOG_ID

IDLE_SECONDS = 30.0
"""How long a reader waits for a step at most."""

_PIECE = 1_000
_FEWEST_STATES = 5


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """What a reader asks for.

    Attributes:
        resume_token: Where to go on; empty for a new reader.
        from_beginning: Whether a new reader first gets everything that exists.
        include_state: Whether the reader wants the state of each version.
    """

    wanted: Wanted
    resume_token: str = ""
    from_beginning: bool = False
    include_state: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """What a reader gets at once.

    Attributes:
        changes: Changes of one sequence, in order; none if nothing has happened for a while.
        sequence: The sequence, if there are changes.
        begin: The place of the reader before them.
        end: The place of the reader after them.
        caught_up: Whether the reader then has everything that had happened when the watch began.
    """

    changes: list[Change] = field(default_factory=list)
    sequence: UUID | None = None
    begin: Place = NOWHERE
    end: Place = NOWHERE
    caught_up: bool = False


class Watch:
    """Follows the feed for one reader.

    Args:
        scope: What the reader gets.
        request: What the reader asked for.
        database: Has the changes.
        pieces: Reads them.
        idle_seconds: How long the reader waits for a step at most.
    """

    def __init__(
        self, scope: Scope, request: WatchRequest, *, database: Database, pieces: PieceReader, idle_seconds: float
    ) -> None:
        self._scope = scope
        self._request = request
        self._database = database
        self._pieces = pieces
        self._idle_seconds = idle_seconds
        self._places: dict[UUID, Place] = {}
        # The parts of the token.
        self._entries: dict[UUID, bytes] = {}
        # Up to where there is nothing to get, which may be after the place.
        self._reached: dict[UUID, int] = {}
        # The last numbers of the sequences that have more to read, in the order in which it is their turn.
        self._pending: dict[UUID, int] = {}
        # The numbers to get to before the reader has caught up; None afterwards.
        self._past: dict[UUID, int] | None = {}
        self._news = asyncio.Event()
        self._must_look_again = False
        self._most_states = MOST_STATES

    def wake(self, numbers: Mapping[UUID, int]) -> None:
        """Learns the last numbers of sequences that have changed."""
        for id_, number in numbers.items():
            if number != self._got(id_) and self._scope.kinds_in(id_):
                self._pending[id_] = number
                self._news.set()

    def look_again(self) -> None:
        """Learns that the policies have changed."""
        self._must_look_again = True
        self._news.set()

    async def begin(self, places: Places) -> None:
        """Finds where to begin. Must be called once, and before it whoever wakes the watch must know it.

        Args:
            places: The places of a reader who goes on.

        Raises:
            CatalogError: PERMISSION_DENIED, or OUT_OF_RANGE for places that the catalog does not have.
        """
        async with self._database.read() as connection:
            sequences = await self._scope.check(connection)
            places = sequences.without_hidden(places)
            if self._request.resume_token:
                await positions.check_not_expired(connection, places)
                self._past = await feed.ahead(connection, {id_: place.number for id_, place in places.items()})
                self._past = {id_: number for id_, number in self._past.items() if sequences.gets(id_)}
            else:
                places = await positions.present(connection, sequences.gets)
                self._past = {}
                if self._request.from_beginning:
                    places = {id_: Place(past=at.number, past_digest=at.digest) for id_, at in places.items()}
                    self._past = {id_: place.past for id_, place in places.items()}
        for id_, place in places.items():
            self._move(id_, place)
        self._pending = {id_: number for id_, number in self._pending.items() if number > self._got(id_)} | self._past

    async def steps(self) -> AsyncGenerator[Step]:
        """Yields steps without an end.

        Raises:
            CatalogError: PERMISSION_DENIED, OUT_OF_RANGE or UNAVAILABLE.
        """
        loop = asyncio.get_running_loop()
        while True:
            step = await self._next(loop.time() + self._idle_seconds)
            yield step

    async def _next(self, idle_at: float) -> Step:
        """Returns the next step; one without changes when it is late."""
        while True:
            self._news.clear()
            if self._must_look_again:
                await self._look_again()
            if self._past is not None and not self._past:
                self._past = None
                return Step(caught_up=True)
            if self._pending:
                step = await self._read()
                if step.changes or step.caught_up:
                    return step
            else:
                try:
                    async with asyncio.timeout_at(idle_at):
                        await self._news.wait()
                except TimeoutError:
                    return Step()

    def token_after(self, step: Step, count: int) -> str:
        """Returns the token of a reader that has got the first changes of the last step.

        Args:
            count: How many of them.
        """
        if step.sequence is not None:
            place = step.end if count == len(step.changes) else step.begin.after(step.changes[count - 1].row)
            self._entries[step.sequence] = positions.entry(step.sequence, place)
        return positions.encode(self._scope.filters, self._entries.values())

    async def _read(self) -> Step:
        """Reads the next piece of the sequence whose turn it is."""
        id_ = CATALOG_ID if CATALOG_ID in self._pending else next(iter(self._pending))
        until = self._pending.pop(id_)
        begin = self._places.get(id_, NOWHERE)
        if until < begin.number:
            await self._check_not_set_back()
            return Step()
        stretch = Stretch(
            id_,
            after=self._got(id_),
            until=begin.past or until,
            kinds=self._scope.kinds_in(id_),
            as_of=begin.past or None,
            sized=self._request.include_state,
        )
        piece = await self._pieces.read(stretch, self._most_states if self._request.include_state else _PIECE)
        if id_ != CATALOG_ID and not self._scope.shows_service(piece.service):
            return self._passed(id_, None)
        changes, reached = piece.changes, piece.reached
        if self._request.include_state:
            count = affordable(changes)
            # Large states are not looked up again and again only to be left for later.
            self._most_states = min(2 * max(count, _FEWEST_STATES), MOST_STATES)
            if count < len(changes):
                changes, reached = changes[:count], changes[count - 1].row.change_number
        end = begin.after(changes[-1].row) if changes else begin
        if begin.past and begin.past == reached:
            end = begin.at_end_of_past()
        self._move(id_, end)
        self._reached[id_] = reached
        if reached < until:
            self._pending.setdefault(id_, until)
        shown = await self._shown(id_, changes)
        return replace(self._passed(id_, reached), changes=shown, sequence=id_, begin=begin, end=end)

    async def _shown(self, id_: UUID, changes: Sequence[Change]) -> list[Change]:
        shown = self._scope.shown(changes)
        # Another name of a BI service may show it to the reader, or hide it.
        self._must_look_again = self._must_look_again or any(change.row.kind == "bi_service" for change in shown)
        if not shown or not self._request.include_state:
            return shown
        principal, sight = self._request.wanted.principal, self._scope.sight()
        async with self._database.read() as connection:
            return await with_states(connection, id_, shown, principal, sight)

    def _passed(self, id_: UUID, reached: int | None) -> Step:
        """Returns an empty step that says whether the reader has caught up.

        Args:
            reached: How far the reader has got in a sequence; None if the reader may not view it.
        """
        if self._past is None:
            return Step()
        if reached is None or reached >= self._past.get(id_, 0):
            self._past.pop(id_, None)
        if self._past:
            return Step()
        self._past = None
        return Step(caught_up=True)

    async def _look_again(self) -> None:
        """Finds the sequences that the reader may view now, and ends the watch if there are none."""
        self._must_look_again = False
        async with self._database.read() as connection:
            sequences = await self._scope.check(connection)
            last = await feed.positions(connection)
        self._pending |= {
            id_: number for id_, number in last.items() if number > self._got(id_) and sequences.gets(id_)
        }

    async def _check_not_set_back(self) -> None:
        async with self._database.read() as connection:
            await positions.check_not_expired(connection, self._places)

    def _got(self, id_: UUID) -> int:
        place = self._places.get(id_)
        return max(place.number if place else 0, self._reached.get(id_, 0))

    def _move(self, id_: UUID, place: Place) -> None:
        self._places[id_] = place
        self._entries[id_] = positions.entry(id_, place)


class Watches:
    """Opens watches of one process.

    Args:
        database: Has the changes.
        authorizer: Decides what readers may view.
        idle_seconds: How long a reader waits for a step at most.
        look_seconds: How often to look for changes of other processes.
    """

    def __init__(
        self,
        database: Database,
        authorizer: Authorizer,
        idle_seconds: float = IDLE_SECONDS,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._database = database
        self._authorizer = authorizer
        self._idle_seconds = idle_seconds
        self._horizon = Horizon(database, authorizer, look_seconds)
        self._pieces = PieceReader(database)

    @asynccontextmanager
    async def open(self, request: WatchRequest) -> AsyncIterator[Watch]:
        """Opens a watch until the end of the block.

        Raises:
            CatalogError: INVALID_ARGUMENT for a wrong token, OUT_OF_RANGE for one whose changes the catalog does not
                have, NOT_FOUND for a BI service, PERMISSION_DENIED.
        """
        filters, places = _resumed(request)
        async with self._database.read() as connection:
            scope = await open_scope(connection, self._authorizer, request.wanted, places)
        if request.resume_token and filters != positions.digest(scope.filters.encode()):
            raise _wrong_token("belongs to a stream with other services or kinds: send the same as before")
        watch = Watch(scope, request, database=self._database, pieces=self._pieces, idle_seconds=self._idle_seconds)
        with self._horizon.followed_by(watch):
            await watch.begin(places)
            yield watch


def _resumed(request: WatchRequest) -> tuple[bytes, Places]:
    if not request.resume_token:
        return b"", {}
    try:
        return positions.decode(request.resume_token)
    except ValueError:
        raise _wrong_token("is no token of this catalog: send resume_token unchanged") from None


def _wrong_token(text: str) -> CatalogError:
    return invalid([Violation("resume_token", ViolationReason.INVALID_VALUE, text)])
