"""Tags of other tools, which come under a classification of the tool."""

from collections.abc import Iterable, Sequence

from dashboard_catalog.catalog.model.qualified_names import join
from dashboard_catalog.sources.items.found import Body

_MAX_CHARACTERS = 256


def label(classification: str, tag: str) -> Body:
    """Returns what puts a tag on an asset."""
    return {"tagFQN": join(classification, tag), "labelType": "Automated"}


def usable(tags: Iterable[str]) -> Sequence[str]:
    """Returns the tags that can be names in the catalog, each once."""
    return [tag for tag in dict.fromkeys(tags) if _can_be_name(tag)]


def _can_be_name(tag: str) -> bool:
    is_short = 0 < len(tag) <= _MAX_CHARACTERS
    return is_short and "::" not in tag and not any(letter < " " or "\x7f" <= letter <= "\x9f" for letter in tag)
