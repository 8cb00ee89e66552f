"""Field masks: from the paths that callers send, in snake_case or camelCase, to the names of fields."""

from collections.abc import Iterable, Sequence

from google.protobuf.descriptor import Descriptor
from google.protobuf.field_mask_pb2 import FieldMask

from dashboard_catalog.contract.kinds import ENTITY_OUTPUT
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation, invalid

_FIXED = ("name", "service")


def fields_of(mask: FieldMask, descriptor: Descriptor, path: str) -> frozenset[str]:
    """Returns the fields of a message that a mask names.

    Args:
        path: Field path of the mask itself, for violations.

    Raises:
        CatalogError: INVALID_ARGUMENT if a path is not the name of a field.
    """
    return frozenset().union(*fields_of_any(mask, [descriptor], path))


def written_fields(
    mask: FieldMask, descriptors: Sequence[Descriptor], path: str = "update_mask"
) -> list[frozenset[str]]:
    """Returns the fields in the mask of a write, for each of several messages.

    Raises:
        CatalogError: INVALID_ARGUMENT if a path names a field that none of them has, or one that never changes.
    """
    found = fields_of_any(mask, descriptors, path, without=ENTITY_OUTPUT)
    fixed = [name for name in _FIXED if any(name in fields for fields in found)]
    if fixed:
        text = f"{' and '.join(fixed)} cannot be changed"
        raise invalid([Violation(path, ViolationReason.IMMUTABLE, text)])
    return found


def fields_of_any(
    mask: FieldMask, descriptors: Sequence[Descriptor], path: str, without: Sequence[str] = ()
) -> list[frozenset[str]]:
    """Returns the fields in a mask, for each of several messages. Every path must be a field of at least one of them.

    Args:
        without: Fields that no mask may name.

    Raises:
        CatalogError: INVALID_ARGUMENT if a path is a field of none of them.
    """
    if not mask.paths:
        return [frozenset() for _ in descriptors]
    known = [
        {spelling: name for spelling, name in spellings(descriptor).items() if name not in without}
        for descriptor in descriptors
    ]
    violations = [
        Violation(f"{path}.paths[{index}]", ViolationReason.UNKNOWN_FIELD, _hint(descriptors, without))
        for index, name in enumerate(mask.paths)
        if not any(name in names for names in known)
    ]
    if violations:
        raise invalid(violations)
    return [frozenset(names[name] for name in mask.paths if name in names) for names in known]


def spellings(descriptor: Descriptor) -> dict[str, str]:
    """Returns the names of the fields of a message, by each spelling that a mask may use: snake_case and camelCase."""
    return {spelling: field.name for field in descriptor.fields for spelling in (field.name, field.json_name)}


def _hint(descriptors: Iterable[Descriptor], without: Sequence[str]) -> str:
    names = dict.fromkeys(field.name for descriptor in descriptors for field in descriptor.fields)
    return f"unknown field; expected one of {', '.join(name for name in names if name not in (*_FIXED, *without))}"
