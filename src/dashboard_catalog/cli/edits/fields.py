"""The fields that `update` can write, by the names of the contract in snake_case or camelCase."""

from collections.abc import Mapping
from difflib import get_close_matches

from google.protobuf.descriptor import FieldDescriptor

from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.sources.items.fields import fields_of
from dashboard_catalog.sources.kinds import Kind

IDENTITY: Mapping[Kind, tuple[str, ...]] = {
    Kind.DASHBOARD: ("name", "service"),
    Kind.CHART: ("name", "service"),
    Kind.DOMAIN: ("name", "parent"),
    Kind.TAG: ("name", "classification"),
    Kind.CUSTOM_PROPERTY: ("name", "applies_to"),
}
"""The fields that make up the fully qualified name. `name` alone for the other kinds."""


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
    fields = fields_of(kind)
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
