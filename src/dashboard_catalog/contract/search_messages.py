"""From a request to search to what the catalog is asked for, and from what it finds to the response."""

from collections.abc import Mapping
from typing import NamedTuple

from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from dashboard_catalog.catalog.reading.filters import AssetFilters
from dashboard_catalog.catalog.reading.search.facets import FacetCounts
from dashboard_catalog.catalog.reading.search.request import SearchRequest, facet_size_of, order_of, page_size_of
from dashboard_catalog.catalog.reading.search.results import Result
from dashboard_catalog.catalog.reading.search.snippets import Snippet
from dashboard_catalog.catalog.reading.views import AssetView
from dashboard_catalog.contract import masks, wire
from dashboard_catalog.contract.caller import Caller
from dashboard_catalog.contract.kinds import ASSET_MESSAGES, ENTITY_MESSAGES, kind_name, kind_number
from dashboard_catalog.contract.shown import shown_asset, shown_entity
from dashboard_catalog.errors import Violations
from dashboardcatalog.v1 import dashboard_pb2, search_pb2

Shown = Mapping[str, frozenset[str] | None]
"""The fields to show of each kind, by its name; None for all."""

_RESOURCES = {**{name: messages.resource for name, messages in ASSET_MESSAGES.items()}, **ENTITY_MESSAGES}
_FILTERS = ("service", "service_type", "owner", "domain", "tag", "project")
_FACETS: Mapping[int, str] = {number: name.removeprefix("FACET_").lower() for name, number in search_pb2.Facet.items()}
_SPELLINGS = {field.name: field.json_name for field in dashboard_pb2.Dashboard.DESCRIPTOR.fields}


class SentSearch(NamedTuple):
    """A request to search.

    Attributes:
        shown: What the results show.
    """

    request: SearchRequest
    shown: Shown


def search_request(request: search_pb2.SearchRequest, caller: Caller) -> SentSearch:
    """Reads Search.

    Raises:
        CatalogError: INVALID_ARGUMENT with everything that is wrong with the shape of the request.
    """
    violations = Violations()
    shown = violations.gather(lambda: _shown(request.read_mask)) or dict.fromkeys(_RESOURCES)
    of_assets = frozenset[str]().union(*(shown[name] or () for name in ASSET_MESSAGES))
    search = SearchRequest(
        principal=caller.principal,
        query=request.query,
        kinds=[kind_name(kind) for kind in request.kinds],
        filters=AssetFilters(
            **{name: getattr(request, name) for name in _FILTERS},
            missing=wire.missing_fields(request.missing),
            deleted=wire.DELETED.get(request.deleted, ""),
        ),
        order_by=order_of(request.order_by),
        page_size=page_size_of(request.page_size),
        page_token=request.page_token,
        facets=[_FACETS.get(facet, "") for facet in request.facets],
        facet_size=facet_size_of(request.facet_size),
        unwanted=wire.unwanted_columns(of_assets),
    )
    violations.gather(search.position)
    violations.check()
    return SentSearch(search, shown)


def result_message(result: Result, shown: Shown) -> search_pb2.SearchResult:
    """Returns the message of a result."""
    message = search_pb2.SearchResult(
        kind=kind_number(result.kind), score=result.score, snippets=map(_snippet, result.snippets)
    )
    only = shown[result.kind]
    if isinstance(result.view, AssetView):
        getattr(message, result.kind).MergeFrom(shown_asset(result.view, only))
    else:
        message.entity.MergeFrom(shown_entity(result.view, only))
    return message


def facet_message(counts: FacetCounts) -> search_pb2.FacetCounts:
    """Returns the message of the counts of a facet."""
    prefix = {"kind": "KIND_", "missing": "MISSING_"}.get(counts.facet)
    values = [
        search_pb2.FacetValue(
            value=prefix + each.value.upper() if prefix else each.value,
            display_name=each.display_name,
            count=each.count,
        )
        for each in counts.values
    ]
    facet = search_pb2.Facet.Value(f"FACET_{counts.facet.upper()}")
    return search_pb2.FacetCounts(facet=facet, values=values, other_count=counts.other)


def duration(seconds: float | None) -> Duration | None:
    """Returns a time span, to the millisecond; None if it is not known."""
    if seconds is None:
        return None
    span = Duration()
    span.FromMilliseconds(round(seconds * 1_000))
    return span


def _shown(mask: FieldMask) -> Shown:
    if not mask.paths:
        return dict.fromkeys(_RESOURCES)
    fields = masks.fields_of_any(mask, [message.DESCRIPTOR for message in _RESOURCES.values()], "read_mask")
    return dict(zip(_RESOURCES, fields, strict=True))


def _snippet(snippet: Snippet) -> search_pb2.Snippet:
    field, dot, key = snippet.field.partition(".")
    ranges = [search_pb2.SnippetRange(start=each.start, end=each.end) for each in snippet.ranges]
    return search_pb2.Snippet(field=_SPELLINGS[field] + dot + key, text=snippet.text, ranges=ranges)
