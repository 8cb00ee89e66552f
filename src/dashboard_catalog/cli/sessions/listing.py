"""`dashboard-catalog sessions`: lists bulk sessions, or shows one with its failures."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.text import Text

from dashboard_catalog.cli import output
from dashboard_catalog.cli.arguments import JsonLineOption
from dashboard_catalog.cli.calls import call_catalog
from dashboard_catalog.cli.connection import Connection, ConnectionOptions, connect
from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.cli.failures import failure_of
from dashboard_catalog.cli.ingest.swept import Swept
from dashboard_catalog.cli.json_lines import print_message
from dashboard_catalog.cli.moments import local_time
from dashboard_catalog.cli.options import with_option_groups
from dashboard_catalog.cli.paging import Paging, pages, say_if_more
from dashboard_catalog.cli.sessions.texts import counts_text, state_text
from dashboard_catalog.cli.tables import print_fields, print_rows
from dashboard_catalog.cli.unexpected import Unexpected, unexpected
from dashboard_catalog.sources.kinds import Kind
from dashboardcatalog.v1 import bulk_pb2, bulk_session_pb2

_TITLES = ("session", "started", "service", "by", "state", "done")


class State(StrEnum):
    """What has become of a session."""

    RUNNING = "running"
    FINISHED = "finished"
    BROKEN_OFF = "broken_off"
    REVERTED = "reverted"

    @property
    def wire(self) -> bulk_session_pb2.BulkSessionState.ValueType:
        """Its value in the contract."""
        return bulk_session_pb2.BulkSessionState.Value(f"BULK_SESSION_STATE_{self.name}")


@with_option_groups
def sessions(  # noqa: PLR0917
    paging: Paging,
    connection: ConnectionOptions,
    session_id: Annotated[
        str | None, typer.Argument(metavar="ID", help="UUID of the session to show. Lists all by default.")
    ] = None,
    service: Annotated[str | None, typer.Option(help="Only those of this BI service (FQN).")] = None,
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    as_json: JsonLineOption = False,
    more: Unexpected = None,
) -> None:
    """List bulk sessions, newest first, or show one with its failures.

    Shows your own sessions, and those of BI services in which you may revert sessions. With --json, a
    session comes first and then its failures, one per line.
    """
    if more:
        raise unexpected(more)
    if session_id is not None and (service or state):
        raise CommandError("--service and --state apply to the list: leave them out, or ID")
    with connect(connection) as connected:
        if session_id is None:
            _list(connected, service, state, paging, as_json=as_json)
        else:
            _show(connected, session_id, paging, as_json=as_json)


def _list(connected: Connection, service: str | None, state: State | None, paging: Paging, *, as_json: bool) -> None:
    def ask(page_token: str) -> Any:
        return call_catalog(
            connected,
            "ListBulkSessions",
            service=service or "",
            state=state.wire if state else None,
            page_size=paging.size_to_ask_for,
            page_token=page_token,
        )

    page, rows = None, []
    for page in pages(ask, paging):
        for session in page.sessions:
            if as_json:
                print_message(session)
            else:
                rows.append(_row(session))
    if rows:
        print_rows(_TITLES, rows)
    elif not as_json:
        output.say("no session found")
    say_if_more(page)


def _row(session: bulk_session_pb2.BulkSession) -> list[str]:
    return [
        session.session_id,
        local_time(session.started_at),
        session.service,
        session.owner,
        state_text(session),
        counts_text(session.summary),
    ]


def _show(connected: Connection, session_id: str, paging: Paging, *, as_json: bool) -> None:
    def ask(page_token: str) -> Any:
        size = paging.size_to_ask_for
        return call_catalog(connected, "GetBulkSession", session_id=session_id, page_size=size, page_token=page_token)

    page = None
    for number, page in enumerate(pages(ask, paging)):
        if as_json:
            for message in (*([] if number else [page.session]), *page.failures):
                print_message(message)
        else:
            if not number:
                _print_session(page.session, has_failures=bool(page.failures))
            output.print_lines(line for failure in page.failures for line in _failure_lines(failure))
    say_if_more(page)


def _print_session(session: bulk_session_pb2.BulkSession, *, has_failures: bool) -> None:
    print_fields([(label, text) for label, text in _fields(session) if text])
    summary = session.summary
    if has_failures:
        output.print_lines(["", Text("failures", "bold")])
    elif summary.failed:
        output.say("The failures are no longer kept.")
    if has_failures and summary.failures_not_kept:
        output.say(f"{summary.failures_not_kept:,} more failures were not kept.")


def _fields(session: bulk_session_pb2.BulkSession) -> Iterator[tuple[str, str]]:
    yield "session", session.session_id
    yield "service", session.service
    yield "by", session.owner
    yield "state", state_text(session)
    yield "started", local_time(session.started_at)
    yield "last progress", local_time(session.updated_at)
    yield "items", f"{session.next_offset:,}: {counts_text(session.summary)}"
    if session.summary.HasField("sweep"):
        yield "sweep", "\n".join(Swept.of(session.service, session.summary).lines())


def _failure_lines(failure: bulk_pb2.BulkUpsertResult) -> Iterator[Text]:
    kind = Kind.named(failure.kind).replace("_", " ")
    named = output.printable(f"{kind} {failure.fully_qualified_name}".rstrip())
    yield Text.assemble((named, "bold"), (f"  item {failure.offset:,}", "dim"))
    for line in failure_of(failure.status).lines():
        yield output.cell(f"    {line}", "red")
