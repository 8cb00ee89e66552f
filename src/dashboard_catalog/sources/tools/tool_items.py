"""What tools have in common: the BI service that people name, and tags under a classification of the tool."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from dashboard_catalog.catalog.model.qualified_names import join
from dashboard_catalog.sources.items.found import Body, FoundItem
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.problems import SourceError
from dashboard_catalog.sources.wishes import Wishes

_MAX_CHARACTERS = 256
_NOTHING: tuple[Any, ...] = (None, "", [], {})


def is_something(value: object) -> bool:
    """Says whether a value says something: neither null nor empty. `false` and `0` do."""
    return value not in _NOTHING


def present(body: Body) -> Body:
    """Returns the fields of a body that say something."""
    return {key: value for key, value in body.items() if is_something(value)}


def wished_service(wishes: Wishes, tool: str) -> str:
    """Returns the name of the BI service of a tool that has no name for itself.

    Raises:
        SourceError: If people have not said it.
    """
    if not wishes.service:
        raise SourceError(f"{tool} does not say what its BI service is called: give --service NAME")
    return wishes.service


def service_item(place: str, name: str, service_type: str, url: str | None = None) -> FoundItem:
    """Returns a BI service."""
    return FoundItem(place, Kind.BI_SERVICE, present({"name": name, "serviceType": service_type, "sourceUrl": url}))


class Tags:
    """The tags that assets of a tool have.

    Args:
        classification: Name of the classification that they come under.
    """

    def __init__(self, classification: str) -> None:
        self._classification = classification
        # Each tag, with the first place where it was found.
        self._places: dict[str, str] = {}

    @property
    def used(self) -> Collection[str]:
        """The names of the tags so far."""
        return self._places.keys()

    def labels(self, place: str, kind: Kind, names: Iterable[object]) -> tuple[Sequence[Body], tuple[str, ...]]:
        """Returns what puts tags on an asset, and what to say of those that cannot be names in the catalog.

        Args:
            place: Where the asset was found.
            kind: Its kind.
            names: What the tool has as the names of its tags.
        """
        found = list(names)
        usable = dict.fromkeys(name for name in found if _can_be_name(name))
        self._places = dict.fromkeys(usable, place) | self._places
        labels = [{"tagFQN": join(self._classification, name), "labelType": "Automated"} for name in usable]
        left_out = sum(not _can_be_name(name) for name in found)
        return labels, (f"{kind}.tags (that cannot be names)",) * left_out

    def items(self, place: str, described: Mapping[str, tuple[str, Body]] | None = None) -> Iterator[FoundItem]:
        """Yields the tags, and before them their classification.

        Args:
            place: Where the classification counts as found.
            described: Place and further fields of tags that are described, also of some that no asset has.
        """
        details = {name: found for name, found in (described or {}).items() if _can_be_name(name)}
        places = self._places | {name: where for name, (where, _) in details.items()}
        if places:
            yield FoundItem(place, Kind.CLASSIFICATION, {"name": self._classification})
        for name, where in places.items():
            _, fields = details.get(name, (where, {}))
            yield FoundItem(where, Kind.TAG, present({"name": name, "classification": self._classification, **fields}))


def _can_be_name(name: object) -> TypeGuard[str]:
    if not isinstance(name, str) or not 0 < len(name) <= _MAX_CHARACTERS:
        return False
    return "::" not in name and not any(letter < " " or "\x7f" <= letter <= "\x9f" for letter in name)
