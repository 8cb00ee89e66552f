"""Counts of results: from the ids that the index counts to the values that filters take."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from dashboard_catalog.index.counting import Counted
from dashboard_catalog.store import entities
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.records import EntityRecord


@dataclass(frozen=True, slots=True)
class FacetValue:
    """The count of one value.

    Attributes:
        value: As filters take it; the name of a kind, or what is missing.
        display_name: Of the entity that the value names; empty without one.
    """

    value: str
    display_name: str
    count: int


@dataclass(frozen=True, slots=True)
class FacetCounts:
    """The counts of one facet.

    Attributes:
        values: The most frequent ones, by count, then by value.
        other: Sum of the counts of all other values.
    """

    facet: str
    values: Sequence[FacetValue]
    other: int


@dataclass(frozen=True, slots=True)
class _Facet:
    """How a facet is counted.

    Attributes:
        field: The field of the index.
        value: Returns the value of an entity; None if the field holds the values themselves.
        is_shared: Whether several entities have the same value, which then has no display name.
    """

    field: str
    value: Callable[[EntityRecord], str] | None = None
    is_shared: bool = False


_FACETS: Mapping[str, _Facet] = {
    "kind": _Facet("kind"),
    "service": _Facet("service", lambda entity: entity.fqn),
    "service_type": _Facet("service", lambda entity: str(entity.attributes["service_type"]), is_shared=True),
    "owner": _Facet("owner", lambda entity: f"{entity.kind}:{entity.name}"),
    "tag": _Facet("tag", lambda entity: entity.fqn),
    "domain": _Facet("domain", lambda entity: entity.fqn),
    "project": _Facet("project"),
    "chart_type": _Facet("chart_type"),
    "missing": _Facet("missing"),
}

FACETS = tuple(_FACETS)
"""The names of all facets."""


def fields_of(facets: Iterable[str]) -> set[str]:
    """Returns the fields of the index that some facets count."""
    return {_FACETS[facet].field for facet in facets}


async def facet_counts(
    connection: ReadConnection, facets: Sequence[str], size: int, counted: Mapping[str, Counted]
) -> list[FacetCounts]:
    """Returns the counts of facets, in their order.

    Args:
        size: Maximum number of values of a facet.
        counted: The counts of the fields of the facets.
    """
    return [await _counts(connection, facet, size, counted[_FACETS[facet].field]) for facet in facets]


async def _counts(connection: ReadConnection, name: str, size: int, counted: Counted) -> FacetCounts:
    facet = _FACETS[name]
    number = sum(counted.values.values()) + counted.other
    if facet.value is None:
        values = [FacetValue(value, "", count) for value, count in counted.values.items()]
    else:
        values = await _named_values(connection, facet, facet.value, size, counted.values)
    shown = sorted(values, key=lambda each: (-each.count, each.value))[:size]
    return FacetCounts(name, shown, number - sum(each.count for each in shown))


async def _named_values(
    connection: ReadConnection,
    facet: _Facet,
    value_of: Callable[[EntityRecord], str],
    size: int,
    counts: Mapping[str, int],
) -> list[FacetValue]:
    most = sorted(counts.values(), reverse=True)[:size]
    # Names decide among those whose counts are the same.
    least = most[-1] if most and not facet.is_shared else 0
    wanted = {UUID(id_): count for id_, count in counts.items() if count >= least}
    found = await entities.by_ids(connection, wanted)
    if facet.is_shared:
        sums = Counter[str]()
        for entity in found:
            sums[value_of(entity)] += wanted[entity.id]
        return [FacetValue(value, "", count) for value, count in sums.items()]
    return [FacetValue(value_of(entity), entity.display_name or "", wanted[entity.id]) for entity in found]
