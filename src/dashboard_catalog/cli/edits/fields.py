"""The fields that `update` can write, by the names of the contract in snake_case or camelCase."""

from collections.abc import Mapping
from difflib import get_close_matches

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.sources.kinds import Kind
from dashboardcatalog.v1 import chart_pb2, dashboard_pb2, entity_pb2

_SPECS: Mapping[Kind, Descriptor] = {
    Kind.DASHBOARD: dashboard_pb2.DashboardSpec.DESCRIPTOR,
    Kind.CHART: chart_pb2.ChartSpec.DESCRIPTOR,
}
IDENTITY: Mapping[Kind, tuple[str, ...]] = {
    Kind.DASHBOARD: ("name", "service"),
    Kind.CHART: ("name", "service"),
    Kind.DOMAIN: ("name", "parent"),
    Kind.TAG: ("name", "classification"),
    Kind.CUSTOM_PROPERTY: ("name", "applies_to"),
}
"""The fields that make up the fully qualified name. `name` alone for the other kinds."""
_OUTPUT_ONLY = frozenset(("id", "fully_qualified_name", "deleted", "updated_at", "updated_by"))


def identity_of(kind: Kind) -> tuple[str, ...]:
    """Returns the fields that make up the fully qualified name."""
    return IDENTITY.get(kind, ("name",))


def field_named(kind: Kind, name: str, option: str) -> FieldDescriptor:
    """Returns a field that can be written.

    Args:
        kind: The kind that has it.
        name: Its name.
        option: `--set` or `--clear`, for the error.

    Raises:
        CommandError: If there is none, or it cannot be written; the text says which there are.
    """
    fields = _fields(kind)
    found = next((one for one in fields.values() if name in {one.name, one.json_name}), None)
    if found is not None and found.name not in identity_of(kind):
        return found
    article = f"a {kind.replace('_', ' ')}"
    if found is not None:
        how = "use `rename`" if found.name == "name" and kind not in _NEVER_RENAMED else "it cannot be changed"
        raise CommandError(f"{option} {name}: is part of the name of {article}; {how}")
    writable = [one for one in fields if one not in identity_of(kind)]
    near = get_close_matches(name, writable, 1)
    hint = f"did you mean {near[0]}?" if near else f"{article} has {', '.join(writable)}"
    raise CommandError(f"{option} {name}: unknown field; {hint}")


_NEVER_RENAMED = frozenset((Kind.USER, Kind.CUSTOM_PROPERTY))


def _fields(kind: Kind) -> dict[str, FieldDescriptor]:
    descriptor = _SPECS.get(kind) or entity_pb2.Entity.DESCRIPTOR.fields_by_name[kind].message_type
    if descriptor is None:
        raise TypeError(f"{kind} is not a message")
    return {one.name: one for one in descriptor.fields if one.name not in _OUTPUT_ONLY}
