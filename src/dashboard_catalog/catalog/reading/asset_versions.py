"""The versions of one asset: listed page by page, and compared with each other."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.known.known_entities import KnownEntities
from dashboard_catalog.catalog.model import change
from dashboard_catalog.catalog.model.commands import AssetKey
from dashboard_catalog.catalog.model.kinds import AssetKind
from dashboard_catalog.catalog.reading import page_tokens
from dashboard_catalog.catalog.reading.asset_reads import AssetRead, version_of, visible_asset
from dashboard_catalog.catalog.reading.page_sizes import DEFAULT_PAGE_SIZE
from dashboard_catalog.catalog.reading.pages import FoundRows, fetch_rows
from dashboard_catalog.catalog.reading.views import AssetView, asset_views
from dashboard_catalog.catalog.visibility.sight import Sight
from dashboard_catalog.errors import Violation, invalid
from dashboard_catalog.store.assets import AssetTable
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.partial_rows import Partial
from dashboard_catalog.store.records import AssetRecord

_Row = Partial[AssetRecord]
_LATEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class VersionListing:
    """The page of versions that a caller asks for, newest first.

    Attributes:
        key: The asset, deleted or not.
        page_size: Maximum number of versions.
        page_token: Where the page begins; empty for the first page.
        unwanted: Columns that the caller does not want, of those that may be large.
    """

    kind: AssetKind
    principal: Principal
    key: AssetKey
    page_size: int = DEFAULT_PAGE_SIZE
    page_token: str = ""
    unwanted: frozenset[str] = frozenset()

    def token_after(self, record: AssetRecord) -> str:
        """Returns the token of the page that begins after a version."""
        return page_tokens.encode(self._list, [str(record.version)])

    def position(self) -> int | None:
        """Returns the version at which the previous page ended, in tenths; None for the first page.

        Raises:
            CatalogError: INVALID_ARGUMENT if the page token does not belong to this list.
        """
        violations: list[Violation] = []
        position = page_tokens.decode(self._list, self.page_token, _version_position, violations)
        if violations:
            raise invalid(violations)
        return position

    @property
    def _list(self) -> tuple[str, str, AssetKey]:
        return "versions", self.kind.name, self.key


def _version_position(parts: Sequence[str]) -> int:
    (text,) = parts
    version = int(text)
    if not 0 <= version <= _LATEST:
        raise ValueError(text)
    return version


@dataclass(frozen=True, slots=True)
class Comparison:
    """The versions of an asset that a caller wants to compare, in tenths; None for the newest."""

    kind: AssetKind
    principal: Principal
    key: AssetKey
    from_version: int
    to_version: int | None = None


async def find_versions(
    connection: ReadConnection, authorizer: Authorizer, listing: VersionListing
) -> FoundRows[AssetRecord, AssetView]:
    """Finds a page of the versions of an asset.

    Raises:
        CatalogError: PERMISSION_DENIED, NOT_FOUND, or INVALID_ARGUMENT for a wrong page token.
    """
    after = listing.position()
    newest = await _newest(connection, authorizer, listing)
    record = newest.record

    async def fetch(last: AssetRecord | None, limit: int) -> list[_Row]:
        below = last.version if last else after
        # A row moves to the history when its asset changes, so the newest version is read first.
        rows = [newest] if below is None else []
        older = await listing.kind.table.partial_versions(
            connection,
            record.service_id,
            record.id,
            below=record.version if below is None else below,
            limit=limit - len(rows),
            without=listing.unwanted,
        )
        return rows + older

    rows, more = await fetch_rows(listing.page_size, fetch)
    read = partial(_read_views, authorizer=authorizer, listing=listing, newest=record.version)
    return FoundRows(rows, more=more, total=None, read=read)


async def _newest(connection: ReadConnection, authorizer: Authorizer, of: VersionListing | Comparison) -> _Row:
    read = AssetRead(of.kind, of.principal, of.key, deleted="include")
    return await visible_asset(connection, authorizer, Sight(authorizer, KnownEntities()), read)


async def _read_views(
    connection: ReadConnection,
    rows: Sequence[_Row],
    *,
    authorizer: Authorizer,
    listing: VersionListing,
    newest: int,
) -> list[tuple[AssetRecord, AssetView]]:
    """Returns the views of versions that are still there, with their large values."""
    there, records = await _whole(connection, listing.kind.table, rows, listing.unwanted)
    for record in records:
        if "charts" in listing.unwanted and listing.kind.holds_charts:
            record.charts = []
        if record.version != newest:
            # They belong to the asset, not to one of its versions.
            record.edited = record.source_hash = None
    viewers = [listing.principal] * len(records)
    sight = Sight(authorizer, KnownEntities())
    with_charts = not {"charts", "change"} <= listing.unwanted
    views = await asset_views(connection, listing.kind, records, viewers, sight, with_charts=with_charts)
    return list(zip(there, views, strict=True))


async def _whole(
    connection: ReadConnection, table: AssetTable[Any], rows: Iterable[_Row], without: Collection[str] = ()
) -> tuple[list[AssetRecord], list[Any]]:
    """Returns those rows of versions of one asset that are still there, and the same with their large values."""
    rows = list(rows)
    whole = {row.record.version: row.record for row in rows if not row.missing}
    if missing := [row.record for row in rows if row.missing]:
        # The newest version may move to the history in between, so it is read first.
        read = await table.whole(connection, missing[:1], without)
        pairs = [(record.id, record.version) for record in missing]
        read += await table.versions(connection, missing[0].service_id, pairs, without)
        whole = {record.version: record for record in read} | whole
    there = [row.record for row in rows if row.record.version in whole]
    return there, [whole[record.version] for record in there]


async def find_compared(connection: ReadConnection, authorizer: Authorizer, comparison: Comparison) -> list[_Row]:
    """Returns the two versions of a comparison, without their large values.

    Raises:
        CatalogError: PERMISSION_DENIED, or NOT_FOUND if the asset or one of the versions does not exist.
    """
    newest = await _newest(connection, authorizer, comparison)
    read = AssetRead(comparison.kind, comparison.principal, comparison.key)
    versions = (comparison.from_version, comparison.to_version)
    return [await version_of(connection, read, newest, version) for version in versions]


async def compare(
    connection: ReadConnection, authorizer: Authorizer, comparison: Comparison, rows: Sequence[_Row]
) -> AssetView | None:
    """Returns the later version of a comparison, described as the change that the earlier one would need to become it.

    Args:
        rows: Both versions.

    Returns:
        None if the asset has been removed for good in the meantime.
    """
    _, whole = await _whole(connection, comparison.kind.table, rows)
    if len(whole) < len(rows):
        return None
    before, after = whole
    shown = comparison.kind.table.copy(after)
    shown.change = change.between(comparison.kind, before, after)
    sight = Sight(authorizer, KnownEntities())
    (view,) = await asset_views(connection, comparison.kind, [shown], [comparison.principal], sight)
    return view
