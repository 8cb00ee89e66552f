"""Errors that several rules answer with."""

from uuid import UUID

from dashboard_catalog.catalog.model import version
from dashboard_catalog.catalog.model.kinds import label_of
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store.records import AssetRecord

_SHOWN = 5


def not_found(kind: str, shown: str) -> CatalogError:
    """Returns the error for a thing that does not exist."""
    return CatalogError(Reason.NOT_FOUND, f"there is no {label_of(kind)} {shown}", resource=(kind, shown))


def unknown_version(kind: str, shown: str, tenths: int | None) -> CatalogError:
    """Returns the error for a version that an asset does not have.

    Args:
        kind: Of the asset.
        shown: The asset as the caller named it.
        tenths: The version.
    """
    return not_found(kind, f"{shown} in version {version.as_text(tenths or 0)}")


def already_exists(kind: str, fqn: str, stored: AssetRecord, *, shown: bool) -> CatalogError:
    """Returns the error for the creation of an asset whose name is taken, also by a deleted one.

    Args:
        shown: Whether the caller may view the asset. If not, the error says nothing of it.
    """
    if not shown:
        return CatalogError(Reason.ALREADY_EXISTS, f"{kind} {fqn} already exists", resource=(kind, fqn))
    hint = "; it is deleted, restore it or upsert it" if stored.deleted else ""
    metadata = {
        "id": str(stored.id),
        "version": version.as_text(stored.version),
        "updated_by": stored.updated_by,
        "deleted": str(stored.deleted).lower(),
    }
    text = f"{kind} {fqn} already exists{hint}"
    return CatalogError(Reason.ALREADY_EXISTS, text, metadata=metadata, resource=(kind, fqn))


def entity_already_exists(kind: str, fqn: str) -> CatalogError:
    """Returns the error for an imported entity whose name is taken, also by a deleted one."""
    return CatalogError(Reason.ALREADY_EXISTS, f"{label_of(kind)} {fqn} already exists", resource=(kind, fqn))


def id_already_exists(kind: str, fqn: str, id_: UUID) -> CatalogError:
    """Returns the error for an imported thing whose id is taken."""
    text = f"{label_of(kind)} {fqn} cannot be imported: something with the id {id_} already exists"
    return CatalogError(Reason.ALREADY_EXISTS, text, metadata={"id": str(id_)}, resource=(kind, fqn))


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
