"""What a caller asks a search for, and the tokens of its pages."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.model.kinds import KINDS
from dashboard_catalog.catalog.reading import page_tokens
from dashboard_catalog.catalog.reading.filters import AssetFilters
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation, invalid
from dashboard_catalog.index.fields import Thing
from dashboard_catalog.index.hits import MAX_HITS

DEFAULT_RESULTS, MAX_RESULTS = 20, 100
"""Number of results on a page by default, and at most."""

DEFAULT_VALUES, MAX_VALUES = 10, 100
"""Number of values of a facet by default, and at most."""

BY_RELEVANCE, BY_NAME, NEWEST_FIRST = "relevance", "name", "updated_at desc"
_ORDERS = (BY_RELEVANCE, BY_NAME, NEWEST_FIRST)


@dataclass(frozen=True, slots=True)
class PageEnd:
    """Where a page ended.

    Attributes:
        seen: Number of hits on all pages so far.
        last: The last one of them; None before the first page.
    """

    seen: int = 0
    last: Thing | None = None


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A page of results.

    Attributes:
        filters: Of assets. A BI service is found by `service` and `service_type`, too.
        query: What to look for, in the language of `query`.
        kinds: Names of the kinds to look for; all if it is empty.
        order_by: One of `_ORDERS`.
        facets: What to count the results by.
        unwanted: Columns that the caller does not want, of those that may be large.
    """

    principal: Principal
    filters: AssetFilters
    query: str = ""
    kinds: Sequence[str] = ()
    order_by: str = BY_RELEVANCE
    page_size: int = DEFAULT_RESULTS
    page_token: str = ""
    facets: Sequence[str] = ()
    facet_size: int = DEFAULT_VALUES
    unwanted: frozenset[str] = frozenset()

    def position(self) -> PageEnd:
        """Returns where the previous page ended.

        Raises:
            CatalogError: INVALID_ARGUMENT with everything that is wrong with filters, order and page token.
        """
        violations = self.filters.violations()
        if self.order_by not in _ORDERS:
            text = f"must be empty or one of {', '.join(_ORDERS)}"
            violations.append(Violation("order_by", ViolationReason.INVALID_VALUE, text))
        position = page_tokens.decode(self._listing, self.page_token, _position, violations)
        if violations:
            raise invalid(violations)
        return position or PageEnd()

    def token_after(self, position: PageEnd) -> str:
        """Returns the token of the page that begins at a position; empty where pages end."""
        if position.last is None or position.seen >= MAX_HITS:
            return ""
        name, kind, id_ = position.last
        return page_tokens.encode(self._listing, [str(position.seen), name, kind, id_.hex])

    @property
    def _listing(self) -> tuple[object, ...]:
        # The order of a search comes after the filters of lists, which have their own.
        filters = replace(self.filters, order_by="")
        return "search", self.query, tuple(sorted(set(self.kinds))), filters, self.order_by


def order_of(text: str) -> str:
    """Returns an order as a caller names it in the one spelling that `SearchRequest.order_by` takes."""
    return " ".join(text.replace("updatedAt", "updated_at").split()).removesuffix(" asc") or BY_RELEVANCE


def page_size_of(sent: int) -> int:
    """Returns the maximum number of results on a page, where a request asks for `sent`; 0 means the default."""
    return min(sent or DEFAULT_RESULTS, MAX_RESULTS)


def facet_size_of(sent: int) -> int:
    """Returns the maximum number of values of a facet, where a request asks for `sent`; 0 means the default."""
    return min(sent or DEFAULT_VALUES, MAX_VALUES)


def _position(parts: Sequence[str]) -> PageEnd:
    seen, name, kind, id_ = parts
    if kind not in KINDS or not 0 < int(seen) < MAX_HITS:
        raise ValueError(parts)
    return PageEnd(int(seen), Thing(name, kind, UUID(hex=id_)))
