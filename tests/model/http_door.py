"""The calls of a state machine by HTTP, answered in the form of gRPC, so that the same model decides about both."""

import json
from collections.abc import Mapping
from typing import Any

import httpx

from tests.model.catalog import Spec
from tests.model.views import Json, sent

STATUSES = {"INVALID_ARGUMENT": 400, "NOT_FOUND": 404, "ALREADY_EXISTS": 409, "FAILED_PRECONDITION": 409}
"""The status of HTTP that each code of a refusal has."""

_NAMES = {"domain": "domains"}


class HttpRefused(Exception):
    """A request that ended with an error."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(f"{answer.status_code}: {answer.text}")
        self.status = answer.status_code


class HttpDoor:
    """One caller.

    Args:
        client: A client of the HTTP door of a server.
        token: Its token.
    """

    def __init__(self, client: httpx.AsyncClient, token: str) -> None:
        self._client = client
        self._headers = {"authorization": f"Bearer {token}"}

    async def write(self, verb: str, spec: Spec) -> Json:
        """Creates or upserts an asset."""
        method = "POST" if verb == "create" else "PUT"
        answer = await self._request(method, f"{spec.kind}s", json=sent(spec))
        outcome = {"outcome": "OUTCOME_CREATED"} if answer.status_code == 201 else {}
        return {spec.kind: answer.json(), **outcome}

    async def patch(self, spec: Spec, before: Mapping[str, Any]) -> Json:
        """Writes the fields in the mask of a spec, of an asset that has had other values there."""
        body = [operation for name in sorted(spec.mask) if (operation := _operation(name, before, sent(spec)))]
        headers = {"content-type": "application/json-patch+json"}
        path = f"{spec.kind}s/name/{spec.service.fqn}.{spec.name}"
        return {spec.kind: (await self._request("PATCH", path, json=body, headers=headers)).json()}

    async def delete(self, kind: str, fqn: str, *, hard: bool = False) -> Json:
        """Deletes an asset."""
        path = f"{kind}s/name/{fqn}?hardDelete={json.dumps(hard)}"
        return {kind: (await self._request("DELETE", path)).json()}

    async def restore(self, kind: str, id_: str) -> Json:
        """Restores an asset."""
        return {kind: (await self._request("PUT", f"{kind}s/restore", json={"id": id_})).json()}

    async def everything(self, kind: str, service: str) -> list[Json]:
        """Returns all assets of a BI service, also those that are deleted."""
        params: Json = {"service": service, "include": "all", "fields": "*", "limit": 2}
        found: list[Json] = []
        while True:
            page = (await self._request("GET", f"{kind}s", params=params)).json()
            found += page["data"]
            if not (after := page["paging"].get("after")):
                return found
            params["after"] = after

    async def versions(self, kind: str, id_: str) -> list[Json]:
        """Returns the versions of an asset, the newest first."""
        answer = await self._request("GET", f"{kind}s/{id_}/versions")
        return [json.loads(version) for version in answer.json()["versions"]]

    async def _request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **content: Any
    ) -> httpx.Response:
        sent = {**self._headers, **(headers or {})}
        answer = await self._client.request(method, f"/api/v1/{path}", headers=sent, **content)
        if answer.status_code >= 300:
            raise HttpRefused(answer)
        return answer


def _operation(name: str, before: Mapping[str, Any], body: Json) -> Json | None:
    path = f"/{_NAMES.get(name, name)}"
    if name not in body:
        return {"op": "remove", "path": path} if before.get(name) else None
    match name:
        case "domain":
            value: Any = [{"type": "domain", "fullyQualifiedName": body[name]}]
        case "charts":
            value = [{"type": "chart", "fullyQualifiedName": chart} for chart in body[name]]
        case _:
            value = body[name]
    return {"op": "add", "path": path, "value": value}
