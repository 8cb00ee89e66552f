"""WatchChanges: every change once, in order, from now, from the beginning or from a token."""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import text

from dashboard_catalog.store.connections import WriteConnection
from tests.service.caller import Caller, Json, Refused, Service
from tests.service.watching import short, watch_from_now, watching

VAULT: Json = {"biService": {"name": "vault", "serviceType": "Vault"}}


def spec(name: str, service: str = "superset", **fields: object) -> Json:
    return {"name": name, "service": service, **fields}


async def test_a_watcher_gets_each_change_as_it_happens(superset: Caller, bot: Caller) -> None:
    async with watching(superset) as watcher:
        first = await watcher.read()
        assert (first["caughtUp"], "changes" in first) == (True, False)

        created = (await superset.create_dashboard(dashboard=spec("d1", charts=["superset.c1"])))["dashboard"]
        assert await watcher.take(1) == ["created dashboard superset.d1 0.1"]
        await superset.upsert_dashboard(dashboard=spec("d1", description="new"))
        await superset.upsert_dashboard(dashboard=spec("d1", description="new"))
        await superset.update_dashboard(id=created["id"], release={"fields": ["description"]})
        await superset.delete_dashboard(id=created["id"])
        assert await watcher.take(3) == [
            "updated dashboard superset.d1 0.2",
            "deleted dashboard superset.d1 0.3",
            "deleted chart superset.c1 0.2",
        ]
        await superset.restore_dashboard(id=created["id"])
        assert await watcher.take(2) == ["restored chart superset.c1 0.3", "restored dashboard superset.d1 0.4"]
        bulk = await bot.bulk([{"dashboard": spec("d2")}, {"entity": {"domain": {"name": "hr"}}}])
        await watcher.take(2)
        await superset.delete_dashboard(id=created["id"], hard=True)
        assert await watcher.take(2) == ["removed chart superset.c1", "removed dashboard superset.d1"]
        await superset.upsert_entity(entity={"domain": {"name": "hr", "description": "people"}})
        await superset.delete_entity(kind="KIND_DOMAIN", fully_qualified_name="hr")
        await superset.upsert_entity(entity={"domain": {"name": "hr"}})
        await superset.delete_entity(kind="KIND_DOMAIN", fully_qualified_name="hr", hard=True)
        seen = await watcher.take(1)
        while len(seen) < 1 or not seen[-1].startswith("removed"):
            seen += await watcher.take(1)
        # What the watcher had not read yet is gone with the domain.
        assert set(seen) <= {f"{verb} domain hr" for verb in ("updated", "deleted", "restored", "removed")}
        assert watcher.caught_up == 1
    assert bulk.started


async def test_a_change_says_who_made_it_and_how(superset: Caller, bot: Caller) -> None:
    async with watching(superset) as watcher:
        await watcher.read()
        before = datetime.now(UTC)
        await superset.create_dashboard(dashboard=spec('a."b"'))
        await watcher.read()
        (edit,) = watcher.changes
        watcher.changes = []
        bulk = await bot.bulk([{"chart": spec("c9")}, {"entity": {"domain": {"name": "hr"}}}])
        while len(watcher.changes) < 2:
            await watcher.read()

    assert edit["fullyQualifiedName"] == 'superset."a.""b"""'
    assert (edit["service"], edit["updatedBy"]) == ("superset", "admin")
    assert str(UUID(edit["id"])) == edit["id"]
    assert "byIngestion" not in edit
    assert "sessionId" not in edit
    assert edit["callId"]
    assert datetime.fromisoformat(edit["updatedAt"]) >= before
    for change in watcher.changes:
        assert (change["byIngestion"], change["sessionId"]) == (True, bulk.started["sessionId"])
        assert change["updatedBy"] == "loader"
    assert {change["kind"]: change.get("service") for change in watcher.changes} == {
        "KIND_CHART": "superset",
        "KIND_DOMAIN": None,
    }


async def test_a_rename_is_a_change_with_the_name_before(service: Service, superset: Caller) -> None:
    token = await watch_from_now(superset)
    for description in ("name", "deleted"):
        await superset.upsert_chart(chart=spec("c1", description=description))
    await superset.upsert_chart(chart=spec("c2"))
    await superset.upsert_entity(entity={"domain": {"name": "hr"}})
    renamed = json.dumps(
        {"previous": 1, "added": [["name", "x"]], "updated": [["name", 'o"ld', "c1"], ["tags", [], []]]}
    )

    async def rename(connection: WriteConnection) -> None:
        await connection.execute(text(f"UPDATE chart SET change = '{renamed}' WHERE name = 'c1' AND version = 3"))
        of_domain = "UPDATE entity_change SET change = 'updated', previous_fqn = 'people' WHERE name = 'hr'"
        await connection.execute(text(of_domain))

    await service.database.write(rename)

    async with watching(superset, resume_token=token) as watcher:
        changes = await watcher.catch_up()
    assert {(short(change), change.get("previousFullyQualifiedName")) for change in changes} == {
        ("updated chart superset.c1 0.2", None),
        ("updated chart superset.c1 0.3", 'superset."o""ld"'),
        ("updated domain hr", "people"),
    }


async def test_a_token_misses_nothing_and_repeats_nothing(superset: Caller) -> None:
    token = await watch_from_now(superset)
    for number in range(5):
        await superset.upsert_dashboard(dashboard=spec(f"d{number}", description=str(number)))
    await superset.upsert_entity(entity={"biService": {"name": "tableau", "serviceType": "Tableau"}})
    await superset.upsert_chart(chart=spec("c1", "tableau"))
    await superset.delete_dashboard(fully_qualified_name="superset.d1", hard=True)
    expected = {
        "created bi_service tableau",
        "created chart tableau.c1 0.1",
        *(f"created dashboard superset.d{number} 0.1" for number in (0, 2, 3, 4)),
        "removed dashboard superset.d1",
    }

    async with watching(superset, resume_token=token) as watcher:
        assert set(await watcher.past()) == expected
        end = watcher.token
    async with watching(superset, resume_token=token) as watcher:
        seen: list[str] = []
        tokens = []
        while not watcher.caught_up:
            await watcher.read()
            seen += await watcher.take(0)
            tokens.append((watcher.token, set(seen)))
    assert len(seen) == len(expected)
    for token, before in tokens:
        async with watching(superset, resume_token=token) as watcher:
            assert set(await watcher.past()) == expected - before
    async with watching(superset, resume_token=end) as watcher:
        assert await watcher.past() == []
        await superset.upsert_chart(chart=spec("c1", "tableau", description="new"))
        assert await watcher.take(1) == ["updated chart tableau.c1 0.2"]


async def test_the_beginning_is_everything_once_as_it_is(superset: Caller) -> None:
    await superset.create_dashboard(dashboard=spec("d1"))
    await superset.upsert_dashboard(dashboard=spec("d1", description="new"))
    await superset.delete_chart(fully_qualified_name="superset.c2")
    await superset.delete_chart(fully_qualified_name="superset.c3", hard=True)
    await superset.upsert_entity(entity={"user": {"name": "ann", "email": "ann@example.com"}})

    async with watching(superset, start="WATCH_START_BEGINNING", include_state=True) as watcher:
        await watcher.catch_up()
        by_kind: dict[str, list[Json]] = {}
        for change in watcher.changes:
            by_kind.setdefault(change["kind"], []).append(change)
        assert {change["type"] for change in watcher.changes} == {"CHANGE_TYPE_CREATED"}
        assert len({change["id"] for change in watcher.changes}) == len(watcher.changes)
        (dashboard,) = by_kind["KIND_DASHBOARD"]
        assert dashboard["version"] == dashboard["dashboard"]["version"] == 0.2
        assert dashboard["dashboard"]["description"] == "new"
        charts = {chart["fullyQualifiedName"]: chart["chart"].get("deleted") for chart in by_kind["KIND_CHART"]}
        assert charts == {"superset.c1": None, "superset.c2": True, "looker.c1": None}
        users = {user["fullyQualifiedName"]: user["entity"]["user"].get("email") for user in by_kind["KIND_USER"]}
        assert users == {"ann": "ann@example.com", "bob": None}
        assert len(by_kind["KIND_BI_SERVICE"]) == 2
        await watcher.take(0)

        await superset.upsert_dashboard(dashboard=spec("d1", description="newer"))
        assert await watcher.take(1) == ["updated dashboard superset.d1 0.3"]


async def test_the_past_is_resumed_in_its_middle_as_it_was(superset: Caller, bot: Caller) -> None:
    names = [f"d{number:04}" for number in range(600)]
    await bot.bulk([{"dashboard": spec(name)} for name in names])
    seen: list[str] = []
    kinds = ["KIND_DASHBOARD"]
    async with watching(superset, start="WATCH_START_BEGINNING", kinds=kinds) as watcher:
        await watcher.read()
        token, seen = watcher.token, await watcher.take(0)
    assert 0 < len(seen) < len(names)
    await bot.bulk([{"dashboard": spec(name, description="new")} for name in names])
    await superset.delete_dashboard(fully_qualified_name="superset.d0599", hard=True)

    async with watching(superset, resume_token=token, kinds=kinds) as watcher:
        seen += await watcher.past()

    # What has changed since the watch began is first delivered as it was then.
    there = names[:-1]
    assert seen[: len(there)] == [f"created dashboard superset.{name} 0.1" for name in there]
    assert seen[len(there) :] == [
        *(f"updated dashboard superset.{name} 0.2" for name in there),
        "removed dashboard superset.d0599",
    ]


async def test_kinds_and_services_limit_what_is_delivered(superset: Caller) -> None:
    filters = {"kinds": ["KIND_CHART", "KIND_USER", "KIND_BI_SERVICE"], "services": ["superset"]}
    async with watching(superset, **filters) as watcher:
        await watcher.read()
        await superset.create_dashboard(dashboard=spec("d1"))
        await superset.upsert_chart(chart=spec("c8", "looker"))
        await superset.upsert_entity(entity={"biService": {"name": "looker", "serviceType": "Other"}})
        await superset.upsert_entity(entity={"domain": {"name": "hr"}})
        await superset.upsert_entity(entity={"biService": {"name": "superset", "serviceType": "Other"}})
        await superset.upsert_entity(entity={"user": {"name": "eve"}})
        await superset.upsert_chart(chart=spec("c8"))
        expected = {"updated bi_service superset", "created user eve", "created chart superset.c8 0.1"}
        assert set(await watcher.take(3)) == expected
        token = watcher.token
    for wrong in (
        {**filters, "resume_token": token, "kinds": []},
        {**filters, "resume_token": token, "services": ["looker"]},
        {**filters, "resume_token": "x"},
        {**filters, "resume_token": token[:-8]},
    ):
        async with watching(superset, **wrong) as watcher:
            with pytest.raises(Refused) as caught:
                await watcher.read()
        assert (caught.value.code, caught.value.violations) == ("INVALID_ARGUMENT", {"resume_token": "INVALID_VALUE"})
    same = {"kinds": filters["kinds"][::-1], "services": ['"superset"']}
    async with watching(superset, **same, resume_token=token) as watcher:
        assert await watcher.past() == []


async def test_an_unknown_service_and_a_malformed_request_are_refused(superset: Caller) -> None:
    cases: list[tuple[Json, str, dict[str, str]]] = [
        ({"services": ["superset", "nowhere"]}, "NOT_FOUND", {}),
        ({"services": ["superset", 'a"b']}, "INVALID_ARGUMENT", {"services[1]": "INVALID_FORMAT"}),
        ({"kinds": [99], "start": 7}, "INVALID_ARGUMENT", {"kinds[0]": "INVALID_VALUE", "start": "INVALID_VALUE"}),
    ]
    for request, code, violations in cases:
        async with watching(superset, **request) as watcher:
            with pytest.raises(Refused) as caught:
                await watcher.read()
        assert (caught.value.code, caught.value.violations) == (code, violations)


async def test_a_service_that_was_removed_is_followed_to_its_end(superset: Caller) -> None:
    token = await watch_from_now(superset, services=["looker"])
    await superset.delete_chart(fully_qualified_name="looker.c1", hard=True)
    await superset.delete_entity(kind="KIND_BI_SERVICE", fully_qualified_name="looker", hard=True)

    async with watching(superset, services=["looker"], resume_token=token) as watcher:
        assert set(await watcher.past()) == {"removed chart looker.c1", "removed bi_service looker"}
    async with watching(superset, start="WATCH_START_BEGINNING") as watcher:
        assert not [seen for seen in await watcher.past() if "looker" in seen]


async def test_a_caller_gets_only_what_they_may_view(service: Service, superset: Caller) -> None:
    await superset.upsert_entity(entity=VAULT)
    await superset.upsert_chart(chart=spec("v1", "vault"))
    limited = service.caller("lisa", "data_steward", services=["superset"])
    async with watching(limited, start="WATCH_START_BEGINNING") as watcher:
        past = await watcher.past()
        assert not [seen for seen in past if "vault" in seen or "looker" in seen]
        assert "created chart superset.c1 0.1" in past
        await superset.upsert_chart(chart=spec("v2", "vault"))
        await superset.delete_chart(fully_qualified_name="vault.v1", hard=True)
        await superset.upsert_entity(entity={"biService": {"name": "vault", "serviceType": "Vault", "sourceUrl": "x"}})
        await superset.upsert_chart(chart=spec("c9"))
        assert await watcher.take(1) == ["created chart superset.c9 0.1"]
    refusals = []
    for hidden in ("vault", "nowhere"):
        async with watching(limited, services=[hidden]) as watcher:
            with pytest.raises(Refused) as caught:
                await watcher.read()
        refusals.append((caught.value.code, caught.value.message.replace(hidden, "X")))
    assert refusals[0] == refusals[1]


async def test_states_hide_what_the_caller_may_not_view(service: Service, superset: Caller) -> None:
    await superset.create_dashboard(dashboard=spec("d1", charts=["looker.c1", "superset.c1"]))
    limited = service.caller("lisa", "data_steward", services=["superset"])

    async with watching(
        limited, start="WATCH_START_BEGINNING", kinds=["KIND_DASHBOARD"], include_state=True
    ) as watcher:
        (change,) = await watcher.catch_up()
        hidden, shown = change["dashboard"]["charts"]
        assert hidden == {"type": "chart", "hidden": True}
        assert shown["fullyQualifiedName"] == "superset.c1"
