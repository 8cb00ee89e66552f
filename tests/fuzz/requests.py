"""Requests for every RPC of the contract: random ones, and valid ones that have been changed a little."""

from dataclasses import dataclass
from random import Random
from typing import Any

from google.protobuf import json_format, message_factory
from google.protobuf.message import Message

from dashboardcatalog.v1 import catalog_service_pb2, chart_service_pb2, dashboard_service_pb2
from tests.fuzz.messages import Messages, copy_of
from tests.service.caller import SMALL_CATALOG, Json

_FILES = (dashboard_service_pb2, chart_service_pb2, catalog_service_pb2)

_TAGS = [{"tagFQN": "PII.Email"}, {"tagFQN": "Tier.Gold", "labelType": "Derived", "state": "Suggested"}]
_SHARED: Json = {
    "service": "superset",
    "displayName": "Sales",
    "description": "What we **sell**",
    "sourceUrl": "https://superset.example.com/1",
    "owners": [{"type": "user", "name": "ann"}, {"type": "user", "name": "bob"}],
    "domain": "finance.tax",
    "tags": _TAGS,
    "sourceHash": "1",
}
_EXTENSION = {"costCentre": "7", "budget": 12}
_CHARTS = ["superset.c1", "looker.c1"]
_ENTITY_KEYS: list[Json] = [
    {"kind": "KIND_USER", "fullyQualifiedName": "bob"},
    {"kind": "KIND_BI_SERVICE", "fullyQualifiedName": "looker"},
    {"kind": "KIND_DOMAIN", "fullyQualifiedName": "finance.tax"},
    {"kind": "KIND_TAG", "fullyQualifiedName": "PII.Phone"},
    {"kind": "KIND_CLASSIFICATION", "fullyQualifiedName": "Tier"},
    {"kind": "KIND_CUSTOM_PROPERTY", "fullyQualifiedName": "dashboard.budget"},
]
DASHBOARDS: list[Json] = [
    {"name": f"d{number}", **_SHARED, "charts": _CHARTS, "project": "p", "extension": _EXTENSION} for number in range(4)
]
CHARTS: list[Json] = [{"name": f"c{number}", **_SHARED, "chartType": "Line"} for number in range(4)]
# What every round begins with.
CATALOG: list[Json] = [
    *({"entity": entity} for entity in SMALL_CATALOG),
    *({"chart": chart} for chart in CHARTS),
    {"chart": {"name": "c1", "service": "looker"}},
    *({"dashboard": dashboard} for dashboard in DASHBOARDS),
]
_FILTERS: list[Json] = [
    {},
    {"pageSize": 3, "orderBy": "updated_at desc", "includeTotal": True},
    {"service": "superset", "owner": "user:ann", "deleted": "DELETED_INCLUDE"},
    {"domain": "finance", "tag": "PII", "namePrefix": "d", "readMask": "id,name"},
]


def _valid_of_assets(noun: str, spec: Json) -> dict[str, list[Json]]:
    field = noun.lower()
    keys: list[Json] = [{"fullyQualifiedName": f"superset.{field[0]}{number}"} for number in range(4)]
    updates: list[Json] = [
        {"updateMask": "displayName,tags", field: {"displayName": "New"}},
        {"release": {"fields": ["displayName"]}},
        {"updateMask": "extension", field: {"extension": _EXTENSION}},
    ]
    return {
        f"List{noun}Versions": [{**keys[0], "pageSize": 2}, {**keys[1], "readMask": "name,version"}],
        f"Compare{noun}Versions": [{**keys[0], "fromVersion": 0.1}, {**keys[1], "fromVersion": 0.2, "toVersion": 0.1}],
        f"Revert{noun}": [{**keys[0], "version": 0.1}, {**keys[1], "version": 0.2, "validateOnly": True}],
        f"Rename{noun}": [{**keys[0], "newName": f"{field[0]}9"}, {**keys[1], "newName": f"{field[0]}1"}],
        f"Create{noun}": [{field: {**spec, "name": "new"}}],
        f"Upsert{noun}": [{field: spec}, {field: spec, "updateMask": "owners,description", "validateOnly": True}],
        f"Get{noun}": [*keys, {**keys[0], "version": 0.1}, {**keys[1], "readMask": "name,owners"}],
        f"List{noun}s": _FILTERS,
        f"Update{noun}": [{**keys[1], **update} for update in updates],
        f"Delete{noun}": [keys[2], {**keys[3], "hard": True, "allowMissing": True}],
        f"Restore{noun}": [keys[2]],
    }


_SESSION = "5e551000-0000-4000-8000-000000000001"
_PRESERVED: Json = {
    "id": "5e551000-0000-4000-8000-000000000002",
    "version": 1.5,
    "updatedAt": "2026-01-02T03:04:05Z",
    "updatedBy": "ann",
    "formerNames": ["d8"],
    "changeDescription": {"fieldsUpdated": [{"name": "description", "oldValue": "a", "newValue": "b"}]},
}
_SEARCHES: list[Json] = [
    {"query": 'sales "we sell" -draft owner:ann tag:PII.Email', "facets": [1, 2, 3, 4, 5, 6, 7, 8, 9]},
    {"query": "d1", "kinds": ["KIND_DASHBOARD"], "service": "superset", "serviceType": "Superset", "pageSize": 2},
    {"owner": "user:ann", "domain": "finance", "tag": "PII", "project": "p", "orderBy": "updated_at desc"},
    {"missing": ["MISSING_OWNERS"], "deleted": "DELETED_INCLUDE", "orderBy": "name", "readMask": "dashboard.name"},
]
_WATCHES: list[Json] = [
    {},
    {"start": "WATCH_START_BEGINNING", "includeState": True},
    {"services": ["superset", "looker"], "kinds": ["KIND_DASHBOARD", "KIND_USER"], "start": "WATCH_START_BEGINNING"},
]
_VALID: dict[str, list[Json]] = {
    **_valid_of_assets("Dashboard", DASHBOARDS[0]),
    **_valid_of_assets("Chart", CHARTS[0]),
    "UpsertEntity": [{"entity": entity} for entity in SMALL_CATALOG],
    "GetEntity": _ENTITY_KEYS,
    "ListEntities": [{"kind": key["kind"], "pageSize": 2} for key in _ENTITY_KEYS],
    "DeleteEntity": [*_ENTITY_KEYS, {**_ENTITY_KEYS[0], "hard": True}],
    "WatchChanges": _WATCHES,
    "ExportCatalog": [{}, {"services": ["superset"], "kinds": ["KIND_CHART"], "deleted": "DELETED_INCLUDE"}],
    "RenameEntity": [{**key, "newName": "renamed"} for key in _ENTITY_KEYS],
    "Search": _SEARCHES,
    "ListBulkSessions": [{}, {"service": "superset", "pageSize": 2}, {"state": "BULK_SESSION_STATE_FINISHED"}],
    "GetBulkSession": [{"sessionId": _SESSION, "pageSize": 2}],
    "RevertSession": [{"sessionId": _SESSION}, {"sessionId": _SESSION, "validateOnly": True}],
    "BulkUpsert": [
        {"options": {"sessionId": _SESSION, "service": "superset"}, "items": CATALOG[-3:]},
        {"options": {"preserve": True}, "items": [{"dashboard": DASHBOARDS[0], "preserved": _PRESERVED}]},
        {"options": {"missingReferences": "MISSING_REFERENCES_CREATE"}, "items": CATALOG[-3:]},
        {"options": {"service": "superset", "sweep": {"maxDeletedPercent": 100}}, "items": CATALOG[-3:]},
        {"options": {"validateOnly": True, "resultView": "RESULT_VIEW_ALL"}, "items": CATALOG[:6]},
        {"offset": "0", "items": CATALOG[-6:]},
        {"finish": {"totalItems": "3"}},
    ],
}


@dataclass(frozen=True, slots=True)
class Rpc:
    """An RPC of the contract, and valid requests of it.

    Attributes:
        name: Its short name.
        path: What a client calls.
        request: Class of its requests.
        response: Class of its responses.
        streams: Whether it takes and returns streams.
        answers_stream: Whether it returns one.
    """

    name: str
    path: str
    request: type[Message]
    response: type[Message]
    streams: bool
    answers_stream: bool
    valid: list[Message]


def all_rpcs() -> list[Rpc]:
    """Returns every RPC of the contract."""
    return [
        _rpc(service, method)
        for file in _FILES
        for service in file.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    ]


def _rpc(service: Any, method: Any) -> Rpc:
    request = message_factory.GetMessageClass(method.input_type)
    response = message_factory.GetMessageClass(method.output_type)
    valid = [json_format.ParseDict(json, request()) for json in _VALID.get(method.name, [{}])]
    path = f"/{service.full_name}/{method.name}"
    return Rpc(method.name, path, request, response, method.client_streaming, method.server_streaming, valid)


def request_of(rpc: Rpc, rng: Random, seen: list[str]) -> bytes:
    """Returns the bytes of a request: valid, changed a little, random, or broken."""
    messages = Messages(rng, seen)
    choice = rng.random()
    message = copy_of(rng.choice(rpc.valid)) if choice < 0.75 else rpc.request()
    if choice >= 0.75:
        messages.fill(message)
    elif choice >= 0.1:
        for _ in range(rng.choice((1, 1, 2, 4))):
            messages.mutate(message)
    body = message.SerializeToString()
    return messages.mangle(body) if rng.random() < 0.07 else body
