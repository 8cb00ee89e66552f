"""Another name for an entity: everything shows it at once, and ingestion may go on with the former one."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.service.assets import all_rows
from tests.service.caller import Caller, Json, Refused, Service
from tests.service.entities import kind_of, read, upserted
from tests.service.ingesting import ALL_RESULTS, spec
from tests.service.servers import running
from tests.service.test_rename import former_names, refusal


async def renamed(caller: Caller, kind: str, fqn: str, new_name: str, **request: Any) -> Json:
    """Renames an entity and returns its fields."""
    answer = await caller.rename_entity(kind=kind_of(kind), fully_qualified_name=fqn, new_name=new_name, **request)
    entity: Json = answer["entity"][kind]
    return entity


RENAMINGS = [
    ("biService", "superset", "super.set", '"super.set"'),
    ("team", "sales", "vendors", "vendors"),
    ("domain", "finance", "money", "money"),
    ("classification", "PII", "GDPR", "GDPR"),
    ("tag", "GDPR.Email", "Mail", "GDPR.Mail"),
]


async def test_everything_that_refers_to_an_entity_shows_its_new_name(
    service: Service, superset: Caller, tmp_path: Path, database_url: str
) -> None:
    await upserted(superset, "tag", name="Work", classification="PII", parent="PII.Email", description="At work")
    fields = {"owners": [{"type": "team", "name": "sales"}], "domain": "finance.tax", "tags": [{"tagFQN": "PII.Work"}]}
    await superset.create_dashboard(dashboard=spec("d", charts=["superset.c1"], **fields))
    # Another server has read all of it before.
    async with running(database_url, tmp_path) as (_, second):
        other = second.caller("root", "admin")
        assert await other.get_dashboard(fully_qualified_name="superset.d")
        for kind, before, new_name, after in RENAMINGS:
            entity = await renamed(superset, kind, before, new_name)
            assert (entity["name"], entity["fullyQualifiedName"]) == (new_name, after)
            assert await read(superset, kind, after) == entity
            for caller in (superset, other):
                call = caller.get_entity(kind=kind_of(kind), fully_qualified_name=before)
                assert await refusal(call) == ("NOT_FOUND", after)

        for caller in (superset, other):
            shown = (await caller.get_dashboard(fully_qualified_name='"super.set".d'))["dashboard"]
            assert shown["fullyQualifiedName"] == '"super.set".d'
            assert shown["service"]["name"] == "super.set"
            assert shown["charts"][0]["fullyQualifiedName"] == '"super.set".c1'
            assert shown["owners"][0]["name"] == "vendors"
            assert shown["domains"][0]["fullyQualifiedName"] == "money.tax"
            assert [tag["tagFQN"] for tag in shown["tags"]] == ["GDPR.Work"]
            # Nothing of the dashboard has changed.
            assert shown["version"] == 0.1
            call = caller.get_dashboard(fully_qualified_name="superset.d")
            assert await refusal(call) == ("NOT_FOUND", '"super.set".d')
    tag = await read(superset, "tag", "GDPR.Work")
    assert (tag["classification"], tag["parent"], tag["description"]) == ("GDPR", "GDPR.Mail", "At work")
    for filters in ({"domain": "money"}, {"tag": "GDPR"}, {"owner": "team:vendors"}, {"service": '"super.set"'}):
        assert len((await superset.list_dashboards(**filters))["dashboards"]) == 1
    for filters in ({"domain": "finance"}, {"tag": "PII"}, {"owner": "team:sales"}, {"service": "superset"}):
        assert await superset.list_dashboards(**filters) == {}
    assert await former_names(service.database) == {
        "superset",
        "sales",
        "finance",
        "finance.tax",
        "PII",
        "PII.Email",
        "PII.Phone",
        "PII.Work",
        "GDPR.Email",
    }


async def test_a_renaming_that_is_refused_changes_nothing(service: Service, superset: Caller) -> None:
    await superset.delete_entity(kind="KIND_TEAM", fully_qualified_name="emea")
    deep = "d"
    await upserted(superset, "domain", name=deep)
    for _ in range(6):
        await upserted(superset, "domain", name="y" * 255, parent=deep)
        deep = f"{deep}.{'y' * 255}"
    await upserted(superset, "domain", name="z" * 255, parent=deep)
    before = await all_rows(service.database)

    assert (await refusal(renamed(superset, "user", "ann", "anna")))[0] == "INVALID_ARGUMENT"
    assert (await refusal(renamed(superset, "customProperty", "dashboard.budget", "b")))[0] == "INVALID_ARGUMENT"
    for kind, fqn, taken in (
        ("team", "sales", "emea"),
        ("tag", "PII.Email", "Phone"),
        ("biService", "superset", "looker"),
    ):
        with pytest.raises(Refused) as caught:
            await renamed(superset, kind, fqn, taken)
        assert caught.value.code == "ALREADY_EXISTS"
        assert caught.value.metadata["deleted"] == ("true" if taken == "emea" else "false")
    assert (await refusal(renamed(superset, "team", "emea", "asia")))[0] == "NOT_FOUND"
    assert (await refusal(renamed(superset, "team", "never", "asia")))[0] == "NOT_FOUND"
    with pytest.raises(Refused) as caught:
        await renamed(superset, "domain", "d", "\N{PILE OF POO}" * 256)
    assert caught.value.violations == {"new_name": "TOO_LONG"}
    steward = service.caller("stella", "data_steward")
    limited = service.caller("lim", "admin", services=["looker"])
    assert (await refusal(renamed(steward, "domain", "finance", "money")))[0] == "PERMISSION_DENIED"
    # The right is asked for the old name and for the new one.
    assert (await refusal(renamed(limited, "biService", "superset", "looker2")))[0] == "PERMISSION_DENIED"
    assert (await refusal(renamed(limited, "biService", "looker", "looker2")))[0] == "PERMISSION_DENIED"
    entity = await renamed(superset, "domain", "finance", "money", validate_only=True)
    assert entity["fullyQualifiedName"] == "money"
    assert await renamed(superset, "domain", "finance", "finance") == await read(superset, "domain", "finance")
    assert await all_rows(service.database) == before


async def test_former_names_of_entities_are_kept_until_something_takes_them(service: Service, superset: Caller) -> None:
    first = await renamed(superset, "domain", "finance", "money")
    await renamed(superset, "domain", "money", "cash")
    assert await former_names(service.database) == {"finance", "finance.tax", "money", "money.tax"}

    back = await renamed(superset, "domain", "cash", "money")
    assert back["id"] == first["id"]
    taken = await upserted(superset, "domain", name="finance")
    assert (taken["outcome"], taken["id"] == first["id"]) == ("CREATED", False)
    assert await former_names(service.database) == {"cash", "cash.tax", "finance.tax"}

    await superset.delete_entity(kind="KIND_DOMAIN", fully_qualified_name="money.tax", hard=True)
    assert await former_names(service.database) == {"cash"}
    call = superset.delete_entity(kind="KIND_DOMAIN", fully_qualified_name="cash", hard=True)
    assert await refusal(call) == ("NOT_FOUND", "money")


async def test_edits_use_the_names_of_today(superset: Caller) -> None:
    for kind, before, new_name, _ in RENAMINGS:
        await renamed(superset, kind, before, new_name)
    fields: Json = {
        "owners": [{"type": "team", "name": "sales"}],
        "domain": "finance.tax",
        "tags": [{"tagFQN": "PII.Email"}],
    }
    with pytest.raises(Refused) as caught:
        await superset.create_dashboard(dashboard=spec("d", **fields))

    assert dict.fromkeys(caught.value.violations.values()) == {"UNKNOWN_REFERENCE": None}
    described = {each["field"]: each["description"] for each in caught.value.details["BadRequest"]["fieldViolations"]}
    for field, today in {
        "service": '"super.set"',
        "owners[0]": "vendors",
        "domain": "money.tax",
        "tags[0].tag_fqn": "GDPR.Mail",
    }.items():
        assert described[f"dashboard.{field}"].endswith(f"; it has been renamed to {today}")
    with pytest.raises(Refused) as caught:
        await upserted(superset, "domain", name="vat", parent="finance")
    assert caught.value.violations == {"entity.domain.parent": "UNKNOWN_REFERENCE"}
    assert "money" in caught.value.message


async def test_ingestion_goes_on_with_former_names(superset: Caller, bot: Caller) -> None:
    fields: Json = {
        "owners": [{"type": "team", "name": "sales"}],
        "domain": "finance.tax",
        "tags": [{"tagFQN": "PII.Email"}, {"tagFQN": "PII.Phone"}],
        "charts": ["superset.c1"],
    }
    await bot.bulk([{"dashboard": spec("d", **fields)}, {"dashboard": spec("e")}])
    for kind, before, new_name, _ in RENAMINGS:
        await renamed(superset, kind, before, new_name)
    await superset.rename_dashboard(fully_qualified_name='"super.set".e', new_name="f")

    for changed, outcome in (({}, "UNCHANGED"), ({"sourceUrl": "https://x.example"}, "UPDATED")):
        items = [{"dashboard": spec("d", **fields, **changed)}, {"dashboard": spec("e", **changed)}]
        results = (await bot.bulk(items, options=ALL_RESULTS)).results
        assert [(each["fullyQualifiedName"], each["outcome"], each.get("keptFields")) for each in results] == [
            ('"super.set".d', f"OUTCOME_{outcome}", None),
            ('"super.set".f', f"OUTCOME_{outcome}", ["name"]),
        ]
    created = await bot.bulk([{"dashboard": spec("new", **fields)}], options=ALL_RESULTS)
    assert created.results[0]["fullyQualifiedName"] == '"super.set".new'
    shown = (await superset.get_dashboard(fully_qualified_name='"super.set".new'))["dashboard"]
    assert [tag["tagFQN"] for tag in shown["tags"]] == ["GDPR.Mail", "GDPR.Phone"]
    assert (shown["owners"][0]["name"], shown["domains"][0]["name"]) == ("vendors", "tax")

    # A sweep of the service by its former name.
    sweep: Json = {"sessionId": str(uuid4()), "service": "superset", "sweep": {"maxDeletedPercent": 100}}
    items = [
        {"dashboard": spec("d", **fields, sourceUrl="https://x.example")},
        {"dashboard": spec("f", service='"super.set"')},
    ]
    swept = await bot.bulk(items, options=sweep, finish={"totalItems": 2})
    assert swept.summary["sweep"] == {"outcome": "SWEEP_OUTCOME_DONE", "deleted": "1", "sample": ['"super.set".new']}


async def test_ingested_entities_are_reached_by_former_names(superset: Caller, bot: Caller) -> None:
    for kind, before, new_name, _ in RENAMINGS:
        await renamed(superset, kind, before, new_name)
    items: list[Json] = [
        {"entity": {"biService": {"name": "superset", "serviceType": "Superset", "description": "D"}}},
        {"entity": {"domain": {"name": "finance", "description": "D"}}},
        {"entity": {"domain": {"name": "tax", "parent": "finance", "description": "D"}}},
        {"entity": {"domain": {"name": "vat", "parent": "finance.tax"}}},
        {"entity": {"classification": {"name": "PII", "description": "D"}}},
        {"entity": {"tag": {"name": "Email", "classification": "PII", "description": "D"}}},
        {"entity": {"tag": {"name": "Fax", "classification": "PII", "parent": "PII.Email"}}},
        {"dashboard": spec("d", domain="finance.tax.vat", tags=[{"tagFQN": "PII.Fax"}])},
    ]
    for outcomes in (["UPDATED"] * 3 + ["CREATED"] + ["UPDATED"] * 2 + ["CREATED"] * 2, ["UNCHANGED"] * 8):
        bulk = await bot.bulk(items, options=ALL_RESULTS)
        assert [each["outcome"].removeprefix("OUTCOME_") for each in bulk.results] == outcomes
        assert [(each["fullyQualifiedName"], each.get("keptFields")) for each in bulk.results] == [
            ('"super.set"', ["name"]),
            ("money", ["name"]),
            ("money.tax", None),
            ("money.tax.vat", None),
            ("GDPR", ["name"]),
            ("GDPR.Mail", ["name"]),
            ("GDPR.Fax", None),
            ('"super.set".d', None),
        ]
    entity = (await bot.upsert_entity(entity={"domain": {"name": "finance", "displayName": "F"}}))["entity"]["domain"]
    assert (entity["fullyQualifiedName"], entity["displayName"]) == ("money", "F")

    # Two names of one entity in a chunk are one.
    differ = [{"entity": {"domain": {"name": name, "displayName": name}}} for name in ("finance", "money")]
    assert (await bot.bulk(differ)).failures == {1: {"entity.domain.name": "INVALID_VALUE"}}
    below = [
        {"entity": {"domain": {"name": "x", "parent": name, "displayName": name}}} for name in ("finance", "money")
    ]
    assert (await bot.bulk(below)).failures == {1: {"entity.domain.name": "INVALID_VALUE"}}
    failed = [
        {"entity": {"domain": {"name": "finance", "parent": "never"}}},
        {"entity": {"tag": {"name": "Email", "classification": "PII", "parent": "never"}}},
        {"dashboard": spec("t", tags=[{"tagFQN": "PII.Email"}])},
        {"dashboard": spec("u", tags=[{"tagFQN": "GDPR.Mail"}])},
    ]
    assert (await bot.bulk(failed)).failures == {
        0: {"entity.domain.parent": "UNKNOWN_REFERENCE"},
        1: {"entity.tag.parent": "UNKNOWN_REFERENCE"},
        2: {"dashboard.tags[0].tag_fqn": "FAILED_REFERENCE"},
        3: {"dashboard.tags[0].tag_fqn": "FAILED_REFERENCE"},
    }
    # What a new entity has taken stays below its old place, too.
    await upserted(superset, "domain", name="finance")
    kept = await bot.bulk(
        [{"entity": {"domain": {"name": "tax", "parent": "finance", "description": "E"}}}], options=ALL_RESULTS
    )
    assert kept.results[0]["fullyQualifiedName"] == "money.tax"
    assert (await read(superset, "domain", "money.tax"))["parent"] == "money"
