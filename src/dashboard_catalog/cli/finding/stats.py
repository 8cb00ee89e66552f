"""`dashboard-catalog stats`: what there is, by service, owner and tag, and what is missing, as bars."""

import sys
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer
from rich.text import Text

from dashboard_catalog.cli import output
from dashboard_catalog.cli.arguments import JsonLineOption, KindsOption
from dashboard_catalog.cli.calls import call_catalog
from dashboard_catalog.cli.connection import ConnectionOptions, connect
from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.cli.filters import Missing
from dashboard_catalog.cli.finding.bars import Bar, bar_lines
from dashboard_catalog.cli.finding.freshness import say_how_fresh
from dashboard_catalog.cli.finding.search_filters import SearchFilters, request_fields
from dashboard_catalog.cli.json_lines import print_message
from dashboard_catalog.cli.options import with_option_groups
from dashboard_catalog.cli.unexpected import Unexpected, unexpected
from dashboard_catalog.sources.kinds import Kind
from dashboardcatalog.v1 import search_pb2

_WIDTH_WITHOUT_TERMINAL = 80
_MISSING = "MISSING_"
_TITLES: Mapping["search_pb2.Facet.ValueType", str] = {
    search_pb2.FACET_SERVICE: "by service",
    search_pb2.FACET_OWNER: "by owner",
    search_pb2.FACET_TAG: "by tag",
    search_pb2.FACET_MISSING: "what is missing",
}
_FACETS = (search_pb2.FACET_KIND, *_TITLES)


@with_option_groups
def stats(  # noqa: PLR0917
    filters: SearchFilters,
    connection: ConnectionOptions,
    kind: KindsOption = None,
    top: Annotated[
        int, typer.Option(min=1, max=100, metavar="N", help="Number of bars by BI service, owner and tag.")
    ] = 10,
    as_json: JsonLineOption = False,
    more: Unexpected = None,
) -> None:
    """Count dashboards and charts, and what they lack.

    Draws bars by BI service, owner and tag, and for what is missing. With --json, prints the groups as the
    contract's FacetCounts, one per line.
    """
    if more:
        raise unexpected(more)
    kinds = kind or [Kind.DASHBOARD, Kind.CHART]
    if others := [one for one in kinds if not one.is_asset]:
        raise CommandError(f"--kind is dashboard or chart here, not {others[0]}")
    with connect(connection) as connected:
        response = call_catalog(
            connected,
            "Search",
            **request_fields(filters, kinds),
            page_size=1,
            facets=_FACETS,
            facet_size=max(top, len(Missing)),
        )
    for facet in response.facets:
        if facet.facet != search_pb2.FACET_MISSING:
            _cut(facet, top)
    if as_json:
        for facet in response.facets:
            print_message(facet)
    else:
        output.print_lines(_lines(response))
    say_how_fresh(response)


def _cut(facet: search_pb2.FacetCounts, top: int) -> None:
    """Leaves the first values; the others are counted together, as the server does."""
    facet.other_count += sum(one.count for one in facet.values[top:])
    del facet.values[top:]


def _lines(response: search_pb2.SearchResponse) -> Iterator[Text]:
    facets = {facet.facet: facet for facet in response.facets}
    counts = [f"{one.count:,} {_kind(one.value, one.count)}" for one in facets[search_pb2.FACET_KIND].values]
    yield Text(", ".join(counts) or "nothing found", "bold")
    for facet, title in _TITLES.items():
        found = facets[facet]
        bars = list(_missing_bars(found, response.total) if facet == search_pb2.FACET_MISSING else _bars(found))
        if bars:
            yield Text()
            yield Text(title, "bold")
            whole = response.total if facet == search_pb2.FACET_MISSING else max(bar.count for bar in bars)
            yield from bar_lines(bars, whole, output.width() or _WIDTH_WITHOUT_TERMINAL, blocks=_can_print_blocks())


def _bars(facet: search_pb2.FacetCounts) -> Iterator[Bar]:
    for one in facet.values:
        yield Bar(_named(one), one.count)
    if facet.other_count:
        yield Bar("(others)", facet.other_count, style="dim")


def _missing_bars(facet: search_pb2.FacetCounts, total: int) -> Iterator[Bar]:
    for one in facet.values:
        label = f"no {one.value.removeprefix(_MISSING).lower()}"
        yield Bar(label, one.count, f"{one.count / max(total, 1):.0%}", style="red")


def _named(value: Any) -> str:
    shown = value.display_name
    text = f"{value.value} ({shown})" if shown and shown != value.value else value.value
    return output.printable(" ".join(text.split()))


def _kind(value: str, count: int) -> str:
    name = value.removeprefix("KIND_").replace("_", " ").lower()
    return name if count == 1 else f"{name}s"


def _can_print_blocks() -> bool:
    try:
        "█▏".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
