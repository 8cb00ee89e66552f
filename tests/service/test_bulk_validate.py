"""validate_only, in bulk and in every unary write: the same results as the write, and nothing is stored."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select

from dashboard_catalog.catalog.known import assumed
from dashboard_catalog.store import entities, locks
from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.records import CATALOG_ID
from dashboard_catalog.store.tables import METADATA
from tests.patience import PATIENCE
from tests.service.caller import Caller, Json, Refused, Service

VALIDATING = {"validateOnly": True, "resultView": "RESULT_VIEW_ALL"}


async def _rows(service: Service) -> dict[str, list[Any]]:
    """Returns all stored rows."""
    async with service.database.read() as connection:
        return {
            table.name: sorted(map(str, await connection.execute(select(*table.c)))) for table in METADATA.sorted_tables
        }


def _dashboard(name: str, service: str = "superset", **fields: Any) -> Json:
    return {"dashboard": {"name": name, "service": service, **fields}}


def _chart(name: str, service: str = "superset", **fields: Any) -> Json:
    return {"chart": {"name": name, "service": service, **fields}}


def _chunks_of_every_kind() -> list[list[Json]]:
    return [
        [{"entity": {"biService": {"name": "new", "serviceType": "Superset"}}}],
        [
            {"entity": {"user": {"name": "eve"}}},
            {"entity": {"domain": {"name": "finance"}}},
            {"entity": {"classification": {"name": "Tier", "mutuallyExclusive": True}}},
            {"entity": {"customProperty": {"name": "size", "appliesTo": "dashboard", "propertyType": "integer"}}},
            {
                "entity": {
                    "customProperty": {
                        "name": "source",
                        "appliesTo": "dashboard",
                        "propertyType": "entityReference",
                        "config": {"entityTypes": ["chart", "dashboard"]},
                    }
                }
            },
        ],
        [
            {"entity": {"domain": {"name": "tax", "parent": "finance"}}},
            {"entity": {"tag": {"name": "Gold", "classification": "Tier"}}},
            {"entity": {"tag": {"name": "Silver", "classification": "Tier"}}},
            {"entity": {"team": {"name": "sales"}}},
        ],
        [_chart("c1", "new"), _chart("c2", "new", owners=[{"type": "user", "name": "eve"}])],
        [
            _dashboard(
                "d1",
                "new",
                charts=["new.c1", "new.c2"],
                domain="finance.tax",
                owners=[{"type": "team", "name": "sales"}],
                tags=[{"tagFQN": "Tier.Gold"}],
                extension={"size": 3, "source": {"type": "chart", "fullyQualifiedName": "new.c1"}},
            )
        ],
        [_dashboard("d2", "new", extension={"source": {"type": "dashboard", "fullyQualifiedName": "new.d1"}})],
        # References to accepted items are checked against their fields.
        [
            _dashboard("d3", "new", tags=[{"tagFQN": "Tier.Gold"}, {"tagFQN": "Tier.Silver"}]),
            _dashboard("d4", "new", extension={"size": "three"}, charts=["new.c3"]),
        ],
    ]


async def test_a_validating_stream_treats_accepted_items_as_existing(service: Service, admin: Caller) -> None:
    before = await _rows(service)
    bulk = await admin.bulk(*_chunks_of_every_kind(), options=VALIDATING)

    assert bulk.failures == {
        14: {"dashboard.tags[1].tag_fqn": "MUTUALLY_EXCLUSIVE"},
        15: {"dashboard.charts[0]": "UNKNOWN_REFERENCE", "dashboard.extension.size": "INVALID_PROPERTY"},
    }
    assert bulk.counts == {"created": 14, "failed": 2}
    assert bulk.offsets[-1] == 16
    assert await _rows(service) == before


async def test_items_that_a_validating_stream_refused_do_not_exist_for_it(superset: Caller) -> None:
    bulk = await superset.bulk(
        [_chart("bad", domain="none"), {"entity": {"user": {"name": "x" * 300}}}],
        [_dashboard("d", charts=["superset.bad"], owners=[{"type": "user", "name": "x" * 200}])],
        options=VALIDATING,
    )

    assert bulk.failures[2] == {"dashboard.charts[0]": "UNKNOWN_REFERENCE", "dashboard.owners[0]": "UNKNOWN_REFERENCE"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_validating_stream_remembers_at_most_a_million_names(
    superset: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert assumed.MAX_ASSUMED == 1_000_000
    monkeypatch.setattr(assumed, "MAX_ASSUMED", 2)

    bulk = await superset.bulk(
        [_chart("a"), _chart("b"), _chart("c")],
        [_dashboard("d", charts=["superset.a", "superset.b", "superset.c"])],
        options=VALIDATING,
    )

    assert bulk.failures == {3: {"dashboard.charts[2]": "UNKNOWN_REFERENCE"}}


async def test_validation_returns_the_same_as_the_write_and_writes_nothing(service: Service, superset: Caller) -> None:
    bot = service.caller("loader", "ingestion_bot")
    await bot.bulk([_dashboard("same"), _dashboard("changing"), _dashboard("gone"), _chart("c")])
    await superset.delete_dashboard(fully_qualified_name="superset.gone")
    items: list[Json] = [
        _dashboard("same"),
        _dashboard("changing", displayName="Changed", charts=["superset.c"]),
        _dashboard("gone"),
        _dashboard("new"),
        _dashboard("bad", charts=["superset.none"]),
        {"entity": {"domain": {"name": "finance"}}},
        {"entity": {"user": {"name": "eve"}}},
    ]
    before = await _rows(service)
    validated = await bot.bulk(items, options=VALIDATING)
    assert await _rows(service) == before
    written = await bot.bulk(items, options={"resultView": "RESULT_VIEW_ALL"})

    assert validated.counts == written.counts
    assert validated.counts == {"created": 1, "updated": 1, "unchanged": 2, "suppressed": 1, "failed": 2}
    for ours, theirs in zip(validated.results, written.results, strict=True):
        assert (ours["outcome"], ours.get("version")) == (theirs["outcome"], theirs.get("version"))
        assert ours.get("status", {}).get("message") == theirs.get("status", {}).get("message")


async def test_entities_of_a_validating_stream_are_invisible_to_others(service: Service, superset: Caller) -> None:
    await superset.bulk([{"entity": {"team": {"name": "new", "teamType": "Department"}}}], options=VALIDATING)

    bulk = await superset.bulk(
        [{"entity": {"team": {"name": "sales", "teamType": "Department"}}}],
        [_chart("c", owners=[{"type": "team", "name": "sales"}])],
        options=VALIDATING,
    )
    assert bulk.failures == {1: {"chart.owners": "OWNER_RULE"}}

    after = await superset.bulk([_chart("c", owners=[{"type": "team", "name": "sales"}])])
    assert after.counts == {"created": 1}
    async with service.database.read() as connection:
        teams = METADATA.tables["entity"].c
        count = await connection.execute(select(func.count()).where(teams.kind == "team", teams.name == "new"))
        assert count.scalar_one() == 0


async def test_a_validating_stream_does_not_wait_for_writers(service: Service, superset: Caller) -> None:
    locked, responded = asyncio.Event(), asyncio.Event()

    async def work(connection: WriteConnection) -> None:
        await locks.lock_catalog(connection, to_write=True)
        await locks.lock_service(connection, CATALOG_ID)
        (found,) = await entities.by_fqns(connection, ["superset"])
        await locks.lock_service(connection, found.id)
        locked.set()
        await responded.wait()

    writing = asyncio.create_task(service.database.write(work))
    await locked.wait()
    try:
        async with asyncio.timeout(PATIENCE):
            bulk = await superset.bulk([{"entity": {"user": {"name": "eve"}}}, _chart("c")], options=VALIDATING)
    finally:
        responded.set()
        await writing

    assert bulk.counts == {"created": 2}


async def test_every_unary_write_supports_validate_only(service: Service, superset: Caller) -> None:
    spec = {"name": "d", "service": "superset", "displayName": "D", "charts": ["superset.c1"]}
    await superset.create_dashboard(dashboard=spec)
    held = {"fully_qualified_name": "superset.d"}
    before = await _rows(service)

    created = await superset.create_dashboard(dashboard={**spec, "name": "new"}, validate_only=True)
    upserted = await superset.upsert_dashboard(dashboard={**spec, "displayName": "E"}, validate_only=True)
    updated = await superset.update_dashboard(
        **held, dashboard={"project": "P"}, update_mask="project", validate_only=True
    )
    deleted = await superset.delete_dashboard(**held, validate_only=True)
    removed = await superset.delete_dashboard(**held, hard=True, validate_only=True)
    chart = await superset.create_chart(chart={"name": "new", "service": "superset"}, validate_only=True)
    entity = await superset.upsert_entity(entity={"domain": {"name": "hr", "parent": "finance"}}, validate_only=True)
    gone = await superset.delete_entity(kind="KIND_USER", fully_qualified_name="ann", validate_only=True)

    assert await _rows(service) == before
    assert (created["dashboard"]["fullyQualifiedName"], created["dashboard"]["version"]) == ("superset.new", 0.1)
    assert [chart["name"] for chart in created["dashboard"]["charts"]] == ["c1"]
    assert (upserted["outcome"], upserted["dashboard"]["version"]) == ("OUTCOME_UPDATED", 0.2)
    assert (updated["dashboard"]["project"], updated["dashboard"]["version"]) == ("P", 0.2)
    assert (deleted["dashboard"]["deleted"], removed["dashboard"]["name"]) == (True, "d")
    assert chart["chart"]["fullyQualifiedName"] == "superset.new"
    assert (entity["outcome"], entity["entity"]["domain"]["fullyQualifiedName"]) == ("OUTCOME_CREATED", "finance.hr")
    assert gone["entity"]["user"]["deleted"] is True


async def test_validation_refuses_what_the_write_would_refuse(superset: Caller) -> None:
    await superset.create_dashboard(dashboard={"name": "d", "service": "superset", "tags": [{"tagFQN": "PII.Email"}]})
    held = {"fully_qualified_name": "superset.d"}
    calls: list[tuple[str, Json]] = [
        ("create_dashboard", {"dashboard": {"name": "d", "service": "superset"}}),
        ("upsert_dashboard", {"dashboard": {"name": "e", "service": "none", "domain": "none"}}),
        ("update_dashboard", {**held, "etag": "old", "update_mask": "project"}),
        ("delete_dashboard", {"fully_qualified_name": "superset.none"}),
        ("upsert_entity", {"entity": {"tag": {"name": "x", "classification": "none"}}}),
        ("delete_entity", {"kind": "KIND_TAG", "fully_qualified_name": "PII.Email", "hard": True}),
    ]
    for method, request in calls:
        refusals = []
        for validate_only in (True, False):
            with pytest.raises(Refused) as refused:
                await getattr(superset, method)(**request, validate_only=validate_only)
            refusals.append((refused.value.code, refused.value.message, refused.value.violations))
        assert refusals[0] == refusals[1], method
