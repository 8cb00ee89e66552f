"""`dashboard-catalog update`: writes fields of one dashboard, chart or entity."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer
from google.protobuf.field_mask_pb2 import FieldMask

from dashboard_catalog.cli.arguments import (
    DryRunOption,
    EtagOption,
    JsonLineOption,
    KindOption,
    NameArgument,
    require_asset,
)
from dashboard_catalog.cli.calls import asset_in, call_asset, call_catalog, stored_entity
from dashboard_catalog.cli.connection import Connection, ConnectionOptions, connect
from dashboard_catalog.cli.edits.assignments import Assigned, assigned
from dashboard_catalog.cli.edits.entities import body_of, identifying
from dashboard_catalog.cli.edits.result import print_asset, print_entity, print_line, print_unchanged
from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.cli.json_lines import print_message
from dashboard_catalog.cli.options import with_option_groups
from dashboard_catalog.cli.unexpected import Unexpected, unexpected
from dashboard_catalog.sources.kinds import Kind
from dashboardcatalog.v1 import asset_pb2


@dataclass(frozen=True, slots=True)
class UpdateOptions:
    """What to write."""

    to_set: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="Write this field. The value is JSON, or plain text for a text field, one element of a list, and "
            "extension.KEY. Owners are user:NAME or team:NAME. Repeatable, also for more elements of a list.",
        ),
    ] = None
    to_clear: Annotated[
        list[str] | None,
        typer.Option("--clear", metavar="FIELD", help="Clear this field, such as domain or extension.KEY. Repeatable."),
    ] = None
    to_release: Annotated[
        list[str] | None,
        typer.Option(
            "--release",
            metavar="FIELD",
            help="Give this back to ingestion: a field, tags.FQN or extension.KEY. Repeatable.",
        ),
    ] = None
    etag: EtagOption = None
    dry_run: DryRunOption = False


@with_option_groups
def update(  # noqa: PLR0917
    name: NameArgument,
    how: UpdateOptions,
    connection: ConnectionOptions,
    kind: KindOption = Kind.DASHBOARD,
    as_json: JsonLineOption = False,
    more: Unexpected = None,
) -> None:
    """Write fields of one dashboard, chart or entity.

    Fields have the names of the contract, in snake_case or camelCase. Those that are not named keep their
    values, and lists are replaced as a whole.
    """
    if more:
        raise unexpected([name, *more])
    if not (how.to_set or how.to_clear or how.to_release):
        raise CommandError("nothing to do: give --set FIELD=VALUE, --clear FIELD or --release FIELD")
    for option in ("etag", "to_release"):
        if getattr(how, option):
            require_asset(kind, f"--{option.removeprefix('to_')}")
    fields = assigned(kind, how.to_set or (), how.to_clear or ())
    with connect(connection) as connected:
        if kind.is_asset:
            _update_asset(connected, kind, name, fields, how, as_json=as_json)
        else:
            _update_entity(connected, kind, name, fields, how, as_json=as_json)


def _update_asset(
    connected: Connection, kind: Kind, name: str, fields: Assigned, how: UpdateOptions, *, as_json: bool
) -> None:
    before = None
    if not as_json:
        version = FieldMask(paths=["version"])
        before = asset_in(kind, call_asset(connected, kind, "Get{}", fully_qualified_name=name, read_mask=version))
    response = call_asset(
        connected,
        kind,
        "Update{}",
        fully_qualified_name=name,
        update_mask=FieldMask(paths=fields.paths),
        release=_released(how.to_release or ()),
        etag=how.etag or "",
        validate_only=how.dry_run,
        **{kind: fields.message},
    )
    asset = asset_in(kind, response)
    if before is None:
        print_message(asset)
    elif asset.version != before.version:
        print_asset("update", asset, dry_run=how.dry_run)
    elif how.to_release:
        print_line(f"released {', '.join(how.to_release)} of {asset.fully_qualified_name}")
    else:
        print_unchanged(asset.fully_qualified_name)


def _update_entity(
    connected: Connection, kind: Kind, name: str, fields: Assigned, how: UpdateOptions, *, as_json: bool
) -> None:
    stored = stored_entity(connected, kind, name)
    before = body_of(kind, stored)
    if before.deleted:
        raise CommandError(f"{name} is deleted: restore it first, with `restore {name} --kind {kind}`")
    entity = identifying(kind, stored)
    body_of(kind, entity).MergeFrom(fields.message)
    response = call_catalog(
        connected,
        "UpsertEntity",
        entity=entity,
        update_mask=FieldMask(paths=fields.paths),
        validate_only=how.dry_run,
    )
    if as_json:
        print_message(response.entity)
    elif response.outcome == asset_pb2.OUTCOME_UNCHANGED:
        print_unchanged(before.fully_qualified_name)
    else:
        print_entity("update", before, body_of(kind, response.entity), dry_run=how.dry_run)


def _released(names: Sequence[str]) -> asset_pb2.Edited | None:
    """Returns the parts to release, which are spelled as ingestion names what it has kept."""
    if not names:
        return None
    return asset_pb2.Edited(
        fields=[name for name in names if "." not in name],
        tags=_after("tags.", names),
        extension_keys=_after("extension.", names),
    )


def _after(prefix: str, names: Iterable[str]) -> list[str]:
    return [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
