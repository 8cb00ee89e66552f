"""Calls the RPCs of one kind of asset, for rules that dashboards and charts share, and reads the stored rows."""

import functools
import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple

import pytest
from sqlalchemy import select

from dashboard_catalog.store.database import Database
from dashboard_catalog.store.tables import CHART_HISTORY, DASHBOARD_HISTORY, METADATA
from tests.service.caller import Caller, Json

KINDS = ["dashboard", "chart"]

_HISTORY = {"dashboard": DASHBOARD_HISTORY, "chart": CHART_HISTORY}


# For requests that are refused before the database is involved.
on_one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def each_kind(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Runs a test for dashboards and then for charts, in the same catalog.

    Starting another server takes longer than most tests. A test that leaves the catalog unfit for a second run is
    parametrised with `KINDS` instead.
    """

    @functools.wraps(test)
    async def for_each(**fixtures: Any) -> None:
        for kind in KINDS:
            try:
                await test(**fixtures, kind=kind)
            except BaseException as error:
                error.add_note(f"kind = {kind!r}")
                raise

    signature = inspect.signature(test)
    fixtures = [parameter for name, parameter in signature.parameters.items() if name != "kind"]
    for_each.__signature__ = signature.replace(parameters=fixtures)  # type: ignore[attr-defined]
    return for_each


class Upserted(NamedTuple):
    """The response of an upsert."""

    asset: Json
    outcome: str


class Assets:
    """The assets of one kind in BI service `superset`, by name. Every call returns the asset itself.

    Fields of a spec are keyword arguments in their JSON spelling.
    """

    def __init__(self, caller: Caller, kind: str) -> None:
        self._caller = caller
        self.kind = kind

    async def create(self, name: str, *, validate_only: bool = False, **fields: Any) -> Json:
        """Creates an asset."""
        return self._asset(await self._call("create", validate_only=validate_only, **self._spec(name, fields)))

    async def upsert(
        self, name: str, *, mask: Iterable[str] = (), etag: str = "", validate_only: bool = False, **fields: Any
    ) -> Upserted:
        """Upserts an asset."""
        request = {"update_mask": ",".join(mask), "etag": etag, "validate_only": validate_only}
        answer = await self._call("upsert", **request, **self._spec(name, fields))
        return Upserted(self._asset(answer), answer["outcome"].removeprefix("OUTCOME_"))

    async def update(self, name: str, *mask: str, etag: str = "", validate_only: bool = False, **fields: Any) -> Json:
        """Updates the fields that `mask` names."""
        request = {"update_mask": ",".join(mask), "etag": etag, "validate_only": validate_only, self.kind: fields}
        return self._asset(await self._call("update", fully_qualified_name=f"superset.{name}", **request))

    async def get(self, name: str, **request: Any) -> Json:
        """Reads an asset."""
        return self._asset(await self._call("get", fully_qualified_name=f"superset.{name}", **request))

    async def delete(self, name: str, **request: Any) -> Json:
        """Deletes an asset."""
        return self._asset(await self._call("delete", fully_qualified_name=f"superset.{name}", **request))

    async def restore(self, name: str) -> Json:
        """Restores an asset."""
        return self._asset(await self._call("restore", fully_qualified_name=f"superset.{name}"))

    async def revert(self, name: str, version: float, **request: Any) -> Json:
        """Reverts an asset and returns the whole response."""
        return await self._call("revert", fully_qualified_name=f"superset.{name}", version=version, **request)

    async def rename(self, name: str, new_name: str, **request: Any) -> Json:
        """Renames an asset."""
        return self._asset(
            await self._call("rename", fully_qualified_name=f"superset.{name}", new_name=new_name, **request)
        )

    async def _call(self, verb: str, **request: Any) -> Json:
        answer: Json = await getattr(self._caller, f"{verb}_{self.kind}")(**request)
        return answer

    def _spec(self, name: str, fields: Json) -> Json:
        return {self.kind: {"name": name, "service": "superset"} | fields}

    def _asset(self, answer: Json) -> Json:
        asset: Json = answer.get(self.kind, {})
        return asset


def fqns(references: Iterable[Json]) -> list[str]:
    """Returns the fully qualified names of references."""
    return [reference["fullyQualifiedName"] for reference in references]


def timeless(asset: Json) -> Json:
    """Returns an asset without the values that differ between attempts: its id, what derives from it, and its time."""
    return {name: value for name, value in asset.items() if name not in ("id", "etag", "updatedAt")}


async def all_rows(database: Database) -> dict[str, list[str]]:
    """Returns all stored rows by table. They are equal before and after a call that writes nothing.

    Rows of sessions are left out, since a stream leaves one even if all its items are refused.
    """
    async with database.read() as connection:
        return {
            table.name: sorted(map(repr, await connection.execute(select(*table.c))))
            for table in METADATA.sorted_tables
            if not table.name.startswith("bulk_")
        }


async def history(database: Database, kind: str) -> list[Any]:
    """Returns the rows of the older versions of a kind of asset, ordered by name and version."""
    table = _HISTORY[kind]
    async with database.read() as connection:
        return list(await connection.execute(select(*table.c).order_by(table.c.name, table.c.version)))
