"""`dashboard-catalog list`: lists dashboards, charts or entities."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer
from google.protobuf import json_format
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from dashboard_catalog.cli import output
from dashboard_catalog.cli.connection import CALL_SECONDS, Connection, ConnectionOptions, connect
from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.cli.options import with_option_groups
from dashboard_catalog.cli.rows import COLUMNS, row_of
from dashboard_catalog.cli.tables import print_rows
from dashboard_catalog.cli.unexpected import Unexpected, unexpected
from dashboard_catalog.sources.kinds import Kind
from dashboardcatalog.v1 import asset_pb2, catalog_service_pb2, chart_service_pb2, dashboard_service_pb2


class Deleted(StrEnum):
    """Whether to list soft-deleted dashboards and charts."""

    EXCLUDE = "exclude"
    INCLUDE = "include"
    ONLY = "only"


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters, named as in the requests of the contract. A result must match all of them."""

    service: Annotated[str | None, typer.Option(help="Only those of this BI service (FQN).")] = None
    service_type: Annotated[str | None, typer.Option(help="Only those of BI services of this type.")] = None
    owner: Annotated[str | None, typer.Option(help="Only those owned by user:NAME or team:NAME.")] = None
    domain: Annotated[str | None, typer.Option(help="Only those in this domain (FQN) or below it.")] = None
    tag: Annotated[
        str | None,
        typer.Option(help="Only those with this tag (FQN) or one below it, or with any tag of this classification."),
    ] = None
    chart: Annotated[str | None, typer.Option(help="Only dashboards that hold this chart (FQN).")] = None
    project: Annotated[str | None, typer.Option(help="Only dashboards of this project.")] = None
    dashboard: Annotated[str | None, typer.Option(help="Only charts of this dashboard (FQN).")] = None
    name_prefix: Annotated[str | None, typer.Option(help="Only those whose name begins with this.")] = None
    deleted: Annotated[
        Deleted | None, typer.Option(help="Whether to list soft-deleted ones.", show_default="exclude")
    ] = None
    order_by: Annotated[
        str | None,
        typer.Option(help="Order: name, 'name desc', updated_at or 'updated_at desc'.", show_default="name"),
    ] = None


@dataclass(frozen=True, slots=True)
class Paging:
    """Which part of the list to show."""

    page_size: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Maximum number of results per page, up to 1,000.", show_default="50"),
    ] = None
    page_token: Annotated[
        str | None, typer.Option(help="Token of the page to list, as printed with the previous page.")
    ] = None
    every_page: Annotated[bool, typer.Option("--all", help="List all pages.")] = False
    include_total: Annotated[
        bool,
        typer.Option(
            "--total", help="Print the total number of results. Takes longer, because all of them are counted."
        ),
    ] = False


@with_option_groups
def list_(  # noqa: PLR0917
    filters: Filters,
    paging: Paging,
    connection: ConnectionOptions,
    kind: Annotated[Kind, typer.Option(help="Kind to list.")] = Kind.DASHBOARD,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs, one object per line.")] = False,
    more: Unexpected = None,
) -> None:
    """List dashboards, charts or entities."""
    if more:
        raise unexpected(more)
    request = _request(kind, filters, paging)
    if kind.is_asset and not as_json:
        request.read_mask.CopyFrom(FieldMask(paths=[field for _, field in COLUMNS[kind]]))
    with connect(connection) as connected:
        pages = _pages(connected, kind, request, every_page=paging.every_page)
        last = _print_json(kind, pages) if as_json else _print_table(kind, pages)
    if paging.include_total:
        output.say(f"{last.total:,} in total")
    if last.next_page_token:
        output.say(f"There are more. List all with --all, or the next page with --page-token {last.next_page_token}")


def _request(kind: Kind, filters: Filters, paging: Paging) -> Any:
    request = _empty_request(kind)
    request.page_size = paging.page_size or (1_000 if paging.every_page else 0)
    given = asdict(filters) | {
        "page_token": paging.page_token,
        "include_total": paging.include_total or None,
        "deleted": filters.deleted and asset_pb2.Deleted.Value(f"DELETED_{filters.deleted.name}"),
    }
    for name, value in given.items():
        if value is None:
            continue
        if name not in request.DESCRIPTOR.fields_by_name:
            flag = {"include_total": "total"}.get(name, name.replace("_", "-"))
            raise CommandError(f"--{flag} does not apply to a list of {kind}s")
        setattr(request, name, value)
    return request


def _empty_request(kind: Kind) -> Any:
    match kind:
        case Kind.DASHBOARD:
            return dashboard_service_pb2.ListDashboardsRequest()
        case Kind.CHART:
            return chart_service_pb2.ListChartsRequest()
        case _:
            return catalog_service_pb2.ListEntitiesRequest(kind=kind.wire)


def _pages(connected: Connection, kind: Kind, request: Any, *, every_page: bool) -> Iterator[Any]:
    calls: dict[Kind, Any] = {
        Kind.DASHBOARD: connected.dashboards.ListDashboards,
        Kind.CHART: connected.charts.ListCharts,
    }
    call = calls.get(kind, connected.catalog.ListEntities)
    while True:
        page = call(request, timeout=CALL_SECONDS, metadata=connected.metadata)
        yield page
        request.page_token = page.next_page_token
        if not (every_page and page.next_page_token):
            return


def _print_json(kind: Kind, pages: Iterator[Any]) -> Any:
    page = None
    for page in pages:
        for one in _listed(kind, page):
            output.write_line(json_format.MessageToJson(one, indent=None, ensure_ascii=False))
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
