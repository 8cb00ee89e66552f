"""The parts of a stored asset that a writer may not view, and that stay whatever the writer sends.

Nobody can remove, replace or reorder references that they cannot see. A list that a writer sends replaces what the
writer can see; each hidden reference stays behind the element that it followed.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.model.kinds import CHART_KIND
from dashboard_catalog.catalog.properties.extension_rules import json_text
from dashboard_catalog.catalog.visibility.hidden_values import HiddenValues
from dashboard_catalog.catalog.visibility.sight import Sight
from dashboard_catalog.store.records import AssetRecord

T = TypeVar("T")


class HiddenParts:
    """What one writer may not view of one stored asset.

    Args:
        kind: Name of the kind of the asset.
        record: The asset as it is stored.
    """

    def __init__(
        self, sight: Sight, values: HiddenValues, principal: Principal, kind: str, record: AssetRecord
    ) -> None:
        self._sight = sight
        self._values = values
        self._principal = principal
        self._kind = kind
        self._charts: list[UUID] = getattr(record, "charts", [])
        self._extension = record.extension or {}

    def charts(self, new: Sequence[UUID]) -> list[UUID]:
        """Returns the charts that a writer sets, with the hidden ones in their places."""
        sent = set(new)
        hidden = {id_ for id_ in self._charts if id_ not in sent and not self.shows_chart(id_)}
        return with_hidden(self._charts, new, hidden.__contains__, str) if hidden else list(new)

    def value(self, key: str, new: Any) -> Any:
        """Returns the value that a writer sets for a custom property, with what is hidden of the stored value.

        Args:
            new: None clears the property.
        """
        stored = self._extension.get(key)
        hidden = self.of_value(key)
        if not hidden:
            return new
        if not isinstance(stored, list):
            return stored
        kept = {json_text(stored[index]) for index in hidden}
        return with_hidden(stored, new or [], lambda item: json_text(item) in kept, json_text)

    def of_value(self, key: str) -> Collection[int]:
        """Returns the indexes of the hidden references in the stored value of a custom property."""
        return self._values.hidden(self._principal, self._kind, key, self._extension.get(key)).keys()

    def shown(self, key: str) -> Any:
        """Returns the stored value of a custom property as the writer sees it."""
        return self._values.shown(self._principal, self._kind, key, self._extension.get(key))

    def shows_chart(self, id_: UUID) -> bool:
        """Says whether the writer may view a chart; nobody can say so of one that has been removed for good."""
        service = self._sight.known.service_of_chart(id_)
        return self._sight.shows(self._principal, CHART_KIND, service)


def with_hidden(
    old: Sequence[T],
    new: Sequence[T],
    is_hidden: Callable[[T], bool],
    key: Callable[[T], Hashable],
) -> list[T]:
    """Returns the elements of `new`, with the hidden elements of `old` where they were.

    A hidden element stays behind the nearest element before it that is in `new`, or at the beginning.

    Args:
        is_hidden: Says whether an element of `old` is hidden. None of `new` is.
        key: Returns what tells elements apart.
    """
    left = set(map(key, new))
    behind: dict[Hashable, list[T]] = defaultdict(list)
    anchor: Hashable = None
    for element in old:
        if is_hidden(element):
            behind[anchor].append(element)
        elif key(element) in left:
            anchor = key(element)
    result = behind.pop(None, [])
    for element in new:
        result += [element, *behind.pop(key(element), [])]
    return result
