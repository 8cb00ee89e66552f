"""What sources hold: items, as their format has them, and what should be items but cannot be loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from dashboard_catalog.sources.kinds import Kind

Body: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FoundItem:
    """One item as the source has it.

    Attributes:
        place: Where it was found: `charts.ndjson:12`.
        kind: Its kind.
        body: Its content, with the fields of the contract or of OpenMetadata.
        preserved: What an export has kept beside its content; None if it comes from no export.
        dropped: Paths of what its format has and the catalog does not keep, such as `dashboard.refresh`.
    """

    place: str
    kind: Kind
    body: Body
    preserved: Body | None = None
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BadItem:
    """Something in a source that cannot be loaded. It is reported as a failed item, and prevents a sweep.

    Attributes:
        place: Where it was found.
        problem: What is wrong; completes a sentence that begins with the place.
        kind: What it would be, for the report; None if that is not known.
        body: What is known of its content, for its name in the report; None if it does not look like an item at all.
    """

    place: str
    problem: str
    kind: Kind | None = None
    body: Body | None = None


Found: TypeAlias = FoundItem | BadItem
