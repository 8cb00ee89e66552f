"""What the callers of this process have written of late, so that their searches find it.

`catalog-after` is the same for other processes: an opaque text that says which changes a search must wait for.
"""

import base64
import binascii
import struct
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self, TypeVar
from uuid import UUID

from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.model.commands import Write, WrittenAsset, WrittenEntity
from dashboard_catalog.catalog.writing.pipeline import Result
from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.records import CATALOG_ID

T = TypeVar("T")

# An index that is further behind than this is not waited for, because it would take too long.
_SECONDS = 60.0
_CALLERS = 10_000
# As a text, this many take 2 KB. Trailers have little room.
_SEQUENCES = 64

_ALL = "all"
_ENTRY = struct.Struct(">16sQ")

_Key = tuple[str, frozenset[str] | None]
"""What tells callers apart. With a limited token, a caller does not see what they have written with others."""


class AfterSyntaxError(ValueError):
    """A text that is no `catalog-after`."""


@dataclass(frozen=True, slots=True)
class After:
    """The changes that a search must find.

    Attributes:
        numbers: Number of the last of them in each sequence.
        everything: Whether these are too many to be listed, so that a search must find all that there is.
    """

    numbers: Mapping[UUID, int] = field(default_factory=dict)
    everything: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads a text.

        Raises:
            AfterSyntaxError: If `str` has not made it.
        """
        if text == _ALL:
            return cls(everything=True)
        try:
            packed = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
            entries = [(UUID(bytes=id_), number) for id_, number in _ENTRY.iter_unpack(packed)]
        except (UnicodeEncodeError, binascii.Error, struct.error) as error:
            raise AfterSyntaxError(text) from error
        if len(entries) > _SEQUENCES:
            raise AfterSyntaxError(text)
        return cls(dict(entries))

    def __str__(self) -> str:
        if self.everything or len(self.numbers) > _SEQUENCES:
            return _ALL
        packed = b"".join(_ENTRY.pack(id_.bytes, number) for id_, number in self.numbers.items())
        return base64.urlsafe_b64encode(packed).decode("ascii")

    def __or__(self, other: "After") -> "After":
        both = {*self.numbers, *other.numbers}
        numbers = {id_: max(self.numbers.get(id_, 0), other.numbers.get(id_, 0)) for id_ in both}
        return After(numbers, self.everything or other.everything)


class RecentWrites:
    """Remembers the newest changes of each caller until they are indexed, for a minute at most.

    Args:
        database: Where they write.
        complete_until: Returns the time before which all changes were made that are known to be indexed.
        now: Returns the time; both in seconds since 1970.
    """

    def __init__(
        self, database: Database, complete_until: Callable[[], float], now: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._complete_until = complete_until
        self._now = now
        # By caller, the newest writer last: number and time by sequence.
        self._written: OrderedDict[_Key, dict[UUID, tuple[int, float]]] = OrderedDict()

    async def write(self, caller: Principal, work: Callable[[WriteConnection], Awaitable[T]]) -> T:
        """Runs `work` in a transaction as `Database.write` does, and remembers what the caller has changed.

        Raises:
            CatalogError: As `Database.write`.
        """
        result, advanced = await self._noted(work)
        self.add(caller, advanced)
        return result

    async def write_batch(
        self, writes: Sequence[Write], work: Callable[[WriteConnection], Awaitable[tuple[Sequence[Result], T]]]
    ) -> tuple[Sequence[Result], T]:
        """Does the same for a batch, and remembers for each caller only what their own writes have changed.

        Callers share batches with others, who may write what they may not view.

        Args:
            work: Returns the results of the writes, and something else.

        Raises:
            CatalogError: As `Database.write`.
        """
        (results, other), advanced = await self._noted(work)
        for write, result in zip(writes, results, strict=True):
            sequence = _sequence_of(result)
            if sequence is not None and sequence in advanced:
                self.add(write.writer.principal, {sequence: advanced[sequence]})
        return results, other

    async def _noted(self, work: Callable[[WriteConnection], Awaitable[T]]) -> tuple[T, Mapping[UUID, int]]:
        advanced: Mapping[UUID, int] = {}

        async def noted(connection: WriteConnection) -> T:
            nonlocal advanced
            result = await work(connection)
            advanced = connection.advanced
            return result

        return await self._database.write(noted), advanced

    def add(self, caller: Principal, advanced: Mapping[UUID, int]) -> None:
        """Remembers that a caller has made changes up to these numbers, by sequence."""
        if not advanced:
            return
        now = self._now()
        written = self._written.pop(_key(caller), {})
        for sequence, number in advanced.items():
            written.pop(sequence, None)
            written[sequence] = (number, now)
        while len(written) > _SEQUENCES + 1:
            del written[next(iter(written))]
        self._written[_key(caller)] = written
        while len(self._written) > _CALLERS:
            self._written.popitem(last=False)

    def of(self, caller: Principal) -> After:
        """Returns the recent changes of a caller that may not be indexed yet."""
        since = max(self._now() - _SECONDS, self._complete_until())
        recent = {
            sequence: number for sequence, (number, at) in self._written.get(_key(caller), {}).items() if at >= since
        }
        return After(everything=True) if len(recent) > _SEQUENCES else After(recent)


def _key(caller: Principal) -> _Key:
    return caller.subject, caller.services


def _sequence_of(result: Result) -> UUID | None:
    """Returns the sequence that a write may have changed."""
    if isinstance(result, WrittenAsset):
        return result.record.service_id
    return CATALOG_ID if isinstance(result, WrittenEntity) else None
