"""Finds the statements that a database distributed by BI service would send to all of its nodes.

Such a database keeps the rows of a BI service on one node. A statement reaches only that node if it says which service
it is about, for each table that it names. Others cost many times as much, and fail when any node is away. So each of
them is listed here with the reason why it has to be one.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import Any

from sqlalchemy import Engine, event

from dashboard_catalog.store.connections import DISTRIBUTED as CLUSTER
from dashboard_catalog.store.connections import ReadConnection, WriteConnection
from dashboard_catalog.store.tables import METADATA

DISTRIBUTED = sorted(table.name for table in METADATA.tables.values() if "service_id" in table.c)
"""The tables that hold the rows of BI services."""

_NAMED = re.compile(rf"(?:\bFROM|\bJOIN|\bUPDATE|,)\s+({'|'.join(DISTRIBUTED)})(?=[\s,;)]|$)(?:\s+AS\s+(\w+))?")
_VALUE = r"(?:\$\d|ANY \(|'|\()"
_GIVEN = re.compile(rf"\b(\w+)\.service_id (?:=|IN) {_VALUE}|\$\d+(?:::\w+)? = (\w+)\.service_id")
_OF_EACH_ENTITY = re.compile(r"\bservice_id = entity\.id\b")
_OF_EACH_ROW = re.compile(r"\bEXISTS \(SELECT [^()]*\bWHERE (\w+)\.service_id = (\w+)\.service_id\b")
_SAME = re.compile(r"\b(\w+)\.service_id = (\w+)\.service_id")


def unrouted(statement: str) -> list[str]:
    """Returns the tables of a statement for which it does not say which BI services it is about.

    What is compared with a subquery counts as routed: the tables inside the subquery are looked at, too. For a cluster,
    that the row around a subquery is of a BI service says nothing about the tables inside.
    """
    tables = {alias or table: table for table, alias in _NAMED.findall(statement)}
    named = Counter(alias or table for table, alias in _NAMED.findall(statement))
    given = Counter(one or other for one, other in _GIVEN.findall(statement))
    pairs = _SAME.findall(_OF_EACH_ROW.sub("", statement))
    routed = {name for name in named if given[name] >= named[name]}
    while True:
        near = [one for pair in pairs for one, other in (pair, pair[::-1]) if other in routed or other not in named]
        found = {name for name, count in (given + Counter(near)).items() if count >= named[name]} & named.keys()
        if found <= routed:
            return sorted({tables[name] for name in named.keys() - routed})
        routed |= found


def is_runnable(statement: str) -> bool:
    """Returns whether a cluster can run a statement: it runs no subquery that is about each row of `entity`."""
    return _OF_EACH_ENTITY.search(statement) is None


ALLOWED: dict[str, str] = {
    "assets.by_ids": "what a custom property points to may be in any BI service",
    "assets.partial_by_ids": "a call may name an asset by its id alone; a search finds assets of all services",
    "assets.services_of": "a call may name an asset by its id alone, and its service must be locked",
    "bulk_sessions.expiring_in": "finds the services that have old sessions, in the background",
    "bulk_sessions.find": "a session is read and reverted by its id alone; one to resume may name another service",
    "bulk_sessions.page": "lists the sessions of all services",
    "charts.chart_holders": "dashboards of any service may hold a chart",
    "charts.holder_ids": "the index of charts finds the dashboards; the service is compared after",
    "charts.charts_of_ids": "the charts that are not of the dashboards' own services",
    "exporting.charts_as_of": "the charts that are not of the dashboards' own services",
    "feed.positions": "a watch or an export of several services needs the last change of each",
    "feed.total": "says whether anything has changed in any service, for all watchers together",
    "indexed_rows.page": "the search index is built of the assets of all services",
    "list_pages._among_next": "the next rows of a list that is not of some services",
    "list_pages._services": "finds the services of what a filter finds",
    "list_pages.page": "lists by anything but the service are of all services",
    "list_pages.total": "counts what a list has, which may be of all services",
    "referrers._referrers": "any asset may refer to an entity that is to be deleted",
    "referrers.is_owner": "who owns an asset of any service may begin a stream",
}
"""The functions of the store whose statements may go to all nodes, each with the reason why they cannot name a service.

A function that is not here names the services of its statements, and a new one has to.
"""

# What runs the statements of the other modules.
_PLUMBING = ("connections", "rows", "partial_rows", "record_statements", "database")
_RUN = [
    (ReadConnection, "execute"),
    (ReadConnection, "fetch"),
    (WriteConnection, "execute"),
    (WriteConnection, "run_rows"),
]
_origin: ContextVar[str] = ContextVar("origin", default="")


def _origin_of(frame: FrameType | None) -> str:
    """Returns the module and the function of the store that runs a statement; empty for a test."""
    while frame is not None:
        package, _, module = frame.f_globals["__name__"].rpartition(".")
        name = frame.f_code.co_name
        # A comprehension is a part of the function around it.
        if package == "dashboard_catalog.store" and module not in _PLUMBING and name != "fetch" and name[0] != "<":
            return f"{module}.{name}"
        frame = frame.f_back
    return ""


class Routes:
    """The statements that servers send to clusters.

    Attributes:
        found: Those that name no BI service although they have to, and those that a cluster cannot run.
    """

    def __init__(self) -> None:
        self.found: list[str] = []
        self._seen: set[tuple[str, str]] = set()
        self._allowed: set[str] = set()

    @property
    def needless(self) -> list[str]:
        """The functions that are allowed to name no BI service, and of which no statement has been seen that does."""
        return sorted(ALLOWED.keys() - self._allowed)

    def add(self, statement: str, origin: str) -> None:
        """Looks at a statement, unless it has been seen before."""
        if not origin or (statement, origin) in self._seen:
            return
        self._seen.add((statement, origin))
        if not is_runnable(statement):
            self.found.append(f"{origin} asks about each entity: {statement}")
        if not (tables := unrouted(statement)):
            return
        if origin in ALLOWED:
            self._allowed.add(origin)
        else:
            self.found.append(f"{origin} names no BI service for {', '.join(tables)}: {statement}")


@contextmanager
def watching_routes() -> Iterator[Routes]:
    """Looks at all statements that go to clusters while the block runs."""
    routes = Routes()
    before = {(kind, name): getattr(kind, name) for kind, name in _RUN}
    direct = ReadConnection._direct

    def add(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if CLUSTER in connection.info:
            routes.add(statement, _origin.get())

    async def looked_at(self: ReadConnection, call: Any, sql: str, *args: Any, **options: Any) -> Any:
        # A COPY has the BI service in each row.
        if self.is_distributed and "columns" not in options:
            routes.add(sql, _origin.get())
        return await direct(self, call, sql, *args, **options)

    def noting(method: Any) -> Any:
        async def noted(self: Any, *args: Any, **options: Any) -> Any:
            _origin.set(_origin_of(sys._getframe()))
            return await method(self, *args, **options)

        return noted

    event.listen(Engine, "before_cursor_execute", add)
    ReadConnection._direct = looked_at  # type: ignore[method-assign]
    for (kind, name), method in before.items():
        setattr(kind, name, noting(method))
    try:
        yield routes
    finally:
        ReadConnection._direct = direct  # type: ignore[method-assign]
        for (kind, name), method in before.items():
            setattr(kind, name, method)
        event.remove(Engine, "before_cursor_execute", add)
