"""How deep entities lie below others of their kind."""

from collections.abc import Mapping, Sequence
from uuid import UUID


def levels_of(above: Mapping[UUID, Sequence[UUID]]) -> dict[UUID, int]:
    """Returns the level of each entity: 0 at the top, and otherwise below all of its parents.

    Args:
        above: The ids of the parents of each entity, of which only those that are entities here count.
    """
    levels: dict[UUID, int] = {}
    for start in above:
        path = [start]
        while path:
            waiting = [id_ for id_ in above[path[-1]] if id_ in above and id_ not in levels and id_ not in path]
            if waiting:
                path.append(waiting[0])
            else:
                id_ = path.pop()
                levels[id_] = 1 + max((levels.get(parent, -1) for parent in above[id_] if parent in above), default=-1)
    return levels
