"""The fields that a query names: from what people write to conditions on ids.

A value is a fully qualified name or, where nothing has that, any name or display name that differs from it only in
case, accents and width. What is not known matches nothing.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.kinds import KINDS
from dashboard_catalog.catalog.reading.search.matching import Conditions
from dashboard_catalog.catalog.reading.search.query import Query, unquoted
from dashboard_catalog.index import queries
from dashboard_catalog.index.hits import Searcher, things
from dashboard_catalog.index.words import fold, names_of
from dashboard_catalog.store import entities
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.hierarchies import ids_below
from dashboard_catalog.store.records import EntityRecord

_BI_SERVICE = "bi_service"
_KINDS_NAMED: Mapping[str, Sequence[str]] = {
    "owner": ("user", "team"),
    "tag": ("tag", "classification"),
    "domain": ("domain",),
    "service": (_BI_SERVICE,),
}
"""The kinds of the entities that the values of a field name."""

_WITH_ALL_BELOW = ("tag", "domain")
"""The fields whose values also mean everything below what they name."""

_FOLDED: Mapping[str, str] = {"type": "folded_type", "project": "folded_project"}
"""The fields of the index that hold the folded values of a field."""


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


Known = Mapping[Naming, Sequence[UUID]]
"""The entities that each value of a query is the name or display name of."""


def look_up(searcher: Searcher, query: Query) -> Known:
    """Returns what the index knows of the values of a query."""
    return {naming: _namesakes(searcher, naming) for naming in _namings(query)}


async def conditions_of(
    connection: ReadConnection, query: Query, known: Known, services: Sequence[EntityRecord]
) -> Conditions:
    """Returns the conditions of the fields that a query names.

    Args:
        services: The BI services that may be found. What the caller may not view has no name.
    """
    shown = {service.id for service in services}
    namings = _namings(query)
    found = await entities.by_fqns(connection, {naming.fqn for naming in namings if naming.fqn})
    found = [record for record in found if record.kind != _BI_SERVICE or record.id in shown]
    wanted = {id_ for ids in known.values() for id_ in ids}
    by_id = {record.id: record for record in await entities.by_ids(connection, wanted)}
    meant: dict[Naming, Sequence[EntityRecord]] = {}
    for naming in namings:
        exact = [record for record in found if record.fqn == naming.fqn and record.kind in naming.kinds]
        meant[naming] = exact or [by_id[id_] for id_ in known[naming] if id_ in by_id]

    async def condition(field: str, values: Sequence[str]) -> queries.Query:
        if field in _KINDS_NAMED:
            records = {record.id: record for value in values for record in meant[_naming(field, value)]}
            ids = await ids_below(connection, records.values()) if field in _WITH_ALL_BELOW else records
            return queries.any_of(field, [id_.hex for id_ in ids])
        if field == "kind":
            return queries.any_of("kind", [kind for kind in KINDS if any(_same(kind, value) for value in values)])
        folded = {fold(unquoted(value)) for value in values}
        conditions = [queries.any_of(_FOLDED[field], folded)]
        if field == "type":
            of_type = [each.id.hex for each in services if fold(each.attributes["service_type"]) in folded]
            conditions.append(queries.any_of("service", of_type))
        return queries.either(conditions)

    return Conditions(
        [await condition(field, values) for field, values in query.fields.items()],
        [await condition(field, values) for field, values in query.without_fields.items()],
    )


def _namings(query: Query) -> list[Naming]:
    """Returns what the values of a query name, each once."""
    of_all = (query.fields, query.without_fields)
    named = ((field, values) for of in of_all for field, values in of.items() if field in _KINDS_NAMED)
    return list(dict.fromkeys(_naming(field, value) for field, values in named for value in values))


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
    return [thing.id for thing in things(searcher, queries.all_of(named), limit=100)]


def _same(kind: str, value: str) -> bool:
    return kind.replace("_", "") == "".join(filter(str.isalnum, fold(value)))
