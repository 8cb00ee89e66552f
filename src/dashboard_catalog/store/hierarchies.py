"""Reads what lies above and below entities, at any depth, with one statement.

Below a domain or a classification lies what continues its fully qualified name. Teams and tags lie below the entities
that their rows name as parents.
"""

from collections.abc import Iterable, Mapping
from uuid import UUID

from sqlalchemy import Integer, TextualSelect, bindparam, or_, select, text

from dashboard_catalog.store.column_types import ID, UUID_LIST
from dashboard_catalog.store.conditions import begins_with
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.records import EntityRecord
from dashboard_catalog.store.tables import ENTITY

Lines = dict[UUID, list[UUID]]
"""The ids of the parents of entities, by id."""

_QUALIFIED_BY = {"domain": "domain", "classification": "tag"}
"""The kinds of entities whose fully qualified names begin with that of another one, by the kind of that one."""

_NAMES_AT_ONCE = 100


def _statement(sql: str) -> TextualSelect:
    ids = bindparam("ids", type_=UUID_LIST)
    levels = bindparam("levels", type_=Integer())
    used = [each for each in (ids, levels) if f":{each.key}" in sql]
    return text(sql).bindparams(*used).columns(id=ID, parents=UUID_LIST)


# On PostgreSQL an index finds the entities of a parent. On SQLite all parents are read once, into a temporary index.
_BELOW: Mapping[str, TextualSelect] = {
    "postgresql": _statement(
        "WITH RECURSIVE below(id, parents) AS ("
        " SELECT id, parents FROM entity WHERE id = ANY (:ids) UNION"
        " SELECT one.id, one.parents FROM below JOIN entity AS one ON one.parents && ARRAY[below.id]"
        ") SELECT id, parents FROM below"
    ),
    "sqlite": _statement(
        "WITH RECURSIVE line(parent, id) AS MATERIALIZED ("
        " SELECT parent.value, one.id FROM entity AS one, json_each(one.parents) AS parent WHERE one.kind IN"
        " (SELECT kind FROM entity WHERE id IN (SELECT value FROM json_each(:ids)))"
        "), below(id) AS ("
        " SELECT value FROM json_each(:ids) UNION SELECT line.id FROM below JOIN line ON line.parent = below.id"
        ") SELECT one.id, one.parents FROM below JOIN entity AS one ON one.id = below.id"
    ),
}
_ABOVE: Mapping[str, TextualSelect] = {
    "postgresql": _statement(
        "WITH RECURSIVE above(id, parents, level) AS ("
        " SELECT id, parents, 1 FROM entity WHERE id = ANY (:ids) UNION"
        " SELECT one.id, one.parents, above.level + 1 FROM above CROSS JOIN unnest(above.parents) AS parent(id)"
        " JOIN entity AS one ON one.id = parent.id WHERE above.level < :levels"
        ") SELECT DISTINCT id, parents FROM above"
    ),
    "sqlite": _statement(
        "WITH RECURSIVE above(id, parents, level) AS ("
        " SELECT id, parents, 1 FROM entity WHERE id IN (SELECT value FROM json_each(:ids)) UNION"
        " SELECT one.id, one.parents, above.level + 1 FROM above, json_each(above.parents) AS parent"
        " JOIN entity AS one ON one.id = parent.value WHERE above.level < :levels"
        ") SELECT DISTINCT id, parents FROM above"
    ),
}


async def ids_below(connection: ReadConnection, tops: Iterable[EntityRecord]) -> set[UUID]:
    """Returns the ids of some entities and those of all entities below them."""
    ids: set[UUID] = set()
    parents: list[UUID] = []
    names: dict[str, list[str]] = {kind: [] for kind in _QUALIFIED_BY}
    for top in tops:
        ids.add(top.id)
        if top.kind in names:
            names[top.kind].append(top.fqn)
        else:
            parents.append(top.id)
    ids.update(await lines_below(connection, parents))
    for kind, fqns in names.items():
        for start in range(0, len(fqns), _NAMES_AT_ONCE):
            ids.update(await _qualified_by(connection, _QUALIFIED_BY[kind], fqns[start : start + _NAMES_AT_ONCE]))
    return ids


async def _qualified_by(connection: ReadConnection, kind: str, fqns: Iterable[str]) -> Iterable[UUID]:
    c = ENTITY.c
    found = select(c.id).where(c.kind == kind, or_(*(begins_with(c.fqn, f"{fqn}.") for fqn in fqns)))
    return (await connection.execute(found)).scalars()


async def lines_below(connection: ReadConnection, ids: Iterable[UUID]) -> Lines:
    """Returns the parents of some teams or tags, and of all below them."""
    return await _lines(connection, _BELOW, {"ids": list(ids)})


async def lines_above(connection: ReadConnection, ids: Iterable[UUID], levels: int) -> Lines:
    """Returns the parents of some entities, and of those above them up to a number of levels, their own included."""
    return await _lines(connection, _ABOVE, {"ids": list(ids), "levels": levels})


async def _lines(
    connection: ReadConnection, statements: Mapping[str, TextualSelect], parameters: dict[str, object]
) -> Lines:
    if not parameters["ids"]:
        return {}
    rows = await connection.execute(statements[connection.dialect.name], parameters)
    return {row.id: row.parents for row in rows}
