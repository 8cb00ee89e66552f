"""What callers of this version do with a catalog that a server of an earlier schema has filled."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.tables import SESSION
from tests.service.caller import Json, Refused, Service
from tests.service.indexing import Followed
from tests.service.watching import watching
from tests.upgrades.rows import Contents, Row, contents
from tests.upgrades.story import BROKEN_OFF, BROKEN_OFF_ITEMS, PROPERTIES, of

_KINDS = ("dashboard", "chart")
_VERSIONS = ("dashboard", "dashboard_history", "chart", "chart_history", "entity_change")
_ENTITY_KINDS = ("bi_service", "user", "team", "domain", "classification", "tag", "custom_property")


class Use:
    """Callers of a server.

    Args:
        service: The server.
        url: Of its database.
        rows: What its database held when it started.
        folder: For search indexes.
    """

    def __init__(self, service: Service, url: str, rows: Contents, folder: Path) -> None:
        self._service = service
        self._url = url
        self._rows = rows
        self._folder = folder
        self._admin = service.caller("admin", "admin")
        self._bot = service.caller("loader", "ingestion_bot", bot=True)

    async def read_all_versions(self) -> None:
        """Every version of every asset is what its row says."""
        for kind in _KINDS:
            for row in [*self._rows[kind], *self._rows[f"{kind}_history"]]:
                version = row["version"]
                key: Json = {"id": _id(row["id"]), "version": version / 10, "deleted": "DELETED_INCLUDE"}
                found = (await self._call("Get", kind, **key))[kind]
                assert _shown(found) == (row["name"], version, row["display_name"], row["description"])
                assert found["updatedBy"] == row["updated_by"]
                if row["extension"]:
                    assert found["extension"].keys() <= {f"p-{type_}" for type_ in PROPERTIES}
            for row in self._rows[kind]:
                listed = (await self._call("List", kind, "Versions", id=_id(row["id"])))["versions"]
                assert [_version(each) for each in listed] == list(range(row["version"], 0, -1))

    async def list_by_every_filter(self) -> None:
        """Lists find what the rows say."""
        names = {row["id"]: (row["kind"], row["fqn"]) for row in self._rows["entity"] if not row["deleted"]}
        # A tag also finds what has a tag below it.
        above = {id_ for row in self._rows["entity"] for id_ in _list(row["parents"])}
        for kind in _KINDS:
            live = [row for row in self._rows[kind] if not row["deleted"]]
            assert await self._listed(kind) == _ids(live)
            assert await self._listed(kind, orderBy="updated_at desc") == _ids(live)
            gone = [row for row in self._rows[kind] if row["deleted"]]
            assert await self._listed(kind, deleted="DELETED_ONLY") == _ids(gone)
            by_hand = [row for row in live if row["updated_by"] == "stella"]
            assert await self._listed(kind, updatedBy="stella") == _ids(by_hand)
            assert await self._listed(kind, missing=["MISSING_OWNERS"]) == _ids(
                [row for row in live if not _list(row["owners"])]
            )
            for id_, (entity_kind, fqn) in names.items():
                if entity_kind == "tag" and _id(id_) not in above:
                    tagged = [row for row in live if _id(id_) in _list(row["tags"])]
                    assert await self._listed(kind, tag=fqn) == _ids(tagged)
                if entity_kind == "user":
                    owned = [row for row in live if _id(id_) in _list(row["owners"])]
                    assert await self._listed(kind, owner=f"user:{fqn}") == _ids(owned)
                if entity_kind == "bi_service":
                    assert await self._listed(kind, service=fqn) == _ids(
                        [row for row in live if row["service_id"] == id_]
                    )

    async def read_sessions(self) -> None:
        """Every bulk session is there with its failures."""
        await self._service.database.write(_as_of_today)
        listed = (await self._admin.list_bulk_sessions(pageSize=100)).get("sessions", ())
        assert {each["sessionId"] for each in listed} == {_id(row["id"]) for row in self._rows.get("bulk_session", ())}
        failures = Counter(_id(row["session_id"]) for row in self._rows.get("bulk_failure", ()))
        for session in listed:
            found = await self._admin.get_bulk_session(sessionId=session["sessionId"])
            assert len(found.get("failures", ())) == failures[session["sessionId"]]

    async def follow_from_the_beginning(self) -> str:
        """The feed begins with everything that exists, each once; returns the token to go on with."""
        async with watching(self._admin, start="WATCH_START_BEGINNING", includeState=True) as watcher:
            changes = await watcher.catch_up()
        now = await self._contents()
        existing = [*now["dashboard"], *now["chart"], *now["entity"]]
        seen, expected = Counter(map(_change, changes)), Counter(map(_stored, existing))
        assert seen == expected, (seen - expected, expected - seen)
        return watcher.token

    async def follow_on(self, token: str) -> None:
        """The feed then has every version and every change of an entity that was written since, each once."""
        async with watching(self._admin, resumeToken=token) as watcher:
            changes = await watcher.catch_up()
        now = await self._contents()
        new = [row for table in _VERSIONS for row in now[table] if row not in self._rows[table]]
        old = {_stored(row) for table in _VERSIONS[:-1] for row in self._rows[table]}
        written = Counter(map(_stored, new)) - Counter(old)
        assert Counter(map(_change, changes)) == written

    @asynccontextmanager
    async def searched(self) -> AsyncIterator[None]:
        """A search index of the past has everything, and follows what is written in the block."""
        index = Followed(self._service.database, self._folder)
        await index.begin()
        yield
        await index.catch_up()
        now = await self._contents()
        live = Counter(kind for kind in _KINDS for row in now[kind] if not row["deleted"])
        found = Counter(document.kind for document in index._writer.documents.values())
        assert {kind: found[kind] for kind in _KINDS} == live

    async def write_each_kind(self) -> None:
        """An edit of anything makes its next version."""
        for kind in _KINDS:
            for row in self._rows[kind]:
                # What was deleted with a dashboard has been restored with it.
                if row["deleted"] and not row["deleted_with"]:
                    restored = (await self._call("Restore", kind, id=_id(row["id"])))[kind]
                    assert _version(restored) == row["version"] + 1
                key: Json = {"id": _id(row["id"]), kind: {"description": "of today"}, "updateMask": "description"}
                written = (await self._call("Update", kind, **key))[kind]
                assert _shown(written)[3] == "of today"
                assert _version(written) == row["version"] + 1 + bool(row["deleted"])
        for kind in _ENTITY_KINDS:
            for row in self._rows["entity"]:
                if row["kind"] == kind and not row["deleted"] and row["name"] != "Tag":
                    await self._write_entity(row)

    async def revert(self) -> None:
        """Every live asset can be brought back to its first version."""
        for kind in _KINDS:
            for row in self._rows[kind]:
                reverted = await self._call("Revert", kind, id=_id(row["id"]), version=0.1)
                first = next(
                    each
                    for each in (*self._rows[f"{kind}_history"], row)
                    if (each["id"], each["version"]) == (row["id"], 1)
                )
                assert _shown(reverted[kind])[3] == first["description"]

    async def resume(self) -> None:
        """A session that was broken off goes on where it was, and ends with its sweep."""
        if not any(_id(row["id"]) == BROKEN_OFF["sessionId"] for row in self._rows.get("bulk_session", ())):
            return
        more = of("looker", "chart", [{"name": "resumed", "description": "after the upgrade"}])
        loaded = await self._bot.bulk(
            {"items": more, "offset": BROKEN_OFF_ITEMS},
            options=BROKEN_OFF,
            finish={"totalItems": BROKEN_OFF_ITEMS + 1},
        )
        assert not loaded.refused
        assert int(loaded.started["nextOffset"]) == BROKEN_OFF_ITEMS
        assert loaded.counts["created"] == BROKEN_OFF_ITEMS
        assert loaded.summary["sweep"]["outcome"] == "SWEEP_OUTCOME_DONE"
        for name in ("half0", "half1", "half2", "resumed"):
            assert not (await self._admin.get_chart(fully_qualified_name=f"looker.{name}"))["chart"].get("deleted")

    async def rename(self) -> None:
        """What has a former name is found by it, and gets another name."""
        for row in self._rows.get("former_name", ()):
            if row["kind"] in _KINDS:
                named = (await self._call("Get", row["kind"], id=_id(row["id"])))[row["kind"]]
                with pytest.raises(Refused) as caught:
                    await self._call("Get", row["kind"], fullyQualifiedName=f"looker.{row['name']}")
                assert caught.value.metadata["moved_to"] == named["fullyQualifiedName"]
        for kind in _KINDS:
            row = self._rows[kind][0]
            renamed = (await self._call("Rename", kind, id=_id(row["id"]), newName="of today"))[kind]
            assert renamed["name"] == "of today"

    async def _write_entity(self, row: Row) -> None:
        kind = "".join(part.capitalize() if place else part for place, part in enumerate(row["kind"].split("_")))
        key: Json = {"kind": f"KIND_{row['kind'].upper()}", "id": _id(row["id"])}
        stored = (await self._admin.get_entity(**key))["entity"][kind]
        assert (stored["name"], stored.get("description")) == (row["name"], row["description"])
        written = await self._admin.upsert_entity(entity={kind: {**stored, "description": "of today"}})
        assert written["outcome"] == "OUTCOME_UPDATED"
        assert written["entity"][kind]["id"] == _id(row["id"])

    async def _contents(self) -> Contents:
        return await asyncio.to_thread(contents, self._url)

    async def _call(self, verb: str, kind: str, noun: str = "", **request: Any) -> Json:
        answer: Json = await getattr(self._admin, _method(verb, kind, noun))(**request)
        return answer

    async def _listed(self, kind: str, **request: Any) -> list[str]:
        answer = await self._call("List", kind, pageSize=200, **request)
        return sorted(each["id"] for each in answer.get(f"{kind}s", ()))


def _method(verb: str, kind: str, noun: str) -> str:
    plural = "s" if verb == "List" and not noun else ""
    return f"{verb}_{kind}{plural}{noun and '_'}{noun}".lower()


async def _as_of_today(connection: WriteConnection) -> None:
    """Makes sessions as young as those of a catalog that is upgraded while it is used, because old ones expire."""
    await connection.execute(update(SESSION).values(updated_at=datetime.now(UTC)))


def _shown(asset: Json) -> tuple[Any, ...]:
    return (asset["name"], _version(asset), asset.get("displayName"), asset.get("description"))


def _version(asset: Json) -> int:
    version: float = asset["version"]
    return round(version * 10)


def _change(change: Json) -> tuple[str, int]:
    return change["id"], round(change.get("version", 0) * 10)


def _stored(row: Row) -> tuple[str, int]:
    return _id(row["id"]), row.get("version", 0)


def _id(value: Any) -> str:
    return str(UUID(str(value)))


def _list(value: Any) -> list[str]:
    return [_id(item) for item in (json.loads(value) if isinstance(value, str) else value)]


def _ids(rows: Iterable[Row]) -> list[str]:
    return sorted(_id(row["id"]) for row in rows)
