"""Errors that more than one rule answers with."""

from dashboard_catalog.errors import CatalogError, Reason

_SHOWN = 5


def not_found(kind: str, shown: str) -> CatalogError:
    """Returns the error for a thing that is not there."""
    return CatalogError(Reason.NOT_FOUND, f"there is no {kind} {shown}", resource=(kind, shown))


def still_referenced(kind: str, fqn: str, by: list[str], count: int) -> CatalogError:
    """Returns the error for a hard deletion of what is referred to.

    Args:
        by: What refers to it, or some of that.
        count: How much refers to it.
    """
    more = f" and {count - _SHOWN} more" if count > _SHOWN else ""
    return CatalogError(
        Reason.STILL_REFERENCED,
        f"{kind} {fqn} is referred to by {', '.join(by[:_SHOWN])}{more}",
        metadata={"references": str(count)},
        resource=(kind, fqn),
    )
