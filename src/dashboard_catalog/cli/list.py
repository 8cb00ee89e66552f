"""`dashboard-catalog list`: lists dashboards, charts or entities."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from dashboard_catalog.cli import output
from dashboard_catalog.cli.arguments import Deleted, JsonLineOption
from dashboard_catalog.cli.connection import CALL_SECONDS, Connection, ConnectionOptions, connect
from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.cli.filters import AssetFilters
from dashboard_catalog.cli.json_lines import print_message
from dashboard_catalog.cli.moments import moment_of
from dashboard_catalog.cli.options import with_option_groups
from dashboard_catalog.cli.paging import Paging, pages, say_if_more
from dashboard_catalog.cli.rows import COLUMNS, row_of
from dashboard_catalog.cli.tables import print_rows
from dashboard_catalog.cli.unexpected import Unexpected, unexpected
from dashboard_catalog.sources.kinds import Kind
from dashboardcatalog.v1 import catalog_service_pb2, chart_service_pb2, dashboard_service_pb2


@dataclass(frozen=True, slots=True)
class Filters(AssetFilters):
    """The filters of a list."""

    chart: Annotated[str | None, typer.Option(help="Only dashboards that hold this chart (FQN).")] = None
    dashboard: Annotated[str | None, typer.Option(help="Only charts of this dashboard (FQN).")] = None
    name_prefix: Annotated[str | None, typer.Option(help="Only those whose name begins with this.")] = None
    updated_by: Annotated[
        str | None, typer.Option(metavar="SUBJECT", help="Only those last written by this caller.")
    ] = None
    updated_after: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only those last written at this time or later, such as 2026-03-01 14:05."),
    ] = None
    updated_before: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only those last written before this time.")
    ] = None
    deleted: Annotated[
        Deleted | None, typer.Option(help="Whether to list soft-deleted ones.", show_default="exclude")
    ] = None
    order_by: Annotated[
        str | None,
        typer.Option(help="Order: name, 'name desc', updated_at or 'updated_at desc'.", show_default="name"),
    ] = None


@with_option_groups
def list_(  # noqa: PLR0917
    filters: Filters,
    paging: Paging,
    connection: ConnectionOptions,
    include_total: Annotated[
        bool,
        typer.Option(
            "--total", help="Print the total number of results. Takes longer, because all of them are counted."
        ),
    ] = False,
    kind: Annotated[
        Kind, typer.Option(metavar="KIND", help=f"What to list: {', '.join(reversed(Kind))}.")
    ] = Kind.DASHBOARD,
    as_json: JsonLineOption = False,
    more: Unexpected = None,
) -> None:
    """List dashboards, charts or entities."""
    if more:
        raise unexpected(more)
    request = _request(kind, filters, include_total=include_total)
    request.page_size = paging.size_to_ask_for
    if kind.is_asset and not as_json:
        request.read_mask.CopyFrom(FieldMask(paths=[field for _, field in COLUMNS[kind]]))
    with connect(connection) as connected:
        found = _pages(connected, kind, request, paging)
        last = _print_json(kind, found) if as_json else _print_table(kind, found)
    if include_total:
        output.say(f"{last.total:,} in total")
    say_if_more(last)


def _request(kind: Kind, filters: Filters, *, include_total: bool) -> Any:
    request = _empty_request(kind)
    given = asdict(filters) | {
        "include_total": include_total or None,
        "missing": [one.wire for one in filters.missing or ()] or None,
        "updated_after": filters.updated_after and moment_of(filters.updated_after, "--updated-after"),
        "updated_before": filters.updated_before and moment_of(filters.updated_before, "--updated-before"),
        "deleted": filters.deleted and filters.deleted.wire,
    }
    for name, value in given.items():
        if value is None:
            continue
        if name not in request.DESCRIPTOR.fields_by_name:
            flag = {"include_total": "total"}.get(name, name.replace("_", "-"))
            raise CommandError(f"--{flag} does not apply to a list of {kind}s")
        request.MergeFrom(type(request)(**{name: value}))
    return request


def _empty_request(kind: Kind) -> Any:
    match kind:
        case Kind.DASHBOARD:
            return dashboard_service_pb2.ListDashboardsRequest()
        case Kind.CHART:
            return chart_service_pb2.ListChartsRequest()
        case _:
            return catalog_service_pb2.ListEntitiesRequest(kind=kind.wire)


def _pages(connected: Connection, kind: Kind, request: Any, paging: Paging) -> Iterator[Any]:
    calls: dict[Kind, Any] = {
        Kind.DASHBOARD: connected.dashboards.ListDashboards,
        Kind.CHART: connected.charts.ListCharts,
    }
    call = calls.get(kind, connected.catalog.ListEntities)

    def ask(page_token: str) -> Any:
        request.page_token = page_token
        return call(request, timeout=CALL_SECONDS, metadata=connected.metadata)

    yield from pages(ask, paging)


def _print_json(kind: Kind, pages: Iterator[Any]) -> Any:
    page = None
    for page in pages:
        for one in _listed(kind, page):
            print_message(one)
    return page


def _print_table(kind: Kind, pages: Iterator[Any]) -> Any:
    # One below the other, owners and tags leave room on a terminal for names in one piece.
    between = "\n" if output.on_terminal() else ", "
    rows: list[list[str]] = []
    page = None
    for page in pages:
        found = (one if kind.is_asset else getattr(one, kind) for one in _listed(kind, page))
        rows.extend(row_of(kind, one, between=between) for one in found)
    if rows:
        print_rows([title for title, _ in COLUMNS[kind]], rows)
    else:
        output.say(f"no {kind.replace('_', ' ')} found")
    return page


def _listed(kind: Kind, page: Any) -> Iterator[Message]:
    match kind:
        case Kind.DASHBOARD:
            yield from page.dashboards
        case Kind.CHART:
            yield from page.charts
        case _:
            yield from page.entities
