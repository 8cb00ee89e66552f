"""A catalog with a BI service that some callers may not view, and callers whose answers are all remembered."""

from collections.abc import Iterator
from typing import Any

from google.protobuf import json_format

from tests.service.caller import Bulk, Caller, Json, Refused

SECRET = "s3cret"
"""Part of every name and text of the hidden BI service."""

ABSENT = "01a20df5-0415-7081-bb64-000000000001"

VAULT: list[Json] = [
    {"entity": {"biService": {"name": "vault-s3cret", "serviceType": "Vault", "displayName": "s3cret vault"}}},
    {"entity": {"user": {"name": "vera"}}},
    {"entity": {"domain": {"name": "hr"}}},
    *(
        {
            "entity": {
                "customProperty": {"appliesTo": "dashboard", "name": name, "propertyType": type_, "config": config}
            }
        }
        for name, type_, config in (
            ("ref", "entityReference", {"entityTypes": ["dashboard"]}),
            ("refs", "entityReferenceList", {"entityTypes": ["dashboard", "chart", "user"]}),
            ("home", "entityReference", {"entityTypes": ["dashboardService"]}),
        )
    ),
]
ASSETS: list[Json] = [
    *(
        {"chart": {"name": f"s3cret{number}", "service": "vault-s3cret", "displayName": "s3cret chart"}}
        for number in (1, 2)
    ),
    {
        "dashboard": {
            "name": "s3cret-board",
            "service": "vault-s3cret",
            "description": "s3cret text",
            "project": "s3cret project",
            "charts": ["vault-s3cret.s3cret1", "superset.c3"],
            "owners": [{"type": "user", "name": "vera"}],
            "domain": "hr",
            "extension": {"costCentre": "s3cret"},
        }
    },
    {"dashboard": {"name": "s3cret-dead", "service": "vault-s3cret"}},
]


class Vault:
    """The hidden things.

    Attributes:
        ids: Of dashboards, charts and the BI service, by fully qualified name.
    """

    def __init__(self, ids: dict[str, str]) -> None:
        self.ids = ids

    def leaks(self, text: str) -> list[str]:
        """Returns the hidden names and ids in a text."""
        words = [SECRET, *self.ids.values(), *(id_.replace("-", "") for id_ in self.ids.values())]
        return [word for word in words if word in text]


async def add_vault(admin: Caller) -> Vault:
    """Adds the hidden BI service, and dashboards `superset.holder` and `superset.twin` that refer to what is in it.

    The holder has charts and custom properties that are hidden and others that are not, in several versions.
    """
    assert not (await admin.bulk(VAULT)).failures
    assert not (await admin.bulk(ASSETS, options={"override_metadata": True})).failures
    await admin.delete_dashboard(fully_qualified_name="vault-s3cret.s3cret-dead")
    ids = {"vault-s3cret": (await _entity(admin, "KIND_BI_SERVICE", "vault-s3cret"))["biService"]["id"]}
    for kind in ("dashboard", "chart"):
        listed = await getattr(admin, f"list_{kind}s")(service="vault-s3cret", deleted="DELETED_INCLUDE")
        ids |= {each["fullyQualifiedName"]: each["id"] for each in listed[f"{kind}s"]}
    board = {"type": "dashboard", "id": ids["vault-s3cret.s3cret-board"], "name": "s3cret-board"}
    user = {"type": "user", "name": "ann"}
    chart = {"type": "chart", "fullyQualifiedName": "vault-s3cret.s3cret1", "displayName": "s3cret"}
    first: Json = {
        "name": "holder",
        "service": "superset",
        "charts": ["vault-s3cret.s3cret1", "superset.c1", "vault-s3cret.s3cret2", "superset.c2"],
        "extension": {
            "ref": board,
            "refs": [board, user, chart],
            "home": {"type": "dashboardService", "name": "vault-s3cret"},
            "costCentre": "open",
        },
    }
    await admin.upsert_dashboard(dashboard=first)
    await admin.upsert_dashboard(dashboard={**first, "name": "twin"})
    for charts, extension in (
        (["superset.c1"], {"ref": None, "refs": None, "home": None}),
        (first["charts"], {"ref": {**board, "name": "s3cret-board"}, "refs": [user, chart], "home": None}),
        (list(reversed(first["charts"])), first["extension"]),
        (first["charts"], {"ref": {"type": "dashboard", "fullyQualifiedName": "vault-s3cret.s3cret-board"}}),
    ):
        spec = {"name": "holder", "service": "superset", "charts": charts, "extension": extension}
        await admin.upsert_dashboard(dashboard=spec)
    return Vault(ids)


async def _entity(caller: Caller, kind: str, fqn: str) -> Json:
    entity: Json = (await caller.get_entity(kind=kind, fully_qualified_name=fqn))["entity"]
    return entity


class Witness(Caller):
    """A caller who remembers everything that is answered.

    Attributes:
        answers: Each answer as text: the response, or the status of a refusal with its details.
    """

    def __init__(self, caller: Caller) -> None:
        self.metadata = caller.metadata
        self._stubs = caller._stubs
        self.answers: list[str] = []

    def __getattr__(self, name: str) -> Any:
        rpc = super().__getattr__(name)

        async def call(**request: Any) -> Json:
            try:
                answer: Json = await rpc(**request)
            except Refused as refused:
                self.answers.append(_text_of(refused))
                raise
            self.answers.append(str(answer))
            return answer

        return call

    async def said(self, rpc: str, **request: Any) -> str:
        """Makes a call and returns its whole answer as text, except the id of the call."""
        try:
            return str(await getattr(self, rpc)(**request))
        except Refused as refused:
            return _text_of(refused)

    async def bulk(self, *chunks: Any, **options: Any) -> Bulk:
        bulk = await super().bulk(*chunks, **options)
        self.answers += bulk_texts(bulk)
        return bulk


def bulk_texts(bulk: Bulk) -> Iterator[str]:
    """Yields everything that a stream answered, as text, except the ids of the session and the call."""
    yield str([{key: part for key, part in result.items() if key != "status"} for result in bulk.results])
    yield str(bulk.summary)
    for status in bulk.statuses.values():
        yield _status_text(status)
    if bulk.refused:
        yield _text_of(bulk.refused)


def _text_of(refused: Refused) -> str:
    return f"{refused.message} {_status_text(refused.status)}"


def _status_text(status: Any) -> str:
    details = [json_format.MessageToJson(detail) for detail in status.details if "RequestInfo" not in detail.type_url]
    return f"{status.code} {status.message} {details}"
