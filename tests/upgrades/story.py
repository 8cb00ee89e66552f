"""Fills a catalog through its API with everything that an upgrade has to keep.

It runs as a program of its own with the stubs of the server that it calls, which may be of any version. So it imports
nothing of the project but the stubs, and leaves out what that server cannot do yet. It calls servers in the same order
with the same values each time; only ids and times differ.
"""

import queue
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2  # noqa: F401 - failures have details of these types

from dashboardcatalog.v1 import (
    bulk_pb2,
    catalog_service_pb2,
    catalog_service_pb2_grpc,
    chart_service_pb2,
    chart_service_pb2_grpc,
    dashboard_service_pb2,
    dashboard_service_pb2_grpc,
)

Json = dict[str, Any]

_SECONDS = 300
_STUBS = (
    (dashboard_service_pb2, dashboard_service_pb2_grpc.DashboardServiceStub),
    (chart_service_pb2, chart_service_pb2_grpc.ChartServiceStub),
    (catalog_service_pb2, catalog_service_pb2_grpc.CatalogServiceStub),
)
_SESSION = "00000000-0000-4000-8000-{:012}"

HARD_TEXT = 'It\'s "quoted" -- ; \\ % :name\nDROP TABLE chart; Ünïcödé 日本語 🎉\ttab'
LARGE_TEXT = "Größe 'so' " * 5_000

# All 17 types of custom properties, with a configuration and a value.
PROPERTIES: dict[str, tuple[Json, Any]] = {
    "string": ({}, HARD_TEXT),
    "integer": ({}, 2**53 - 1),
    "number": ({}, -1.5e-9),
    "markdown": ({}, "*text* " * 300),
    "email": ({}, "jane@example.com"),
    "sqlQuery": ({}, "SELECT 'a' FROM \"t\""),
    "duration": ({}, "P1DT2H"),
    "timestamp": ({}, 1_753_738_200_000),
    "timeInterval": ({}, {"start": 1, "end": 2}),
    "date-cp": ({"format": "yyyy-MM-dd"}, "2026-02-28"),
    "dateTime-cp": ({"format": "dd/MM/yyyy HH:mm:ss"}, "28/07/2026 14:30:15"),
    "time-cp": ({"format": "HH:mm:ss"}, "14:30:15"),
    "enum": ({"values": ["rot", "blå"], "multiSelect": True}, ["blå", "rot"]),
    "entityReference": ({"entityTypes": ["user"]}, {"type": "user", "name": "ann"}),
    "entityReferenceList": ({"entityTypes": ["team"]}, [{"type": "team", "name": "sales"}]),
    "table-cp": ({"columns": ["a", "b"]}, {"rows": [{"a": "1", "b": "2"}]}),
    "hyperlink-cp": ({}, {"url": "https://example.com/?a=b&c=ü", "displayText": "there"}),
}
_EXTENSION = {f"p-{type_}": value for type_, (_, value) in PROPERTIES.items()}

ENTITIES: list[Json] = [
    {"biService": {"name": "superset", "serviceType": "Superset", "sourceUrl": "https://superset.example.com"}},
    {"biService": {"name": "looker", "serviceType": "Looker", "description": HARD_TEXT}},
    {"biService": {"name": "my.bi ü", "serviceType": "Eigenbau", "displayName": "Unser BI"}},
    {"biService": {"name": "retired", "serviceType": "Tableau"}},
    {"user": {"name": "ann", "email": "ann@example.com", "displayName": "Ann Ö."}},
    {"user": {"name": "bob"}},
    {"user": {"name": "loader", "isBot": True}},
    {"user": {"name": "leaver"}},
    {"team": {"name": "company", "teamType": "Organization"}},
    {"team": {"name": "emea", "teamType": "Department", "parents": ["company"]}},
    {"team": {"name": "sales", "parents": ["company", "emea"], "description": "sells"}},
    {"domain": {"name": "finance", "description": HARD_TEXT}},
    {"domain": {"name": "tax", "parent": "finance"}},
    {"domain": {"name": "vat", "parent": "finance.tax"}},
    {"domain": {"name": "closed"}},
    {"classification": {"name": "PII"}},
    {"tag": {"name": "Contact", "classification": "PII"}},
    {"tag": {"name": "Email", "classification": "PII", "parent": "PII.Contact"}},
    {"tag": {"name": "Old", "classification": "PII", "disabled": True}},
    {"tag": {"name": "Gone", "classification": "PII"}},
    {"classification": {"name": "Tier", "mutuallyExclusive": True}},
    {"tag": {"name": "Gold", "classification": "Tier"}},
    {"tag": {"name": "Silver", "classification": "Tier"}},
    *(
        {"customProperty": {"name": f"p-{type_}", "appliesTo": kind, "propertyType": type_, "config": config}}
        for type_, (config, _) in PROPERTIES.items()
        for kind in ("dashboard", "chart")
    ),
]
CHARTS: list[Json] = [
    {"name": "c1", "chartType": "Bar", "displayName": "Chart 1", "description": "<b>bold</b> & more"},
    {"name": "c2", "owners": [{"type": "user", "name": "ann"}], "tags": [{"tagFQN": "PII.Email"}]},
    {"name": "c3", "chartType": "Line", "domain": "finance.tax", "sourceUrl": "https://superset.example.com/c3"},
    {"name": "c.4 ü", "description": HARD_TEXT, "extension": _EXTENSION},
    {"name": "c5", "sourceHash": "a" * 32},
    {"name": "c6"},
]
DASHBOARDS: list[Json] = [
    {
        "name": "d1",
        "displayName": "Übersicht",
        "description": "first",
        "dashboardType": "Dashboard",
        "project": "Vertrieb",
        "charts": ["superset.c1", "superset.c2", 'superset."c.4 ü"'],
        "owners": [{"type": "user", "name": "ann"}, {"type": "user", "name": "bob"}],
        "domain": "finance.tax.vat",
        "tags": [{"tagFQN": "Tier.Gold", "labelType": "Derived", "state": "Suggested"}, {"tagFQN": "PII.Contact"}],
        "extension": _EXTENSION,
        "sourceUrl": "https://superset.example.com/d1?x='y'",
    },
    {"name": "d2", "description": "goes", "charts": ["superset.c3"], "owners": [{"type": "team", "name": "sales"}]},
    {"name": "d3", "description": HARD_TEXT, "domain": "finance", "tags": [{"tagFQN": "PII.Contact"}]},
    {"name": "d4", "dashboardType": "Report", "charts": ["superset.c5"], "project": "Vertrieb"},
    {"name": "d5", "description": LARGE_TEXT, "tags": [{"tagFQN": "PII.Gone"}]},
    {"name": "d6", "owners": [{"type": "user", "name": "leaver"}], "domain": "closed"},
    {"name": "d.7 'x'", "displayName": "siebtes", "charts": ["superset.c1"]},
]

BROKEN_OFF: Json = {"sessionId": _SESSION.format(4), "service": "looker", "sweep": {"maxDeletedPercent": 90}}
"""The options of a session that is not finished. It has 6 items so far."""
BROKEN_OFF_ITEMS = 6


class Caller:
    """One caller of a server of any version.

    Args:
        channel: To the server.
        token: Of the caller.
    """

    def __init__(self, channel: grpc.Channel, token: str) -> None:
        self._metadata = [("authorization", f"Bearer {token}")]
        self._methods: dict[str, tuple[Any, Any]] = {}
        for module, stub in _STUBS:
            (service,) = module.DESCRIPTOR.services_by_name.values()
            called = stub(channel)
            for name, method in service.methods_by_name.items():
                self._methods[name] = getattr(called, name), GetMessageClass(method.input_type)

    def call(self, rpc: str, **request: Any) -> Json:
        """Returns the response of an RPC, in JSON form like its request."""
        method, message = self._methods[rpc]
        sent = json_format.ParseDict(request, message())
        return json_format.MessageToDict(method(sent, metadata=self._metadata, timeout=_SECONDS))

    def stream(self, rpc: str, **request: Any) -> Iterator[Json]:
        """Yields the responses of an RPC that streams."""
        method, message = self._methods[rpc]
        for response in method(json_format.ParseDict(request, message()), metadata=self._metadata, timeout=_SECONDS):
            yield json_format.MessageToDict(response)

    def can(self, rpc: str, **request: Any) -> bool:
        """Returns whether the server has an RPC, which it is asked about what does not exist."""
        if rpc not in self._methods:
            return False
        try:
            list(self.stream(rpc, **request)) if rpc == "RevertSession" else self.call(rpc, **request)
        except grpc.RpcError as error:
            # Some versions declare RPCs that they do not have yet, and answer INTERNAL.
            return error.code() is grpc.StatusCode.NOT_FOUND
        return True

    def load(
        self, *chunks: Iterable[Json], options: Json | None = None, finish: Json | None = None, ends: bool = True
    ) -> Json:
        """Sends chunks of items through BulkUpsert, and returns the summary and the failures.

        Args:
            chunks: Items of each message.
            options: Of the session.
            finish: Sent at the end.
            ends: False breaks the stream off when all chunks are acknowledged; then there is no summary.
        """
        requests: list[Json] = [{"items": list(items)} for items in chunks]
        requests[0] = {"options": options or {}, **requests[0]}
        items = sum(len(request["items"]) for request in requests)
        if finish is not None:
            requests.append({"finish": finish})
        sent: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for request in requests:
            sent.put(json_format.ParseDict(request, bulk_pb2.BulkUpsertRequest()))
        if ends:
            sent.put(None)
        stream = self._methods["BulkUpsert"][0](iter(sent.get, None), metadata=self._metadata, timeout=_SECONDS)
        failures: list[Json] = []
        for response in stream:
            failures += [
                json_format.MessageToDict(each) for each in response.progress.results if each.HasField("status")
            ]
            if response.progress.next_offset == items and not ends:
                break
            if response.HasField("summary"):
                return {**json_format.MessageToDict(response.summary), "failures": failures}
        sent.put(None)
        stream.cancel()
        return {}


def of(service: str, kind: str, specs: Iterable[Json]) -> list[Json]:
    """Returns the items of assets of a BI service."""
    return [{kind: {"service": service, **spec}} for spec in specs]


def tell(admin: Caller, steward: Caller, bot: Caller) -> None:
    """Calls a server with an empty catalog."""
    _load(admin, bot)
    _edit(steward, bot)
    _delete(admin, steward, bot)
    _rename(admin, bot)
    _change_entities(admin)
    _load_more(admin, bot)


def _load(admin: Caller, bot: Caller) -> None:
    assert "failed" not in admin.load([{"entity": entity} for entity in ENTITIES])
    items = of("superset", "chart", CHARTS), of("superset", "dashboard", DASHBOARDS)
    options: Json = {"sessionId": _SESSION.format(1), "service": "superset", "sweep": {}}
    total = len(CHARTS) + len(DASHBOARDS)
    loaded = bot.load(*items, options=options, finish={"totalItems": total})
    assert int(loaded["created"]) == total, loaded
    # The second load changes some, and mentions neither c5 nor c6.
    changed = [{**spec, "description": f"changed {spec['name']}"} for spec in DASHBOARDS[:3]]
    sweep: Json = {"sessionId": _SESSION.format(2), "service": "superset", "sweep": {"maxDeletedPercent": 90}}
    items = of("superset", "chart", CHARTS[:4]), of("superset", "dashboard", [*changed, *DASHBOARDS[4:]])
    loaded = bot.load(*items, options=sweep, finish={"totalItems": len(CHARTS) + len(DASHBOARDS) - 3})
    assert loaded["sweep"]["outcome"] == "SWEEP_OUTCOME_DONE", loaded
    for service in ("looker", '"my.bi ü"', "retired"):
        specs: list[Json] = [{"name": f"x{number}", "description": f"{service} {number}"} for number in range(4)]
        dashboards = [{**spec, "charts": [f"{service}.{spec['name']}"], "project": "all"} for spec in specs]
        bot.load(of(service, "chart", specs), of(service, "dashboard", dashboards))


def _edit(steward: Caller, bot: Caller) -> None:
    d1 = {"name": "d1", "service": "superset"}
    texts = [{"description": f"edited {number} {HARD_TEXT}"} for number in range(3)]
    specs: list[Json] = [*texts, {"displayName": ""}, {"tags": [{"tagFQN": "Tier.Silver"}]}]
    for spec in specs:
        key: Json = {"fullyQualifiedName": "superset.d1", "updateMask": ",".join(spec)}
        steward.call("UpdateDashboard", **key, dashboard=spec)
    steward.call("UpsertDashboard", dashboard={**d1, "extension": {"p-string": "by hand"}}, updateMask="extension")
    # An edit that takes a value away, which ingestion may not bring back.
    steward.call("UpdateChart", fullyQualifiedName="superset.c2", chart={}, updateMask="owners")
    release = {"release": {"tags": ["PII.Email"]}}
    steward.call("UpdateChart", fullyQualifiedName="superset.c2", chart={"chartType": "Pie"}, updateMask="chartType")
    steward.call("UpdateChart", fullyQualifiedName="superset.c2", **release)
    steward.call("CreateChart", chart={"name": "by hand", "service": "looker", "domain": "finance"})
    loaded = bot.load(of("superset", "chart", [CHARTS[1]]), of("superset", "dashboard", [DASHBOARDS[0]]))
    assert "failed" not in loaded, loaded
    if steward.can("RevertDashboard", fullyQualifiedName="a.b", version=0.1):
        steward.call("RevertDashboard", fullyQualifiedName="superset.d1", version=0.2)


def _delete(admin: Caller, steward: Caller, bot: Caller) -> None:
    steward.call("DeleteDashboard", fullyQualifiedName="superset.d2")
    suppressed = bot.call("UpsertDashboard", dashboard={**DASHBOARDS[1], "service": "superset", "description": "again"})
    assert suppressed["outcome"] == "OUTCOME_SUPPRESSED"
    steward.call("DeleteDashboard", fullyQualifiedName="superset.d3")
    steward.call("RestoreDashboard", fullyQualifiedName="superset.d3")
    steward.call("DeleteChart", fullyQualifiedName="superset.c1")
    admin.call("DeleteDashboard", fullyQualifiedName="looker.x0", hard=True)
    admin.call("DeleteChart", fullyQualifiedName="looker.by hand", hard=True)
    bot.call("UpsertChart", chart={"name": "by hand", "service": "looker", "description": "created again"})


def _rename(admin: Caller, bot: Caller) -> None:
    if not admin.can("RenameDashboard", fullyQualifiedName="a.b", newName="c"):
        return
    admin.call("RenameDashboard", fullyQualifiedName="looker.x1", newName="renamed 'x1'")
    admin.call("RenameChart", fullyQualifiedName="looker.x2", newName="once")
    admin.call("RenameChart", fullyQualifiedName="looker.once", newName="twice")
    if admin.can("RenameEntity", kind="KIND_TEAM", fullyQualifiedName="a", newName="c"):
        admin.call("RenameEntity", kind="KIND_DOMAIN", fullyQualifiedName="finance.tax", newName="taxes")
        admin.call("RenameEntity", kind="KIND_TEAM", fullyQualifiedName="emea", newName="EMEA")
        admin.call("RenameEntity", kind="KIND_BI_SERVICE", fullyQualifiedName='"my.bi ü"', newName="our.bi")
    # Under the former name.
    bot.call("UpsertDashboard", dashboard={"name": "x1", "service": "looker", "description": "after the renaming"})


def _change_entities(admin: Caller) -> None:
    for entity in (
        {"user": {"name": "bob", "displayName": "Bob", "email": "bob@example.com"}},
        {"team": {"name": "sales", "description": HARD_TEXT}},
        {"tag": {"name": "Gold", "classification": "Tier", "description": "the best", "displayName": "Gøld"}},
    ):
        admin.call("UpsertEntity", entity=entity)
    for rpc in ("DeleteDashboard", "DeleteChart"):
        for number in range(4):
            admin.call(rpc, fullyQualifiedName=f"retired.x{number}", hard=True, allowMissing=True)
    for kind, name in (("USER", "leaver"), ("DOMAIN", "closed"), ("TAG", "PII.Gone"), ("BI_SERVICE", "retired")):
        admin.call("DeleteEntity", kind=f"KIND_{kind}", fullyQualifiedName=name)
    admin.call("UpsertEntity", entity={"domain": {"name": "closed", "description": "open again"}})
    # It stays in the history of d5, where a reversion finds it no more.
    admin.call("UpdateDashboard", fullyQualifiedName="superset.d5", dashboard={}, updateMask="tags")
    admin.call("DeleteEntity", kind="KIND_TAG", fullyQualifiedName="PII.Gone", hard=True)
    admin.call("DeleteEntity", kind="KIND_BI_SERVICE", fullyQualifiedName="retired", hard=True)


def _load_more(admin: Caller, bot: Caller) -> None:
    # Failures of several reasons, in a session that is finished.
    bad: list[Json] = [
        {"name": "bad1", "owners": [{"type": "user", "name": "nobody"}]},
        {"name": "bad2", "tags": [{"tagFQN": "PII.Nothing"}], "domain": "nowhere"},
        {"name": "bad3", "extension": {"p-integer": "text", "unknown": HARD_TEXT}},
        {"name": "good", "description": "among failures"},
    ]
    failed = bot.load(of("looker", "dashboard", bad), options={"sessionId": _SESSION.format(3), "service": "looker"})
    assert int(failed["failed"]) == 3, failed
    if admin.can("RevertSession", sessionId=_SESSION.format(9)):
        options: Json = {"sessionId": _SESSION.format(5), "service": "looker", "missingReferences": 3}
        made = {"name": "made", "tags": [{"tagFQN": "New.Tag"}], "domain": "created"}
        admin.load(of("looker", "dashboard", [made]), options=options)
        options = {"sessionId": _SESSION.format(6), "service": "looker"}
        bot.load(of("looker", "chart", [{"name": "undone"}, {"name": "x3", "description": "undone"}]), options=options)
        list(admin.stream("RevertSession", sessionId=_SESSION.format(6)))
    specs: list[Json] = [{"name": f"half{number}", "description": f"half {number}"} for number in range(3)]
    charts, dashboards = of("looker", "chart", specs), of("looker", "dashboard", specs)
    dashboards[2] = of("looker", "dashboard", [{"name": "refused", "domain": "nowhere"}])[0]
    assert len(charts) + len(dashboards) == BROKEN_OFF_ITEMS
    bot.load(charts, dashboards, options=BROKEN_OFF, ends=False)


if __name__ == "__main__":
    with grpc.insecure_channel(sys.argv[1]) as opened:
        tell(*(Caller(opened, token) for token in sys.argv[2:5]))
