"""Writes of `benchmarks.watching` by HTTP."""

import random
from typing import Any

import httpx

from benchmarks.told import COLLECTORS, Ledger, Told, collector
from benchmarks.watched_calls import Names, Write

_REFUSALS = {400, 404, 409, 412}
# Whether the request has written is unknown.
_UNKNOWN = 503
_PATCH = {"content-type": "application/json-patch+json"}


class Requests:
    """One writer on one connection.

    Args:
        client: Where it sends them, with its token.
        chance: Decides what it writes.
        ledger: Keeps what it is told.
    """

    def __init__(self, client: httpx.AsyncClient, chance: random.Random, ledger: Ledger) -> None:
        self._client = client
        self._chance = chance
        self._ledger = ledger

    def writes(self) -> list[Write]:
        """Returns what it may do next."""
        return [
            ("put", lambda: self._put(is_bound=False)),
            ("bound put", lambda: self._put(is_bound=True)),
            ("patch", lambda: self._patch(is_bound=False)),
            ("bound patch", lambda: self._patch(is_bound=True)),
            ("add", self._add),
            ("add", self._add),
            ("put many", lambda: self._put_many("dashboards")),
            ("put many", lambda: self._put_many("charts")),
            ("delete", lambda: self._delete(hard=False)),
            ("remove", lambda: self._delete(hard=True)),
            ("restore", self._restore),
            ("delete stale", self._delete_stale),
        ]

    async def _put(self, *, is_bound: bool) -> None:
        names = Names(self._chance)
        bound = await self._bound("dashboards", names.fqn) if is_bound else {}
        body: dict[str, Any] = {"name": names.name, "service": names.service, "description": names.edition}
        if self._chance.random() < 0.5:
            body |= {"charts": names.few_charts, "owners": [{"type": "user", "name": names.user}]}
        if bound is not None:
            await self._write("PUT", "dashboards", body, names.edition, **bound)

    async def _patch(self, *, is_bound: bool) -> None:
        names = Names(self._chance)
        root, fqn = self._chance.choice([("dashboards", names.fqn), ("charts", f"{names.service}.{names.charts[0]}")])
        bound = await self._bound(root, fqn) if is_bound else {}
        if bound is not None:
            body = [{"op": "add", "path": "/description", "value": names.edition}]
            await self._write("PATCH", f"{root}/name/{fqn}", body, names.edition, **bound)

    async def _bound(self, root: str, fqn: str) -> dict[str, Any] | None:
        """Returns the etag and the version of what is stored; None if there is nothing."""
        got = await self._request("GET", f"{root}/name/{fqn}")
        return {"etag": got.headers["etag"], "base": _number(got.json())} if got else None

    async def _add(self) -> None:
        """Adds a new chart to a dashboard which others add to as well."""
        name = f"added{self._chance.random()}"
        made = await self._request("PUT", "charts", {"name": name, "service": "kept"})
        if made:
            chart = made.json()["id"]
            path = f"dashboards/name/kept.{collector(self._chance.randrange(COLLECTORS))}"
            body = [{"op": "add", "path": "/charts/-", "value": {"id": chart, "type": "chart"}}]
            bound = await self._bound("dashboards", path.rpartition("/")[2]) if self._chance.random() < 0.3 else {}
            if bound is not None:
                self._ledger.perhaps_added.add(chart)
                call = self._ledger.new_call()
                added = await self._write("PATCH", path, body, "", call=call, **bound)
                if added:
                    self._ledger.added[added.json()["id"]].add(chart)
                if call in self._ledger.refused:
                    self._ledger.perhaps_added.discard(chart)

    async def _put_many(self, root: str) -> None:
        names = Names(self._chance)
        called = names.charts if root == "charts" else [f"d{self._chance.randrange(12)}" for _ in range(5)]
        body: list[dict[str, Any]] = [{"name": name, "service": names.service} for name in called]
        for item in body:
            item |= {"description": names.edition, "sourceUrl": f"https://bi.example.com/{names.edition[8:]}"}
        await self._request("PUT", f"{root}/bulk", body)

    async def _delete(self, *, hard: bool) -> None:
        path = f"dashboards/name/{Names(self._chance).fqn}"
        if hard:
            await self._request("DELETE", f"{path}?hardDelete=true")
        else:
            await self._write("DELETE", path)

    async def _restore(self) -> None:
        deleted = await self._request("GET", "dashboards?include=deleted&limit=20")
        if deleted and (found := deleted.json()["data"]):
            await self._write("PUT", "dashboards/restore", {"id": self._chance.choice(found)["id"]})

    async def _delete_stale(self) -> None:
        """Deletes what ingestion has written and a source does not have, as far as nobody has edited it."""
        service = self._chance.choice(Names.SERVICES)
        seen = [f"{service}.c{number}" for number in range(60) if self._chance.random() < 0.9]
        body = {"scopeFqn": service, "scopeEntityType": "service", "seenFqns": seen}
        await self._request("DELETE", "charts/deleteStale", body)

    async def _write(
        self,
        method: str,
        path: str,
        body: Any = None,
        description: str = "",
        *,
        etag: str = "",
        base: int = 0,
        call: str = "",
    ) -> httpx.Response | None:
        call = call or self._ledger.new_call()
        answer = await self._request(method, path, body, call, {"if-match": etag} if etag else {})
        if answer:
            asset = answer.json()
            self._ledger.told.append(Told(call, asset["id"], _number(asset), description, base))
        return answer

    async def _request(
        self, method: str, path: str, body: Any = None, call: str = "", headers: dict[str, str] | None = None
    ) -> httpx.Response | None:
        """Returns the answer if it is that of success."""
        call = call or self._ledger.new_call()
        name = f"{method} {_route(path)}{' if-match' if headers else ''}"
        sent = {"x-request-id": call, **(headers or {}), **(_PATCH if method == "PATCH" else {})}
        try:
            answer = await self._client.request(method, f"/api/v1/{path}", json=body, headers=sent)
        except httpx.TransportError as error:
            self._ledger.answers[f"{name} {type(error).__name__}"] += 1
            return None
        self._ledger.answers[f"{name} {answer.status_code}"] += 1
        if answer.status_code in _REFUSALS:
            self._ledger.refused[call] = f"{answer.status_code}"
        elif answer.status_code >= 300 and answer.status_code != _UNKNOWN:
            self._ledger.problems.append(f"{name} {answer.status_code}: {answer.text}")
        return answer if answer.status_code < 300 else None


def _route(path: str) -> str:
    return path.partition("?")[0].partition("/name/")[0]


def _number(asset: Any) -> int:
    version: float = asset["version"]
    return round(version * 10)
