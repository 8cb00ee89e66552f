"""`dashboard-catalog history`: the versions of a dashboard or chart, newest first, each with what it changed."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from rich.text import Text

from dashboard_catalog.cli import output
from dashboard_catalog.cli.arguments import AssetKindOption, JsonLineOption, NameArgument, require_asset
from dashboard_catalog.cli.calls import call_asset
from dashboard_catalog.cli.connection import Connection, ConnectionOptions, connect
from dashboard_catalog.cli.json_lines import print_message
from dashboard_catalog.cli.options import with_option_groups
from dashboard_catalog.cli.paging import Paging, pages, say_if_more
from dashboard_catalog.cli.unexpected import Unexpected, unexpected
from dashboard_catalog.cli.versions.field_changes import field_changes
from dashboard_catalog.cli.versions.headings import SHOWN_FIELDS, heading
from dashboard_catalog.cli.versions.rendering import Layout, change_lines
from dashboard_catalog.sources.kinds import Kind

_INDENT = 4
_MOST_LINES_PER_FIELD = 20
_SHOWN = FieldMask(paths=[*SHOWN_FIELDS, "change_description"])


@with_option_groups
def history(  # noqa: PLR0917
    name: NameArgument,
    paging: Paging,
    connection: ConnectionOptions,
    kind: AssetKindOption = Kind.DASHBOARD,
    as_json: JsonLineOption = False,
    more: Unexpected = None,
) -> None:
    """Show the versions of a dashboard or chart, newest first.

    Each version has what it changed, when, by whom, and whether by ingestion or by an edit. Also works if
    the dashboard or chart is soft-deleted.
    """
    if more:
        raise unexpected([name, *more])
    require_asset(kind, "history")
    with connect(connection) as connected:
        found = _versions(connected, kind, name, paging, None if as_json else _SHOWN)
        for number, version in enumerate(found):
            if as_json:
                print_message(version)
            else:
                output.print_lines([*([""] if number else []), *_lines(version)])


def _versions(
    connected: Connection, kind: Kind, name: str, paging: Paging, read_mask: FieldMask | None
) -> Iterator[Any]:
    def ask(page_token: str) -> Any:
        return call_asset(
            connected,
            kind,
            "List{}Versions",
            fully_qualified_name=name,
            page_size=paging.size_to_ask_for,
            page_token=page_token,
            read_mask=read_mask,
        )

    page = None
    for page in pages(ask, paging):
        yield from page.versions
    say_if_more(page)


def _lines(version: Any) -> Iterator[Text]:
    yield heading(version)
    changes = field_changes(version.change_description)
    layout = Layout(output.width(), _INDENT, _MOST_LINES_PER_FIELD)
    yield from change_lines(changes, layout)
    if not changes and not version.change_description.previous_version:
        yield Text(" " * _INDENT + "created", "green")
