"""What sources hold: items, as their format has them."""

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
        kind: Its kind; None if that is not known, which is a problem.
        body: Its content, with the fields of the contract or of OpenMetadata; None if it does not look like an item at
            all.
        problem: Why it is not an item; None if it is one.
        preserved: What an export has kept beside its content; None if it comes from no export.
        dropped: Paths of what its format has and the catalog does not keep, such as `dashboard.refresh`.
    """

    place: str
    kind: Kind | None = None
    body: Body | None = None
    problem: str | None = None
    preserved: Body | None = None
    dropped: tuple[str, ...] = ()
