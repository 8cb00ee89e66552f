"""What a session mentioned in its BI service."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from dashboard_catalog.catalog.model import names
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS, AssetKind
from dashboard_catalog.store import bulk_sessions as sessions
from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.tables import MentionRecord, SessionRecord

_DIGEST_BYTES = 8

# Under this kind stand the charts that dashboards refer to: they stay, but do not make charts a mentioned kind.
_HELD = "held"


class Mentions:
    """What a session mentioned in its BI service, as digests of names by kind."""

    def __init__(self) -> None:
        self.digests: dict[str, set[bytes]] = defaultdict(set)
        self.unreadable = False

    @classmethod
    def of(cls, items: Iterable[Any], service: str) -> "Mentions":
        """Returns what the items of a chunk mention; refused ones count, unless their name cannot be told."""
        mentions = cls()
        for item in items:
            if item.kind in ASSET_KINDS:
                mentions._add(item, service)
            elif not item.kind:
                mentions.unreadable = True
        return mentions

    @classmethod
    def read(cls, stored: Iterable[tuple[str, bytes]], unreadable: bool) -> "Mentions":
        """Returns what the chunks of a session stored."""
        mentions = cls()
        mentions.unreadable = unreadable
        for kind, digests in stored:
            mentions.digests[kind].update(
                digests[start : start + _DIGEST_BYTES] for start in range(0, len(digests), _DIGEST_BYTES)
            )
        return mentions

    def update(self, other: "Mentions") -> None:
        """Adds what another chunk mentioned."""
        self.unreadable = self.unreadable or other.unreadable
        for kind, digests in other.digests.items():
            self.digests[kind] |= digests

    async def store(self, connection: WriteConnection, session: SessionRecord) -> None:
        """Stores what a chunk mentioned, in one row a kind."""
        rows = [
            MentionRecord(
                service_id=session.service_id,
                session_id=session.id,
                item_offset=session.next_offset,
                kind=kind,
                digests=b"".join(sorted(digests)),
            )
            for kind, digests in self.digests.items()
        ]
        if rows:
            await sessions.add_mentions(connection, rows)

    def kinds(self) -> list[AssetKind]:
        """Returns the kinds of which anything was mentioned, what is held before what holds it."""
        return [kind for name, kind in ASSET_KINDS.items() if self.digests.get(name)]

    def hold(self, kind: str, name: str) -> bool:
        """Says whether an asset of the service was mentioned."""
        digest = _digest(name)
        return digest in self.digests[kind] or (kind == "chart" and digest in self.digests[_HELD])

    def _add(self, item: Any, service: str) -> None:
        if not item.named:
            self.unreadable = True
            return
        if item.named.service == service:
            self.digests[item.kind].add(_digest(item.named.name))
        for fqn in item.charts:
            # Most dashboards come as they are stored, so are never read any further.
            with suppress(names.NameSyntaxError):
                in_service, name = names.split(fqn, 2)
                if in_service == service:
                    self.digests[_HELD].add(_digest(name))


def _digest(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=_DIGEST_BYTES).digest()
