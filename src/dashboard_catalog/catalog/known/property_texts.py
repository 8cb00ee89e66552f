"""The texts in the values of custom properties: what assets are found by, and where they match."""

from collections.abc import Iterator
from typing import Any

from dashboard_catalog.catalog.known.property_targets import Pointer


def texts_in(value: Any) -> Iterator[str]:
    """Yields the texts in the value of a custom property, numbers included.

    References are left out: who views the asset may not be allowed to view what they name.
    """
    for item in value if isinstance(value, list) else [value]:
        if not (isinstance(item, dict) and Pointer.of(item)):
            yield from _texts(item)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    elif isinstance(value, (list, dict)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)
