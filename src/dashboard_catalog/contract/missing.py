"""Deletions that may find nothing to delete: requests with `allow_missing`."""

from collections.abc import Awaitable
from typing import TypeVar

from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError

T = TypeVar("T")


async def unless_missing(deletion: Awaitable[T], *, allowed: bool) -> T | None:
    """Returns what a deletion returns, or None if there is nothing to delete and that is allowed.

    Raises:
        CatalogError: Whatever the deletion raises; NOT_FOUND only if it is not allowed.
    """
    try:
        return await deletion
    except CatalogError as error:
        if allowed and error.reason is Reason.NOT_FOUND:
            return None
        raise
