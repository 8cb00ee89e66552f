"""`dashboard-catalog search`: finds dashboards, charts and entities by words."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import typer

from dashboard_catalog.cli import output
from dashboard_catalog.cli.arguments import JsonLineOption, KindsOption
from dashboard_catalog.cli.calls import call_catalog
from dashboard_catalog.cli.connection import ConnectionOptions, connect
from dashboard_catalog.cli.finding.freshness import say_how_fresh
from dashboard_catalog.cli.finding.results import result_lines
from dashboard_catalog.cli.finding.search_filters import SearchFilters, request_fields
from dashboard_catalog.cli.json_lines import print_message
from dashboard_catalog.cli.options import with_option_groups
from dashboard_catalog.cli.paging import Paging, pages, say_if_more
from dashboardcatalog.v1 import search_pb2

_MOST_LISTED = 10_000


@dataclass(frozen=True, slots=True)
class SearchPaging(Paging):
    """Which part of the results to show."""

    largest: ClassVar[int] = 100

    page_size: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Maximum number of results per page, up to 100.", show_default="20"),
    ] = None


@with_option_groups
def search(  # noqa: PLR0917
    filters: SearchFilters,
    paging: SearchPaging,
    connection: ConnectionOptions,
    query: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="QUERY",
            help='Words, "phrases", -words that must not match, and field:value with owner, tag, domain, service, '
            "type, project or kind. Everything by default.",
        ),
    ] = None,
    kind: KindsOption = None,
    order_by: Annotated[
        str | None, typer.Option(help="Order: name, or 'updated_at desc'.", show_default="by relevance")
    ] = None,
    as_json: JsonLineOption = False,
) -> None:
    """Find dashboards, charts and entities by words.

    All words must match, the last one also as the beginning of a word. Put a query
    with - or quotes in quotes: 'revenue -"net sales"'. Put -- before one that begins with -.
    """
    fields = request_fields(filters, kind or ()) | {"query": " ".join(query or ()), "order_by": order_by or ""}
    with connect(connection) as connected:

        def ask(page_token: str) -> Any:
            size = paging.size_to_ask_for
            return call_catalog(connected, "Search", **fields, page_size=size, page_token=page_token)

        page: Any = None
        for page in pages(ask, paging):
            for result in page.results:
                if as_json:
                    print_message(result)
                else:
                    output.print_lines(result_lines(result, output.width()))
    _conclude(page, every_page=paging.every_page)


def _conclude(page: search_pb2.SearchResponse, *, every_page: bool) -> None:
    output.say(f"{page.total:,} result{'' if page.total == 1 else 's'}")
    if every_page and page.total > _MOST_LISTED:
        output.say(f"Only the first {_MOST_LISTED:,} can be listed: search for something narrower.")
    say_how_fresh(page)
    say_if_more(page)
