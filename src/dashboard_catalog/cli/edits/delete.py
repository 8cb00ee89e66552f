"""`dashboard-catalog delete`: deletes one dashboard, chart or entity, softly or for good."""

import shlex
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from dashboard_catalog.cli import output
from dashboard_catalog.cli.arguments import (
    DryRunOption,
    EtagOption,
    JsonLineOption,
    KindOption,
    NameArgument,
    YesOption,
    require_asset,
)
from dashboard_catalog.cli.calls import call_asset, call_catalog
from dashboard_catalog.cli.connection import Connection, ConnectionOptions, connect
from dashboard_catalog.cli.edits.asking import ask
from dashboard_catalog.cli.edits.result import print_line
from dashboard_catalog.cli.json_lines import print_message
from dashboard_catalog.cli.options import with_option_groups
from dashboard_catalog.cli.unexpected import Unexpected, unexpected
from dashboard_catalog.cli.versions.headings import version_text
from dashboard_catalog.sources.kinds import Kind


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """How to delete."""

    hard: Annotated[
        bool,
        typer.Option(
            "--hard",
            help="Delete it for good, with its history. Asks before, and requires a separate permission.",
        ),
    ] = False
    yes: YesOption = False
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Succeed also if it does not exist or is deleted already.")
    ] = False
    etag: EtagOption = None
    dry_run: DryRunOption = False


@with_option_groups
def delete(  # noqa: PLR0917
    name: NameArgument,
    how: DeleteOptions,
    connection: ConnectionOptions,
    kind: KindOption = Kind.DASHBOARD,
    as_json: JsonLineOption = False,
    more: Unexpected = None,
) -> None:
    """Delete one dashboard, chart or entity.

    Without --hard, `restore` brings it back. With a dashboard, charts that no other dashboard holds are
    deleted too.
    """
    if more:
        raise unexpected([name, *more])
    if how.etag:
        require_asset(kind, "--etag")
    if how.hard and not how.dry_run:
        what = f"{kind.replace('_', ' ')} {name}"
        with_history = " and its history" if kind.is_asset else ""
        ask(f"Delete {what}{with_history} for good?", yes=how.yes, otherwise="nothing was deleted")
    with connect(connection) as connected:
        deleted = _deleted(connected, kind, name, how)
    if deleted is None:
        output.say(f"there is no {kind.replace('_', ' ')} {name}: nothing to delete")
    elif as_json:
        print_message(deleted)
    else:
        _print(deleted if kind.is_asset else getattr(deleted, kind), kind, how)


def _deleted(connected: Connection, kind: Kind, name: str, how: DeleteOptions) -> Any:
    """Deletes and returns what was deleted; None if there was nothing."""
    fields = {
        "fully_qualified_name": name,
        "hard": how.hard,
        "allow_missing": how.allow_missing,
        "validate_only": how.dry_run,
    }
    if kind.is_asset:
        response, field = call_asset(connected, kind, "Delete{}", etag=how.etag or "", **fields), str(kind)
    else:
        response, field = call_catalog(connected, "DeleteEntity", kind=kind.wire, **fields), "entity"
    return getattr(response, field) if response.HasField(field) else None


def _print(deleted: Any, kind: Kind, how: DeleteOptions) -> None:
    name = deleted.fully_qualified_name
    done = f"{'would delete' if how.dry_run else 'deleted'} {name}"
    if how.hard:
        print_line(f"{done} for good")
        return
    print_line(f"{done}: version {version_text(deleted.version)}" if kind.is_asset else done)
    if not how.dry_run:
        option = "" if kind is Kind.DASHBOARD else f" --kind {kind}"
        output.say(f"Bring it back with: dashboard-catalog restore {shlex.quote(name)}{option}")
