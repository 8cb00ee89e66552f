"""Errors that several rules answer with."""

from uuid import UUID

from dashboard_catalog.catalog.model import version
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS, label_of
from dashboard_catalog.error_codes import Reason, ViolationReason
from dashboard_catalog.errors import CatalogError, Violation
from dashboard_catalog.store.records import AssetRecord, EntityRecord

_SHOWN = 5


def unknown_version(kind: str, shown: str, tenths: int | None) -> CatalogError:
    """Returns the error for a version that an asset does not have.

    Args:
        kind: Of the asset.
        shown: The asset as the caller named it.
        tenths: The version.
    """
    return not_found(kind, f"{shown} in version {version.as_text(tenths or 0)}")


def not_found(kind: str, shown: str, moved_to: str | None = None) -> CatalogError:
    """Returns the error for a thing that does not exist.

    Args:
        kind: Of the thing.
        shown: How the caller named it.
        moved_to: Today's fully qualified name of the thing that had this name before, if the caller may view it.
    """
    text = f"there is no {label_of(kind)} {shown}{renamed_hint(moved_to)}"
    metadata = {"moved_to": moved_to} if moved_to else None
    return CatalogError(Reason.NOT_FOUND, text, metadata=metadata, resource=(kind, shown))


def renamed_hint(moved_to: str | None) -> str:
    """Returns what a message says of a former name; nothing where there is none."""
    return f"; it has been renamed to {moved_to}" if moved_to else ""


def already_exists(
    kind: str, fqn: str, stored: AssetRecord | EntityRecord, *, shown: bool, moved_to: str | None = None
) -> CatalogError:
    """Returns the error for a thing whose name is taken, also by a deleted one.

    Args:
        kind: Of the thing.
        fqn: The name.
        stored: What has it.
        shown: Whether the caller may view that. If not, the error says nothing of it.
        moved_to: Today's fully qualified name of `stored`, if `fqn` is a former one.
    """
    label = label_of(kind)
    if not shown:
        return CatalogError(Reason.ALREADY_EXISTS, f"{label} {fqn} already exists", resource=(kind, fqn))
    hint = "; it is deleted, restore it or upsert it" if stored.deleted else ""
    metadata = {"id": str(stored.id), "updated_by": stored.updated_by, "deleted": str(stored.deleted).lower()}
    if isinstance(stored, AssetRecord):
        metadata["version"] = version.as_text(stored.version)
    if moved_to:
        metadata["moved_to"] = moved_to
    text = f"{label} {fqn} already exists{renamed_hint(moved_to)}{hint}"
    return CatalogError(Reason.ALREADY_EXISTS, text, metadata=metadata, resource=(kind, fqn))


def entity_already_exists(kind: str, fqn: str) -> CatalogError:
    """Returns the error for an imported entity whose name is taken, also by a deleted one."""
    return CatalogError(Reason.ALREADY_EXISTS, f"{label_of(kind)} {fqn} already exists", resource=(kind, fqn))


def id_already_exists(kind: str, fqn: str, id_: UUID) -> CatalogError:
    """Returns the error for an imported thing whose id is taken."""
    text = f"{label_of(kind)} {fqn} cannot be imported: something with the id {id_} already exists"
    return CatalogError(Reason.ALREADY_EXISTS, text, metadata={"id": str(id_)}, resource=(kind, fqn))


def duplicate_item(kind: str, fqn: str, earlier: int) -> CatalogError:
    """Returns the error for an item of a chunk that contradicts an earlier one of the same thing.

    Args:
        kind: Of the thing.
        fqn: Its fully qualified name.
        earlier: Offset of the earlier item.
    """
    field = f"{kind}.name" if kind in ASSET_KINDS else f"entity.{kind}.name"
    text = f"the item at offset {earlier} is also {fqn}, with other content; only one of the two can be kept"
    return CatalogError(
        Reason.DUPLICATE_ITEM,
        f"{field}: {text}",
        metadata={"offset": str(earlier)},
        violations=[Violation(field, ViolationReason.INVALID_VALUE, text)],
    )


def still_referenced(kind: str, fqn: str, by: list[str], count: int) -> CatalogError:
    """Returns the error for the hard deletion of a thing that others refer to.

    Args:
        kind: Of the thing.
        fqn: Its fully qualified name.
        by: Some or all of what refers to it and may be viewed by the caller.
        count: How many things refer to it.
    """
    named = by[:_SHOWN]
    more = f" and {count - len(named)} more" if count > len(named) else ""
    if not named:
        more = f"{count} thing{'' if count == 1 else 's'} that you may not view"
    return CatalogError(
        Reason.STILL_REFERENCED,
        f"{label_of(kind)} {fqn} is still referenced by {', '.join(named)}{more}",
        metadata={"references": str(count)},
        resource=(kind, fqn),
    )
