"""Remembers which assets a session mentioned in its BI service, so that its sweep spares them.

Each chunk stores the digests of the names that it mentioned in one row per kind.
"""

import hashlib
from collections import defaultdict
from collections.abc import Container, Iterable
from contextlib import suppress
from typing import Self

from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.commands import AssetName, ChunkItem
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS, CHART_KIND, AssetKind
from dashboard_catalog.store import bulk_details as details
from dashboard_catalog.store.connections import ReadConnection, WriteConnection
from dashboard_catalog.store.records import MentionRecord, SessionRecord

_DIGEST_BYTES = 8
# Charts that dashboards hold are kept apart: a sweep spares them, but they do not make it sweep charts.
_HELD = "held"


class Mentions:
    """The names that a session, or one chunk of it, mentioned.

    Attributes:
        unreadable: Whether an item had no readable name; then nobody can say what the session did not mention.
    """

    def __init__(self) -> None:
        self.unreadable = False
        # By the kind that rows have: `dashboard`, `chart` or `_HELD`.
        self._digests: dict[str, set[bytes]] = defaultdict(set)

    @classmethod
    async def load(cls, connection: ReadConnection, session: SessionRecord) -> Self:
        """Returns what all chunks of a session stored."""
        mentions = cls()
        mentions.unreadable = session.unreadable
        for kind, joined in await details.mentions(connection, session):
            starts = range(0, len(joined), _DIGEST_BYTES)
            mentions._digests[kind].update(joined[start : start + _DIGEST_BYTES] for start in starts)
        return mentions

    async def store(self, connection: WriteConnection, session: SessionRecord) -> None:
        """Stores what the next chunk of a locked session mentions, and updates the session's record."""
        session.unreadable = session.unreadable or self.unreadable
        rows = [
            MentionRecord(
                service_id=session.service_id,
                session_id=session.id,
                item_offset=session.next_offset,
                kind=kind,
                digests=b"".join(sorted(digests)),
            )
            for kind, digests in self._digests.items()
        ]
        if rows:
            await details.add_mentions(connection, rows)

    def add(self, items: Iterable[ChunkItem], service_names: Container[str]) -> None:
        """Adds what items mention, refused items included.

        Args:
            service_names: The raw names that the BI service of the session has or had; assets of other services are no
                mentions.
        """
        for item in items:
            if item.kind in ASSET_KINDS:
                self._add(item, service_names)
            elif not item.kind:
                self.unreadable = True

    def add_names(self, kind: AssetKind, named: Iterable[AssetName], service_names: Container[str]) -> None:
        """Adds the assets of one kind that have these names.

        Args:
            service_names: As in `add`.
        """
        for one in named:
            self._add_name(kind.name, one, service_names)

    def kinds(self) -> list[AssetKind]:
        """Returns the kinds of the mentioned assets, in the order in which a batch applies them."""
        return [kind for name, kind in ASSET_KINDS.items() if self._digests.get(name)]

    def include(self, kind: AssetKind, name: str) -> bool:
        """Says whether an asset of the service was mentioned, as an item or as a chart that a dashboard holds."""
        digest = _digest(name)
        return digest in self._digests[kind.name] or (kind is CHART_KIND and digest in self._digests[_HELD])

    def _add(self, item: ChunkItem, service_names: Container[str]) -> None:
        if not isinstance(item.named, AssetName):
            self.unreadable = True
            return
        self._add_name(item.kind, item.named, service_names)
        for fqn in item.charts:
            # The item may not have been validated: an upsert that changes nothing never is.
            with suppress(names.NameSyntaxError):
                chart_service, name = names.split(fqn, 2)
                if chart_service in service_names:
                    self._digests[_HELD].add(_digest(name))

    def _add_name(self, kind: str, named: AssetName, service_names: Container[str]) -> None:
        if named.service in service_names:
            self._digests[kind].add(_digest(named.name))


def _digest(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=_DIGEST_BYTES).digest()
