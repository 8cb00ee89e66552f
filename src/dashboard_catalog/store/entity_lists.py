"""Lists of entities, and entities by what people call them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Text, bindparam, func, select

from dashboard_catalog.store.column_types import UUID_LIST
from dashboard_catalog.store.columns import record_maker
from dashboard_catalog.store.conditions import any_of, begins_with, same_text
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.partial_rows import Partial, PartialReader
from dashboard_catalog.store.records import EntityRecord
from dashboard_catalog.store.tables import ENTITY

_partial = PartialReader(ENTITY, record_maker(EntityRecord), ("description", "attributes"))
_sought = bindparam("sought", type_=Text())
_email = ENTITY.c.attributes["email"].as_string()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entities a list has.

    Attributes:
        kind: Their kind.
        only: Ids of those that it may have; None for all.
        deleted: Values of `deleted` that they may have.
        name_prefix: Prefix of their names.
        below: Fully qualified name that begins theirs; empty for all.
    """

    kind: str
    only: Sequence[UUID] | None
    deleted: Sequence[bool]
    name_prefix: str = ""
    below: str = ""

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """Yields the conditions that each of them meets."""
        c = ENTITY.c
        yield c.kind == self.kind
        yield c.deleted.in_(self.deleted)
        yield begins_with(c.name, self.name_prefix)
        if self.below:
            yield begins_with(c.fqn, f"{self.below}.")
        if self.only is not None:
            yield any_of(c.id, bindparam("only", list(self.only), UUID_LIST))


async def page(
    connection: ReadConnection, wanted: Wanted, *, after: str | None, limit: int
) -> list[Partial[EntityRecord]]:
    """Returns the next entities of a list in the order of their fully qualified names, without large values.

    Args:
        wanted: Those of the list.
        after: Fully qualified name of the last entity of the previous page; None for the first page.
        limit: Maximum number of entities.
    """
    statement = select(*_partial.columns(ENTITY.c)).where(*wanted.conditions())
    if after is not None:
        statement = statement.where(ENTITY.c.fqn > after)
    return await _partial.all(connection, statement.order_by(ENTITY.c.fqn).limit(limit))


async def count(connection: ReadConnection, wanted: Wanted) -> int:
    """Returns the number of the entities of a list."""
    statement = select(func.count()).select_from(ENTITY).where(*wanted.conditions())
    return int((await connection.execute(statement)).scalar_one())


async def ids_by_email(connection: ReadConnection, kind: str, email: str) -> list[UUID]:
    """Returns the ids of the entities with an email address that are not deleted, in the order of their names.

    Here and for names, it does not count whether letters from A to Z are capital.
    """
    return await _ids(connection, kind, same_text(_email, _sought), email)


async def ids_by_any_name(connection: ReadConnection, kind: str, name: str) -> list[UUID]:
    """Returns the ids of the entities with a name or display name that are not deleted, in the order of their names."""
    c = ENTITY.c
    return await _ids(connection, kind, same_text(c.name, _sought) | same_text(c.display_name, _sought), name)


async def _ids(connection: ReadConnection, kind: str, condition: ColumnElement[bool], sought: str) -> list[UUID]:
    matches = (ENTITY.c.kind == kind, ~ENTITY.c.deleted, condition)
    rows = await connection.execute(select(ENTITY.c.id).where(*matches).order_by(ENTITY.c.fqn), {"sought": sought})
    return [row.id for row in rows]
