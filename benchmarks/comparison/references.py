"""The things that dashboards refer to, looked up for many dashboards together."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Generic, NamedTuple, TypeVar

from sqlalchemy import ARRAY, Select, String, any_, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from benchmarks.comparison.models import BiService, Chart, Entity, Tag, User
from benchmarks.comparison.schemas import DashboardSpec

E = TypeVar("E", bound=Entity)


class Refused(Exception):
    """A dashboard cannot be written; the text says why."""


class Held(NamedTuple):
    """The references of one dashboard."""

    service: BiService
    charts: list[Chart]
    owners: list[User]
    tags: list[Tag]


class References:
    """The existing things among all references of some dashboards."""

    def __init__(
        self, services: "_Known[BiService]", charts: "_Known[Chart]", users: "_Known[User]", tags: "_Known[Tag]"
    ) -> None:
        self._services = services
        self._charts = charts
        self._users = users
        self._tags = tags

    @classmethod
    async def load(cls, session: AsyncSession, specs: Sequence[DashboardSpec]) -> "References":
        return cls(
            await _Known.load(session, BiService, (spec.service for spec in specs)),
            await _Known.load(session, Chart, (chart for spec in specs for chart in spec.charts)),
            await _Known.load(session, User, (owner.name for spec in specs for owner in spec.owners)),
            await _Known.load(session, Tag, (tag.tag_fqn for spec in specs for tag in spec.tags)),
        )

    def held_by(self, spec: DashboardSpec) -> Held:
        """Returns the references of a dashboard.

        Raises:
            Refused: If one of them does not exist.
        """
        (service,) = self._services.named([spec.service])
        return Held(
            service,
            self._charts.named(spec.charts),
            self._users.named(owner.name for owner in spec.owners),
            self._tags.named(tag.tag_fqn for tag in spec.tags),
        )


@cache
def by_name(kind: type[E]) -> Select[E]:
    """Returns the query for things of a kind that have one of the `names`."""
    # One parameter for any number of names, so that one prepared statement is enough.
    return select(kind).where(kind.fully_qualified_name == any_(bindparam("names", type_=ARRAY(String))))


async def found(session: AsyncSession, query: Select[E], names: Iterable[str]) -> dict[str, E]:
    """Runs a query from `by_name`, and returns the results by fully qualified name."""
    rows = await session.scalars(query, {"names": list(set(names))})
    return {row.fully_qualified_name: row for row in rows}


class _Known(Generic[E]):
    """The existing things of one kind, by fully qualified name."""

    def __init__(self, existing: Mapping[str, E]) -> None:
        self._existing = existing

    @classmethod
    async def load(cls, session: AsyncSession, kind: type[E], names: Iterable[str]) -> "_Known[E]":
        return cls(await found(session, by_name(kind), names))

    def named(self, names: Iterable[str]) -> list[E]:
        """Returns the things with these names, without duplicates.

        Raises:
            Refused: If one of them does not exist.
        """
        try:
            return [self._existing[name] for name in dict.fromkeys(names)]
        except KeyError as error:
            raise Refused(f"{error.args[0]} does not exist") from None
