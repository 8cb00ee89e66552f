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

from dashboard_catalog.store.connections import ReadConnection, WriteConnection
from dashboard_catalog.store.tables import METADATA

DISTRIBUTED = sorted(table.name for table in METADATA.tables.values() if "service_id" in table.c)
"""The tables that hold the rows of BI services."""

_NAMED = re.compile(rf"(?:\bFROM|\bJOIN|\bUPDATE|,)\s+({'|'.join(DISTRIBUTED)})(?=[\s,;)]|$)(?:\s+AS\s+(\w+))?")
_VALUE = r"(?:\$\d|ANY \(|'|\()"
_GIVEN = re.compile(rf"\b(\w+)\.service_id (?:=|IN) {_VALUE}|\$\d+(?:::\w+)? = (\w+)\.service_id")
_SAME = re.compile(r"\b(\w+)\.service_id = (\w+)\.service_id")


def unrouted(statement: str) -> list[str]:
    """Returns the tables of a statement for which it does not say which BI services it is about.

    What is compared with a subquery counts as routed: the tables inside the subquery are looked at, too.
    """
    tables = {alias or table: table for table, alias in _NAMED.findall(statement)}
    named = Counter(alias or table for table, alias in _NAMED.findall(statement))
    given = Counter(one or other for one, other in _GIVEN.findall(statement))
    pairs = _SAME.findall(statement)
    routed = {name for name in named if given[name] >= named[name]}
    while True:
        near = [one for pair in pairs for one, other in (pair, pair[::-1]) if other in routed or other not in named]
        found = {name for name, count in (given + Counter(near)).items() if count >= named[name]} & named.keys()
        if found <= routed:
            return sorted({tables[name] for name in named.keys() - routed})
        routed |= found


ALLOWED: dict[str, str] = {
    "assets.by_ids": "what a custom property points to may be in any BI service",
    "assets.dated_by_ids": "a call that names an asset by its id does not name the service",
    "assets.partial_by_ids": "the same; searches find them in all services; a preserved id may be taken in any",
    "assets.services_of": "the same, before the service is locked",
    "bulk_details.failure_bytes_of": "what all sessions of a caller keep has a limit",
    "bulk_sessions.expire": "old sessions of all services; part of the statements that write",
    "bulk_sessions.find": "a session is read and reverted by its id alone; one to resume may name another service",
    "bulk_sessions.lock_detailed": "old sessions of all services; part of the statements that write",
    "bulk_sessions.page": "lists the sessions of all services",
    "charts.chart_holders": "dashboards of any service may hold a chart",
    "charts.holder_ids": "the index of charts finds the dashboards; the service is compared after",
    "charts.charts_of_ids": "the charts that are not of the dashboards' own services",
    "exporting.charts_as_of": "the same",
    "feed.positions": "a watch or an export of several services needs the last change of each",
    "feed.total": "the same, added up",
    "indexed_rows.page": "the search index is built of the assets of all services",
    "list_pages.page": "lists by anything but the service are of all services",
    "list_pages.total": "the same, counted",
    "referrers._referrers": "any asset may refer to an entity that is to be deleted",
    "referrers.is_owner": "the same",
}
"""The functions of the store whose statements may go to all nodes, each with the reason why they cannot name a service.

A function that is not here names the services of its statements, and a new one has to.
"""

# What runs the statements of the other modules.
_PLUMBING = ("connections", "rows", "partial_rows", "record_statements", "database")
_origin: ContextVar[str] = ContextVar("origin", default="")


def _origin_of(frame: FrameType | None) -> str:
    """Returns the module and the function of the store that runs a statement; empty for a test."""
    while frame is not None:
        package, _, module = frame.f_globals["__name__"].rpartition(".")
        if package == "dashboard_catalog.store" and module not in _PLUMBING and frame.f_code.co_name != "fetch":
            return f"{module}.{frame.f_code.co_name}"
        frame = frame.f_back
    return ""


class Unrouted:
    """The statements of a server that name no BI service although they have to."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str]] = set()
        self.found: list[str] = []

    def add(self, statement: str, origin: str) -> None:
        """Looks at a statement, unless it has been seen before."""
        if not origin or origin in ALLOWED or (statement, origin) in self._seen:
            return
        self._seen.add((statement, origin))
        if tables := unrouted(statement):
            self.found.append(f"{origin} names no BI service for {', '.join(tables)}: {statement}")


@contextmanager
def watching_routes(engine: Engine) -> Iterator[Unrouted]:
    """Looks at all statements of an engine while the block runs."""
    found = Unrouted()

    def add(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found.add(statement, _origin.get())

    direct, execute = ReadConnection._direct, {one: one.execute for one in (ReadConnection, WriteConnection)}

    async def looked_at(self: ReadConnection, call: Any, sql: str, *args: Any, **options: Any) -> Any:
        # A COPY has the BI service in each row.
        if self._connection.sync_engine is engine and "columns" not in options:
            found.add(sql, _origin_of(sys._getframe()))
        return await direct(self, call, sql, *args, **options)

    def noting(kind: type[ReadConnection]) -> Any:
        async def noted(self: Any, *args: Any, **options: Any) -> Any:
            _origin.set(_origin_of(sys._getframe()))
            return await execute[kind](self, *args, **options)

        return noted

    event.listen(engine, "before_cursor_execute", add)
    ReadConnection._direct = looked_at  # type: ignore[method-assign]
    for kind in execute:
        kind.execute = noting(kind)  # type: ignore[method-assign]
    try:
        yield found
    finally:
        ReadConnection._direct = direct  # type: ignore[method-assign]
        for kind, method in execute.items():
            kind.execute = method  # type: ignore[method-assign]
        event.remove(engine, "before_cursor_execute", add)
