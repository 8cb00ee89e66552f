"""Tag labels of an asset, as two columns store them: the ids of the tags, and what is unusual about their labels.

Most labels are `Manual` and `Confirmed`, so only the others are stored: `{tag id in hex: [label type, state]}`.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID


class Label(NamedTuple):
    """How a tag is attached to an asset."""

    label_type: str = "Manual"
    state: str = "Confirmed"


DEFAULT_LABEL = Label()
"""A label whose type and state the caller leaves out."""

# There are few different ones, and a load has several for each asset.
shared_label = lru_cache(maxsize=256)(Label)
"""Returns the label of a type and a state, always the same object."""


def decode(tags: Sequence[UUID], special: Mapping[str, Sequence[str]] | None) -> dict[UUID, Label]:
    """Returns the label of each tag, from the columns `tags` and `tag_labels`."""
    if not special:
        return dict.fromkeys(tags, DEFAULT_LABEL)
    return {id_: Label(*special[id_.hex]) if id_.hex in special else DEFAULT_LABEL for id_ in tags}


def encode(labels: Mapping[UUID, Label]) -> dict[str, Any]:
    """Returns the columns `tags` and `tag_labels` by name."""
    special = {id_.hex: list(label) for id_, label in labels.items() if label != DEFAULT_LABEL}
    return {"tags": list(labels), "tag_labels": special or None}
