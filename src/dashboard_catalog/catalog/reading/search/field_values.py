"""The fields that a query names: from what people write to conditions on ids.

A value is a fully qualified name or, where nothing has that, any name or display name that differs from it only in
case, accents and width. What is not known matches nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.reading.search.matching import Conditions
from dashboard_catalog.catalog.reading.search.query import Query, unquoted
from dashboard_catalog.catalog.reading.search.request import KINDS
from dashboard_catalog.index import queries
from dashboard_catalog.index.hits import Searcher, places, terms_of
from dashboard_catalog.index.words import fold, names_of
from dashboard_catalog.store import entities
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.hierarchies import ids_below
from dashboard_catalog.store.records import EntityRecord

_KINDS_NAMED: Mapping[str, Sequence[str]] = {
    "owner": ("user", "team"),
    "tag": ("tag", "classification"),
    "domain": ("domain",),
    "service": ("bi_service",),
}
"""The kinds of the entities that the values of a field name."""

_TERMS: Mapping[str, Sequence[str]] = {"type": ("chart_type", "dashboard_type"), "project": ("project",)}
"""The fields of the index that hold the values of a field."""


class Naming(NamedTuple):
    """What a value names.

    Attributes:
        field: One of `_KINDS_NAMED`.
        kinds: The kinds of entities that it may name.
        text: The value without its quotes, and without the type of an owner.
        fqn: The fully qualified name that it may be; empty if it does not parse.
    """

    field: str
    kinds: Sequence[str]
    text: str
    fqn: str


@dataclass(frozen=True, slots=True)
class Known:
    """What the index knows of the values of a query.

    Attributes:
        namesakes: The entities that a value is the name or display name of.
        terms: The terms of the fields of the index that hold plain texts, by field.
    """

    namesakes: Mapping[Naming, Sequence[UUID]]
    terms: Mapping[str, Sequence[str]]


def look_up(searcher: Searcher, query: Query) -> Known:
    """Returns what the index knows of the values of a query."""
    fields = {field for of in (query.fields, query.without_fields) for field in of}
    terms = {term: terms_of(searcher, term) for field in fields for term in _TERMS.get(field, ())}
    return Known({naming: _namesakes(searcher, naming) for naming in _namings(query)}, terms)


async def conditions_of(
    connection: ReadConnection, query: Query, known: Known, services: Sequence[EntityRecord]
) -> Conditions:
    """Returns the conditions of the fields that a query names.

    Args:
        services: All BI services.
    """
    namings = list(_namings(query))
    found = await entities.by_fqns(connection, {naming.fqn for naming in namings if naming.fqn})
    wanted = {id_ for ids in known.namesakes.values() for id_ in ids}
    by_id = {record.id: record for record in await entities.by_ids(connection, wanted)}
    named: dict[Naming, Sequence[UUID]] = {}
    for naming in namings:
        exact = [record for record in found if record.fqn == naming.fqn and record.kind in naming.kinds]
        meant = exact or [by_id[id_] for id_ in known.namesakes[naming] if id_ in by_id]
        named[naming] = [id_ for record in meant for id_ in await _with_all_below(connection, record)]

    def condition(field: str, values: Sequence[str]) -> queries.Query:
        if field in _KINDS_NAMED:
            return queries.any_of(field, [id_.hex for value in values for id_ in named[_naming(field, value)]])
        if field == "kind":
            return queries.any_of("kind", [kind for kind in KINDS if any(_same(kind, value) for value in values)])
        found = [queries.any_of(term, _like(known.terms[term], values)) for term in _TERMS[field]]
        if field == "type":
            of_type = [each.id.hex for each in services if _like([each.attributes["service_type"]], values)]
            found.append(queries.any_of("service", of_type))
        return queries.either(found)

    return Conditions(
        [condition(field, values) for field, values in query.fields.items()],
        [condition(field, values) for field, values in query.without_fields.items()],
    )


def _namings(query: Query) -> Iterator[Naming]:
    for of in (query.fields, query.without_fields):
        for field, values in of.items():
            if field in _KINDS_NAMED:
                yield from (_naming(field, value) for value in values)


def _naming(field: str, value: str) -> Naming:
    kinds = _KINDS_NAMED[field]
    if field == "owner":
        type_, _, name = value.partition(":")
        if name and fold(type_) in kinds:
            kinds, value = (fold(type_),), name
    text = unquoted(value)
    # The name of an owner or of a BI service is raw where it has no quotes.
    if field in ("owner", "service") and text == value:
        return Naming(field, kinds, text, names.quote(text))
    try:
        return Naming(field, kinds, text, names.requoted(value))
    except names.NameSyntaxError:
        return Naming(field, kinds, text, "")


def _namesakes(searcher: Searcher, naming: Naming) -> list[UUID]:
    named = [queries.any_of("kind", naming.kinds), queries.any_of("named", names_of(naming.text)[:1])]
    return [place.id for place in places(searcher, queries.all_of(named), limit=100)]


async def _with_all_below(connection: ReadConnection, record: EntityRecord) -> Sequence[UUID]:
    """Returns the id of an entity, with those of all domains or tags below it."""
    return await ids_below(connection, record) if record.kind in ("domain", "classification", "tag") else [record.id]


def _like(terms: Sequence[str], values: Sequence[str]) -> list[str]:
    wanted = {fold(unquoted(value)) for value in values}
    return [term for term in terms if fold(term) in wanted]


def _same(kind: str, value: str) -> bool:
    return kind.replace("_", "") == "".join(filter(str.isalnum, fold(value)))
